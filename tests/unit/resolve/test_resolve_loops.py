"""Loops in every form; what ansible-core goes through is the witness."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployer.errors import ConfigError
from tests.unit.project_files import Project, content

LOOPS: dict[str, Any] = {
    "with_items": [[1, [2, 3]], "{{ names }}", "{{ nested }}", ["{{ names }}", "x", ["y", ["z"]]], "{{ number }}"],
    "with_list": [[1, [2, 3]], "{{ nested }}"],
    "with_dict": ["{{ table }}", {"k": "v"}],
    "with_nested": [[["a", "b"], [1, 2]], [["a"], "{{ names }}"], ["{{ names }}", "{{ nested }}"]],
    "with_together": [[["a", "b", "c"], [1, 2]]],
    "with_indexed_items": ["{{ names }}", ["a", ["b"]]],
    "with_subelements": [["{{ users }}", "keys"], ["{{ users }}", "more.deep", {"skip_missing": True}]],
    "with_sequence": ["count=3", "start=2 end=8 stride=3 format=web%02d", "end=3", "5-7", "4:n%d", "start=0 count=0"],
    "with_fileglob": ["*.conf", ["sub/*.txt", "*.conf"], ["nothing*"], "a**f", ".*"],
    "with_first_found": [["no.conf", "b.conf"], [{"files": ["x", "a.txt"], "paths": ["none", "sub"]}]],
    "loop": ["{{ names }}", [1, "{{ number }}"]],
}
VARS = {
    "names": ["eve", "bob"],
    "nested": [["p"], ["q", ["r"]]],
    "number": 7,
    "table": {"one": {"n": 1}, "two": {"n": 2}},
    "users": [{"n": "a", "keys": ["k1", "k2"], "more": {"deep": [1]}}, {"n": "b", "keys": []}],
}


@pytest.mark.slow
def test_every_form_of_loop_goes_through_what_ansible_goes_through(project: Project, tmp_path: Path) -> None:
    for name in ("files/a.conf", "files/b.conf", "files/sub/a.txt", "files/sub/b.txt", "files/.hidden.conf"):
        project.write(name, "x")
    cases = [(word, value) for word, values in LOOPS.items() for value in values]
    theirs = [
        {"set_fact": {f"r{i}": f"{{{{ (r{i} | default([])) + [item] }}}}"}, word: value}
        for i, (word, value) in enumerate(cases)
    ]
    each = ", ".join(f"'r{i}': r{i} | default([])" for i in range(len(cases)))
    whole = f"{{{{ {{{each}}} | to_json }}}}"
    out = tmp_path / "out.json"
    last = {"copy": {"content": whole, "dest": str(out)}}
    own = {**VARS, "ansible_python_interpreter": sys.executable}
    words = {"hosts": "localhost", "connection": "local", "gather_facts": False, "vars": own, "tasks": [*theirs, last]}
    (project.directory / "theirs.yml").write_text(yaml.safe_dump([words]))
    env = {
        **os.environ,
        "ANSIBLE_HOME": str(tmp_path / "home"),
        "ANSIBLE_CONFIG": str(project.write("ansible.cfg", "")),
    }
    program = [Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,", "theirs.yml"]
    done = subprocess.run(program, cwd=project.directory, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    read = json.loads(out.read_text())
    for i, (word, value) in enumerate(cases):
        copy = {"dest": "/x{{ n }}", "content": "{{ item | to_json }}"}
        ours = {"copy": copy, word: value, "loop_control": {"index_var": "n"}}
        play = {"hosts": "all", "vars": VARS, "tasks": [ours]}
        (project.directory / "site.yml").write_text(yaml.safe_dump([play]))
        found, wanted = [json.loads(content(one)) for one in project.actions() if not one.skip], read[f"r{i}"]
        if word == "with_fileglob":  # Ansible's order is the directory's
            found, wanted = sorted(found), sorted(wanted)
        assert found == wanted, (word, value)


def test_a_pattern_matches_no_hidden_file_and_any_text_is_one(project: Project) -> None:
    for name in ("files/a.conf", "files/.a.conf.swp", "files/.keep"):
        project.write(name, "x")
    project.tasks(
        "- copy: {dest: /x, content: '{{ item | basename }}'}\n"
        "  with_fileglob: ['*', 'a**', '', '~nobody-there/*', '{{ q(\"fileglob\", \"*\", \"b**\")[0] }}']\n"
    )
    assert [content(one) for one in project.actions()] == ["a.conf"] * 3


def test_a_file_beside_the_task_that_names_it_is_found_as_ansible_finds_it(project: Project) -> None:
    project.write("roles/r/tasks/main.yml", """\
- {include_vars: "{{ item }}", with_first_found: [of-nobody.yml, of-all.yml]}
- {include_vars: told.yml}
- {copy: {dest: /x, src: beside.txt}}
- {copy: {dest: /y, content: "{{ who }} {{ what }}"}}
""")  # fmt: skip
    for name, text in (("of-all.yml", "who: me\n"), ("told.yml", "what: it\n"), ("beside.txt", "x")):
        project.write(f"roles/r/tasks/{name}", text)
    project.write("site.yml", "- {hosts: all, roles: [r]}\n")
    *_, last = project.actions()
    assert content(last) == "me it"


def test_the_home_of_nobody_is_no_place(project: Project) -> None:
    for task in (
        "copy: {src: '~nobody-there/x', dest: /x}",
        "copy: {dest: /x, content: ''}\n  with_first_found: ~no-one/x",
    ):
        project.tasks(f"- {task}\n")
        with pytest.raises(ConfigError, match=r"there is no file|none of these files"):
            project.actions()


def test_a_loop_may_name_its_variable_its_index_and_its_label(project: Project) -> None:
    project.tasks(
        "- copy: {dest: '/{{ one.n }}', content: '{{ i }} {{ ansible_loop.last }} {{ ansible_loop.length }}'}\n"
        "  loop: [{n: a}, {n: b}, {n: c}]\n  when: one.n != 'b'\n"
        "  loop_control: {loop_var: one, index_var: i, label: 'the {{ one.n }}', extended: yes}\n"
    )
    first, second, third = project.actions()
    assert [first.label, third.label] == ["copy => the a", "copy => the c"]
    assert second.skip == "not: one.n != 'b'"
    assert [content(first), content(third)] == ["0 False 3", "2 True 3"]
