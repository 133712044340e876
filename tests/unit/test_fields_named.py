"""What a value is called in an error, and which name is offered for one that is unknown."""

from __future__ import annotations

import pytest

from deployer.fields import kind, nearest
from deployer.model import Secret

KINDS = [
    ({}, "a mapping"), ([], "a list"), ((), "a list"), (None, "nothing"), ("x", "the text 'x'"), (5, "5"),
    (Secret("x"), "a secret"), ("y" * 90, f"the text '{'y' * 60}'"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "words"), KINDS)
def test_a_value_is_called_as_a_person_would(value: object, words: str) -> None:
    assert kind(value) == words


def test_the_nearest_name_is_offered_or_all_of_them() -> None:
    assert nearest("host_keys", ["hostkeys", "port"]) == "did you mean 'hostkeys'?"
    assert nearest("zzz", ["b", "a", "a"]) == "known: a, b"
    assert nearest("zzz", []) == ""
