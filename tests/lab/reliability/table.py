"""What one row of the table is, and what came of its tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Row:
    """A fault or a figure that has to hold.

    Attributes:
        name: F1, T3, …
        fault: what goes wrong, or the figure.
        done: what is done on lab hosts, and what has to come of it.
        tests: paths below ``tests/``, with the test's name and perhaps its parameter behind it.
        untried: what of it is not tried; all of it where there are no tests.
    """

    name: str
    fault: str
    done: str
    tests: tuple[str, ...] = ()
    untried: str = ""


@dataclass(frozen=True)
class Tried:
    """What came of one test, or of all tests of a file or a directory.

    Attributes:
        outcome: passed, failed or skipped.
        seconds: with what it alone had set up.
        figures: what it measured.
        words: of a failure.
        count: how many tests that were.
        skipped: how many of them were skipped.
        failed: how many of them failed.
        session: the run of pytest.
    """

    test: str
    outcome: str
    seconds: float
    when: str
    commit: str
    command: str
    figures: tuple[str, ...] = ()
    words: str = ""
    count: int = 1
    skipped: int = 0
    failed: int = 0
    session: str = ""


def outcome(row: Row, told: Sequence[Sequence[Tried]]) -> str:
    """What a row came to, in a word or a few: what failed and what was not tried is always said."""
    if not any(told):
        why = "; its tests are below `tests/`, and were not run for this page" if row.tests else f": {row.untried}"
        return f"**not tried**{why}"
    every = [one for some in told for one in some]
    failed = [f"{one.test.partition('::')[2] or one.test} ({one.words})" for one in every if one.outcome == "failed"]
    missing = [test for test, some in zip(row.tests, told, strict=True) if not some]
    missing += [one.test for one in every if one.outcome == "skipped"]
    untried = [
        *(test.partition("::")[2].replace("_", " ").removeprefix("test ") or test for test in missing),
        *(
            f"{one.skipped} of {one.count} tests in {one.test}"
            for one in every
            if one.skipped and one.outcome == "passed"
        ),
        *([row.untried] if row.untried else []),
    ]
    words = [f"**FAILS**: {'; '.join(failed)}"] if failed else ["held, in part" if untried else "held"]
    return ". ".join([*words, *([f"Not tried: {'; '.join(untried)}"] if untried else [])])
