"""Looks for secrets in the arguments or the environment of every process, as fast as it can, until its input ends.

The hosts of a lab share this machine's kernel, so its /proc has the processes of this machine and of all hosts at once.

Input, one line of JSON: ``{"needles": {name: text}, "files": ["cmdline", "environ"], "uid": 65534}``; each further line
is answered between two rounds. Output at the end, one line: ``{"rounds": N, "hits": [[needle, pid, uid, file, command],
…]}``. Started by `watching`.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

YOUNG, SLOW = 12, 25
"""A process is looked at in each of its first rounds, since it may execute something else; later in every SLOWth."""


@dataclass
class Seen:
    """What a sampler saw; filled when its watch is over."""

    rounds: int = 0
    hits: list[tuple[str, int, int, str, str]] = field(default_factory=list)
    child: subprocess.Popen[str] | None = None

    def looks_around(self) -> None:
        """Return when a whole round has begun and ended since: whoever is young and there all the time was seen."""
        assert self.child
        assert self.child.stdin
        assert self.child.stdout
        for _ in range(2):
            self.child.stdin.write("\n")
            self.child.stdin.flush()
            assert self.child.stdout.readline() == "between two rounds\n"

    def of(self, file: str) -> set[tuple[str, int, int, str, str]]:
        """The needles that were in a file of a process: (needle, pid, uid, file, command)."""
        return {hit for hit in self.hits if hit[3] == file}


@contextmanager
def watching(needles: Mapping[str, str], files: str, uid: int) -> Iterator[Seen]:
    """Watch one or more ``files`` of each process while the block runs; ``uid`` is whom the sampler becomes."""
    seen = Seen()
    with subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin
        assert child.stdout
        child.stdin.write(json.dumps({"needles": dict(needles), "files": files.split(), "uid": uid}) + "\n")
        child.stdin.flush()
        assert child.stdout.readline() == "watching\n"
        seen.child = child
        yield seen
        child.stdin.close()
        told = json.loads(child.stdout.readline())
        seen.rounds, seen.hits = told["rounds"], [tuple(hit) for hit in told["hits"]]


def main() -> None:
    """Sample until the input ends."""
    asked = json.loads(sys.stdin.readline())
    needles = {name: text.encode() for name, text in asked["needles"].items()}
    if asked["uid"]:
        os.setgroups([])
        os.setgid(asked["uid"])
        os.setuid(asked["uid"])
    say("watching")
    ages: dict[str, int] = {}
    hits: set[tuple[str, int, int, str, str]] = set()
    rounds = 0
    while True:
        if select.select([sys.stdin], [], [], 0.001)[0]:
            if not sys.stdin.readline():
                break
            say("between two rounds")
        rounds += 1
        pids = [name for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - as below
        ages = {pid: ages.get(pid, 0) + 1 for pid in pids}
        for pid in pids:
            if ages[pid] <= YOUNG or (rounds + int(pid)) % SLOW == 0:
                for file in asked["files"]:
                    hits |= look(pid, file, needles)
    say(json.dumps({"rounds": rounds, "hits": sorted(hits)}))


def say(line: str) -> None:
    """Tell who has started us."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def look(pid: str, file: str, needles: Mapping[str, bytes]) -> set[tuple[str, int, int, str, str]]:
    """Return the needles in one file of a process."""
    try:
        place = Path("/proc", pid)
        with open(f"/proc/{pid}/{file}", "rb") as handle:  # noqa: PTH123 - this loop has to be fast
            data = handle.read()
        found = [name for name, needle in needles.items() if needle in data]
        # The name first: a process that becomes another user does so before it becomes another program.
        command = (place / "comm").read_text().strip()
        return {(name, int(pid), place.stat().st_uid, file, command) for name in found}
    except OSError:
        return set()


if __name__ == "__main__":
    main()
