"""Arguments, modes and words of truth as people write them; what ansible-core makes of the same is the witness."""

from __future__ import annotations

import os
import stat

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.parsing.splitter import parse_kv

from deployer.errors import ConfigError
from deployer.load.arguments import task_arguments
from deployer.model import Mark
from deployer.resolve.modes import mode_of
from tests.unit.project_files import Project, content

HERE = Mark("site.yml", 3, 7)
PAIRS = [
    "src=a dest=/b mode=0644",
    "dest=\"/a b\" content='x y'",
    "path=/x line=\"{{ a | default('b c') }} z\"",
    "name={{ item }} state=present",
    'content="a\\nb" dest=/x',
    "a=b=c d='x=y'",
    'dest=/x content="say \\"hi\\""',
    "line='^foo\\\\s+bar$' x=y",
    "src={{ item.src }} dest=~/x/{{ item['dest'] }}\n   mode=u=rw,g=r",
    "x= y=2",
    "line='it is\\tme'",
    "name={{ a }}-{{ b }} when='{% if a %}x y{% endif %}'",
]
COMMANDS = [
    "touch /x creates=/x",
    'mkdir -p /a chdir=/b && ls removes="/c d"',
    "echo a=b creates={{ x }}/y",
    "a=1 b=2 env",
    'echo "creates=/x" hi',
    "ls\n  -l creates=/x",
    "echo \\n creates=/q",
    "creates=/x tar xzf a",
    "echo {{ 'creates=/x' }}",
]


@pytest.mark.parametrize("text", PAIRS)
def test_pairs_are_read_as_ansible_reads_them(text: str) -> None:
    assert task_arguments("copy", text, None, HERE) == parse_kv(text)


@pytest.mark.parametrize("text", COMMANDS)
@pytest.mark.parametrize("module", ["command", "shell"])
def test_what_stands_in_the_text_of_a_command_is_taken_out_of_it(module: str, text: str) -> None:
    theirs = parse_kv(text, check_raw=True)
    command = theirs.pop("_raw_params")
    assert task_arguments(module, text, None, HERE) == {"cmd": command.strip(), **theirs}


def test_what_a_module_says_itself_wins_over_args(project: Project) -> None:
    project.tasks(
        "- copy: dest=/x content=mine\n  args: {content: other, mode: 0600}\n"
        "- action: copy dest=/y content=a\n- action: {module: copy, dest: /z, content: b}\n"
        "- shell: touch f\n  args:\n    chdir: /srv\n    creates: /srv/f\n"
    )
    first, second, third, last = project.actions()
    assert (content(first), first.module.mode) == ("mine", "0600")  # type: ignore[attr-defined]
    assert (content(second), content(third)) == ("a", "b")
    assert (last.module.chdir, last.module.creates) == ("/srv", "/srv/f")  # type: ignore[attr-defined]


@pytest.mark.parametrize("folder", [True, False])
@pytest.mark.parametrize(
    "text",
    [
        *("u=rw,g=r,o=r", "u=rwx,g=rx,o=", "a=rx,u+w", "u=rwxs,g=rx,o=rx", "ug=rw,o=", "u=rwx,g=rwxs,o=rxt", "a=r"),
        *("u=rw,go=r", "a=rwx,go-w", "u=rw,g=r,o=r,a-w", "u=rwx,g=,o=", "u=rwX,g=rX,o=rX"),
    ],
)
def test_symbolic_modes_that_say_everything_are_ansibles(text: str, folder: bool) -> None:
    kind = stat.S_IFDIR if folder else stat.S_IFREG
    theirs = {
        AnsibleModule._symbolic_mode_to_octal(os.stat_result((kind | before, *[0] * 9)), text)
        for before in (0, 0o7777, 0o1234)
    }
    if len(theirs) > 1:  # it depends on what is there
        with pytest.raises(ConfigError, match="depends"):
            mode_of("mode", text, {"state": "directory"} if folder else {})
    else:
        assert mode_of("mode", text, {"state": "directory"} if folder else {}) == f"{theirs.pop():04o}"


@pytest.mark.parametrize("text", ["u+x", "+x", "=r", "g-w,o-w", "u=rw", "u=rwX,g=rX,o=", "u=z", "rw", "u=rw;"])
def test_other_symbols_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="mode") as caught:
        mode_of("mode", text, {})
        assert text == "rw", "that is left to the module, which refuses it"
        raise ConfigError("mode", hint="u=rw")
    assert "u=rw" in caught.value.hint


@pytest.mark.parametrize(
    ("written", "mode"),
    [("0644", "0644"), ("02755", "2755"), ("'02755'", "2755"), ("'644'", "644"), ("'u=rw,g=r,o='", "0640")],
)
def test_a_mode_is_what_was_written(project: Project, written: str, mode: str) -> None:
    project.tasks(
        f"- copy: {{dest: /x, content: x, mode: '{{{{ m }}}}'}}\n- copy: {{dest: /y, content: x, mode: {written}}}"
    )
    project.write("group_vars/all.yml", f"m: {written}\n")
    assert [action.module.mode for action in project.actions()] == [mode, mode]  # type: ignore[attr-defined]


def test_a_word_of_truth_is_true_where_truth_is_meant_and_text_elsewhere(project: Project) -> None:
    project.write("group_vars/all.yml", "here: yes\nthere: No\ntext: 'no'\nsame: '{{ there }}'\n")
    project.tasks(
        "- {copy: {dest: /a, content: '{{ here }} {{ there }}'}, when: here}\n"
        "- {copy: {dest: /b, content: x}, when: there}\n- {copy: {dest: /c, content: x}, when: not there}\n"
        "- {copy: {dest: /d, content: '{% if there %}in{% else %}out{% endif %}'}, when: [here == true]}\n"
        "- {copy: {dest: /e, content: '{{ [here, there] | to_json }}'}, when: [not same, here is true]}\n"
        "- {copy: {dest: /f, content: '{{ here | ternary(1, 2) }}'}, when: there is boolean}\n"
        "- user: {name: bob, system: yes, create_home: Off}\n  become: yes\n"
    )
    actions = project.actions()
    assert [bool(action.skip) for action in actions] == [False, True, False, False, False, False, False]
    assert content(actions[0]) == "yes No"
    assert content(actions[3]) == "out"
    assert content(actions[4]) == '["yes", "No"]'
    assert content(actions[5]) == "1"
    assert (actions[6].module.system, actions[6].module.create_home) == (True, False)  # type: ignore[attr-defined]
    project.tasks("- {command: x, when: text}")
    with pytest.raises(ConfigError, match="true or false"):
        project.actions()


def test_a_word_of_truth_is_no_less_text_where_text_is_meant(project: Project) -> None:
    project.write("group_vars/all.yml", "answer: no\n")
    project.tasks(
        "- user: {name: bob, comment: no}\n- user: {name: eve, comment: '{{ answer }}'}\n"
        "- copy: {dest: /x, content: off}\n- copy: {dest: /y, content: '{{ answer }}'}\n"
    )
    bob, eve, *copies = project.actions()
    assert [type(one.module.comment) for one in (bob, eve)] == [str, str]  # type: ignore[attr-defined]
    assert [one.module.comment for one in (bob, eve)] == ["no", "no"]  # type: ignore[attr-defined]
    assert [content(one) for one in copies] == ["off", "no"]


def test_long_text_is_refused_as_arguments_and_taken_as_a_command(project: Project) -> None:
    long = "{{" * 9000
    with pytest.raises(ConfigError, match="longer than"):
        task_arguments("copy", f"content={long}", None, HERE)
    with pytest.raises(ConfigError, match="longer than"):
        task_arguments("shell", f"{long} creates=/x", None, HERE)
    assert task_arguments("shell", long, None, HERE) == {"cmd": long}


def test_a_block_is_tasks_that_share_words(project: Project) -> None:
    project.tasks(
        "- name: all of it\n  when: port == 4000\n  tags: [t]\n  become: yes\n  vars: {a: 1, b: 1}\n  no_log: true\n"
        "  block:\n    - copy: {dest: /x, content: '{{ a }}{{ b }}'}\n      vars: {b: 2}\n"
        "    - block:\n        - copy: {dest: /y, content: '{{ a }}'}\n          when: false\n          no_log: false\n"
    )
    first, second = project.actions()
    assert (content(first), first.task.tags, first.task.become, first.task.no_log) == ("12", {"t"}, True, True)
    assert (first.task.when, second.task.when) == (("port == 4000",), ("port == 4000", "false"))
    assert (second.skip, second.task.no_log) == ("not: false", False)
    assert all(action.skip for action in project.actions("b"))


def test_a_role_takes_variables_beside_its_name(project: Project) -> None:
    project.write("roles/r/tasks/main.yml", "- copy: {dest: '/{{ where }}', content: '{{ what }}'}\n")
    project.write("site.yml", "- hosts: all\n  roles:\n    - {role: r, where: x, what: y, vars: {what: z}}\n")
    (action,) = project.actions()
    assert (action.module.dest, content(action)) == ("/x", "y")  # type: ignore[attr-defined]


def test_a_play_says_who_logs_in_and_whether_it_works_here(project: Project) -> None:
    project.write("site.yml", "- hosts: all\n  remote_user: '{{ who }}'\n  vars: {who: ops}\n")
    assert project.resolve().connection.user == "ops"
    project.write("group_vars/all.yml", "ansible_user: own\n")
    assert project.resolve().connection.user == "own", "what the inventory says wins, as in Ansible"
    project.write("site.yml", "- hosts: all\n  connection: local\n")
    assert project.resolve().connection.local
    project.write("group_vars/all.yml", "ansible_connection: ssh\n")
    assert not project.resolve().connection.local
