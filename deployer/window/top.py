"""``top``: nodes asked again and again, each by a thread of its own, so that one that does not answer delays none."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from math import inf

from deployer.errors import AnswerOf, ConnectionLost, DeployerError
from deployer.runtime import raise_file_limit
from deployer.transport import Transport
from deployer.transport.paramiko import SshTransport
from deployer.window.choice import Fleet, Spot, by_host
from deployer.window.door import Door, open_doors
from deployer.window.sample import Asker, Big, Rates, Sample, rates

TOP_PATIENCE = 25.0
"""Seconds of one conversation with a node; then it is greeted anew."""
_AGAIN = 2.0
_LOGINS = 4
"""Logins to a host at a time: sshd drops those who come with many."""
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
        reached: its host has let us in.
        missed: its last question has gone without an answer; nobody waits for the next one.
        wants: by what its biggest processes are wanted; empty: they are not.
        big: those.
    """

    spot: Spot
    sample: Sample | None = None
    rates: Rates | None = None
    at: float = 0.0
    asked: float | None = None
    problem: str = ""
    reached: bool = False
    missed: bool = False
    wants: str = ""
    big: tuple[Big, ...] = ()
    turn: threading.Event = field(default_factory=threading.Event)

    @property
    def silent(self) -> float:
        """Seconds for which it has owed an answer."""
        asked = self.asked
        return 0.0 if asked is None else time.monotonic() - asked

    @property
    def late(self) -> str:
        """For how long it has owed an answer, and who does not give it."""
        return f"{'no answer' if self.reached else 'its host has not let us in'} for {self.silent:.1f} s"

    def as_json(self) -> dict[str, object]:
        """Return it as a program reads it."""
        named: dict[str, object] = {"node": self.spot.name, "host": self.spot.host.name}
        if self.sample is None or self.problem or self.silent > 1:
            return named | {"problem": self.problem or self.late}
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
        self._over, self._heard = threading.Event(), time.monotonic()
        self._again = defaultdict[str, threading.Lock](threading.Lock)
        self._logins = defaultdict[str, threading.Semaphore](lambda: threading.Semaphore(_LOGINS))
        hosts = by_host(self.watched, lambda one: one.spot)
        raise_file_limit(len(hosts))
        for own in hosts:
            self._begin(self._host, own)

    def ask(self) -> None:
        """Want a new answer of every node that owes none."""
        for one in self.watched:
            if one.asked is None:
                one.asked = time.monotonic()
                one.turn.set()

    def answered(self, patience: float, *, rest: float = inf) -> bool:
        """Wait for what nodes owe, but for those that owe an older answer; whether all of them have given it.

        Args:
            patience: seconds at most.
            rest: seconds after the last one of them that answered, or whose host let us in.
        """
        begun = self._heard = time.monotonic()
        while any(one.asked is not None and not one.missed for one in self.watched):
            now = time.monotonic()
            if now - begun > patience or (self._heard > begun and now - self._heard > rest):
                for one in self.watched:
                    one.missed |= one.asked is not None
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
                    one.problem, one.asked, one.missed = str(error).partition("\n")[0], None, True
                self._over.wait(_AGAIN)
                continue
            self._transports.append(found[0].transport)
            self._heard = time.monotonic()
            apart = len(own) > 1 and _takes_a_session(found[0])
            for one, door in zip(own, found, strict=True):
                one.reached = True
                self._begin(self._node, one, door, apart and one is not own[0])
            return

    def _node(self, one: Watched, door: Door, apart: bool) -> None:
        """Answer for one node, turn by turn; ``apart``: over a connection of its own."""
        asker: Asker | None = None
        while True:
            one.turn.wait()
            one.turn.clear()
            if self._over.is_set():
                return
            try:
                with AnswerOf(one.spot.name):
                    apart = apart and not self._move(one, door)
                    asker = self._answer(one, door, asker)
                one.problem, one.missed, self._heard = "", False, time.monotonic()
            except _GONE as error:
                asker, one.problem, one.missed = None, str(error).partition("\n")[0], True
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

    def _move(self, one: Watched, door: Door) -> bool:
        """Give a node a connection of its own."""
        with self._logins[one.spot.host.name]:
            door.transport = door.transport.another()
        self._transports.append(door.transport)
        return True

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


def _takes_a_session(door: Door) -> bool:
    """Whether each stream takes one of the few sessions of a host, so that its nodes cannot share a connection."""
    with suppress(*_GONE):
        door.stream(_AGAIN).close()
    return isinstance(door.transport, SshTransport) and door.transport.relays
