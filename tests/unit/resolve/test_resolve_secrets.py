"""A secret stays one in whatever is made of it, and is refused where it would be seen."""

from __future__ import annotations

import json

import pytest

from deployer.errors import ConfigError, SecretError
from deployer.model import Secret
from tests.unit.project_files import CANARY, Project, content


def test_a_secret_stays_a_secret_in_arguments_loops_and_labels(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", CANARY)
    project.write("templates/t.j2", "token={{ token }}\n")
    project.tasks(
        """\
- {name: "put {{ token }}", copy: {dest: /a, content: {env: TOKEN}}}
- {name: b, template: {src: t.j2, dest: /b}}
- {name: c, copy: {dest: "/{{ item.n }}", content: "{{ item.t }}"}, loop: [{n: c, t: "{{ token }}"}]}
- {name: d, copy: {dest: /d, content: x}, loop: ["{{ token }}"]}
""",
    )
    found = project.resolve(extra_vars={"token": Secret(CANARY)})
    a, b, c, _ = found.actions
    assert [content(action) for action in (a, b, c)] == [CANARY, f"token={CANARY}\n", CANARY]
    assert [action.label for action in found.actions] == ["***", "b", "c => {'n': 'c', 't': '***'}", "d => ***"]
    assert CANARY not in repr(found)


def test_what_is_a_secret_to_the_module_is_not_shown_of_an_item_either(project: Project) -> None:
    loops = (
        ("{{ item.who }}", "{{ item.hash }}", f"loop: [{{who: ada, hash: $6$a${CANARY}}}]"),
        ("{{ item.key }}", "{{ item.value }}", f"with_dict: {{bob: $6$b${CANARY}}}"),
        ("{{ item.0 }}", "{{ item.1 }}", f"loop: [[cy, $6$c${CANARY}]]"),
    )
    lines = [f"- {{name: a, user: {{name: '{name}', password: '{text}'}}, {loop}}}" for name, text, loop in loops]
    project.tasks("\n".join(lines))
    labels = [action.label for action in project.resolve().actions]
    assert labels == ["a => {'who': 'ada', 'hash': '***'}", "a => {'key': 'bob', 'value': '***'}", "a => ['cy', '***']"]


def test_a_secret_in_an_environment_or_where_text_is_needed_is_refused_without_showing_it(project: Project) -> None:
    secret = {"token": Secret(CANARY)}
    for text in ("- {command: x, environment: {TOKEN: '{{ token }}'}}", "- command: echo {{ token }}"):
        project.tasks(text)
        with pytest.raises(ConfigError) as caught:
            project.resolve(extra_vars=secret)
        assert "secret" in caught.value.message
        assert CANARY not in str(caught.value)


def test_a_file_source_is_relative_to_the_file_that_says_it(project: Project) -> None:
    project.write("group_vars/all.yml", "words: {file: secret.txt}\n")
    project.write("group_vars/secret.txt", f"{CANARY}\n")
    project.tasks('- copy: {dest: /x, content: "{{ words }}"}')
    assert content(project.actions()[0]) == CANARY


def test_a_secret_that_cannot_be_read_is_an_error_before_any_host_is_touched(project: Project) -> None:
    project.tasks("- copy: {dest: /x, content: {env: NOBODY_SETS_THIS}}")
    with pytest.raises(SecretError, match="NOBODY_SETS_THIS is not set"):
        project.resolve()


def test_what_a_host_says_names_no_secret_of_this_machine(project: Project) -> None:
    said = {"command": ["echo", CANARY]}
    texts = ("{{ said }}", "{{ [said] | first }}", "{{ text | from_json }}", "{{ item }}")
    copies = "".join(
        f'- {{copy: {{dest: /x{n}, content: "{text}"}}, loop: "{{{{ [said] }}}}"}}\n' for n, text in enumerate(texts)
    )
    facts = {"said": said, "text": json.dumps(said)}
    project.tasks(copies, gather_facts="true")
    assert [json.loads(content(action)) for action in project.actions(facts=facts)] == [said] * len(texts)
    project.tasks("- user: {name: ada, password: '{{ said }}'}\n", gather_facts="true")
    with pytest.raises(ConfigError, match="password must be text, not a mapping"):
        project.actions(facts=facts)
