"""What trials came to, a line for each as soon as it has ended: a benchmark that is killed goes on where it was.

Only what was tried with this state of the program counts; the rest stays in the file.
"""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from tests.lab.reliability.kept import commit
from tests.lab.reliability.table import ROOT

PLACE = ROOT / "build" / "trials"


class Trials:
    """The trials of one benchmark, from a file of JSON lines; threads may add to it side by side.

    Attributes:
        place: the file.
        found: what is in it, in order: what the benchmark said of a trial, and ``when`` it ended.
    """

    def __init__(self, name: str) -> None:
        self.place = PLACE / f"{name}.jsonl"
        self._lock = threading.Lock()
        lines = self.place.read_text().splitlines() if self.place.exists() else []
        self.found = [one for one in map(_trial, lines) if one.get("commit") == commit()]
        PLACE.mkdir(parents=True, exist_ok=True)

    def add(self, **told: Any) -> None:
        """Keep one."""
        one = {"when": f"{datetime.now(UTC):%Y-%m-%d %H:%M}", "commit": commit(), **told}
        with self._lock, self.place.open("a") as out:
            out.write(f"\n{json.dumps(one)}\n")  # whatever was killed before, it begins a line of its own
            self.found.append(one)

    def span(self) -> str:
        """From when to when they were made, of which commit."""
        return f"{self.found[0]['when']} to {self.found[-1]['when']} UTC at {commit()}" if self.found else "none"


def _trial(line: str) -> dict[str, Any]:
    """What a line tells; nothing where a kill has cut it."""
    with suppress(json.JSONDecodeError):
        told: dict[str, Any] = json.loads(line)
        return told
    return {}
