"""Fields: what a person writes becomes typed values, or an error that names the place and never a secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.errors import ConfigError
from deployer.fields import Doc, build, coerce, describe
from deployer.model import Blob, Mark, Secret
from deployer.schema import json_schema

CANARY = "canary-Zq81xW"


def even(value: int) -> str | None:
    return "is odd" if value % 2 else None


def long_enough(value: Secret) -> str | None:
    return "is too short" if len(value.reveal()) < 32 else None


def no_dash(value: Mapping[str, str | Secret] | tuple[str, ...]) -> str | None:
    return next((f"{key!r} has a dash" for key in value if "-" in key), None)


def few(value: tuple[str, ...]) -> str | None:
    return "write at most two" if len(value) > 2 else no_dash(value)


@dataclass(frozen=True, kw_only=True)
class Inner:
    name: Annotated[str, Doc("what it is called")]
    port: Annotated[int, Doc("where it listens", check=even)] = 80


@dataclass(frozen=True, kw_only=True)
class Outer:
    path: Annotated[str, Doc("where it is", alias="dest")]
    mode: Annotated[str | None, Doc("permissions", quoted=True)] = None
    state: Annotated[Literal["present", "absent"], Doc("which end")] = "present"
    words: Annotated[tuple[str, ...], Doc("some words", check=few)] = ()
    env: Annotated[Mapping[str, str | Secret], Doc("variables", check=no_dash)] = field(default_factory=dict)
    cookie: Annotated[Secret | None, Doc("the cookie", check=long_enough)] = None
    inner: Annotated[Inner | None, Doc("a part")] = None
    parts: Annotated[tuple[Inner, ...], Doc("parts")] = ()
    content: Annotated[Blob | None, Doc("bytes")] = None


TAKEN: list[tuple[Any, Any, Any]] = [
    (str, "a", "a"),
    (str, 5, "5"),
    (int, 5, 5),
    (int, "5", 5),
    (int, "-5", -5),
    (float, 1.5, 1.5),
    (float, "1.5", 1.5),
    (float, 60, 60.0),
    (float, "60", 60.0),
    (bool, True, True),
    (bool, "true", True),
    (bool, "False", False),
    (Literal["a", "b"], "b", "b"),
    (tuple[str, ...], ["a", "b"], ("a", "b")),
    (tuple[str, ...], "a", ("a",)),
    (tuple[int, ...], ["1", 2], (1, 2)),
    (Mapping[str, int], {"a": "1"}, {"a": 1}),
    (str | None, None, None),
    (int | str, "x", "x"),
    (int | str, "5", "5"),
    (str | int, 5, 5),
    (Annotated[int, Doc("x")], "5", 5),
    (Any, [1], [1]),
    (Secret, CANARY, Secret(CANARY)),
    (Secret, Secret(CANARY), Secret(CANARY)),
    (Secret, 1234, Secret("1234")),
]


@pytest.mark.parametrize(("hint", "value", "typed"), TAKEN)
def test_a_value_is_taken_as_its_type(hint: Any, value: object, typed: object) -> None:
    found = coerce(hint, value, "it")
    assert found == typed
    assert type(found) is type(typed)


REFUSED: list[tuple[Any, Any]] = [
    (str, True),
    (str, None),
    (str, ["a"]),
    (str, {"a": 1}),
    (int, True),
    (int, "007"),
    (int, "1_000"),
    (int, " 5"),
    (int, "0x10"),
    (int, 1.0),
    (int, "22:22"),
    (int, ""),
    (float, "1e3."),
    (float, "nan?"),
    (float, True),
    (bool, "y"),
    (bool, "yEs"),
    (bool, "maybe"),
    (bool, 1),
    (bool, None),
    (Literal["a", "b"], "A"),
    (Literal["a", "b"], 1),
    (tuple[int, ...], ["a"]),
    (tuple[str, ...], None),
    (Mapping[str, int], ["a"]),
    (Mapping[str, int], {"a": "b"}),
    (int | None, "x"),
    (Secret, True),
    (Secret, ["a"]),
    (Secret, None),
    (Inner, "text"),
]


@pytest.mark.parametrize(("hint", "value"), REFUSED)
def test_nothing_is_guessed(hint: Any, value: object) -> None:
    with pytest.raises(ConfigError, match="it"):
        coerce(hint, value, "it")


@given(st.text())
def test_a_number_in_text_is_taken_only_when_it_is_written_plainly(text: str) -> None:
    try:
        assert str(coerce(int, text, "it")) == text
    except ConfigError:
        pass
    else:
        assert text.lstrip("-").isascii()


def test_a_whole_mapping_becomes_an_instance() -> None:
    given = {"dest": "/a", "mode": "0644", "words": ["x"], "inner": {"name": "n", "port": "8080"}, "env": {"A": 1}}
    assert build(Outer, given) == Outer(
        path="/a", mode="0644", words=("x",), inner=Inner(name="n", port=8080), env={"A": "1"}
    )


WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "unknown word": ({"path": "/a", "stat": "x"}, "unknown word 'stat'", "did you mean 'state'?"),
    "nothing near": ({"path": "/a", "zzz": 1}, "unknown word 'zzz'", "known: content, cookie, dest"),
    "missing": ({}, "path is missing", "where it is"),
    "given twice by its alias": ({"path": "/a", "dest": "/b"}, "dest is given twice", ""),
    "unquoted number": ({"path": "/a", "mode": 420}, "mode must be in quotes", 'write mode: "…"'),
    "wrong literal": ({"path": "/a", "state": "presnt"}, "state cannot be 'presnt'", "did you mean 'present'?"),
    "inner word": (
        {"path": "/a", "inner": {"name": "x", "prot": 1}},
        "unknown word 'inner.prot'",
        "did you mean 'port'?",
    ),
    "inner check": ({"path": "/a", "inner": {"name": "x", "port": 81}}, "inner.port 81: is odd", ""),
    "one of a list": ({"path": "/a", "words": ["b", "c-d"]}, "words: 'c-d' has a dash", ""),
    "a whole list": ({"path": "/a", "words": ["b", "c", "d"]}, "words: write at most two", ""),
    "one of a mapping": ({"path": "/a", "env": {"A": "value", "B-C": "x"}}, "env: 'B-C' has a dash", ""),
    "inner missing": ({"path": "/a", "parts": [{"name": "x"}, {}]}, "parts[1].name is missing", "what it is called"),
    "not a mapping": ({"path": "/a", "inner": [1]}, "inner must be a mapping, not a list", ""),
    "text for a list of parts": ({"path": "/a", "parts": "x"}, "parts[0] must be a mapping, not the text 'x'", ""),
    "truth for text": ({"path": True}, "path must be text, not True", 'put it in quotes: "…"'),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_named_with_its_place_and_its_cure(name: str) -> None:
    given, message, hint = WRONG[name]
    with pytest.raises(ConfigError) as caught:
        build(Outer, given, where=Mark("site.yml", 7))
    assert caught.value.message == message
    assert hint in caught.value.hint
    assert caught.value.where == "site.yml:7"


def test_the_place_of_a_key_is_more_exact_than_the_mappings() -> None:
    class Marked(dict[str, Any]):
        marks: ClassVar = {"stat": Mark("site.yml", 9, 5)}

    with pytest.raises(ConfigError) as caught:
        build(Outer, Marked(path="/a", stat=1), where=Mark("site.yml", 7))
    assert caught.value.where == "site.yml:9:5"


LEAKY: list[Any] = [
    {"path": "/a", "cookie": CANARY},
    {"path": "/a", "cookie": Secret(CANARY)},
    {"path": "/a", "cookie": [CANARY]},
    {"path": "/a", "cookie": {CANARY: CANARY}},
    {"path": Secret(CANARY), "state": "x"},
    {"path": "/a", "state": Secret(CANARY)},
    {"path": "/a", "inner": Secret(CANARY)},
    {"path": "/a", "words": [Secret(CANARY)]},
    {"path": "/a", "env": {"A": Secret(CANARY), "B": None}},
    Secret(CANARY),
]


@pytest.mark.parametrize("given", LEAKY)
def test_no_message_holds_a_secret(given: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        build(Outer, given)
    assert CANARY not in f"{caught.value} {caught.value!r} {caught.value.args}"


@pytest.mark.parametrize("value", [1234.5, True, 0.1])
def test_an_unquoted_secret_is_refused_without_showing_it(value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        build(Outer, {"path": "/a", "cookie": value})
    assert str(value) not in str(caught.value)


def test_a_secret_knows_its_name() -> None:
    made = build(Outer, {"path": "/a", "cookie": "x" * 40})
    assert made.cookie
    assert made.cookie.name == "cookie"


def test_describing_tells_names_defaults_and_what_is_required() -> None:
    found = {f.name: (f.required, f.default, f.doc.text) for f in describe(Outer)}
    assert found["path"] == (True, None, "where it is")
    assert found["state"] == (False, "present", "which end")
    assert found["env"] == (False, {}, "variables")


def test_the_json_schema_says_the_same() -> None:
    schema = json_schema(Outer)
    assert schema["required"] == ["path"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["state"] == {"enum": ["present", "absent"], "description": "which end"}
    assert schema["properties"]["words"] == {"type": "array", "items": {"type": "string"}, "description": "some words"}
    assert schema["properties"]["mode"]["anyOf"] == [{"type": "string"}, {"type": "null"}]
    assert schema["properties"]["env"]["additionalProperties"] == {"anyOf": [{"type": "string"}, {"type": "string"}]}
    assert schema["properties"]["parts"]["items"]["properties"]["port"]["type"] == "integer"
