"""Roles: their folders, their dependencies, and where they are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.errors import ConfigError
from tests.unit.load.playbook_kit import load
from tests.unit.project_files import Project

ROLES = {
    "roles__base__tasks__main_yml": "- file: {path: /base, state: directory}\n",
    "roles__base__defaults__main_yml": "who: base\nwhere: base\n",
    "roles__app__meta__main_yml": "dependencies: [base]\n",
    "roles__app__defaults__main_yml": "who: app default\n",
    "roles__app__vars__main_yml": "kind: app\n",
    "roles__app__handlers__main_yml": "- {name: reload, listen: changed, systemd: {name: app, state: reloaded}}\n",
    "roles__app__tasks__main_yml": """\
- {copy: {dest: /a, content: x}, notify: changed, tags: t}
- import_tasks: more.yml
  when: extra
  tags: more
""",
    "roles__app__tasks__more_yml": "- {command: 'true', vars: {own: 1}}\n",
}


def test_a_role_brings_its_folders_its_dependencies_first_and_once(tmp_path: Path) -> None:
    play = load(
        tmp_path,
        "- hosts: all\n  pre_tasks: [{command: first}]\n  post_tasks: [{command: last}]\n  tasks: [{command: mid}]\n"
        "  roles: [base, {role: app, when: go, tags: [r], vars: {who: param}}]\n",
        **ROLES,
    )
    words = ("cmd", "path", "dest", "action")
    tasks = [task for task in play.tasks if not task.twins]
    said = [next(task.args[word] for word in words if task.args.get(word)) for task in tasks]
    assert said == ["first", "/base", "/a", "true", "mid", "flush_handlers", "last"]
    first, more = tasks[2], tasks[3]
    assert (first.role, first.role_path) == ("app", tmp_path / "roles/app")
    assert (first.when, first.tags) == (("go",), {"r", "t"})
    assert (more.when, more.tags) == (("go", "extra"), {"r", "more"})
    assert more.vars == {"kind": "app", "own": 1, "who": "param"}
    assert more.defaults["who"] == "app default"
    assert more.defaults["where"] == "base", "a role sees the defaults of all roles of the play"
    assert first.notify == ("reload",)


def test_a_role_listed_twice_runs_once_unless_its_variables_differ(tmp_path: Path) -> None:
    once = load(tmp_path, "- {hosts: all, roles: [base, base]}\n", **ROLES)
    twice = load(tmp_path, "- {hosts: all, roles: [base, {role: base, vars: {who: x}}]}\n", **ROLES)
    assert (len(once.tasks), len(twice.tasks)) == (1, 2)


@pytest.mark.parametrize(
    "play",
    [
        "roles: [{role: x, when: A}, {role: y, when: B}]",
        "tasks: [{import_role: {name: x}, when: A}, {import_role: {name: y}, when: B}]",
        "tasks: [{include_role: {name: x}, when: A}, {include_role: {name: y}, when: B}]",
        "tasks: [{include_role: {name: '{{ r }}'}, when: A}, {include_role: {name: y}, when: B}]",
    ],
)
def test_a_dependency_is_done_on_each_host_on_which_one_that_asks_for_it_is(project: Project, play: str) -> None:
    for name in "xy":
        project.write(f"roles/{name}/tasks/main.yml", f"- {{name: {name}, command: x}}\n")
        project.write(f"roles/{name}/meta/main.yml", "dependencies: [d]\n")
    project.write("roles/d/tasks/main.yml", "- {name: d, command: d}\n")
    for name in "AB":
        play = play.replace(f"when: {name}", f"when: inventory_hostname == '{name.lower()}'")
    project.write("site.yml", f"- hosts: all\n  vars: {{r: x}}\n  {play}\n")
    resolver = project.resolver()
    for host, role in zip("ab", "xy", strict=True):
        actions = resolver.resolve(resolver._inventory.hosts[host], None).actions
        assert [action.label for action in actions if not action.skip] == ["d", role]


@pytest.mark.parametrize(
    ("tags", "skipped", "done"),
    [
        ("", "", "d x own y d"), ("x", "", "d x"), ("y", "", "d y d"), ("x,y", "", "d x y d"), ("z", "", "d"),
        ("", "x", "own d y d"), ("", "x,y", "own"), ("untagged", "", ""), ("own", "", "own"),
    ],
)  # fmt: skip
def test_a_dependency_is_done_once_whichever_of_those_that_ask_for_it_are_chosen(
    project: Project, tags: str, skipped: str, done: str
) -> None:
    for name in "xy":
        project.write(f"roles/{name}/tasks/main.yml", f"- {{name: {name}, command: x}}\n")
        project.write(f"roles/{name}/meta/main.yml", "dependencies: [d]\n")
    project.write("roles/d/tasks/main.yml", "- {name: d, command: d}\n")
    project.write("roles/own/tasks/main.yml", "- {name: own, command: d, tags: own}\n")
    project.write(
        "site.yml",
        "- {hosts: all, roles: [{role: x, tags: x}, own, {role: y, tags: y}, {role: d, tags: [y, z]}, own]}\n",
    )
    actions = project.actions(
        tags=tuple(filter(None, tags.split(","))), skip_tags=tuple(filter(None, skipped.split(",")))
    )
    assert " ".join(action.label for action in actions if not action.skip) == done


@pytest.mark.parametrize(
    ("play", "done"),
    [
        ("roles: [d, {role: d, when: 1 == 1}, d, {role: d, tags: t}]", "d d d"),
        ("roles: [d, {role: x, when: 1 == 1}, {role: d, become: true}, x]", "d x x"),
        ("roles: [{role: x, tags: t}, {role: x, tags: t}, {role: x, tags: [t, u]}]", "d x x"),
        ("roles: [{role: d, p: 1}, d, {role: d, vars: {p: 1}}, d, x, {role: y, p: 3}]", "d d d x y"),
        ("tasks: [import_role: {name: d}, import_role: {name: x}, import_role: {name: y}]", "d d x y"),
        ("roles: [d], tasks: [import_role: {name: d}, import_role: {name: x}, include_role: {name: y}]", "d d x y"),
    ],
)
def test_a_role_is_another_one_with_other_words_at_it(project: Project, play: str, done: str) -> None:
    """As ansible-core 2.19 does it, whose tasks were counted for each of these plays."""
    for name in "dxy":
        project.write(f"roles/{name}/tasks/main.yml", f"- {{name: {name}, command: x}}\n")
    for name in "xy":
        project.write(f"roles/{name}/meta/main.yml", "dependencies: [d]\n")
    project.write("site.yml", f"- {{hosts: all, {play}}}\n")
    assert " ".join(action.label for action in project.actions() if not action.skip) == done


def test_roles_are_searched_beside_the_playbook_then_above_it_then_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    for directory in (tmp_path / "play" / "roles" / "a", tmp_path / "roles" / "b", here / "roles" / "c"):
        for name in ("a", "b", "c"):
            main = directory.parent / name / "tasks" / "main.yml"
            if name >= directory.name:
                main.parent.mkdir(parents=True, exist_ok=True)
                main.write_text(f"- command: {main.parents[3].name}\n")
    monkeypatch.chdir(here)
    play = load(tmp_path / "play", "- {hosts: all, roles: [a, b, c, epmd]}\n")
    assert [task.args.get("cmd") for task in play.tasks[:3]] == ["play", "play", "play"]
    for name in ("b", "c"):
        (tmp_path / "play" / "roles" / name / "tasks" / "main.yml").rename(tmp_path / f"{name}.yml")
        (tmp_path / "play" / "roles" / name / "tasks").rmdir()
        (tmp_path / "play" / "roles" / name).rmdir()
    play = load(tmp_path / "play", "- {hosts: all, roles: [b, c, epmd]}\n")
    assert [task.args.get("cmd") for task in play.tasks[:2]] == [tmp_path.name, tmp_path.name]
    assert play.tasks[2].role == "epmd", "roles that come with the program are found last"


def test_a_handler_of_the_play_replaces_one_of_a_role(tmp_path: Path) -> None:
    play = load(tmp_path, "- {hosts: all, roles: [app], handlers: [{name: reload, command: mine}]}\n", **ROLES)
    assert [handler.module for handler in play.handlers] == ["command"]


def test_a_handler_of_a_role_is_notified_by_the_roles_name_too(tmp_path: Path) -> None:
    text = "- hosts: all\n  roles: [app]\n  tasks: [{{command: x, notify: '{} : reload'}}]\n"
    (task,) = [task for task in load(tmp_path, text.format("app"), **ROLES).tasks if task.args.get("cmd") == "x"]
    assert task.notify == ("reload",)
    with pytest.raises(ConfigError, match="there is no handler 'base : reload'"):
        load(tmp_path, text.format("base"), **ROLES)
