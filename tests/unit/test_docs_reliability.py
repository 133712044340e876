"""docs/reliability.md has every fault and every figure, and each row is done by tests that there are."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.lab.reliability.page import PAGE
from tests.lab.reliability.rows import ROWS
from tests.lab.reliability.table import Kept, Row, Tried, outcome

TESTS = Path(__file__).parents[1]
PARTS = [f"F14{part}" for part in "abcde"]


def test_no_fault_and_no_figure_is_left_out() -> None:
    faults = [f"F{number}" for number in range(1, 34)]
    faults[13:14] = PARTS
    assert [row.name for row in ROWS] == faults + [f"T{number}" for number in range(1, 16)]
    told = [
        line.split(" | ")[0].strip("| ") for line in PAGE.read_text().splitlines() if line.startswith(("| F", "| T"))
    ]
    assert told == [row.name for row in ROWS], "python -m tests.lab.reliability --page writes it again"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_a_row_names_is_there(row: Row) -> None:
    assert row.tests or row.untried
    for test in row.tests:
        place, _, name = test.partition("::")
        assert (TESTS / place).exists(), test
        if name:
            functions = {
                node.name for node in ast.parse((TESTS / place).read_text()).body if isinstance(node, ast.FunctionDef)
            }
            assert name.partition("[")[0] in functions, test


def tried(test: str, outcome: str, *figures: str) -> Tried:
    return Tried(test, outcome, 1.0, "2026-11-27 21:00", "abc", "python", figures, "no: it broke")


@pytest.mark.parametrize(
    ("rest", "known", "says"),
    [
        ("", ["a.py::b[1]", "a.py::b[2]", "c.py::d"], "held"),
        ("", ["a.py::b"], "held, in part. Not tried: d"),
        ("50 hosts", ["a.py::b", "c.py::d"], "held, in part. Not tried: 50 hosts"),
        ("", [], "**not tried**; its tests are below `tests/`, and were not run for this page"),
        ("", ["a.py::b", "c.py::d!"], "**FAILS**: d (no: it broke)"),
        ("", ["a.py::b?", "c.py::d"], "held, in part. Not tried: b"),
        ("", ["a.py::bb", "c.py::d"], "held, in part. Not tried: b"),
    ],
)
def test_what_failed_and_what_was_not_tried_is_said(rest: str, known: list[str], says: str) -> None:
    row = Row("F1", "it breaks", "", ("a.py::b", "c.py::d"), rest)
    words = {"!": "failed", "?": "skipped"}
    some = [tried(test.rstrip("!?"), words.get(test[-1], "passed")) for test in known]
    assert outcome(row, Kept({one.test: one for one in some}).of(row)) == says
