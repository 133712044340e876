"""``logs``: the journals of nodes as one, in the order in which things happened; followed where a person wants that."""

from __future__ import annotations

import heapq
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial

from deployer.errors import (
    AnswerOf,
    AuthError,
    ConfigError,
    ConnectionLost,
    DeployerError,
    HostError,
    HostKeyError,
    ProbeError,
)
from deployer.report.plain import safe
from deployer.runtime import raise_file_limit
from deployer.transport import Transport
from deployer.window.choice import Fleet, Spot, by_host
from deployer.window.door import ask_node, note
from deployer.window.journal_lines import LINE_LIMIT, LineCutter, LogChoice, LogLine, read_logs
from deployer.window.shells import SAID_KEPT, session_on
from deployer.window.side_by_side import side_by_side

_SETTLE = 0.4
"""Seconds that a line of a followed journal waits for older ones of other hosts."""
_AGAIN = 2.0, 30.0
"""Seconds between two tries to reach a host again: the first, and the most."""
_ALL_LIMIT = 256 << 20
"""Bytes of one node's journal that are sorted among those of others."""


class NodeJournals:
    """The journals of some nodes.

    Args:
        fleet: whose they are.
        spots: the nodes.
        what: which part.
        tell: is told what a person has to know beside: a host that is not there.
    """

    def __init__(self, fleet: Fleet, spots: Sequence[Spot], what: LogChoice, tell: Callable[[str], None]) -> None:
        self._fleet, self._spots, self._what, self._tell = fleet, spots, what, tell
        self._found: queue.SimpleQueue[LogLine | BaseException | None] = queue.SimpleQueue()
        self.codes: list[int] = []
        """Exit codes of hosts that could not be read."""

    def all(self) -> Iterator[LogLine]:
        """Yield every line there is, oldest first."""
        kept: dict[Spot, list[LogLine]] = {spot: [] for spot in self._spots}
        hosts = by_host(self._spots, lambda spot: spot)
        raise_file_limit(len(hosts))
        side_by_side(lambda own: self._read_host(own, kept), hosts)
        if self._what.grep and self._what.last:  # then journalctl begins with the newest
            for found in kept.values():
                found.reverse()
        yield from sorted(line for found in kept.values() for line in found)

    def follow(self) -> Iterator[LogLine]:
        """Yield lines as they come, until no node can be read; those of about the same time oldest first."""
        raise_file_limit(len(self._spots))
        for spot in self._spots:
            threading.Thread(target=self._followed, args=(spot,), daemon=True).start()
        waiting: list[tuple[LogLine, float]] = []
        left = len(self._spots)
        while left or waiting:
            with suppress(queue.Empty):
                line = self._found.get(timeout=0.1)
                if isinstance(line, BaseException):
                    raise line
                if line is None:
                    left -= 1
                else:
                    heapq.heappush(waiting, (line, time.monotonic()))
                if not self._found.empty():
                    continue
            while waiting and waiting[0][1] <= time.monotonic() - _SETTLE:
                yield heapq.heappop(waiting)[0]

    def _read_host(self, own: Sequence[Spot], kept: dict[Spot, list[LogLine]]) -> None:
        """Read the journals of one host's nodes, one after the other: its sshd may allow one session."""
        try:
            transport = self._fleet.open(own[0].host)
            try:
                with AnswerOf(own[0].host.name):
                    self._note(transport, *own)
                    for spot in own:
                        self._stream(transport, spot, partial(_keep, kept[spot]))
            finally:
                transport.close()
        except DeployerError as error:
            self.codes.append(error.exit_code)
            self._tell(_named(own[0], error))

    def _followed(self, spot: Spot) -> None:
        """Follow one node in a thread of its own; what nobody has thought of is raised where the lines are taken."""
        try:
            self._follow(spot)
            self._found.put(None)
        except BaseException as error:  # noqa: BLE001 - raised in the thread that reads the lines
            self._found.put(error)

    def _follow(self, spot: Spot) -> None:
        """Hand on one node's lines, and come back behind the last one when the connection breaks.

        It ends where trying again is of no use: what is asked is wrong, the host is not proven to be itself, or it has
        never let this user in, or never to root by sudo. One that did may refuse a login while it boots.
        """
        cursor, wait, transport, known = [""], _AGAIN[0], None, False

        def hear(line: LogLine, at: str) -> None:
            cursor[0] = at
            self._found.put(line)

        while True:
            try:
                transport = self._fleet.open(spot.host)
                if wait != _AGAIN[0]:
                    self._tell(f"{spot.host.name}: it is back")
                wait = _AGAIN[0]
                with AnswerOf(spot.host.name):
                    self._note(transport, spot)
                    known = True
                    self._stream(transport, spot, hear, follow=True, after=cursor[0])
                self._tell(f"{spot.host.name}: its journal has ended; looking again")
            except DeployerError as error:
                final = isinstance(error, (ConfigError, ProbeError, HostKeyError))
                if final or (isinstance(error, AuthError) and not known):
                    self.codes.append(error.exit_code)
                    return self._tell(_named(spot, error))
                self._tell(f"{_named(spot, error)}\n  trying again in {wait:.0f} s")
            finally:
                if transport:
                    transport.close()
            time.sleep(wait)
            wait = min(wait * 1.7, _AGAIN[1])

    def _note(self, transport: Transport, *spots: Spot) -> None:
        become = self._fleet.resolver.connection(spots[0].host).become
        ask_node(transport, *(note(f"logs {spot.name}") for spot in spots), become=become)

    def _stream(
        self, transport: Transport, spot: Spot, hear: Callable[[LogLine, str], object], *, follow: bool = False,
        after: str = "",
    ) -> None:  # fmt: skip
        """Hear one journal to its end; raises HostError."""
        session = session_on(transport, become=self._fleet.resolver.connection(spot.host).become)
        cut, said, heard = LineCutter(), bytearray(), 0

        def out(data: bytes) -> None:
            nonlocal heard
            heard += len(data)
            if heard > _ALL_LIMIT and not follow:
                hint = "narrow it with -n, --since or --grep, or follow it with -f"
                raise ProbeError(f"its journal is longer than {_ALL_LIMIT >> 20} MiB", where=transport.name, hint=hint)
            for raw in cut.feed(data):
                if found := read_logs(raw, spot.name):
                    hear(*found)

        try:
            session.open(self._what.text(spot.node.unit, follow=follow, after=after), None)
            code = session.pump(out, lambda data: said.extend(data[: SAID_KEPT - len(said)]))
        finally:
            session.close()
        if cut.lost:
            self._tell(f"{spot.name}: lines of more than {LINE_LIMIT >> 20} MiB: {cut.lost}, left out")
        words = safe(said.decode("utf-8", "replace").strip())[-300:]
        if follow and code in (128, 143, 255):
            raise ConnectionLost("journalctl was ended there", where=transport.name)
        if code not in (0, 1) or words:  # 1: nothing was found
            raise ProbeError(f"journalctl: {words or f'status {code}'}", where=transport.name)


def _keep(kept: list[LogLine], line: LogLine, cursor: str) -> None:
    del cursor
    kept.append(line)


def _named(spot: Spot, error: DeployerError) -> str:
    return str(error) if isinstance(error, HostError) and error.where else f"{spot.host.name}: {error}"
