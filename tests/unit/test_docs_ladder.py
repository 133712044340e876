"""docs/ladder.md is the table that the lab test holds the program to."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

LAB = Path(__file__).parents[1] / "lab"


def test_the_page_of_the_ladder_is_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(LAB)
    import ladder_page

    again = f"{sys.executable} {ladder_page.__file__} writes it again"
    assert ladder_page.PAGE.read_text() == ladder_page.page(), again
    assert len(ladder_page.WRONG) >= 25
    assert {wrong.rung for wrong in ladder_page.WRONG.values()} == set(range(1, 11))
