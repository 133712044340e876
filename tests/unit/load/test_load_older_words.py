"""Words of other releases of Ansible and of other systems, as roles have them."""

from __future__ import annotations

import pytest

from deployer.errors import ConfigError
from deployer.load.playbook import load_playbook
from deployer.resolve import judge
from tests.unit.project_files import Project, content


def test_an_include_of_old_is_the_import_or_the_include_that_it_was(project: Project) -> None:
    project.write("roles/old/tasks/main.yml", INCLUDES)
    project.write(
        "roles/old/tasks/more.yml",
        "- copy: {dest: '/{{ a }}{{ item | default(0) }}', content: '{{ b | default(9) }}'}\n",
    )
    project.write("site.yml", "- include: other.yml\n- hosts: all\n  roles: [old]\n")
    project.write("other.yml", "- hosts: all\n  tasks: [{include: handed.yml}]\n")
    project.write("handed.yml", "- meta: noop\n")
    plays = load_playbook(project.directory / "site.yml", judge=judge)
    (note,) = plays[0].notes
    assert "site.yml:1:3 and 4 more: include is read as it was before Ansible 2.16; write import_tasks" in note
    project.write("site.yml", "- hosts: all\n  roles: [old]\n")
    made = [action for action in project.actions() if not action.skip]
    assert [(action.module.dest, content(action)) for action in made] == [("/x0", "2"), ("/x1", "9"), ("/x2", "9")]
    assert [action.task.tags for action in made] == [{"t"}, {"u"}, {"u"}]


INCLUDES = """\
- include: more.yml a=x b=2
  tags: t
- include: "{{ 'more' }}.yml"
  vars: {a: x}
  loop: [1, 2]
  tags: [u]
- include: more.yml a=y
  when: false
"""


def test_what_is_of_another_system_is_refused_only_where_it_would_run(project: Project) -> None:
    project.tasks("- yum: {name: nginx}\n  when: ansible_os_family == 'RedHat'\n", gather_facts="true")
    (one,) = project.actions(facts={"ansible_os_family": "Debian"})
    assert one.skip.startswith("not: ansible_os_family")
    with pytest.raises(ConfigError, match="'yum' is not supported"):
        project.actions(facts={"ansible_os_family": "RedHat"})


@pytest.mark.parametrize(
    ("task", "key", "value"),
    [
        ("apt: name=x state=installed", "state", "present"),
        ("systemd: {name: x, state: running}", "state", "started"),
        ("file: {path: /srv//a/, state: directory}", "path", "/srv/a"),
        ("copy: {src: a.conf, dest: /etc/x/}", "dest", "/etc/x/a.conf"),
        ("copy: {src: '{{ \"a\" }}.conf', dest: /etc/x/}", "dest", "/etc/x/a.conf"),
    ],
)
def test_older_words_and_slashes_say_what_they_say_in_ansible(
    project: Project, task: str, key: str, value: str
) -> None:
    project.write("files/a.conf", "x")
    project.tasks(f"- {task}\n")
    (one,) = project.actions()
    assert getattr(one.module, key) == value


def test_words_whose_truth_is_a_template_are_read_and_what_may_be_hidden_is(project: Project) -> None:
    project.tasks("- debug: msg=y\n  run_once: '{{ 1 > 2 }}'\n- debug: msg=z\n  no_log: '{{ 1 > 2 }}'\n")
    assert [action.says for action in project.actions("b", first="a")] == ["y", "(not shown: no_log)"]
    project.tasks("- debug: msg=y\n  run_once: '{{ 1 < 2 }}'\n")
    assert [action.says for action in project.actions("b", first="a")] == [""]


def test_a_pause_of_some_time_and_a_package_with_words_of_apt_are_what_they_are_here(project: Project) -> None:
    project.tasks(
        "- pause: seconds=5\n- pause: {minutes: 2}\n- package: {name: x, update_cache: true}\n- package: name=y\n"
    )
    first, second, third, fourth = project.actions()
    assert [getattr(one.module, "timeout", None) for one in (first, second)] == [5, 120]
    assert (third.task.module, fourth.task.module) == ("apt", "package")
    project.tasks("- pause: prompt='sure?'\n")
    with pytest.raises(ConfigError, match="waits for a person"):
        project.resolver()
