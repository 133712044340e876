"""What a sample of a table takes: always the same, spread, and all of it or a part when a variable says so."""

from __future__ import annotations

import pytest

from tests.samples import some

ROWS = range(7)


@pytest.mark.parametrize(
    ("taken", "rows"), [(1, [3]), (2, [1, 5]), (3, [1, 3, 5]), (7, list(ROWS)), (9, list(ROWS)), (0, [])]
)
def test_so_many_are_taken_spread_over_all(taken: int, rows: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEPLOYER_SOME_ALL", raising=False)
    assert some(ROWS, taken, "DEPLOYER_SOME_ALL") == rows


def test_a_variable_has_all_or_a_part_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOYER_SOME_ALL", "1")
    assert some(ROWS, 2, "DEPLOYER_SOME_ALL") == list(ROWS)
    parts = []
    for part in range(1, 4):
        monkeypatch.setenv("DEPLOYER_SOME_ALL", f"{part}/3")
        parts.append(some(ROWS, 2, "DEPLOYER_SOME_ALL"))
    assert parts == [[0, 3, 6], [1, 4], [2, 5]]
