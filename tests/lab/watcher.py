"""A client of every node that asks for its page every 50 ms, and keeps what was answered and when."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise

from deployer.lab import LabHost

INTERVAL = 0.05
PATIENCE = 10.0
"""Seconds after which an answer counts as none: a machine that is busy with other things may let a client wait."""
Seen = list[tuple[float, str]]
"""When, and which version answered that it is well; empty: none did."""


@dataclass
class Watched:
    """What the clients saw, by host."""

    samples: dict[str, Seen] = field(default_factory=dict)

    def lowest(self) -> tuple[int, int, float]:
        """The fewest nodes that were healthy at once, how many samples tell it, and the seconds of the worst outage."""
        events = sorted((at, name, version) for name, seen in self.samples.items() for at, version in seen)
        now = dict.fromkeys(self.samples, True)
        fewest = len(now)
        for _, name, version in events:
            now[name] = bool(version)
            fewest = min(fewest, sum(now.values()))
        return fewest, len(events), max(self._outage(seen) for seen in self.samples.values())

    def away(self, host: LabHost) -> float:
        """The seconds in which no version of a host was well, all together."""
        return sum(at - before for (before, _), (at, version) in pairwise(self.samples[host.name]) if not version)

    def back(self, host: LabHost) -> float:
        """The seconds from the first answer that was not the first version's until that version was there for good."""
        seen = self.samples[host.name]
        others = [i for i, (_, version) in enumerate(seen) if version != seen[0][1]]
        return seen[min(others[-1] + 1, len(seen) - 1)][0] - seen[others[0]][0] if others else 0.0

    @staticmethod
    def _outage(seen: Seen) -> float:
        longest, since = 0.0, None
        for at, version in seen:
            since = None if version else at if since is None else since
            longest = max(longest, at - since if since is not None else 0.0)
        return longest


@contextmanager
def watching(hosts: Sequence[LabHost]) -> Iterator[Watched]:
    """Watch while the block runs."""
    watched, stop = Watched({host.name: [] for host in hosts}), threading.Event()
    threads = [threading.Thread(target=_ask, args=(host, watched.samples[host.name], stop)) for host in hosts]
    for thread in threads:
        thread.start()
    try:
        yield watched
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _ask(host: LabHost, seen: Seen, stop: threading.Event) -> None:
    while not stop.is_set():
        begin = time.monotonic()
        try:
            with urllib.request.urlopen(f"http://{host.address}:4000/health", timeout=PATIENCE) as answer:
                version = json.load(answer)["version"]
        except (urllib.error.URLError, OSError):
            version = ""
        seen.append((time.monotonic(), version))
        stop.wait(max(0.0, INTERVAL - (time.monotonic() - begin)))
