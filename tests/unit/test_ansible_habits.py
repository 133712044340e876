"""What Ansible's users have around their playbooks: prompts, lists of what a playbook has, magic names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deployer.asked import answered_play
from deployer.errors import ConfigError
from deployer.load.playbook import load_playbook
from deployer.load.secrets import Vaults
from deployer.model import Play, Secret
from deployer.options import Options
from deployer.project import load
from tests.unit.project_files import CANARY, Project, content

BIN = Path(sys.executable).parent


PROMPTS = """\
- hosts: "{{ where }}"
  vars_prompt:
    - {name: where, prompt: Where, private: no, default: all}
    - name: password
    - {name: number, private: no}
  tasks: []
"""


def asked(project: Project) -> Play:
    project.write("site.yml", PROMPTS)
    (play,) = load_playbook(project.directory / "site.yml")
    return play


def test_a_prompt_is_answered_by_a_person_or_by_the_command_line(project: Project) -> None:
    seen: list[tuple[str, bool]] = []

    def ask(text: str, private: bool) -> str:
        seen.append((text, private))
        return CANARY if private else ""

    play = answered_play(asked(project), {"number": "7"}, Vaults(), ask)
    assert seen == [("Where [all]", False), ("password", True)]
    assert play.hosts == "all"
    assert isinstance(play.vars["password"], Secret)
    assert CANARY not in repr(play)
    assert answered_play(asked(project), {"number": "7", "where": "a", "password": "x"}, Vaults(), None).hosts == "a"


def test_a_prompt_that_nobody_answers_is_refused(project: Project) -> None:
    with pytest.raises(ConfigError, match="nobody is there to answer the prompt for password") as caught:
        answered_play(asked(project), {}, Vaults(), None)
    assert caught.value.where.endswith("site.yml:4:7")
    assert "-e password=" in caught.value.hint
    project.write("site.yml", "- hosts: all\n  vars_prompt: [{name: p, confirm: yes}]\n")
    (play,) = load_playbook(project.directory / "site.yml")
    answers = iter(["one", "two"])
    with pytest.raises(ConfigError, match="p was typed in two ways"):
        answered_play(play, {}, Vaults(), lambda _text, _private: next(answers))


SITE = """\
- hosts: all
  name: first
  tags: [p]
  roles: [r]
  tasks:
    - {name: one, copy: {dest: /x, content: x}, tags: [a, b], notify: h}
    - command: touch /y creates=/y
    - meta: flush_handlers
  post_tasks: [{name: last, copy: {dest: /z, content: x}}]
  handlers: [{name: h, command: "true"}]
- hosts: web
  tasks: [{debug: {msg: hi}, tags: always}, {debug: {msg: no}, tags: [never, rare]}]
"""


@pytest.mark.slow
@pytest.mark.parametrize("more", [[], ["--tags", "a,r"], ["--skip-tags", "a"], ["--tags", "rare"]])
@pytest.mark.parametrize("word", ["--list-tasks", "--list-tags"])
def test_what_a_playbook_has_is_listed_as_ansible_lists_it(here: Project, word: str, more: list[str]) -> None:
    here.write("roles/r/tasks/main.yml", "- {name: in role, copy: {dest: /r, content: x}, tags: r}\n")
    here.write("site.yml", SITE)
    here.write("hosts", "b\n[web]\na\n")
    here.write("ansible.cfg", "[defaults]\ninventory = hosts\n")
    said = [
        subprocess.run([BIN / name, *words, "site.yml", word, *more], capture_output=True, text=True, env=os.environ)
        for name, words in (("ansible-playbook", []), ("deployer", ["plan"]))
    ]
    assert [one.returncode for one in said] == [0, 0], said
    assert said[1].stdout.splitlines() == said[0].stdout.splitlines()


def test_hosts_are_listed_and_a_syntax_is_checked_without_any_host(here: Project) -> None:
    here.write("site.yml", "- hosts: all\n  tasks: [{command: 'true'}]\n")
    run = [BIN / "deployer", "deploy", "site.yml", "-i", "hosts.yml"]
    listed = subprocess.run([*run, "--list-hosts", "-l", "b"], capture_output=True, text=True)
    assert (
        listed.stdout
        == "\nplaybook: site.yml\n\n  play #1 (all): all\tTAGS: []\n    pattern: ['all']\n    hosts (1):\n      b\n"
    )
    checked = subprocess.run([*run, "--syntax-check"], capture_output=True, text=True)
    assert (checked.returncode, checked.stdout) == (0, "\nplaybook: site.yml\n")
    here.write("site.yml", "- hosts: all\n  tasks: [{command: 'true', notfy: x}]\n")
    wrong = subprocess.run([*run, "--syntax-check"], capture_output=True, text=True)
    assert (wrong.returncode, "site.yml:2:" in wrong.stderr) == (3, True)


def test_magic_variables_are_known(project: Project) -> None:
    names = (
        *("inventory_dir", "inventory_file", "playbook_dir", "play_hosts", "ansible_play_batch", "role_names"),
        *("ansible_check_mode", "ansible_version.major", "vars['port']", "role_path", "inventory_hostname_short"),
    )
    text = ", ".join(names)
    project.write("roles/r/tasks/main.yml", f"- copy: {{dest: /x, content: \"{{{{ [{text}] | join(' ') }}}}\"}}\n")
    project.write("site.yml", "- {hosts: all, roles: [r]}\n")
    (action,) = project.actions()
    where = project.directory
    assert content(action) == (
        f"{where} {where}/hosts.yml {where} ['a', 'b'] ['a', 'b'] ['r'] False 2 4000 {where}/roles/r a"
    )


def test_a_play_that_says_so_works_on_this_machine_without_a_line_in_the_inventory(here: Project) -> None:
    here.write("site.yml", "- {hosts: localhost, connection: local, tasks: []}\n- {hosts: all, tasks: []}\n")
    loaded = load(Options(playbook="site.yml", inventory=("hosts.yml",)))
    (first, (host,)), (_, others) = loaded.work()
    assert loaded.resolver(first).connection(host).local
    assert [one.name for one in others] == ["a", "b"], "it is in no group, as in Ansible"
    here.write("site.yml", "- {hosts: localhost, tasks: []}\n")
    with pytest.raises(ConfigError, match="no host and no group matches 'localhost'"):
        load(Options(playbook="site.yml", inventory=("hosts.yml",))).work()


def test_a_file_of_variables_may_be_named_by_those_of_the_play_and_the_command_line(project: Project) -> None:
    text = "- hosts: all\n  vars: {env: test, size: 1}\n  vars_files: ['vars/{{ env }}.yml']\n"
    for name, size in (("test", 2), ("prod", 3)):
        project.write(f"vars/{name}.yml", f"size: {size}\n")
    (play,) = load_playbook(project.write("site.yml", text))
    assert answered_play(play, {}, Vaults(), None).vars["size"] == 2
    assert answered_play(play, {"env": "prod"}, Vaults(), None).vars["size"] == 3
    with pytest.raises(ConfigError, match="there is no file") as caught:
        answered_play(play, {"env": "none"}, Vaults(), None)
    assert caught.value.where.endswith("site.yml:3:16")
    (play,) = load_playbook(project.write("site.yml", text.replace("env }}", "ansible_os_family }}")))
    with pytest.raises(ConfigError, match="vars_files: the variable 'ansible_os_family' is not defined") as caught:
        answered_play(play, {}, Vaults(), None)
    assert "include_vars" in caught.value.hint


STARTS = """\
- hosts: all
  tasks:
    - {name: one, copy: {dest: /srv/one, content: x}}
- hosts: all
  tasks:
    - {name: two, copy: {dest: /srv/two, content: x}}
    - {name: "three of {{ inventory_hostname }}", copy: {dest: /srv/three, content: x}}
- hosts: all
  tasks:
    - {name: four, copy: {dest: /srv/four, content: x}}
"""


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("one", [["one"], ["two", "three of {{ inventory_hostname }}"], ["four"]]),
        ("three of*", [["three of {{ inventory_hostname }}"], ["four"]]),
        ("four", [["four"]]),
    ],
)
def test_what_stands_before_the_task_to_start_at_is_not_there(
    project: Project, name: str, left: list[list[str]]
) -> None:
    (project.directory / "site.yml").write_text(STARTS)
    found = load(Options(playbook=str(project.directory / "site.yml"), hosts="h", start_at_task=name))
    assert [[task.name for task in play.tasks] for play in found.plays] == left


def test_a_task_to_start_at_that_is_nowhere_is_an_error(project: Project) -> None:
    (project.directory / "site.yml").write_text(STARTS)
    with pytest.raises(ConfigError, match="no task is called 'tow'") as caught:
        load(Options(playbook=str(project.directory / "site.yml"), hosts="h", start_at_task="tow"))
    assert "'two'" in caught.value.hint


def test_end_play_ends_it_where_its_condition_holds(project: Project) -> None:
    ends = "- {meta: end_play, when: inventory_hostname == 'h'}\n"
    tasks = f"- hosts: all\n  tasks:\n    {ends}    - {{name: last, copy: {{dest: /srv/x, content: x}}}}\n"
    (project.directory / "site.yml").write_text(tasks)
    found = load(Options(playbook=str(project.directory / "site.yml"), hosts="h,other"))
    (play,) = found.plays
    resolver = found.resolver(play)
    skipped = {host.name: resolver.resolve(host, None).actions[-1].skip for host in found.hosts(play)}
    assert skipped == {"h": "the host has ended the play (meta: end_play)", "other": ""}


def test_a_play_knows_what_the_command_line_said(here: Project) -> None:
    text = "{{ [ansible_run_tags, ansible_skip_tags, ansible_limit | default('none'), ansible_play_hosts_all] }}"
    here.write("site.yml", f'- hosts: all\n  tasks:\n    - {{debug: {{msg: "{text}"}}, tags: [a, b, always]}}\n')
    for given, told in (
        ({}, [["all"], [], "none", ["a", "b"]]),
        ({"tags": "b,a", "skip_tags": "c", "limit": "b"}, [["a", "b"], ["c"], "b", ["b"]]),
    ):
        loaded = load(Options(playbook="site.yml", inventory=("hosts.yml",), **given))
        ((one, some),) = loaded.work()
        assert loaded.resolver(one).resolve(some[0], None).actions[0].says == str(told)
