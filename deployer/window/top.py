"""``top``: nodes asked again and again, each by a thread of its own, so that one that does not answer delays none."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field

from deployer.errors import AnswerOf, ConnectionLost, DeployerError, HostError
from deployer.transport import Transport
from deployer.window.choice import Fleet, Spot, by_host
from deployer.window.door import Door, open_doors
from deployer.window.sample import Asker, Big, Rates, Sample, rates

TOP_PATIENCE = 25.0
"""Seconds of one conversation with a node; then it is greeted anew."""
_AGAIN = 2.0
_GONE = DeployerError, OSError, EOFError


@dataclass(slots=True, eq=False)
class Watched:
    """One node as it was last seen. Written by its thread; whoever reads takes what is there.

    Attributes:
        sample: its last answer; None: none yet.
        rates: what happened up to that answer.
        at: when it came, by `time.monotonic`.
        asked: since when it has owed an answer; None: it owes none.
        problem: why it gives none.
        wants: by what its biggest processes are wanted; empty: they are not.
        big: those.
    """

    spot: Spot
    sample: Sample | None = None
    rates: Rates | None = None
    at: float = 0.0
    asked: float | None = None
    problem: str = ""
    wants: str = ""
    big: tuple[Big, ...] = ()
    turn: threading.Event = field(default_factory=threading.Event)

    @property
    def silent(self) -> float:
        """Seconds for which it has owed an answer."""
        asked = self.asked
        return 0.0 if asked is None else time.monotonic() - asked

    def as_json(self) -> dict[str, object]:
        """Return it as a program reads it."""
        named: dict[str, object] = {"node": self.spot.name, "host": self.spot.host.name}
        if self.sample is None or self.problem or self.silent > 1:
            return named | {"problem": self.problem or f"no answer for {self.silent:.1f} s"}
        return named | asdict(self.sample) | {"rates": asdict(self.rates) if self.rates else None}


class Top:
    """Watches nodes until it is closed.

    Args:
        fleet: whose they are.
        spots: the nodes.
    """

    def __init__(self, fleet: Fleet, spots: Sequence[Spot]) -> None:
        self.watched = tuple(Watched(spot) for spot in spots)
        self._fleet, self._transports = fleet, list[Transport]()
        self._over = threading.Event()
        self._again = defaultdict[str, threading.Lock](threading.Lock)
        for own in by_host(self.watched, lambda one: one.spot):
            self._begin(self._host, own)

    def ask(self) -> None:
        """Want a new answer of every node that owes none."""
        for one in self.watched:
            if one.asked is None:
                one.asked = time.monotonic()
                one.turn.set()

    def answered(self, patience: float) -> bool:
        """Wait until no node owes an answer, ``patience`` seconds at most; whether that came to be."""
        until = time.monotonic() + patience
        while any(one.asked is not None for one in self.watched):
            if time.monotonic() > until:
                return False
            time.sleep(0.01)
        return True

    def close(self) -> None:
        """Let go of all hosts."""
        self._over.set()
        for one in self.watched:
            one.turn.set()
        for transport in list(self._transports):
            transport.close()

    def _begin(self, act: Callable[..., None], *args: object) -> None:
        threading.Thread(target=act, args=args, daemon=True).start()

    def _host(self, own: Sequence[Watched]) -> None:
        """Connect to a host for as long as it takes, then watch each of its nodes."""
        while not self._over.is_set():
            try:
                with AnswerOf(own[0].spot.host.name):
                    found = open_doors(self._fleet, [one.spot for one in own], "top {}")
            except DeployerError as error:
                for one in own:
                    one.problem, one.asked = str(error).partition("\n")[0], None
                self._over.wait(_AGAIN)
                continue
            self._transports.append(found[0].transport)
            for one, door in zip(own, found, strict=True):
                self._begin(self._node, one, door, len(own) > 1)
            return

    def _node(self, one: Watched, door: Door, shared: bool) -> None:
        """Answer for one node, turn by turn."""
        asker: Asker | None = None
        while True:
            one.turn.wait()
            one.turn.clear()
            if self._over.is_set():
                return
            try:
                with AnswerOf(one.spot.name):
                    asker = self._answer(one, door, asker)
                one.problem = ""
            except _GONE as error:
                asker, one.problem = None, str(error).partition("\n")[0]
                if shared and isinstance(error, HostError):
                    shared = self._apart(door)
                self._look_again(one, door)
            one.asked = None

    def _answer(self, one: Watched, door: Door, asker: Asker | None) -> Asker:
        """Take an answer over the conversation that there is, or over a new one where it has ended."""
        if asker:
            try:
                self._turn(one, asker)
            except _GONE:
                asker.close()
            else:
                return asker
        asker = Asker(door.enter(TOP_PATIENCE, with_words=False))
        try:
            self._turn(one, asker)
        except _GONE:
            asker.close()
            raise
        return asker

    def _turn(self, one: Watched, asker: Asker) -> None:
        now, before = asker.sample(), one.sample
        if before is None or now.wall > before.wall:
            one.rates = rates(before, now) if before else None
        one.sample, one.at = now, time.monotonic()
        if one.wants:
            one.big = asker.biggest(one.wants)

    def _apart(self, door: Door) -> bool:
        """Give a node a connection of its own, where sshd does not let several nodes share one."""
        try:
            door.transport = door.transport.another()
        except DeployerError:
            return True
        self._transports.append(door.transport)
        return False

    def _look_again(self, one: Watched, door: Door) -> None:
        """Read anew what lies on the host: the node may have another cookie since its restart, or the host was gone."""
        with (
            self._again[one.spot.host.name],
            suppress(DeployerError),
        ):  # of a host's nodes the first one reaches it again
            try:
                (fresh,) = open_doors(self._fleet, [one.spot], "", over=door.transport)
            except ConnectionLost:
                door.transport.reopen()
                (fresh,) = open_doors(self._fleet, [one.spot], "top {}", over=door.transport)
            door.state, door.runs, door.cookie, door.tls = fresh.state, fresh.runs, fresh.cookie, fresh.tls
