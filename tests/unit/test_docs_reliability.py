"""docs/reliability.md has every fault and every figure, and each row is done by tests that there are."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.lab.reliability.kept import AGAIN, Kept, joined, places, rejoined
from tests.lab.reliability.page import PAGE
from tests.lab.reliability.rows import ROWS
from tests.lab.reliability.table import Row, Tried, outcome

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


def test_a_file_that_a_row_names_whole_is_kept_as_one_and_a_named_test_as_itself() -> None:
    assert list(places("lab/test_secrets.py::test_x[1]")) == ["lab/test_secrets.py"]
    assert list(places("unit/audit/test_a.py::test_x")) == ["unit/audit"]
    named = "lab/test_confirm_tasks.py::test_an_sshd_that_locks_out_goes_back"
    assert list(places(f"{named}[Port 2222]")) == [f"{named}[Port 2222]"]
    assert list(places(f"{named}_and_more")) == []


def test_of_a_whole_file_what_fails_is_not_forgotten_until_it_is_run_again() -> None:
    words = (("passed", ""), ("failed", "n"), ("skipped", ""), ("passed", ""))
    some = [
        Tried("unit/audit", outcome, 1.0, "", "", "", words=word, failed=len(word), session="a")
        for outcome, word in words
    ]
    whole = None
    for one in some:
        whole = joined(whole, one)
    assert whole
    assert (whole.outcome, whole.count, whole.seconds, whole.words) == ("failed", 4, 4.0, "n")
    again = Tried("unit/audit", "passed", 1.0, "", "", "", session="b")
    assert joined(whole, again) == again
    after = rejoined(whole, again)
    assert (after.outcome, after.count, after.words, after.figures) == ("passed", 4, "", (AGAIN,))
    assert rejoined(whole, replace(again, outcome="failed")).outcome == "failed"


INNER = """\
from pathlib import Path
import pytest
import tests.lab.reliability.kept as kept
kept.KEPT, kept.PAGE = Path("tried.json"), Path("page.md")

def pytest_configure(config):
    config.pluginmanager.register(kept.Kept.plugin(config))
"""
TRIALS = """\
import pytest

@pytest.mark.parametrize("number", range(8))
def test_x(number, record_property):
    record_property("figure", f"number {number}")
    assert number != 5, "five"
"""


@pytest.mark.slow
def test_a_run_of_the_tests_by_two_workers_fills_the_table_by_the_way(tmp_path: Path) -> None:
    (tmp_path / "tests/unit/audit").mkdir(parents=True)
    (tmp_path / "tests/conftest.py").write_text(INNER)
    (tmp_path / "tests/unit/audit/test_inner.py").write_text(TRIALS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    argv = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "tests"]
    environ = os.environ | {"PYTHONPATH": str(TESTS.parent)}
    ran = subprocess.run(argv, cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert "1 failed, 7 passed" in ran.stdout, ran.stdout + ran.stderr
    (one,) = json.loads((tmp_path / "tried.json").read_text()).values()
    assert (one["test"], one["outcome"], one["count"]) == ("unit/audit", "failed", 8)
    assert sorted(one["figures"]) == [f"number {number}" for number in range(8)]
    assert "pytest -q -n 2" in one["command"]
    assert "| **FAILS**: unit/audit (" in (tmp_path / "page.md").read_text()
