"""``debconf``: answers are compared as debconf keeps them, and a password is never shown."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.errors import ConfigError
from deployer.model import Absent, Secret
from deployer.salts import salt
from tests.unit.modules.tables import answer, differing, make, sha

ASKED = {"name": "postfix", "question": "postfix/mailname"}
CANARY = "canary-77a1"


@pytest.mark.parametrize(
    ("args", "seen", "expected"),
    [
        ({"vtype": "string", "value": "a.example"}, "a.example", {}),
        ({"vtype": "string", "value": "a.example"}, "b", {"value": ("b", "a.example")}),
        ({"vtype": "string", "value": ""}, "", {}),
        ({"vtype": "boolean", "value": True}, "TRUE", {}),
        ({"vtype": "boolean", "value": "False"}, "false", {}),
        ({"vtype": "multiselect", "value": ["b", "a"]}, "a, b", {}),
        ({"vtype": "multiselect", "value": ["b"]}, "a, b", {"value": ("a, b", "b")}),
        ({"vtype": "multiselect", "value": "b, a"}, "b, a", {}),
    ],
)
def test_a_plan_says_what_differs(args: dict[str, Any], seen: str, expected: object) -> None:
    assert differing(make("debconf", **ASKED, **args), answer(value=seen, read="yes")) == expected


@pytest.mark.parametrize(("kind", "value"), [("password", CANARY), ("string", Secret(CANARY))])
def test_a_password_is_told_by_a_salted_digest_alone(kind: str, value: Any) -> None:
    made = make("debconf", **ASKED, vtype=kind, value=value)
    assert differing(made, answer(sha=sha(salt() + CANARY), read="yes")) == {}
    changes = made.differences(made.parse(answer(sha=sha(f"{salt()}other"), read="yes")))
    (step,) = made.fix(changes)
    assert CANARY not in f"{changes} {step} {made.probe().text} {made!r}"
    assert isinstance(step.blobs[0].text, Secret)
    assert step.blobs[0].text.reveal() == f"postfix postfix/mailname {kind} {CANARY}\n"


def test_a_question_that_nobody_has_put_is_absent() -> None:
    assert make("debconf", **ASKED, vtype="string", value="x").parse(answer(read="yes")) == Absent()


@pytest.mark.parametrize(
    "args",
    [
        {"vtype": "string", "value": "a\nb"},
        {"vtype": "string", "value": ["a"]},
        {"vtype": "string"},
        {"vtype": "strin", "value": "a"},
        {"vtype": "string", "value": "a", "question": "a b"},
        {"vtype": "string", "value": "a", "name": "-x"},
    ],
)
def test_what_is_no_answer_is_refused(args: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        make("debconf", **{**ASKED, **args})
