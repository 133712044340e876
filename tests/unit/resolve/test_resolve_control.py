"""What a plan answers before anything runs: includes, facts that are set, assertions, the end of a host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deployer.app import run
from deployer.engine.roll.play import Goal
from deployer.errors import ConfigError
from deployer.options import Options
from deployer.resolve import Action
from tests.unit.project_files import CANARY, Project, content

FACTS = {"ansible_os_family": "Debian", "ansible_distribution": "Debian"}


def made(actions: tuple[Action, ...]) -> list[str]:
    return [content(action) for action in actions if action.task.module == "copy" and not action.skip]


def test_an_include_is_asked_once_and_keeps_its_tags_to_itself(project: Project) -> None:
    project.write("more.yml", "- set_fact: {done: true}\n- copy: {dest: /x, content: in}\n  tags: inner\n")
    project.tasks(
        "- include_tasks: more.yml\n  when: done is undefined\n  tags: outer\n"
        "- copy: {dest: /y, content: 'so {{ done }}'}"
    )
    assert made(project.actions()) == ["in", "so True"]
    assert made(project.actions(tags=["outer"])) == [], "an include hands no tags down"
    assert made(project.actions(tags=["outer", "inner"])) == ["in"]
    assert made(project.actions(tags=["inner"])) == []
    project.tasks("- import_tasks: more.yml\n  when: done is undefined\n  tags: outer")
    assert made(project.actions()) == [], "an import has every one of its tasks asked"


def test_an_include_may_be_named_by_facts_and_go_through_a_loop(project: Project) -> None:
    project.write("tasks/Debian.yml", "- copy: {dest: '/{{ item }}', content: '{{ item }} {{ a }}'}\n  loop: [x]\n")
    project.write("tasks/one.yml", "- copy: {dest: '/{{ what }}', content: 'one {{ what }} {{ i }}'}\n")
    project.tasks(
        "- include_tasks: 'tasks/{{ ansible_os_family }}.yml'\n  vars: {a: 1}\n"
        "- include_tasks: {file: tasks/one.yml, apply: {become: yes, tags: [t]}}\n  loop: [p, q, r]\n"
        "  loop_control: {loop_var: what, index_var: i}\n  when: what != 'q'\n"
    )
    assert project.resolver().needs_facts
    actions = project.resolve(facts=FACTS).actions
    assert made(actions) == ["x 1", "one p 0", "one r 2"]
    assert [(action.task.become, action.task.tags) for action in actions if "one" in action.task.mark.file] == [
        (True, {"t"})
    ] * 2
    with pytest.raises(ConfigError, match="there is no file") as caught:
        project.resolve(facts={**FACTS, "ansible_os_family": "Alpine"})
    assert caught.value.where.endswith("site.yml:3:7")


@pytest.mark.parametrize(
    "listed",
    [
        "tasks: [{import_role: {name: h}, vars: {n: 1}}, {import_role: {name: h}, vars: {n: 2}}]",
        "tasks: [{include_role: {name: h}, vars: {n: 1}}, {include_role: {name: h}, vars: {n: 2}}]",
        "roles: [{role: h, n: 1}, {role: h, n: 2}]",
    ],
)
def test_of_a_role_that_is_listed_again_the_last_ones_handlers_count(project: Project, listed: str) -> None:
    project.write("roles/h/tasks/main.yml", "- {command: 'x {{ n }}', notify: [told, topic]}\n")
    project.write(
        "roles/h/handlers/main.yml",
        "- {name: told, command: 'say {{ n }}'}\n- {name: more, listen: topic, command: 'more {{ n }}'}\n",
    )
    project.write("site.yml", f"- hosts: all\n  {listed}\n")
    found = project.resolve()
    assert [one.module.cmd for one in found.handlers] == ["say 2", "more 2"]  # type: ignore[attr-defined]
    assert [one.notify for one in found.actions] == [("told", "more")] * 2


def test_a_role_is_included_with_variables_of_its_own_and_its_handlers(project: Project) -> None:
    project.write("roles/r/defaults/main.yml", "who: default\n")
    project.write("roles/r/handlers/main.yml", "- {name: again, listen: topic, command: 'true'}\n")
    project.write("roles/r/tasks/main.yml", "- {copy: {dest: /m, content: 'main {{ who }}'}, notify: topic}\n")
    project.write(
        "roles/r/tasks/other.yml", "- {copy: {dest: '/{{ item }}', content: 'other {{ who }}'}, notify: topic}\n"
    )
    project.tasks(
        "- include_role: name=r\n"
        "- include_role: {name: r, tasks_from: other}\n  loop: [x, y]\n  vars: {who: '{{ item }}'}\n"
        "- copy: {dest: /z, content: \"{{ who | default('nobody') }}\"}\n"
        "- import_role: {name: r, tasks_from: other.yml}\n  vars: {item: z2, who: import}\n"
    )
    found = project.resolve()
    assert made(found.actions) == ["main default", "other x", "other y", "default", "other import"]
    assert {action.notify for action in found.actions if action.task.role} == {("again",)}
    project.tasks("- include_role: {name: r}\n- copy: {dest: /z, content: \"{{ who | default('nobody') }}\"}\n")
    assert made(project.actions()) == ["main default", "nobody"], "an include shows its variables to nobody else"
    project.tasks("- include_role: {name: r, public: yes}\n- copy: {dest: /z, content: '{{ who }}'}\n")
    assert made(project.actions()) == ["main default", "default"]


PRECEDENCE = """\
- hosts: all
  gather_facts: false
  vars: {a: play, b: play, c: play, d: play}
  vars_files: [file.yml]
  roles: [{role: r, c: param}]
  tasks:
    - set_fact: {e: "{{ a }}{{ b }}", n: 1}
    - set_fact: {n: "{{ n + 1 }}"}
    - set_fact: {n: "{{ n + 1 }}", late: "{{ '{{' }} a }}"}
      when: b == 'set'
    - include_vars: more.yml
    - include_vars: {file: more.yml, name: inside}
    - copy: {dest: OUT, content: "{{ [a, b, c, d, e, n, late, f, inside.f, x | default('none')] | to_json }}"}
      vars: {a: task, f: task}
- hosts: all
  gather_facts: false
  tasks:
    - copy: {dest: OUT2, content: "{{ [b, n, f, hostvars[inventory_hostname].b, d | default('gone')] | to_json }}"}
"""


@pytest.mark.slow
def test_facts_and_files_of_variables_have_ansibles_precedence_and_last(project: Project, tmp_path: Path) -> None:
    role = "- set_fact: {b: set, c: set}\n- set_fact: x=role\n- copy: {dest: OUTR, content: '{{ [b, c] | to_json }}'}\n"
    outs = {name: str(tmp_path / name) for name in ("OUTR", "OUT2", "OUT")}
    for name, text in (("roles/r/tasks/main.yml", role), ("theirs.yml", PRECEDENCE)):
        for out, place in outs.items():
            text = text.replace(out + ",", place + ",")  # noqa: PLW2901
        project.write(name, text)
    project.write("file.yml", "d: file\n")
    project.write("more.yml", "f: 'more {{ b }}'\nd: more\n")
    project.write(
        "theirs_hosts.yml",
        f"all: {{hosts: {{a: {{ansible_connection: local, ansible_python_interpreter: {sys.executable}}}}}}}",
    )
    env = {
        **os.environ,
        "ANSIBLE_HOME": str(tmp_path / "home"),
        "ANSIBLE_CONFIG": str(project.write("ansible.cfg", "")),
    }
    program = [Path(sys.executable).parent / "ansible-playbook", "-i", "theirs_hosts.yml", "theirs.yml"]
    done = subprocess.run(program, cwd=project.directory, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    theirs = {place: json.loads(Path(place).read_text()) for place in outs.values()}
    ours: dict[str, Any] = {}
    for resolver, host in walked(project, "theirs.yml", "theirs_hosts.yml"):
        for action in resolver.resolve(host, None).actions:
            if action.task.module == "copy":
                ours[action.module.dest] = json.loads(content(action))  # type: ignore[attr-defined]
    assert ours == theirs


def walked(project: Project, playbook: str, inventory: str) -> Any:
    """Each play's resolver with its one host, as a run has them: all prepared, then one after the other."""
    from deployer.project import load

    loaded = load(Options(playbook=str(project.directory / playbook), inventory=(str(project.directory / inventory),)))
    work = [(loaded.resolver(play), hosts) for play, hosts in loaded.work()]
    for resolver, hosts in work:
        resolver.prepare(hosts)
    return [(resolver, hosts[0]) for resolver, hosts in work]


def test_a_play_behind_one_that_asks_for_facts_waits_for_what_it_sets(project: Project) -> None:
    project.write(
        "site.yml",
        "- hosts: a\n  tasks: [{set_fact: {os: '{{ ansible_os_family }}'}}]\n"
        "- hosts: a\n  tasks: [{copy: {dest: /x, content: '{{ os }}'}}]\n",
    )
    (first, host), (second, _) = walked(project, "site.yml", "hosts.yml")
    first.resolve(host, FACTS)
    assert made(second.resolve(host, None).actions) == ["Debian"]


def test_what_an_earlier_play_has_set_is_seen_from_the_words_of_a_play_as_from_its_tasks(project: Project) -> None:
    wave = """'{{ hostvars["a"].wave | default(7) }}'"""
    project.write(
        "site.yml",
        "- hosts: a\n  tasks: [{set_fact: {wave: 2}}]\n"
        f"- hosts: a\n  serial: {wave}\n  tasks: [{{copy: {{dest: /x, content: {wave}}}}}]\n",
    )
    (first, host), (second, _) = walked(project, "site.yml", "hosts.yml")
    first.resolve(host, None)
    found = second.resolve(host, None)
    assert (found.limits.serial, made(found.actions)) == ((2,), ["2"])


def test_an_assertion_that_does_not_hold_is_told_before_anything_is_touched(project: Project) -> None:
    project.tasks(
        "- assert: {that: [port == 4000, greeting is defined]}\n"
        "- assert:\n    that: port > 5000\n    fail_msg: 'not {{ port }}'"
    )
    with pytest.raises(ConfigError) as caught:
        project.actions()
    assert (caught.value.message, caught.value.hint) == ("assert: it does not hold: port > 5000", "not 4000")
    assert caught.value.where.endswith("site.yml:4:7")
    project.tasks("- fail: {msg: 'only on {{ inventory_hostname }}'}\n  when: inventory_hostname == 'b'")
    assert project.actions()[0].skip
    with pytest.raises(ConfigError, match="fail: only on b"):
        project.actions("b")


def test_debug_says_what_it_says_and_never_a_secret(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", CANARY)
    project.write("group_vars/all.yml", "list: [1, 2]\n")
    project.tasks(
        "- debug: msg='port {{ port }}'\n- debug: var=list\n- debug: {var: nobody}\n- debug: {msg: x, verbosity: 2}\n"
        "- {debug: {var: port}, no_log: yes}\n"
    )
    said = [action.says for action in project.actions()]
    assert said == [
        "port 4000",
        "list: [1, 2]",
        "nobody: the variable 'nobody' is not defined",
        "",
        "port: (not shown: no_log)",
    ]


def test_a_host_may_end_the_play(project: Project) -> None:
    project.tasks(
        "- copy: {dest: /x, content: x}\n- meta: end_host\n  when: inventory_hostname == 'b'\n"
        "- copy: {dest: /y, content: y}\n- assert: {that: inventory_hostname == 'a'}"
    )
    assert made(project.actions()) == ["x", "y"]
    assert made(project.actions("b")) == ["x"]


def test_handlers_and_hooks_take_no_such_task(project: Project) -> None:
    project.write("site.yml", "- hosts: all\n  handlers: [{name: h, set_fact: {a: 1}}]\n")
    with pytest.raises(ConfigError, match="set_fact does nothing when it is notified"):
        project.resolve()


def test_an_assertion_stops_a_deploy_before_the_first_change(project: Project, tmp_path: Path) -> None:
    project.write("hosts.yml", "all:\n  hosts: {a: {ansible_connection: local}}\n")
    project.tasks(f"- command: {{cmd: touch {tmp_path}/canary, creates: /nowhere}}\n- assert: {{that: false}}")
    with pytest.raises(ConfigError, match="does not hold"):
        run(
            Goal.DEPLOY,
            Options(playbook=str(project.directory / "site.yml"), inventory=(str(project.directory / "hosts.yml"),)),
        )
    assert not (tmp_path / "canary").exists()
