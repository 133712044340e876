"""The table of rows.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tests.lab.reliability.table import Row

_TOLD = tomllib.loads(Path(__file__).with_name("rows.toml").read_text())


def _tests(name: str) -> tuple[str, ...]:
    """A row's tests, those of the rows that it names among them."""
    said = _TOLD[name].get("tests", ())
    return tuple(dict.fromkeys(test for word in said for test in (_tests(word) if word in _TOLD else (word,))))


ROWS = tuple(
    Row(name, told["fault"], told.get("done", ""), _tests(name), told.get("untried", ""))
    for name, told in _TOLD.items()
)
FIGURES = tuple(row for row in ROWS if row.name.startswith("T"))
