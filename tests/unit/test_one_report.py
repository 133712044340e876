"""What is wrong in a project is told at once: every place, by file and line, and a cause that is the true one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deployer.app import run
from deployer.engine.roll.play import Goal
from deployer.errors import ConfigError, Problems
from deployer.load.instead import INSTEAD, INSTEAD_OF_MODULES
from deployer.load.playbook import load_playbook
from deployer.modules import names
from deployer.options import Options
from deployer.resolve import judge
from tests.unit.project_files import Project

ROLE = """\
- yum: name=nginx state=present
- ansible.posix.synchronize: {src: /etc/x, dest: /y}
  debugger: foo
- command: echo hi
  with_items: [1, 2]
  async: 5
- block:
    - file: {path: /x, state: directory, mode: 0755, recurs: yes}
    - copy: {dest: /y, content: x, bakup: true}
  when: x is defined
- include: more.yml tags=x
- user: {name: bob, system: perhaps}
  become: perhaps
- frobnicate: some text
"""
SITE = """\
- hosts: all
  gather_facts: perhaps
  debugger: never
  roles: [old, {role: missing}, {role: old, wen: x}]
- hosts: all
  tasks:
    - copy: {dest: /a, foo: 1}
      notify: nobody
"""


def told(project: Project) -> list[str]:
    with pytest.raises(Problems) as caught:
        load_playbook(project.directory / "site.yml", judge=judge)
    places = [error.where.removeprefix(f"{project.directory}/") for error in caught.value.each]
    return [f"{place} {error.message}" for place, error in zip(places, caught.value.each, strict=True)]


def test_one_report_has_every_place_by_file_and_line(project: Project) -> None:
    project.write("roles/old/tasks/main.yml", ROLE)
    project.write("roles/old/tasks/more.yml", "- reboot:\n")
    project.write("site.yml", SITE)
    found = told(project)
    role = [line.removeprefix("roles/old/tasks/main.yml:") for line in found if "tasks/main.yml" in line]
    assert [re.sub(r":\d+ ", " ", line) for line in role] == [
        "2 'ansible.posix.synchronize' is not supported in a task",
        "3 'debugger' is not supported in a task",
        "6 'async' is not supported in a task",
        "8 unknown word 'recurs'",
        "9 unknown word 'bakup'",
        "12 system must be true or false, not 'perhaps'",
        "13 become must be true or false, not the text 'perhaps'",
        "14 there is no module 'frobnicate'",
    ]
    assert "roles/old/tasks/more.yml:1:3 'reboot' is not supported in a task" in found
    assert [line.removeprefix("site.yml:") for line in found if line.startswith("site.yml")] == [
        "2:3 gather_facts must be true or false, not the text 'perhaps'",
        "3:3 'debugger' is not supported in a play",
        "4:17 there is no role 'missing'",
        "4:45 unknown word 'wen' in a role's entry",
        "7:24 unknown word 'foo'",
    ]


def test_a_report_says_each_hint_once_and_how_many_places_there_are() -> None:
    one, other = (ConfigError(f"wrong {i}", where=f"a.yml:{i}:1", hint="do so") for i in (1, 2))
    with pytest.raises(Problems) as caught:
        Problems.check([one, other, one])
    assert str(caught.value).splitlines() == ["a.yml:1:1: wrong 1", "  do so", "a.yml:2:1: wrong 2"]
    many = [ConfigError("x", where=f"{name}.yml:{line}") for name in "ab" for line in range(1, 4)]
    with pytest.raises(Problems) as caught:
        Problems.check(many)
    assert str(caught.value).splitlines()[-1] == "  6 places in 2 files"


def test_variables_that_are_not_there_are_all_told_in_all_plays_before_a_host_is_touched(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("hosts.yml", "all:\n  hosts: {a: {ansible_connection: local}}\n")
    play = "- hosts: all\n  tasks:\n    - {}\n"
    tasks = (
        f"command: {{cmd: touch {tmp_path}/canary, creates: /nowhere}}",
        *(f"copy: {{dest: /nowhere/{name}, content: '{{{{ {name} }}}}'}}" for name in ("one", "two")),
    )
    project.write("site.yml", "".join(play.format(task) for task in tasks))
    with pytest.raises(Problems) as caught:
        run(Goal.DEPLOY, Options(playbook=str(tmp_path / "site.yml"), inventory=(str(tmp_path / "hosts.yml"),)))
    assert [error.message for error in caught.value.each] == [
        f"the variable {name!r} is not defined" for name in ("one", "two")
    ]
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize(
    ("task", "problem", "hint"),
    [
        ("meta: end_batch", "meta: end_batch is not supported", "end_host"),
        ("meta: flush_handler", "meta: flush_handler is not supported", "'flush_handlers'"),
        ("assert: {msg: x}", "assert has no condition", "that:"),
        ("set_fact: {}", "set_fact sets nothing", "NAME: VALUE"),
        ("apt_rpm: name=nginx", "there is no module", "did you mean 'apt'"),
        ("iptables_raw: name=x", "there is no module", "engine: ansible"),
        ("xml: {path: /etc/x}", "not supported", "template or copy"),
        ("maven_artifact: {dest: /x}", "not supported", "files/"),
        ("debug: {message: hello}", "unknown word 'message'", "'msg'"),
        ("community.general.ufw: {rule: allow}", "not supported", "firewall:"),
        ("copi: dest=/x content=y", "there is no module 'copi'", "'copy'"),
        ("import_role: {name: x, tasks_form: y}", "unknown word 'tasks_form'", "'tasks_from'"),
    ],
)
def test_a_word_or_module_of_ansibles_that_is_not_here_says_what_to_write(
    project: Project, task: str, problem: str, hint: str
) -> None:
    project.tasks(f"- {task}")
    with pytest.raises(ConfigError) as caught:
        project.resolver()
    assert len(caught.value.each) == 1
    assert problem in str(caught.value)
    assert hint in str(caught.value)


@pytest.mark.parametrize("word", ["import_tasks", "ansible.builtin.import_tasks", "ansible.legacy.import_tasks"])
@pytest.mark.parametrize("form", ["more.yml", "{file: more.yml}"])
def test_a_file_of_tasks_is_imported_by_either_name(project: Project, word: str, form: str) -> None:
    project.write("more.yml", "- copy: {dest: /x, content: y}\n")
    project.tasks(f"- {word}: {form}\n  tags: one")
    (action,) = project.actions()
    assert (action.task.module, action.task.tags) == ("copy", {"one"})


def test_a_role_is_imported_by_its_long_name(project: Project) -> None:
    project.write("roles/r/tasks/main.yml", "- copy: {dest: /x, content: y}\n")
    project.tasks("- ansible.builtin.import_role: {name: r}")
    assert [action.task.role for action in project.actions()] == ["r"]


def test_no_word_that_is_understood_is_said_not_to_be() -> None:
    assert not set(INSTEAD_OF_MODULES) & set(names())
    assert not set(INSTEAD_OF_MODULES) & set(INSTEAD)


def test_what_uses_what_a_wrong_task_would_have_set_is_no_error_of_its_own(project: Project) -> None:
    project.write(
        "site.yml",
        """\
- hosts: all
  tasks:
    - set_fact: {one: "{{ nowhere }}"}
    - copy: {dest: /x, content: "{{ one }}"}
      notify: told
    - set_fact: {two: "{{ one }}"}
    - command: "x {{ two }}"
      when: two == 1
    - command: "x {{ missing }}"
      register: said
    - debug: {msg: "{{ said.stdout }}"}
    - include_vars: gone.yml
    - debug: {msg: "{{ of_that_file }}"}
  handlers:
    - {name: told, command: "x {{ two }}"}
""",
    )
    with pytest.raises(Problems) as caught:
        project.resolve()
    lines = [int(error.where.split(":")[1]) for error in caught.value.each]
    assert lines == [3, 9, 12], str(caught.value)
