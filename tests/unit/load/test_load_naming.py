"""What is read without Jinja is what Jinja makes of it: each template is rendered both ways."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest

from deployer.errors import DeployerError
from deployer.load import bounds, naming
from deployer.load.hushed import listening
from deployer.load.marked import Encrypted, Map, Open, Seq, Text
from deployer.load.results import Foreseen
from deployer.load.template import Layer, Variables
from deployer.model import Mark, Secret
from tests.unit.load.template_kit import CANARY, HERE

MAPPING = {
    "name": "{{ text }}", "in": {"name": "deep", "nil": None}, "items": 1, "mark": 2, "yes": True,
    "secret": Secret(CANARY, "it"), "bare": Text("off", HERE, plain=True),
}  # fmt: skip
VALUES: dict[str, Any] = {
    "text": "a{b}", "empty": "", "lines": "a\n", "number": 7, "real": 1.5, "yes": True, "no": False, "nil": None,
    "bare": Text("yes", HERE, plain=True), "quoted": Text("yes", HERE), "unsafe": Text("{{ text }}", HERE, unsafe=True),
    "list": ["a", {"b": 1}], "seq": Seq(["{{ text }}"], HERE), "open": Open(["a"]), "set": {"a"},
    "map": Map(MAPPING, HERE, {"name": Mark("m.yml", 1)}), "plain": {"name": {"b": 2}, "keys": 3, "no": False},
    "secret": Secret(CANARY, "it"), "vault": Encrypted("x", HERE), "omitted": "{{ omit }}",
    "made": "{{ map.in.name }}/{{ number }}", "of_secret": "x{{ secret }}", "wrong": "{{ nowhere }}",
    "broken": "{{ text | nofilter }}", "circle": "{{ other }}", "other": "{{ circle }}", "loop": "l", "self": "s",
    "none": "n", "true": "t", "if": "i", "vars": {"a": 1}, "range": "r", "_private": "p", "ünder": "u",
}  # fmt: skip
FINAL: dict[str, Any] = {"later": Foreseen("later", "'a task' has not run yet"), "fact": "{{ text }}", "hush": "h"}
NAMES = """
map.name map.in map.in.name map.in.nil map.items map.mark map.marks map.at map.yes map.secret map.secret.a map.bare
map.nowhere map.nowhere.a plain.name plain.name.b plain.name.b.c plain.keys plain.__class__ plain.no text.upper text.a
list.0 list.append nil.a secret.a later.stdout vars.a map._x hush.a not map.name.upper() map['name'] number.real 7 'a'
nowhere omit lookup dict
"""
WAYS = [*VALUES, *FINAL, *NAMES.split(), "map .name", "map. name", "a b"]
FRAMES = [
    "{{ @ }}", "{{@}}", "{{\t@ }}", "{{ @ \n}}", "a{{ @ }}", "{{ @ }}b\n", "{{ @ }}\n", "\n{{ @ }}b", " {{ @ }} ",
    "a\r\n{{ @ }}b", "{{{ @ }}", "{{ @ }}}", "{{- @ }}", "{ {{ @ }}", "{{ @ + }}", "{# x #}{{ @ }}",
    "{% raw %}{{ @ }}{% endraw %}", "{{ @ }}{{ number }}", "{{ @ }}/{{ map.in.name }}}", "{{ secret }}{{ @ }}",
]  # fmt: skip
_ADDRESS = re.compile("0x[0-9a-f]+")
"""Python's own text of a method, which is another one each time."""


def scope() -> Variables:
    layers = [Layer(FINAL, final=True, hushed=frozenset({"hush"})), Layer(VALUES)]
    return Variables(layers, lambda _, name: Secret(CANARY, name))


def said(rendered: Callable[[Variables, str, Mark], Any], text: str) -> object:
    """Return all that can be seen of a rendering: value, types, places, or the error; and whether it is hushed."""
    with listening() as heard:
        try:
            found = seen(rendered(scope(), Text(text, HERE), HERE))
        except DeployerError as error:
            found = type(error), _ADDRESS.sub("", str(error))
    return found, heard.touched


def seen(value: Any) -> object:
    if isinstance(value, Secret):
        return Secret, _ADDRESS.sub("", value.reveal()), value.name
    if isinstance(value, dict):
        inner = {key: seen(item) for key, item in value.items()}
        return type(value), inner, list(inner), getattr(value, "mark", None), getattr(value, "marks", None)
    if isinstance(value, list):
        return type(value), [seen(item) for item in value], getattr(value, "mark", None)
    return type(value), value if isinstance(value, int | float) else _ADDRESS.sub("", str(value))


@pytest.fixture
def jinja(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    with monkeypatch.context() as patch:
        patch.setattr(naming, "text_and_names", lambda _: ())
        patch.setattr(naming, "name_in", lambda _: ((), True))
        yield patch


@pytest.mark.parametrize("frame", FRAMES)
def test_a_template_gives_what_jinja_makes_of_it(frame: str, jinja: pytest.MonkeyPatch) -> None:
    templates = [frame.replace("@", way) for way in WAYS]
    whole = [said(Variables.render, text) for text in templates]
    jinja.undo()
    ours = [said(Variables.render, text) for text in templates]
    assert [pair for pair in zip(templates, ours, whole, strict=True) if pair[1] != pair[2]] == []


@pytest.mark.parametrize("word", ["", "not ", "not  ", " not ", "not\t", "not not "])
def test_a_condition_holds_where_it_does_to_jinja(word: str, jinja: pytest.MonkeyPatch) -> None:
    conditions = [word + way for way in WAYS]
    whole = [said(Variables.holds, text) for text in conditions]
    jinja.undo()
    ours = [said(Variables.holds, text) for text in conditions]
    assert [pair for pair in zip(conditions, ours, whole, strict=True) if pair[1] != pair[2]] == []


def test_most_of_them_need_no_jinja() -> None:
    few = [text for frame, way in product(FRAMES, WAYS) if naming.text_and_names(text := frame.replace("@", way))]
    assert "{{ map.in.name }}" in few
    assert " {{ text }} " in few
    assert "{{ none }}" not in few
    assert "{{ map.items }}" not in few
    assert naming.name_in("not map.yes") == (("map", "yes"), False)


def test_names_have_no_more_time_and_room_than_a_rendering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "BYTES", 10)
    with pytest.raises(DeployerError, match="it becomes too large"):
        scope().render(Text("-{{ made }}-{{ made }}", HERE))
