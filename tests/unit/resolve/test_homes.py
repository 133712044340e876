"""``~`` in paths on a host: whose home it is, where that is known, and what is said where it is not."""

from __future__ import annotations

import pytest

from deployer.errors import ConfigError
from deployer.modules.copy import Copy
from deployer.modules.file import File
from tests.unit.project_files import Project

FACTS = {"ansible_user_id": "app", "ansible_user_dir": "/srv/app"}


@pytest.mark.parametrize(
    ("words", "written", "path"),
    [
        ("become: true", "~/x", "/root/x"),
        ("become: true", "'~'", "/root"),
        ("become: true", "~root/x/", "/root/x"),
        ("become: true", '"~/{{ port }}"', "/root/4000"),
        ("become: false", "~/x", "/srv/app/x"),
        ("become: false", "/x~/~y", "/x~/~y"),
    ],
)
def test_it_is_the_home_of_whoever_the_play_works_as(project: Project, words: str, written: str, path: str) -> None:
    project.write(
        "site.yml", f"- hosts: a\n  {words}\n  vars: {{port: 4000}}\n  tasks:\n  - file: {{path: {written}}}\n"
    )
    resolver = project.resolver()
    (action,) = resolver.resolve(resolver._inventory.hosts["a"], FACTS).actions
    assert isinstance(action.module, File)
    assert action.module.path == path


@pytest.mark.parametrize(
    ("words", "written", "problem", "hint"),
    [
        ("become: true", "~joe/x", "the home of joe only the host knows", "getent_passwd.joe"),
        ("become: false", "~/x", "the home of whoever this runs as only the host knows", "gather_facts: true"),
        ("become: true", "~/x/../y", "may not hold . or ..", ""),
    ],
)
def test_a_home_that_only_the_host_knows_is_refused_with_what_to_write(
    project: Project, words: str, written: str, problem: str, hint: str
) -> None:
    project.write("site.yml", f"- hosts: a\n  {words}\n  tasks:\n  - file: {{path: {written}}}\n")
    with pytest.raises(ConfigError, match=problem) as caught:
        project.resolve("a")
    assert hint in caught.value.hint
    assert ":4:" in caught.value.where


def test_a_command_of_another_user_has_that_ones_home_which_nobody_knows(project: Project) -> None:
    task = "  - {command: {cmd: x, chdir: '~'}, become_user: joe}\n"
    project.write("site.yml", f"- hosts: a\n  become: true\n  tasks:\n{task}")
    with pytest.raises(ConfigError, match="whoever this runs as"):
        project.resolve("a")


def test_that_another_task_becomes_root_says_nothing_of_the_home_of_one_that_does_not(project: Project) -> None:
    tasks = "- file: {path: ~/x}\n- {file: {path: ~/y}, become: true}\n"
    project.tasks(tasks)
    with pytest.raises(ConfigError, match="whoever this runs as only the host knows") as caught:
        project.resolve("a", FACTS | {"ansible_user_id": "root"})
    assert "become: at this task" in caught.value.hint
    project.write("host_vars/a.yml", "ansible_become: true\n")
    assert [getattr(action.module, "path", "") for action in project.actions()] == ["/root/x", "/root/y"]


def test_a_home_that_the_inventory_names_needs_no_facts(project: Project) -> None:
    project.write("host_vars/a.yml", "ansible_user_dir: /srv/me\n")
    project.tasks("- file: {path: ~/x}\n")
    assert getattr(project.actions()[0].module, "path", "") == "/srv/me/x"


def test_where_the_source_of_a_copy_lies_counts_wherever_it_is_written(project: Project) -> None:
    for words in (
        "src: ~/a, dest: /b, remote_src: '{{ port > 1 }}'",
        "remote_src: '{{ port > 1 }}', src: ~/a, dest: /b",
    ):
        project.tasks(f"- copy: {{{words}}}\n", become="true")
        assert getattr(project.actions()[0].module, "src", "") == "/root/a"


def test_a_directory_is_copied_to_a_home_too(project: Project) -> None:
    project.write("files/d/one", "1\n")
    project.tasks("- copy: {src: d, dest: ~/x}\n", become="true")
    made, written = (action.module for action in project.actions())
    assert (getattr(made, "path", ""), getattr(written, "dest", "")) == ("/root/x/d", "/root/x/d/one")
    project.tasks("- copy: {src: d, dest: ~/x}\n", become="false")
    with pytest.raises(ConfigError, match="whoever this runs as only the host knows"):
        project.actions()


def test_what_lies_on_this_machine_is_looked_for_in_this_ones_home(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(project.directory))
    project.write("mine", "mine\n")
    project.write("site.yml", "- hosts: a\n  become: true\n  tasks:\n  - copy: {src: ~/mine, dest: ~/theirs}\n")
    (action,) = project.resolve("a").actions
    assert isinstance(action.module, Copy)
    assert action.module.dest == "/root/theirs"
