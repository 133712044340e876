"""What came of the table's tests: taken down as they end, by any run of pytest, and kept in a file for the page."""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import shlex
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from tests.lab.reliability.page import PAGE, page
from tests.lab.reliability.rows import ROWS
from tests.lab.reliability.table import ROOT, Row, Tried

KEPT = Path(__file__).with_name("tried.json")
"""Under version control: nobody tries the whole table in one sitting."""
SWITCHES = ("DEPLOYER_KILL_ALL", "DEPLOYER_LEASE_ALL", "DEPLOYER_CONFIRM_ALL", "DEPLOYER_RELIABILITY_TRIALS")
"""Of which only a part was tried unless they say otherwise, so that they belong to what was tried."""
NAMED = tuple(dict.fromkeys(test for row in ROWS for test in row.tests))
AGAIN = "failed the first time, and was run once more by itself"
_PAUSE = 5.0
"""Seconds between two writings."""
_WIDTH = 100


@dataclass(eq=False)
class Kept:
    """All that has been tried, by test and switches. As a plugin of pytest it takes down what comes of each test.

    Several at once (pytest-xdist has a process for each worker) keep it in one file, by turns.

    Attributes:
        command: what was typed.
        session: the same in all workers of a run.
        again: these are tests that have just failed, run once more.
        writes_page: at the end of the run.
    """

    tried: dict[str, Tried] = field(default_factory=dict)
    command: str = ""
    session: str = field(default_factory=lambda: secrets.token_hex(4))
    again: bool = False
    writes_page: bool = False
    _setting_up: dict[str, float] = field(default_factory=dict)
    _told: list[Tried] = field(default_factory=list)
    _written: float = field(default_factory=time.monotonic)

    @classmethod
    def read(cls, command: str = "") -> Kept:
        """What is kept here."""
        told = json.loads(KEPT.read_text()) if KEPT.exists() else {}
        return cls({key: Tried(**one | {"figures": tuple(one["figures"])}) for key, one in told.items()}, command)

    @classmethod
    def plugin(cls, config: pytest.Config) -> Kept:
        """One for a run of pytest that fills the table by the way."""
        given = getattr(config, "workerinput", None)  # of a worker; else this is the process that was typed
        words = given["mainargv"][1:] if given else config.invocation_params.args
        again = bool(config.getoption("lf", default=False))
        made = cls(command=in_words(["pytest", *map(str, words)]), again=again, writes_page=not given)
        made.session = given["testrunuid"] if given else made.session
        return made

    def of(self, row: Row) -> list[list[Tried]]:
        """What came of each test of a row: of every parameter of it, or of a whole file."""
        return [[one for one in self.tried.values() if is_named(one.test, test)] for test in row.tests]

    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """Take down what a test's set-up or the test itself came to."""
        if call.when == "setup" and not call.excinfo:
            self._setting_up[item.nodeid] = call.duration
        if call.when != "call" and not call.excinfo:
            return
        skipped = call.excinfo is not None and call.excinfo.errisinstance(pytest.skip.Exception)
        one = Tried(
            item.nodeid.removeprefix("tests/"),
            "skipped" if skipped else "failed" if call.excinfo else "passed",
            round(self._setting_up.pop(item.nodeid, 0.0) + call.duration, 1),
            datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
            commit(),
            self.command,
            tuple(str(told) for kind, told in item.user_properties if kind == "figure") + (AGAIN,) * self.again,
            str(call.excinfo.value).strip().partition("\n")[0][:120] if call.excinfo else "",
            skipped=int(skipped),
            failed=int(bool(call.excinfo) and not skipped),
            session=self.session,
        )
        self._told += [replace(one, test=place) for place in places(one.test)]
        if time.monotonic() - self._written > _PAUSE:
            self._write()

    def pytest_sessionfinish(self) -> None:
        """Keep the rest, and write the page where all workers have ended."""
        self._write()
        if self.writes_page:
            PAGE.write_text(page(Kept.read()))

    def _write(self) -> None:
        if not self._told:
            return
        with KEPT.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.tried = Kept.read().tried
            for one in self._told:
                key = " ".join([one.test, *switches()])
                self.tried[key] = (rejoined if self.again else joined)(self.tried.get(key), one)
            whole = KEPT.with_suffix(".new")
            kept = {key: asdict(one) for key, one in sorted(self.tried.items())}
            whole.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
            whole.rename(KEPT)  # who begins now reads it without the lock
        self._told, self._written = [], time.monotonic()


def is_named(test: str, name: str) -> bool:
    """Whether a test is what a row names: that test, or one of its parameters."""
    return test == name or ("::" in name and test.startswith(f"{name}["))


def places(test: str) -> Iterator[str]:
    """Yield under which names a test is kept: its own, and each file or directory that a row names whole."""
    if any(is_named(test, name) for name in NAMED):
        yield test
    yield from (name for name in NAMED if "::" not in name and test.startswith((f"{name}::", f"{name}/")))


def joined(whole: Tried | None, one: Tried) -> Tried:
    """Return what a file came to with one test more; what an earlier run found there is forgotten."""
    if whole is None or whole.session != one.session or "::" in one.test:
        return one
    return replace(
        one,
        outcome=min(whole.outcome, one.outcome),  # failed, passed, skipped
        seconds=round(whole.seconds + one.seconds, 1),
        figures=whole.figures + one.figures,
        words="; ".join(filter(None, (whole.words, one.words if one.outcome == "failed" else ""))),
        count=whole.count + one.count,
        skipped=whole.skipped + one.skipped,
        failed=whole.failed + one.failed,
    )


def rejoined(whole: Tried | None, one: Tried) -> Tried:
    """Return what a file came to where a test that failed was run once more; that it was is told beside it."""
    if whole is None or "::" in one.test:
        return one
    left = max(0, whole.failed - (one.outcome == "passed"))
    made = replace(whole, failed=left, figures=tuple(dict.fromkeys((*whole.figures, AGAIN))), command=one.command)
    return made if left else replace(made, outcome="passed", words="")


def switches() -> list[str]:
    """Return those that are set."""
    return [f"{name}={os.environ[name]}" for name in SWITCHES if name in os.environ]


def in_words(argv: list[str]) -> str:
    """Return a command as it was typed, with what takes more than samples before it; the beginning of a long one."""
    every = sorted(f"{name}={value}" for name, value in os.environ.items() if re.fullmatch("DEPLOYER_[A-Z]+_ALL", name))
    words = shlex.join([*every, *argv])
    return words if len(words) <= _WIDTH else f"{words[:_WIDTH]} …"


@cache
def commit() -> str:
    """The last commit that changed the program itself: what was tried."""
    argv = ["git", "log", "-1", "--format=%h", "--", "deployer", "roles", "playbooks"]
    told = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
    return told.stdout.strip() or "unknown"
