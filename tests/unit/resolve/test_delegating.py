"""delegate_to: a task stays on its host; where it would run on another one it is refused before anything is touched."""

from __future__ import annotations

import pytest

from deployer.errors import ConfigError
from deployer.options import Options
from deployer.project import load
from tests.unit.project_files import Project

TASK = '- hosts: {hosts}\n  {more}\n  tasks:\n    - {{copy: {{dest: /srv/x, content: x}}, delegate_to: "{to}"{once}}}\n'


def resolved(project: Project, to: str, hosts: str = "all", more: str = "name: x", once: str = "") -> dict[str, str]:
    """Return why each host skips the task, or nothing."""
    (project.directory / "site.yml").write_text(TASK.format(hosts=hosts, more=more, to=to, once=once))
    found = load(Options(playbook=str(project.directory / "site.yml"), hosts="one,two"))
    (play,) = found.plays
    resolver = found.resolver(play)
    return {host.name: resolver.resolve(host, None).actions[0].skip for host in found.hosts(play)}


def test_the_host_itself_may_be_named(project: Project) -> None:
    assert resolved(project, "{{ inventory_hostname }}") == {"one": "", "two": ""}
    first = resolved(project, "{{ groups.all[0] }}", once=", run_once: true")
    assert first == {"one": "", "two": "run_once: one does it"}


def test_this_machine_is_the_host_of_a_local_play(project: Project) -> None:
    assert resolved(project, "localhost", hosts="localhost", more="connection: local") == {"localhost": ""}


@pytest.mark.parametrize(
    ("to", "problem"),
    [
        ("{{ groups.all[0] }}", "two would have this done on one"),
        ("three", "one would have this done on three"),
    ],
)
def test_another_host_is_refused(project: Project, to: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        resolved(project, to)
    assert "write a play for" in caught.value.hint


def test_a_file_of_this_machine_is_declared_by_a_play_of_its_own(project: Project) -> None:
    with pytest.raises(ConfigError, match="copy cannot be delegated to this machine") as caught:
        resolved(project, "localhost")
    assert "ansible_connection: local" in caught.value.hint


@pytest.mark.parametrize(
    ("words", "here", "user"),
    [
        ("delegate_to: localhost", True, None),
        ("delegate_to: 127.0.0.1\n  become: false", False, None),
        ("delegate_to: '{{ place }}'\n  become_user: app", True, "app"),
        ("connection: local", True, None),
        ("connection: ssh", None, None),
    ],
)
def test_become_is_what_it_is_to_ansible(project: Project, words: str, here: bool | None, user: str | None) -> None:
    project.write("group_vars/all.yml", "place: localhost\nansible_user: me\n")
    project.tasks(f"- command: id\n  {words}\n", become="true")
    (action,) = project.actions()
    assert (action.here, action.user) == (here, user)
    project.tasks(f"- command: id\n  {words}\n".replace("  become_user: app\n", ""))
    assert project.actions()[0].here in (None, False)


def test_local_action_names_a_module(project: Project) -> None:
    project.tasks("- local_action: command id chdir=/\n- local_action: {module: command, cmd: id}\n")
    assert [action.here for action in project.actions()] == [False, False]
    project.tasks("- {local_action: command id, delegate_to: b}\n")
    with pytest.raises(ConfigError, match="on this machine already"):
        project.actions()
