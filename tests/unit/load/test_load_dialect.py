"""How a template file is written: its own first line, then the task's words, say where a block ends."""

from __future__ import annotations

import pytest

from deployer.errors import ConfigError
from deployer.load.dialect import dialect
from tests.unit.load.template_kit import CANARY, variables

LOOP = "{% for n in names %}\n  {% if n %}\n  {{ n }}\n  {% endif %}\n{% endfor %}\n"


@pytest.mark.parametrize(
    ("given", "text", "expected"),
    [
        ({}, "{% if flag %}\nx\n{% endif %}\n", "x\n"),
        ({"trim_blocks": "no"}, "{% if flag %}\nx\n{% endif %}\n", "\nx\n"),
        ({"lstrip_blocks": True}, LOOP, "  a\n  b\n  a\n"),
        (
            {},
            "#jinja2: trim_blocks: True\n{% if host == 'x' or flag %}\n{{ host | upper }}\n{% endif %}\n",
            "10.0.0.1\n",
        ),
        ({}, f"#jinja2: lstrip_blocks: True\n{LOOP}", "  a\n  b\n  a\n"),
        ({"trim_blocks": True}, "#jinja2:trim_blocks:False\n{% if flag %}\nx\n{% endif %}\n", "\nx\n"),
        ({"variable_start_string": "[[", "variable_end_string": "]]"}, "{{ no }} [[ host ]]\n", "{{ no }} 10.0.0.1\n"),
        (
            {},
            "#jinja2: variable_start_string: '<<', variable_end_string: '>>'\n<< host >>{{ x }}\n",
            "10.0.0.1{{ x }}\n",
        ),
    ],
)
def test_a_template_is_read_as_it_says(given: dict[str, object], text: str, expected: str) -> None:
    assert variables().render_file(text, "t.j2", said=dialect(given)) == expected


@pytest.mark.parametrize("pair", ["nothing: 1", "trim_blocks: perhaps", "block_start_string: [", "trim_blocks", "x"])
def test_a_header_that_is_none_is_refused_where_it_stands(pair: str) -> None:
    with pytest.raises(ConfigError, match="the header says") as caught:
        variables().render_file(f"#jinja2: {pair}\nx\n", "t.j2")
    assert (caught.value.where, "trim_blocks: False" in caught.value.hint) == ("t.j2:1:1", True)


@pytest.mark.parametrize(
    ("given", "text"), [({"variable_start_string": "{%"}, "x"), ({}, "#jinja2: comment_start_string: '{{'\nx")]
)
def test_marks_that_begin_alike_are_refused(given: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigError, match="must begin differently") as caught:
        variables().render_file(text, "t.j2", said=dialect(given))
    assert caught.value.where == "t.j2:1:1"


@pytest.mark.parametrize("wrong", ["{{ nowhere }}", "{% if %}", "{{ 1 | nothing }}"])
def test_a_line_below_a_header_is_named_by_its_own_number(wrong: str) -> None:
    with pytest.raises(ConfigError) as caught:
        variables().render_file(f"#jinja2: trim_blocks: True\nfirst\n{wrong}\n", "t.j2")
    assert caught.value.where.startswith("t.j2:3")


def test_other_marks_hide_no_secret() -> None:
    from deployer.model import Secret

    said = dialect({"variable_start_string": "[[", "variable_end_string": "]]"})
    made = variables(password=Secret(CANARY)).render_file("x [[ password ]]\n", "t.j2", said=said)
    assert isinstance(made, Secret)
    assert made.reveal() == f"x {CANARY}\n"
