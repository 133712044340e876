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


def test_what_lies_on_this_machine_is_looked_for_in_this_ones_home(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(project.directory))
    project.write("mine", "mine\n")
    project.write("site.yml", "- hosts: a\n  become: true\n  tasks:\n  - copy: {src: ~/mine, dest: ~/theirs}\n")
    (action,) = project.resolve("a").actions
    assert isinstance(action.module, Copy)
    assert action.module.dest == "/root/theirs"
