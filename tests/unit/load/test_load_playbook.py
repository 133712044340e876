"""Playbooks: plays, roles, imports and where they are looked for; a wrong one is refused with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.errors import ConfigError
from deployer.load.playbook import load_playbook
from tests.unit.load.playbook_kit import load, project


def test_a_play_keeps_its_words(tmp_path: Path) -> None:
    play = load(
        tmp_path,
        """\
- name: all of it
  hosts: [web, "!web3"]
  become: true
  gather_facts: false
  any_errors_fatal: true
  environment: {LANG: C}
  vars: {a: 1, b: 1}
  vars_files: [more.yml]
  tasks:
    - name: greet
      ansible.builtin.copy: {dest: /etc/motd, content: hi}
      when: [a == 1, b is defined]
      loop: [1, 2]
      notify: restart
      tags: one, two
      environment: {TERM: dumb}
  handlers:
    - name: restart
      systemd: {name: x, state: restarted}
""",
        more_yml="b: 2\n",
    )
    assert (play.name, play.hosts, play.become, play.gather_facts) == ("all of it", "web,!web3", True, False)
    assert play.any_errors_fatal
    assert play.vars == {"a": 1, "b": 2}
    assert play.directory == tmp_path
    (task,) = play.tasks
    assert (task.module, task.name, task.when, task.loop) == ("copy", "greet", ("a == 1", "b is defined"), [1, 2])
    assert (task.tags, task.notify, task.become) == ({"one", "two"}, ("restart",), True)
    assert task.environment == {"LANG": "C", "TERM": "dumb"}
    assert str(task.mark) == f"{tmp_path}/site.yml:10:7"
    assert [handler.name for handler in play.handlers] == ["restart"]


@pytest.mark.parametrize(
    ("task", "args"),
    [
        ("command: echo hi", {"cmd": "echo hi"}),
        ("command: {cmd: echo hi, creates: /x}", {"cmd": "echo hi", "creates": "/x"}),
        ("shell: |\n        a=1 b=2 sh -c true\n", {"cmd": "a=1 b=2 sh -c true\n"}),
        ("community.general.sysctl:", {}),
        ("ansible.posix.sysctl: {name: x}", {"name": "x"}),
    ],
)
def test_arguments_come_as_a_mapping_or_as_the_command_itself(tmp_path: Path, task: str, args: dict[str, str]) -> None:
    play = load(tmp_path, f"- hosts: all\n  tasks:\n    - {task}\n")
    assert play.tasks[0].args == args


def test_a_playbook_can_import_another_one(tmp_path: Path) -> None:
    path = project(tmp_path, "- import_playbook: sub/other.yml\n- {hosts: b}\n", sub__other_yml="- {hosts: a}\n")
    plays = load_playbook(path)
    assert [play.hosts for play in plays] == ["a", "b"]
    assert plays[0].directory == tmp_path / "sub"


def test_an_import_of_a_playbook_hands_down_its_words(tmp_path: Path) -> None:
    text = "- {import_playbook: other.yml, tags: [t], when: go, vars: {a: above, b: above}}\n"
    path = project(tmp_path, text, other_yml="- {hosts: a, tags: p, vars: {b: own}, tasks: [{command: x, tags: u}]}\n")
    (play,) = load_playbook(path)
    assert (play.vars, play.tags) == ({"a": "above", "b": "own"}, {"t", "p"})
    assert (play.tasks[0].tags, play.tasks[0].when) == ({"t", "p", "u"}, ("go",))


def task(text: str) -> str:
    return f"- hosts: all\n  tasks:\n    - {text}\n"


def hook(text: str) -> str:
    return f"- hosts: all\n  hooks:\n    before_switch:\n      - command: x\n        {text}\n"


BAD = {
    "empty": ("# nothing\n", "", "the playbook is empty", "- hosts:"),
    "a mapping": ("hosts: all\n", ":1:1", "a playbook must be a list", "-"),
    "tasks only": ("- name: x\n  copy: {}\n", ":1:3", "has no hosts", "list of plays"),
    "no hosts": ("- hosts: []\n", ":1:3", "the play has no hosts", "hosts: all"),
    "misspelt play word": ("- hosts: all\n  handelrs: []\n", ":2:3", "unknown word 'handelrs'", "'handlers'"),
    "misspelt task word": (task("copy: {}\n      notfy: x"), ":4:7", "unknown word 'notfy'", "'notify'"),
    "two modules": (task("copy: {}\n      file: {}"), ":4:7", "copy and file", ""),
    "no module": (task("name: x"), ":3:7", "names no module", "MODULE:"),
    "serial of a task": (task("command: x\n      serial: 1"), ":4:7", "'serial' is not supported", "the play"),
    "order": ("- hosts: all\n  order: random\n", ":2:3", "order cannot be 'random'", "shuffle"),
    "hooks": ("- hosts: all\n  hooks: []\n", ":2:10", "hooks must be a mapping", ""),
    "misspelt hook": ("- hosts: all\n  hooks: {after_strat: []}\n", ":2:11", "'after_strat'", "'after_start'"),
    "notify in a hook": (hook("notify: x"), ":5:9", "'notify'", ""),
    "become on this machine": (hook("delegate_to: localhost\n        become: true"), ":6:9", "become", "runs as you"),
    "as_node": (hook("as_node: [shop]"), ":5:9", "as_node cannot be a list", "true"),
    "as_node of a template": (hook("as_node: '{{ x }}'"), ":5:9", "as_node cannot be", "the name of one"),
    "as_node as another": (hook("as_node: shop\n        become_user: x"), ":6:9", "become_user", "its own user"),
    "as_node elsewhere": (hook("as_node: true\n        delegate_to: localhost"), ":6:9", "delegate_to", "own place"),
    "as_node of a task": (task("command: x\n      as_node: true"), ":4:7", "as_node", ""),
    "a bare word": (task("command: x\n      with_items: names"), ":4:19", "bare word 'names'", '"{{ names }}"'),
    "two loops": (task("command: x\n      loop: [1]\n      with_items: [1]"), ":5:7", "one loop", ""),
    "loop_control": (task("command: x\n      loop: [1]\n      loop_control: {pause: 3}"), ":5:22", "'pause'", "label"),
    "loop_var": (task("command: x\n      loop: [1]\n      loop_control: {loop_var: a-b}"), ":5:22", "'a-b'", ""),
    "with_anything": (task("command: x\n      with_inventory: [1]"), ":4:7", "'with_inventory'", "loop:"),
    "no_log": (task("command: x\n      no_log: maybe"), ":4:7", "no_log must be true or false", "true or false"),
    "block with a module": (task("block: []\n      command: x"), ":4:7", "'command'", ""),
    "action": (task("action: {src: x}"), ":3:15", "names no module", "MODULE:"),
    "args": (task("command: x\n      args: x=y"), ":4:13", "args must be a mapping", ""),
    "connection": ("- hosts: all\n  connection: docker\n", ":2:3", "'docker'", "ssh or local"),
    "strategy": ("- hosts: all\n  strategy: debug\n", ":2:3", "'debug'", "at its own pace"),
    "become_method": ("- hosts: all\n  become_method: su\n", ":2:3", "'su'", "only sudo is supported"),
    "force_handlers": ("- hosts: all\n  force_handlers: yes\n", ":2:3", "force_handlers", "the next run runs it"),
    "sudo": ("- hosts: all\n  sudo: yes\n  become: yes\n", ":2:3", "sudo and become", "leave sudo out"),
    "delegate_to of a play": ("- hosts: all\n  delegate_to: y\n", ":2:3", "'delegate_to'", "write it on a task"),
    "include_tasks": (task("include_tasks: x.yml"), ":3:22", "there is no file", ""),
    "become of an include": (task("include_tasks: x.yml\n      become: yes"), ":4:7", "'become'", "below apply:"),
    "templated import": (task("import_tasks: '{{ x }}.yml'"), ":3:7", "without templates", "include_tasks"),
    "templated role of an include": (
        task("include_role: {name: '{{ x }}', public: true}"),
        ":3:39",
        "without templates",
        "or remove public",
    ),
    "become: y": ("- hosts: all\n  become: y\n", ":2:3", "become must be true or false", "true or false"),
    "gather_facts: never": ("- hosts: all\n  gather_facts: never\n", ":2:3", "gather_facts", "true or false"),
    "k=v": (task("copy: dest=/x hello"), ":3:13", "'hello' is not KEY=VALUE", "copy: {"),
    "k=v twice": (task("copy: dest=/x dest=/y"), ":3:13", "dest is given twice", ""),
    "a command that is none": (task("command: creates=/x"), ":3:16", "names no command", "creates: …"),
    "text for a module": (task("copy: hello"), ":3:13", "must be a mapping", "copy: {"),
    "braces in when": (
        task("command: x\n      when: '{{ a }} == 1'"),
        ":4:13",
        "expression already",
        "without {{ }}",
    ),
    "when is a list of lists": (task("command: x\n      when: [[a]]"), ":4:14", "must be an expression", ""),
    "loop is a number": (task("command: x\n      loop: 3"), ":4:7", "loop must be a list", ""),
    "unknown handler": (task("command: x\n      notify: nobody"), ":4:15", "no handler 'nobody'", "handlers:"),
    "unknown role": ("- hosts: all\n  roles:\n    - nodee\n", ":3:7", "no role 'nodee'", "did you mean 'node'?"),
    "word in a role entry": ("- hosts: all\n  roles:\n    - {role: epmd, wen: x}\n", ":3:20", "'wen'", "'when'"),
    "role above roles/": ("- hosts: all\n  roles:\n    - ../x\n", ":3:7", "no role", ""),
    "templated role": ("- hosts: all\n  roles:\n    - '{{ x }}'\n", ":3:7", "without templates", ""),
    "missing vars file": ("- hosts: all\n  vars_files: [no.yml]\n", ":2:16", "there is no file", ""),
    "variable name": ("- hosts: all\n  vars: {a-b: 1}\n", ":2:10", "'a-b' cannot be", "underscores"),
    "missing import": (task("import_tasks: no.yml"), ":3:7", "there is no file", ""),
    "include of a playbook": ("- include: x.yml\n", ":1:3", "there is no playbook", ""),
    "missing playbook": ("- import_playbook: no.yml\n", ":1:3", "there is no playbook", ""),
    "tags as a mapping": (task("command: x\n      tags: {a: b}"), ":4:", "tags must be text", ""),
}


@pytest.mark.parametrize(("text", "place", "problem", "hint"), BAD.values(), ids=BAD.keys())
def test_a_wrong_playbook_is_refused_with_its_place_and_what_to_write_instead(
    tmp_path: Path, text: str, place: str, problem: str, hint: str
) -> None:
    path = project(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_playbook(path)
    assert caught.value.where.startswith(f"{path}{place}")
    assert problem in caught.value.message
    assert hint in caught.value.hint


def test_imports_and_dependencies_in_a_circle_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nested deeper"):
        load(tmp_path, "- import_playbook: site.yml\n")
    with pytest.raises(ConfigError, match="nested deeper"):
        load(tmp_path, task("import_tasks: t.yml"), t_yml="- import_tasks: t.yml\n")
    files = {f"roles__{a}__meta__main_yml": f"dependencies: [{b}]\n" for a, b in (("x", "y"), ("y", "x"))}
    with pytest.raises(ConfigError, match="x → y → x"):
        load(tmp_path, "- {hosts: all, roles: [x]}\n", **files)
    with pytest.raises(ConfigError, match=r"circle|nested"):
        load(tmp_path, "- {hosts: all, roles: [z]}\n", roles__z__tasks__main_yml="- import_role: {name: z}\n")


def test_a_playbook_that_is_nowhere_names_those_that_ship(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_playbook(tmp_path / "none.yml")
    assert "site.yml" in caught.value.hint
