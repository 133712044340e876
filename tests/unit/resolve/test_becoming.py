"""As whom a task is done: Ansible's order of who says so, and nobody becomes root because another task does."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

import deployer
from deployer.errors import ConfigError
from deployer.load import yaml
from deployer.load.connection import CliConnection
from deployer.sh import LOGIN_USER
from tests.unit.project_files import Project

ANOTHER = "- {command: x, become: true}\n"


@pytest.mark.parametrize(
    ("words", "play", "host", "user"),
    [
        ("", {}, "", "deploy"),
        ("become: true", {}, "", None),
        ("become: false", {"become": "true"}, "", "deploy"),
        ("become_user: app", {}, "", "deploy"),
        ("become_user: '{{ who }}'", {"become": "true"}, "", "app"),
        ("become_user: root", {"become": "true", "become_user": "app"}, "", None),
        ("become: false", {}, "ansible_become: true", None),
        ("", {}, "ansible_become: true", None),
        ("vars: {ansible_become: true}", {}, "", None),
        ("vars: {ansible_become: false}", {"become": "true"}, "", "deploy"),
        ("become: '{{ port > 1 }}'", {}, "", None),
        ("become_user: x\n  vars: {ansible_become_user: '{{ who }}'}", {"become": "true"}, "", "app"),
        ("", {"become": "true", "vars": "{ansible_become_user: app}"}, "", "app"),
        ("vars: {ansible_become_user: app}", {}, "", "deploy"),
        ("become_user: '{{ omit }}'", {"become": "true", "become_user": "app"}, "", "app"),
        ("become_user: '{{ omit }}'", {"become": "true"}, "", None),
        ("become_user: '{{ nobody | default(omit) }}'", {"become": "'{{ omit }}'"}, "", "deploy"),
        ("become: '{{ omit }}'", {"become": "true"}, "", None),
        ("become: '{{ nobody | default(omit) }}'", {}, "", "deploy"),
        ("delegate_to: b", {}, "", "them"),
        ("delegate_to: b\n  become: true", {}, "", None),
        ("delegate_to: b\n  become: true\n  become_user: app", {}, "", "app"),
        ("run_once: true", {}, "", "deploy"),
        ("delegate_to: b", {}, "ansible_become: true", "them"),
        ("delegate_to: b\n  vars: {ansible_become: true}", {}, "", None),
    ],
)
def test_whom_a_task_is_done_as_is_what_it_is_to_ansible(
    project: Project, words: str, play: dict[str, str], host: str, user: str | None
) -> None:
    project.write("host_vars/a.yml", f"ansible_user: deploy\nwho: app\n{host}\n")
    project.write("host_vars/b.yml", "ansible_user: them\n")
    for module in ("command: x", "copy: {dest: /x, content: x}"):
        project.tasks(f"{ANOTHER}- {module}\n  {words}\n", **play)
        assert project.actions()[1].user == user


def test_what_a_block_omits_is_what_the_nearest_one_around_it_says(project: Project) -> None:
    omits = "become_user: '{{ nobody | default(omit) }}'"
    inner = f"- {omits}\n  block:\n    - command: x\n      {omits}\n    - {{command: x, become_user: them}}\n"
    outer = "- become: true\n  become_user: app\n  block:\n" + "".join(f"    {line}\n" for line in inner.splitlines())
    project.tasks(outer, become="false", become_user="play")
    assert [action.user for action in project.actions()] == ["app", "them"]


@pytest.mark.parametrize(("said", "user"), [("", None), ("become: false", "deploy"), ("become: true", None)])
def test_the_command_line_counts_where_nothing_else_is_said(project: Project, said: str, user: str | None) -> None:
    project.write("host_vars/a.yml", "ansible_user: deploy\n")
    project.tasks(f"- command: x\n  {said}\n")
    resolver = project.resolver(cli=CliConnection(become=True))
    host = resolver._inventory.hosts["a"]
    assert resolver.resolve(host, None).actions[0].user == user
    assert resolver.asks_as(host) == {"become": True, "user": None}


def test_who_logs_in_may_be_for_the_host_to_say(project: Project) -> None:
    project.tasks(f"{ANOTHER}- file: {{path: /x}}\n- {{file: {{path: ~/x}}}}\n")
    with pytest.raises(ConfigError, match="whoever this runs as only the host knows"):
        project.resolve("a", {"ansible_user_id": "root", "ansible_user_dir": "/root"})
    found = project.resolve("a", {"ansible_user_id": "me", "ansible_user_dir": "/home/me"})
    assert [(action.user, getattr(action.module, "path", "")) for action in found.actions[1:]] == [
        (LOGIN_USER, "/x"), (LOGIN_USER, "/home/me/x"),
    ]  # fmt: skip


def test_where_nothing_becomes_root_nobody_is_anybody_else(project: Project) -> None:
    project.tasks("- copy: {dest: /x, content: x}\n- {command: x, become_user: app}\n")
    assert [action.user for action in project.actions()] == [None, None]


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ({}, (False, None)),
        ({"become": "true"}, (True, None)),
        ({"become": "true", "become_user": "app"}, (True, "app")),
        ({"become": "false"}, (False, None)),
    ],
)
def test_facts_are_those_of_whom_the_play_works_as(
    project: Project, words: dict[str, str], asked: tuple[bool, str | None]
) -> None:
    project.tasks(ANOTHER, **words)
    resolver = project.resolver()
    assert tuple(resolver.asks_as(resolver._inventory.hosts["a"]).values()) == asked


def test_what_only_root_can_confirm_is_no_other_users(project: Project) -> None:
    project.write("host_vars/a.yml", "ansible_user: deploy\n")
    project.tasks(f"{ANOTHER}- copy: {{dest: /home/deploy/.ssh/authorized_keys, content: x}}\n")
    assert project.actions()[1].confirm == 0
    project.tasks(f"{ANOTHER}- {{copy: {{dest: /x, content: x}}, confirm: 60s}}\n")
    with pytest.raises(ConfigError, match="confirm takes root, and this is done as deploy"):
        project.actions()


@pytest.mark.parametrize("user", ["a b", "-x", "''"])
def test_a_user_that_is_none_is_refused(project: Project, user: str) -> None:
    project.tasks(f"- {{command: x, become: true, become_user: {user}}}\n")
    with pytest.raises(ConfigError, match="become_user") as caught:
        project.actions()
    assert "site.yml:3" in str(caught.value)


def test_a_handler_that_only_root_can_run_says_so_before_anything_is_touched(project: Project) -> None:
    project.write("host_vars/a.yml", "ansible_user: deploy\n")
    handler = "  handlers:\n  - {name: again, systemd: {name: x, state: restarted}}\n"
    project.write("site.yml", f"- hosts: a\n  tasks:\n  - {{command: x, become: true, notify: again}}\n{handler}")
    with pytest.raises(ConfigError, match="systemd as deploy") as caught:
        project.resolve("a")
    assert "become: true" in caught.value.hint


@pytest.mark.parametrize(
    ("where", "words", "here"),
    [
        ("host_vars/a.yml", "", False),
        ("group_vars/all.yml", "", True),
        ("group_vars/all.yml", "  become: false\n", True),
        ("host_vars/a.yml", "  become: true\n", True),
        ("host_vars/a.yml", "  vars: {ansible_become: true}\n", True),
        ("host_vars/localhost.yml", "", False),
    ],
)
def test_what_is_said_of_a_host_alone_is_not_said_of_this_machine(
    project: Project, where: str, words: str, here: bool
) -> None:
    project.write(where, "ansible_become: true\n")
    project.tasks(f"{ANOTHER}- command: x\n  delegate_to: localhost\n{words}")
    place = project.actions()[1].place
    assert place
    assert place.become == here


def test_what_runs_on_this_machine_is_done_as_whoever_runs_it(project: Project) -> None:
    project.write("host_vars/a.yml", "ansible_connection: local\nansible_user: somebody\n")
    project.tasks(f"{ANOTHER}- command: x\n")
    assert project.actions()[1].user == (None if os.geteuid() == 0 else LOGIN_USER)


@pytest.mark.parametrize("host", ["", "ansible_become: false\n"])
@pytest.mark.parametrize(
    "tasks",
    [
        "- set_fact: {ansible_become: true}\n- command: x\n",
        "- include_tasks: '{{ greeting }}.yml'\n",
        "- {command: x, vars: {ansible_become: true}}\n",
    ],
)
def test_a_become_that_is_known_too_late_is_refused_and_not_left_out(project: Project, host: str, tasks: str) -> None:
    project.write("host_vars/a.yml", f"ansible_user: deploy\n{host}")
    for name in ("hello", "inner"):
        project.write(f"{name}.yml", "- {command: x, vars: {ansible_become: true}}\n")
    project.tasks(tasks)
    if not host and tasks.startswith("- {command"):
        assert project.actions()[0].user is None
        return
    with pytest.raises(ConfigError, match="known too late") as caught:
        project.actions()
    assert ("ansible_become: false" if host else "apply:") in caught.value.hint
    project.write("host_vars/a.yml", f"ansible_user: root\n{host}")
    assert {action.user for action in project.actions()} == {None}


@pytest.mark.parametrize(
    "tasks",
    [
        "- include_tasks: {file: '{{ greeting }}.yml', apply: {become: true}}\n",
        "- block:\n  - include_tasks: '{{ greeting }}.yml'\n  become: true\n",
        "- {include_role: {name: own}, loop: [1]}\n",
        "- {include_tasks: own.yml, loop: [1]}\n",
        "- {include_tasks: vars.yml, loop: [1], when: item == 1}\n",
    ],
)
def test_a_become_around_an_include_is_known_before_it_is_read(project: Project, tasks: str) -> None:
    project.write("host_vars/a.yml", "ansible_user: deploy\n")
    project.write("hello.yml", "- command: x\n")
    for name in ("roles/own/tasks/main.yml", "own.yml"):
        project.write(name, "- {command: x, become: true}\n- {include_tasks: own.yml, loop: []}\n")
    project.write("vars.yml", "- {command: x, vars: {ansible_become: true}}\n")
    project.tasks(tasks)
    found = project.resolve()
    assert found.become
    assert found.actions[0].user is None


def test_a_file_that_a_loop_includes_leaves_nothing_behind_before_it_is_read(project: Project) -> None:
    project.write("roles/own/defaults/main.yml", "told: by a role that never runs\n")
    project.write("roles/own/handlers/main.yml", "- {name: restart, listen: changed, command: x}\n")
    project.write("roles/own/tasks/main.yml", "- {command: x, become: true}\n")
    project.write("inside.yml", "- {import_role: {name: own}}\n")
    project.tasks(
        "- {include_tasks: inside.yml, loop: [1], when: false}\n- {command: 'echo {{ told | default(\"x\") }}'}\n"
    )
    found = project.resolve()
    assert (found.become, found.handlers) == (True, ())
    assert found.actions[1].module.cmd == "echo x"  # type: ignore[attr-defined]


def test_a_file_that_includes_itself_in_loops_is_looked_at_once(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them would else be read for each of them, sixteen deep."""
    project.write("self.yml", "- {include_tasks: self.yml, loop: []}\n" * 2 + "- {command: x, become: true}\n")
    project.tasks("- {include_tasks: self.yml, loop: [1]}\n")
    reads: list[str] = []

    def read(path: Path) -> object:
        reads.append(path.name)
        assert len(reads) < 20
        return yaml.read(path)

    monkeypatch.setattr("deployer.load.tasks.yaml", SimpleNamespace(read=read))
    assert project.resolve().become
    assert reads.count("self.yml") > 1


def test_no_command_gathers_facts_as_somebody_else_than_a_deploy_does() -> None:
    texts = {file.name: file.read_text() for file in Path(deployer.__file__).parent.rglob("*.py")}
    asked = {name: found for name, text in texts.items() if (found := re.findall(r"facts\.(\w+)\(", text))}
    assert {"play.py", "retire.py", "rotation.py", "restart.py", "rollback.py"} <= asked.keys()
    assert {found for every in asked.values() for found in every} & {"gather", "of_play"} == {"of_play"}
