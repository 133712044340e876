"""What one row of the table is, and what came of it: of tests that do it for real, taken down as they end."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
KEPT = ROOT / ".reliability.json"
"""What came of each test, kept between runs, for the whole takes longer than one sitting; not under version control."""
SWITCHES = ("DEPLOYER_KILL_ALL", "DEPLOYER_LEASE_ALL")
"""Of which only a part was tried unless they say otherwise, so that they belong to what was tried."""


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
    """What came of one test.

    Attributes:
        outcome: passed, failed or skipped.
        seconds: with what it alone had set up.
        figures: what it measured.
        words: of a failure.
    """

    test: str
    outcome: str
    seconds: float
    when: str
    commit: str
    command: str
    figures: tuple[str, ...] = ()
    words: str = ""


@dataclass(eq=False)
class Kept:
    """All that has been tried, by test and switches. As a plugin of pytest it takes down what comes of each test."""

    tried: dict[str, Tried] = field(default_factory=dict)
    command: str = ""
    setting_up: dict[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, command: str) -> Kept:
        """What earlier runs have kept here."""
        told = json.loads(KEPT.read_text()) if KEPT.exists() else {}
        return cls({key: Tried(**one | {"figures": tuple(one["figures"])}) for key, one in told.items()}, command)

    def of(self, row: Row) -> list[list[Tried]]:
        """What came of each test of a row: of every parameter and part of it."""
        return [list(self._of(test)) for test in row.tests]

    def _of(self, test: str) -> Iterator[Tried]:
        for one in self.tried.values():
            rest = one.test.removeprefix(test)
            if rest != one.test and rest[:1] in ("", "[", ":", "/"):
                yield one

    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """Take down what a test's set-up or the test itself came to."""
        if call.when == "setup" and not call.excinfo:
            self.setting_up[item.nodeid] = call.duration
        if call.when != "call" and not call.excinfo:
            return
        place, _, name = item.nodeid.partition("::")
        test = f"{Path(place).relative_to('tests')}::{name}"
        skipped = call.excinfo is not None and call.excinfo.errisinstance(pytest.skip.Exception)
        outcome = "skipped" if skipped else "failed" if call.excinfo else "passed"
        self.tried[self._key(test)] = Tried(
            test,
            outcome,
            round(self.setting_up.pop(item.nodeid, 0.0) + call.duration, 1),
            datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
            commit(),
            self.command,
            tuple(str(told) for kind, told in item.user_properties if kind == "figure"),
            str(call.excinfo.value).strip().partition("\n")[0][:120] if call.excinfo else "",
        )
        with KEPT.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.tried = Kept.read("").tried | {self._key(test): self.tried[self._key(test)]}
            whole = KEPT.with_suffix(".new")
            whole.write_text(json.dumps({key: asdict(one) for key, one in self.tried.items()}, indent=1))
            whole.rename(KEPT)  # who begins now reads it without the lock

    @staticmethod
    def _key(test: str) -> str:
        return " ".join([test, *(f"{name}={os.environ[name]}" for name in SWITCHES if name in os.environ)])


def commit() -> str:
    """The last commit that changed the program itself: what was tried."""
    argv = ["git", "log", "-1", "--format=%h", "--", "deployer", "roles", "playbooks"]
    told = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
    return told.stdout.strip() or "unknown"


def outcome(row: Row, told: Sequence[Sequence[Tried]]) -> str:
    """What a row came to, in a word or a few: what failed and what was not tried is always said."""
    if not any(told):
        why = "; its tests are below `tests/`, and were not run for this page" if row.tests else f": {row.untried}"
        return f"**not tried**{why}"
    every = [one for some in told for one in some]
    failed = [f"{one.test.partition('::')[2]} ({one.words})" for one in every if one.outcome == "failed"]
    missing = [test for test, some in zip(row.tests, told, strict=True) if not some]
    missing += [one.test for one in every if one.outcome == "skipped"]
    untried = [
        *(test.partition("::")[2].replace("_", " ").removeprefix("test ") or test for test in missing),
        *([row.untried] if row.untried else []),
    ]
    words = [f"**FAILS**: {'; '.join(failed)}"] if failed else ["held, in part" if untried else "held"]
    return ". ".join([*words, *([f"Not tried: {'; '.join(untried)}"] if untried else [])])
