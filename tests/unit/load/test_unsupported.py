"""What is not supported is refused where a host would run it; under a condition a host may leave it out."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.errors import ConfigError
from deployer.load.inventory import load_inventory
from deployer.load.playbook import load_playbook
from deployer.resolve import Resolver, judge


def _resolved(directory: Path, tasks: str, *, fallback: bool = False, **files: str) -> list[str]:
    """Return what becomes of the tasks of a play on one host: the reason why each is skipped, or nothing."""
    (directory / "hosts.yml").write_text("all: {hosts: {h: {ansible_user: root}}}")
    (directory / "site.yml").write_text(
        f"- hosts: all\n  become: true\n  vars: {{system: Debian, on: false}}\n  tasks:\n{tasks}"
    )
    for name, text in files.items():
        (directory / f"{name}.yml").write_text(text)
    (play,) = load_playbook(directory / "site.yml", judge=judge, fallback=fallback)
    inventory = load_inventory([directory / "hosts.yml"])
    if play.ansible:
        return [f"ansible-core: {play.ansible.reason}"]
    found = Resolver(inventory, play).resolve(inventory.hosts["h"], {})
    return [action.skip for action in found.actions]


@pytest.mark.parametrize(
    "task",
    [
        "ufw: {rule: allow}",
        "community.general.npm: {name: pm2}",
        "acme.tools.thing: {name: x}",
        "no_such_thing_at_all: {name: x}",
        "block: [{ufw: {rule: allow}}]",
        "include_tasks: more.yml",
        "import_tasks: more.yml",
    ],
)
def test_what_is_not_here_stops_no_host_that_leaves_it_out(tmp_path: Path, task: str) -> None:
    more = "- npm: {name: pm2}\n"
    given = f"    - {{{task}, when: system == 'RedHat'}}\n    - command: echo\n"
    assert _resolved(tmp_path, given, more=more) == ["not: system == 'RedHat'", ""]


def test_a_host_that_would_run_it_is_told_before_anything(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'ufw' is not supported") as told:
        _resolved(tmp_path, "    - {ufw: {rule: allow}, when: system == 'Debian'}\n")
    assert "site.yml:5" in str(told.value)


def test_what_hangs_on_a_result_that_is_not_there_yet_is_refused_too(tmp_path: Path) -> None:
    given = "    - {command: make it, register: made}\n    - {ufw: {rule: allow}, when: made.rc == 0}\n"
    with pytest.raises(ConfigError, match="'ufw' is not supported"):
        _resolved(tmp_path, given)


@pytest.mark.parametrize(
    ("task", "problem"),
    [
        ("ufw: {rule: allow}", "'ufw' is not supported"),
        ("{systemdd: {name: x}, when: on}", "there is no module 'systemdd'"),
        ("{copy: {dest: /x, kontent: y}, when: on}", "unknown word 'kontent'"),
        ("{command: echo, async: 5, when: on}", "'async' is not supported"),
    ],
)
def test_what_nobody_may_leave_out_and_slips_are_refused_when_they_are_read(
    tmp_path: Path, task: str, problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        _resolved(tmp_path, f"    - {task}\n")


def test_ansible_core_is_given_what_a_host_might_run(tmp_path: Path) -> None:
    (said,) = _resolved(tmp_path, "    - {ufw: {rule: allow}, when: system == 'Debian'}\n", fallback=True)
    assert "'ufw' is not supported" in said
