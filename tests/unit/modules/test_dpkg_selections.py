"""``dpkg_selections``: dpkg's own word for a package is compared, and nothing else is done."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.errors import ConfigError, ProbeError
from tests.unit.modules.tables import answer, differing, fixed, make

HELD = {"name": "postgresql-15", "selection": "hold"}


@pytest.mark.parametrize(("seen", "expected"), [("hold", {}), ("install", {"selection": ("install", "hold")})])
def test_a_plan_says_what_differs(seen: str, expected: object) -> None:
    assert differing(make("dpkg_selections", **HELD), answer(selection=seen, read="yes")) == expected


def test_dpkg_is_told_by_its_standard_input() -> None:
    text = fixed(make("dpkg_selections", **HELD), answer(selection="install", read="yes"))
    assert "postgresql-15 hold | dpkg --set-selections" in text


def test_half_an_answer_is_none() -> None:
    with pytest.raises(ProbeError):
        make("dpkg_selections", **HELD).parse(answer(selection="hold"))


@pytest.mark.parametrize("args", [{"name": "-x"}, {"name": "a b"}, {"name": "A"}, {"selection": "held"}])
def test_what_cannot_be_meant_is_refused(args: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        make("dpkg_selections", **{**HELD, **args})
