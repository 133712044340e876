"""``group``: it is there, with its number."""

from __future__ import annotations

import pytest

from deployer.errors import ConfigError, ProbeError
from tests.unit.modules.tables import answer, differing, fixed, make

THERE = answer(entry="shop:x:990:ann,bob")


@pytest.mark.parametrize(
    ("args", "out", "expected"),
    [
        ({}, THERE, {}),
        ({}, "", {"state": ("absent", "present")}),
        ({"gid": 990}, THERE, {}),
        ({"gid": 991}, THERE, {"gid": ("990", "991")}),
        ({"state": "absent"}, THERE, {"state": ("present", "absent")}),
        ({"state": "absent"}, "", {}),
    ],
)
def test_a_plan_says_what_differs(args: dict[str, object], out: str, expected: object) -> None:
    assert differing(make("group", name="shop", **args), out) == expected


@pytest.mark.parametrize("args", [{"name": "a b"}, {"name": "shop", "gid": -1}, {"name": "shop", "gid": 2**32 - 1}])
def test_what_cannot_be_meant_is_refused(args: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        make("group", **args)


def test_a_damaged_entry_is_refused() -> None:
    with pytest.raises(ProbeError):
        make("group", name="shop").parse(answer(entry="shop:x"))


def test_a_group_gets_its_number_whether_new_or_not() -> None:
    text = fixed(make("group", name="shop", gid=990, system=True), "")
    assert "groupmod -g 990 -- shop" in text
    assert "groupadd -g 990 -r -- shop" in text
