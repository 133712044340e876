"""Some rows of a table, always the same, where trying all of them takes long."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import pytest

Row = TypeVar("Row")


def some(rows: Sequence[Row], taken: int, switch: str) -> list[Row]:
    """Return so many of the rows, spread evenly.

    ``switch`` is a variable of the environment: with ``1`` all are taken, with ``2/5`` the second of five parts.
    """
    part, _, parts = os.environ.get(switch, "").partition("/")
    if part:
        return list(rows[int(part) - 1 :: int(parts or 1)])
    step = max(1.0, len(rows) / max(1, taken))
    return [rows[int(step * number + step / 2)] for number in range(min(taken, len(rows)))]


def quick(rows: Iterable[Any], taken: int) -> list[Any]:
    """Return all rows as parameters of a test, marked as slow but for so many of them, spread evenly."""
    found = list(rows)
    chosen = some(range(len(found)), taken, "")
    return [row if at in chosen else pytest.param(row, marks=pytest.mark.slow) for at, row in enumerate(found)]
