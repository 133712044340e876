"""Several names with ``ansible_connection: local`` are one machine: each has its turn, planned on what is left."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from deployer.app import run
from deployer.engine.roll.play import Goal
from deployer.model import Connection, Host, Mark
from deployer.options import Options
from deployer.planning import apply_plan, keep
from deployer.project import load
from deployer.resolve import walked_together
from deployer.unfinished import unfinished

HERE = {"ansible_connection": "local"}
TASKS = """\
- hosts: all
  gather_facts: false
  vars: {file: %s}
  tasks:
    - name: mine
      lineinfile: {path: "{{ file }}", line: "{{ inventory_hostname }} {{ value | default('') }}", create: true}
    - {name: once, command: 'echo {{ inventory_hostname }}', changed_when: false, run_once: true, register: said}
    - {name: heard, lineinfile: {path: "{{ file }}", line: "{{ inventory_hostname }} heard {{ said.stdout }}"}}
"""


class Here:
    def __init__(self, directory: Path) -> None:
        self.directory, self.file = directory, directory / "written"
        (directory / "site.yml").write_text(TASKS % self.file)

    @property
    def options(self) -> Options:
        here = self.directory
        return Options(playbook=str(here / "site.yml"), inventory=(str(here / "hosts.yml"),), json=True)

    def walked(self, goal: Goal, hosts: Mapping[str, object]) -> tuple[int, dict[str, str], str]:
        """The exit code, what each host said for itself, and all of it."""
        (self.directory / "hosts.yml").write_text(json.dumps({"all": {"hosts": dict(hosts)}}))
        out = io.StringIO()
        code = run(goal, self.options, out)
        told = [json.loads(line) for line in out.getvalue().splitlines()]
        ended = {event["host"]: event["problem"] for event in told if event["event"] == "HostEnded"}
        return code, ended, out.getvalue()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return Here(tmp_path)


def test_each_name_of_this_machine_has_its_own_end_and_none_is_lost(here: Here) -> None:
    hosts = {"one": {**HERE, "value": 1}, "two": {**HERE, "value": 2}, "three": HERE}
    assert here.walked(Goal.DEPLOY, hosts)[:2] == (0, {"one": "", "two": "", "three": ""})
    said = sorted(here.file.read_text().splitlines())
    assert said == ["one 1", "one heard one", "three ", "three heard one", "two 2", "two heard one"]


def test_a_plan_has_all_of_them_and_writes_nothing(here: Here) -> None:
    code, ended, _ = here.walked(Goal.PLAN, {"one": HERE, "two": HERE})
    assert (code, ended, here.file.exists()) == (0, {"one": "", "two": ""}, False)


def test_a_kept_plan_has_all_of_them_and_does_what_it_says(here: Here) -> None:
    assert here.walked(Goal.PLAN, {"one": HERE, "two": HERE})[0] == 0  # writes the inventory
    out, kept = io.StringIO(), here.directory / "plan.json"
    assert keep(here.options, kept, "1h", out) == 0, out.getvalue()
    assert apply_plan(kept, here.options, out) == 0, out.getvalue()
    assert len(here.file.read_text().splitlines()) == 4


def test_a_name_that_failed_is_left_to_a_resume_and_holds_up_the_others_only_where_the_play_says_so(here: Here) -> None:
    hosts = {"one": {**HERE, "code": 1}, "two": {**HERE, "code": 0}, "three": {**HERE, "code": 0}}
    tasks = "  tasks: [{name: x, shell: 'exit {{ code }}'}]\n"
    for words, well in (("", ["two", "three"]), ("any_errors_fatal: true", []), ("serial: 1", [])):
        (here.directory / "site.yml").write_text(f"- hosts: all\n  gather_facts: false\n  {words}\n{tasks}")
        code, ended, said = here.walked(Goal.DEPLOY, hosts)
        assert (code, [name for name, problem in ended.items() if not problem]) == (1, well)
        assert ("not begun, because one has failed: two, three" in said) is (not well)
        assert unfinished(load(here.options)).left == hosts.keys() - set(well)


@pytest.mark.parametrize(
    ("names", "turns"),
    [
        ("here1 here2", ["here1", "here2"]),
        ("there here1 there2 here2", ["there here1 there2", "here2"]),
        ("here1 nodes there", ["nodes there", "here1"]),
        ("nodes nodes2 here1 here2", ["nodes nodes2", "here1", "here2"]),
        ("there", ["there"]),
    ],
)
def test_a_name_takes_its_turn_behind_the_one_that_has_the_nodes_of_this_machine(names: str, turns: list[str]) -> None:
    hosts = [Host(name, {}, (), Mark("hosts.yml")) for name in names.split()]
    ways = {host.name: Connection(address="x", local="there" not in host.name) for host in hosts}
    found = walked_together(lambda host: ways[host.name], lambda host: "nodes" in host.name, hosts)
    assert [" ".join(host.name for host in some) for some in found] == turns


@pytest.mark.parametrize("of_play", [False, True])
def test_nodes_of_one_machine_are_refused_under_two_names(here: Here, of_play: bool) -> None:
    fleet = {
        "cluster": {"name": "shop", "cookie": "x" * 30},
        "nodes": [{"name": "shop", "port": 9100, "service": "shop.service"}],
    }
    names = {"one": {**HERE, "ansible_host": "127.0.0.1"}, "two": {**HERE, "ansible_host": "127.0.0.2"}}
    if of_play:
        (here.directory / "site.yml").write_text(
            TASKS.replace("vars: {", f"vars: {{{json.dumps(fleet)[1:-1]}, ") % here.file
        )
    code, ended, said = here.walked(
        Goal.DEPLOY, names if of_play else {name: {**words, **fleet} for name, words in names.items()}
    )
    assert (code, here.file.exists()) == (3, False), said
    assert any("are both this machine" in problem and "under one name" in problem for problem in ended.values()), said
