"""Every word of Ansible's that costs nothing: it is read, or refused with what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.errors import DeployerError
from deployer.load.playbook import load_playbook
from deployer.resolve import judge
from tests.unit.project_files import Project

TASK = {
    "key=value": "copy: dest=/x content=y mode=0644",
    "folded key=value": "copy: >\n    dest=/x\n    content=y",
    "args": "command: touch x\n  args: {creates: /x, chdir: /srv}",
    "action": "action: copy dest=/x content=y",
    "action as a mapping": "action: {module: copy, dest: /x, content: y}",
    "collection's name": "ansible.builtin.copy: {dest: /x, content: y}",
    "legacy name": "ansible.legacy.command: 'true'",
    "with_list": "command: echo {{ item }}\n  with_list: [1]",
    "with_items": "command: echo {{ item }}\n  with_items: '{{ names }}'",
    "with_dict": "command: echo {{ item.key }}\n  with_dict: {a: 1}",
    "with_fileglob": "command: echo {{ item }}\n  with_fileglob: ['*.conf']",
    "with_sequence": "command: echo {{ item }}\n  with_sequence: start=1 end=3",
    "with_nested": "command: echo {{ item.0 }}\n  with_nested: [[1], [2]]",
    "with_subelements": "command: echo {{ item.1 }}\n  with_subelements: ['{{ users }}', keys]",
    "with_first_found": "debug: {msg: '{{ item }}'}\n  with_first_found: [{files: [a], skip: true}]",
    "loop_control": "command: 'true'\n  loop: [1]\n  loop_control: {loop_var: a, index_var: i, label: x}",
    "mode of four digits": "file: {path: /x, state: touch, mode: 0644}",
    "symbolic mode": "file: {path: /x, state: directory, mode: 'u=rwX,g=rX,o='}",
    "yes": "command: 'true'\n  become: yes\n  run_once: no",
    "condition in braces": "command: 'true'\n  when: '{{ wanted }}'",
    "several conditions": "command: 'true'\n  when:\n    - a is defined\n    - yes",
    "register": "command: 'true'\n  register: x\n  changed_when: false\n  failed_when: x.rc > 1\n  ignore_errors: yes",
    "until": "command: 'true'\n  until: x.rc == 0\n  register: x\n  retries: 3\n  delay: 1",
    "environment": "command: 'true'\n  environment: {A: b}",
    "environment of a template": "command: 'true'\n  environment: '{{ proxy }}'",
    "environment as a list": "command: 'true'\n  environment: ['{{ proxy }}', {A: b}]",
    "no_log": "command: 'true'\n  no_log: '{{ secret }}'",
    "throttle": "command: 'true'\n  throttle: 1",
    "collections": "command: 'true'\n  collections: [community.general]",
    "block": "block: [{command: 'true'}]\n  rescue: [{command: 'true'}]\n  always: [{command: 'true'}]\n  when: a",
    "notify of a block": "block: [{command: 'true'}]\n  notify: h",
    "notify of several": "command: 'true'\n  notify: [h, topic]",
    "flush_handlers": "meta: flush_handlers",
    "end_host": "meta: end_host\n  when: a is defined",
    "end_play": "meta: end_play",
    "set_fact": "set_fact: {a: 1, cacheable: no}",
    "set_fact key=value": "set_fact: a=1 b=2",
    "include_vars": "include_vars: '{{ ansible_os_family }}.yml'",
    "include_tasks": "include_tasks: '{{ x }}.yml'\n  loop: [1]",
    "include_tasks with apply": "include_tasks: {file: '{{ x }}.yml', apply: {tags: a, become: yes}}",
    "assert": "assert: {that: [a, b is defined], fail_msg: no, success_msg: well, quiet: yes}",
    "fail": "fail: msg=no\n  when: a",
    "debug": "debug: var=a",
    "setup": "setup:\n  when: ansible_os_family is not defined",
    "setup with words": "ansible.builtin.setup: {gather_subset: [min], filter: ansible_os_family}",
    "raw": "raw: test -e /usr/bin/python3 || (apt -y update && A=b apt install -y python3)",
    "pause": "pause: seconds=3",
    "sudo": "command: 'true'\n  sudo: yes\n  sudo_user: app",
    "old include": "include: '{{ x }}.yml'",
    "tags": "command: 'true'\n  tags: [always, never, 'a,b']",
    "modules of other systems": "yum: name=x\n  when: ansible_os_family == 'RedHat'",
    "delegate_to": "command: 'true'\n  delegate_to: '{{ inventory_hostname }}'\n  delegate_facts: no",
    "arguments of apt": "apt: name=x update_cache=yes cache_valid_time=3600 force_apt_get=yes",
}
PLAY = {
    "become": "become: yes\n  become_method: sudo\n  become_user: root",
    "sudo": "sudo: yes",
    "remote_user": "remote_user: root",
    "user": "user: root",
    "connection": "connection: local",
    "gather_facts": "gather_facts: no\n  gather_subset: [min]\n  gather_timeout: 5",
    "strategy": "strategy: free",
    "serial": "serial: [1, 50%]\n  max_fail_percentage: 10\n  order: sorted",
    "any_errors_fatal": "any_errors_fatal: yes",
    "collections": "collections: [community.general]",
    "vars_prompt": "vars_prompt: [{name: a, prompt: A, private: no, default: b}]",
    "hosts with a template": "vars: {a: b}",
    "environment": "environment: '{{ proxy }}'",
    "no_log": "no_log: '{{ not debugging }}'",
    "tags": "tags: a",
    "force_handlers": "force_handlers: no",
}
REFUSED = {
    "mode of three digits": ("file: {path: /x, mode: 644}", 'mode: "0644"'),
    "symbols that add": ("file: {path: /x, mode: u+x}", "u=rw,g=r,o=r"),
    "braces inside of a condition": ("command: x\n  when: a == {{ b }}", "without {{ }}"),
    "a bare word": ("command: x\n  with_items: names", '"{{ names }}"'),
    "another plug-in": ("command: x\n  with_inventory_hostnames: all", "loop:"),
    "async": ("command: x\n  async: 5\n  poll: 0", "systemd unit"),
    "debugger": ("command: x\n  debugger: always", "deployer render"),
    "su": ("command: x\n  su: yes", "become: true"),
    "remote_user": ("command: x\n  remote_user: root", "write it on the play"),
    "become_method": ("command: x\n  become_method: doas", "only sudo is supported"),
    "delegate_facts": ("command: x\n  delegate_to: y\n  delegate_facts: yes", "always belong to the task's own host"),
    "sudo twice": ("command: x\n  sudo: yes\n  become: yes", "leave sudo out"),
    "refresh_inventory": ("meta: refresh_inventory", "read once"),
    "a pause for a person": ("pause:", "seconds: 5"),
    "add_host": ("add_host: name=x", "into the inventory"),
    "group_by": ("group_by: key=x", "when: at the tasks"),
    "fetch": ("fetch: src=/x dest=y", "scp"),
    "reboot": ("reboot:", "by hand"),
    "words of an include": ("include_tasks: x.yml\n  become: yes", "below apply:"),
}


def loaded(project: Project, play: str, task: str) -> Path:
    project.write("x.yml", "- command: 'true'\n")
    handler = "    - {name: h, command: 'true', listen: topic}\n"
    words = f"  {play}\n" if play else ""
    return project.write("site.yml", f"- hosts: all\n{words}  tasks:\n    - {task}\n  handlers:\n{handler}")


@pytest.mark.parametrize("name", TASK)
def test_a_word_of_a_task_is_read(project: Project, name: str) -> None:
    (play,) = load_playbook(loaded(project, "", TASK[name].replace("\n", "\n    ")), judge=judge)
    assert play.tasks


@pytest.mark.parametrize("name", PLAY)
def test_a_word_of_a_play_is_read(project: Project, name: str) -> None:
    (play,) = load_playbook(loaded(project, PLAY[name], "command: 'true'"), judge=judge)
    assert play.tasks


@pytest.mark.parametrize("name", REFUSED)
def test_a_word_is_refused_with_what_to_write_instead(project: Project, name: str) -> None:
    task, instead = REFUSED[name]
    with pytest.raises(DeployerError) as caught:
        load_playbook(loaded(project, "", task.replace("\n", "\n    ")), judge=judge)
    assert instead in str(caught.value)
    assert "site.yml:" in str(caught.value)


def test_sudo_is_become_and_a_run_says_so(project: Project) -> None:
    (play,) = load_playbook(
        loaded(project, "sudo: yes", "command: id\n      sudo: no\n      sudo_user: app"), judge=judge
    )
    assert (play.become, play.tasks[0].become, play.tasks[0].become_user) == (True, False, "app")
    (note,) = play.notes
    assert "site.yml:2:3 and 1 more" in note
    assert "write become: true" in note


def test_what_a_block_notifies_its_tasks_notify(project: Project) -> None:
    tasks = "notify: h\n      block:\n        - {command: 'true', notify: topic}\n        - command: 'true'"
    (play,) = load_playbook(loaded(project, "", tasks), judge=judge)
    assert [task.notify for task in play.tasks] == [("h",), ("h",)]


def test_an_environment_may_be_a_template_that_gives_a_mapping(project: Project) -> None:
    project.write("group_vars/all.yml", "proxy: {A: '1', B: '{{ greeting }}'}\n")
    project.tasks("- command: env\n  environment: ['{{ proxy }}', {A: '2'}]\n")
    assert project.actions()[0].environment == {"A": "2", "B": "hello"}
    project.tasks("- command: env\n  environment: '{{ greeting }}{{ greeting }}'\n")
    with pytest.raises(DeployerError, match="environment must be a mapping"):
        project.actions()


def test_a_role_is_found_by_its_way_from_the_playbook(project: Project) -> None:
    project.write("tasks/main.yml", "- command: 'true'\n")
    project.write("tests/site.yml", "- hosts: all\n  roles: [../..]\n")
    (play,) = load_playbook(project.directory / "tests/site.yml", judge=judge)
    assert play.tasks[0].role_path == project.directory
