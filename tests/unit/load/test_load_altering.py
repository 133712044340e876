"""What a template has made itself it may alter, and no more than that."""

from __future__ import annotations

import copy
from typing import Any

import jinja2
import pytest

from deployer.load.template import Layer, Variables
from deployer.model import Secret
from tests.unit.load.template_kit import CANARY, HERE, variables

EACH = "{% for name in names %}{% set _ = CALL %}{% endfor %}{{ found }}"
ALTERED = {
    "{% set found = [] %}" + EACH.replace("CALL", "found.append(name ~ '!')"): ["a!", "b!", "a!"],
    "{% set found = [1] %}" + EACH.replace("CALL", "found.extend([name, 2])"): [1, "a", 2, "b", 2, "a", 2],
    "{% set found = [] %}" + EACH.replace("CALL", "found.insert(0, name)"): ["a", "b", "a"],
    "{% set found = {} %}" + EACH.replace("CALL", "found.update({name: loop.index})"): {"a": 3, "b": 2},
    "{% set found = dict(c=0) %}" + EACH.replace("CALL", "found.setdefault(name, loop.index)"): {
        "c": 0,
        "a": 1,
        "b": 2,
    },
    "{% set found = {} %}" + EACH.replace("CALL", "found.setdefault(name, []).append(loop.index)"): {
        "a": [1, 3],
        "b": [2],
    },
    "{% set found = names | list %}{% set _ = found.remove('b') %}{{ found }}": ["a", "a"],
    "{% set found = names + ['c'] %}{{ found.pop() }}": "c",
    "{% set found = names | default([]) | list %}{{ found.append('d') }}{{ found | join }}": "abad",
    "{% set kept = namespace(found=[]) %}{% for name in names %}{% set _ = kept.found.append(name) %}{% endfor %}"
    "{{ kept.found | to_json }}": '["a", "b", "a"]',
    "{% macro add(to) %}{{ to.append(1) }}{% endmacro %}{% set found = [] %}{{ add(found) }}{{ found[0] }}": "1",
}


@pytest.mark.parametrize(("text", "value"), ALTERED.items(), ids=range(len(ALTERED)))
def test_a_template_alters_what_it_has_made_and_no_variable(text: str, value: Any) -> None:
    names, shop = ["a", "b", "a"], {"name": "shop", "ports": [1, 2]}
    before = copy.deepcopy((names, shop))
    scope = Variables([Layer({"names": names, "shop": shop}, final=True)], lambda *_: Secret(""))
    for _ in range(2):
        assert scope.render(text, HERE) == value
    assert (names, shop) == before


def test_it_gives_what_jinja_itself_gives() -> None:
    plain = jinja2.Environment(finalize=lambda value: "" if value is None else value)  # noqa: S701 - no page
    for text, value in ALTERED.items():
        if "to_json" not in text:
            assert plain.from_string(text).render(names=["a", "b", "a"]) == str(value)


def test_what_a_variable_gives_is_no_templates_own() -> None:
    scope = variables(made="{{ [1] + [] }}", used="{% set _ = made.append(2) %}")
    with pytest.raises(Exception, match="no variable is altered"):
        scope.render("{{ used }}", HERE)
    assert scope["made"] == [1]


def test_a_list_to_which_a_secret_is_added_is_one() -> None:
    found = variables(key=Secret(CANARY)).render("{% set x = [] %}{% set _ = x.append(key) %}{{ x | join }}", HERE)
    assert isinstance(found, Secret)
    assert found.reveal() == CANARY
