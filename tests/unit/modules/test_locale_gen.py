"""``locale_gen``: names as ``locale -a`` prints them, and those that nobody knows."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.errors import ConfigError
from tests.unit.modules.tables import answer, differing, fixed, make


@pytest.mark.parametrize(
    ("args", "found", "expected"),
    [
        ({"name": ["de_AT.UTF-8"]}, "C\nde_AT.utf8\n", {}),
        ({"name": "de_AT.UTF-8"}, "C\n", {"de_AT.UTF-8": ("absent", "present")}),
        ({"name": ["de_DE@euro", "en_US.ISO-8859-15"]}, "de_DE@euro\nen_US.iso885915\n", {}),
        ({"name": ["de_AT.UTF-8"], "state": "absent"}, "de_AT.utf8\n", {"de_AT.UTF-8": ("present", "absent")}),
        ({"name": ["de_AT.UTF-8"], "state": "absent"}, "C\n", {}),
    ],
)
def test_a_plan_says_what_differs(args: dict[str, Any], found: str, expected: object) -> None:
    assert differing(make("locale_gen", **args), answer(found=found, unheard="")) == expected


def test_a_locale_that_cannot_be_made_is_told_before_anything_is_done() -> None:
    made = make("locale_gen", name=["xx_YY.UTF-8", "de_AT.UTF-8"])
    with pytest.raises(ConfigError, match=r"has no locale xx_YY.UTF-8\n"):
        made.parse(answer(found="C\nde_AT.utf8\n", unheard=" xx_YY.UTF-8 de_AT.UTF-8"))


def test_a_locale_that_is_there_gets_its_line_when_another_is_made() -> None:
    made = make("locale_gen", name=["de_AT.UTF-8", "en_US.UTF-8"])
    text = fixed(made, answer(found="de_AT.utf8\n", unheard=""))
    assert "\nlocales_written de_AT.UTF-8 en_US.UTF-8\n" in text


@pytest.mark.parametrize("name", ["", "de AT", "-a", "de_AT.*", "de_AT;x", []])
def test_what_is_no_locale_is_refused(name: Any) -> None:
    with pytest.raises(ConfigError):
        make("locale_gen", name=name)
