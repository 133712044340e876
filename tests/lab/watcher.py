"""A client of every node that asks for its page every 100 ms, and keeps what was answered and when."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from deployer.lab import LabHost

INTERVAL = 0.1


@dataclass
class Watched:
    """What the clients saw: for each host a list of (seconds, healthy)."""

    samples: dict[str, list[tuple[float, bool]]] = field(default_factory=dict)

    def lowest(self) -> tuple[int, int, float]:
        """The fewest nodes that were healthy at once, how many samples tell it, and the seconds of the worst outage."""
        events = sorted((at, name, well) for name, seen in self.samples.items() for at, well in seen)
        now = dict.fromkeys(self.samples, True)
        fewest = len(now)
        for _, name, well in events:
            now[name] = well
            fewest = min(fewest, sum(now.values()))
        return fewest, len(events), max(self._outage(seen) for seen in self.samples.values())

    @staticmethod
    def _outage(seen: Sequence[tuple[float, bool]]) -> float:
        longest, since = 0.0, None
        for at, well in seen:
            since = None if well else at if since is None else since
            longest = max(longest, at - since if since is not None else 0.0)
        return longest


@contextmanager
def watching(hosts: Sequence[LabHost]) -> Iterator[Watched]:
    """Watch while the block runs."""
    watched, stop = Watched({host.name: [] for host in hosts}), threading.Event()
    threads = [threading.Thread(target=_ask, args=(host, watched.samples[host.name], stop)) for host in hosts]
    for thread in threads:
        thread.start()
    yield watched
    stop.set()
    for thread in threads:
        thread.join()


def _ask(host: LabHost, seen: list[tuple[float, bool]], stop: threading.Event) -> None:
    while not stop.is_set():
        begin = time.monotonic()
        try:
            with urllib.request.urlopen(f"http://{host.address}:4000/health", timeout=2) as answer:
                well = answer.status == 200
        except (urllib.error.URLError, OSError):
            well = False
        seen.append((time.monotonic(), well))
        stop.wait(max(0.0, INTERVAL - (time.monotonic() - begin)))
