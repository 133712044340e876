"""Only one run at a time changes a host: before its first write it takes the leases of all its hosts, and keeps them.

Only the host decides whether a run holds its lease, in each writing program before it writes (``sh/lease.sh``). This
module takes the leases in time, renews them every half minute, and releases them.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from deployer.engine.leased import Leased, LeasedHost
from deployer.engine.seat import is_dead, seat
from deployer.errors import DeployerError, HostError, Locked, StepError
from deployer.events import Emit, Note
from deployer.sh import Frame, Program, Sh, sh
from deployer.transport.base import Transport

LEASE_TIME = 120
"""Seconds of a host's uptime after which a lease ends that is not renewed; ``lease_time`` of lease.sh."""
_RENEWED = 30.0
_TICK = 5.0
_TIMEOUT = 15.0
"""Seconds for one short program."""
_LEFT = 75.0
"""Seconds for a program that may have to wait until the last program of a dead run has ended, 60 s on the host."""
_AT_ONCE = 64
_STRANGE = re.compile(r"[^ -~]")
_FREE = "nothing was changed; deployer lock show prints who holds the lease, and deployer lock break ends it"
_RENEW = Sh('lease_renew || { lease_read "$lease"; lease_lost; echo "$why"; exit 5; }')

_T = TypeVar("_T")
Way = tuple[Callable[[], Transport], bool]
"""A function that opens a connection to a host, and whether the run uses sudo there."""


@dataclass(slots=True)
class RunLease:
    """The leases of a run: taken, kept and released together.

    Attributes:
        doing: what the run does; shown to other runs that want the lease meanwhile.
        emit: gets a note about a lease that was lost, or could not be released.
        ways: host → how to reach it, for all hosts of the run.
        clock: seconds; only differences count.
        told: the user has been told that another run is active, or need not be, because this run only reads.
    """

    doing: str
    emit: Emit
    ways: Mapping[str, Callable[[], Way]] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    told: bool = False
    _places: dict[str, LeasedHost] = field(default_factory=dict)
    _absent: set[str] = field(default_factory=set)
    _taking: threading.Lock = field(default_factory=threading.Lock)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _over: threading.Event = field(default_factory=threading.Event)
    _refusal: DeployerError | None = None
    _begun: bool = False

    def connect(self, name: str, open_it: Callable[[], Transport]) -> Transport:
        """Open a play's connection to a host of the run, and return it with the lease around it.

        Raises:
            HostError: it cannot be reached.
        """
        try:
            inner = open_it()
        except HostError:
            self._absent.add(name)
            raise
        self._absent.discard(name)
        return self._meet(name, inner)

    def beside(self, name: str, open_it: Callable[[], Transport]) -> Transport:
        """Open one more connection to a host, for tasks that are delegated to it; raises HostError."""
        inner = open_it()
        with self._lock:
            place = self._places.setdefault(name, LeasedHost(name))
            place.writing = place.writing or threading.Lock()
            found = Leased(inner, self, place)
            place.way = place.way or found
        return found

    def _meet(self, name: str, inner: Transport) -> Leased:
        with self._lock:
            place = self._places.setdefault(name, LeasedHost(name))
            before, kept = place.way, place.kept
            place.way, place.kept = Leased(inner, self, place), False
            place.met = place.met if place.held else 0.0
        if before and kept:
            before.inner.close()
        return place.way

    def take(self, due: LeasedHost | None = None) -> None:
        """Take the leases of all hosts of the run that can be reached, or none.

        The lease of the first host by name decides between runs on the same hosts; the others are taken in parallel.

        Args:
            due: the host that is about to be written to; it must get the lease, even if it seems unreachable.

        Raises:
            Locked: another run has one of them, or had it after this run had begun to read the host.
            StepError: a host cannot keep the record of its lease.
            HostError: the host ``due`` was lost.
        """
        with self._taking:
            if self._refusal:
                raise type(self._refusal)(self._refusal.message, where=self._refusal.where, hint=self._refusal.hint)
            if not self._begun:
                self._reach_others()
            places = [place for _, place in sorted(self._places.items()) if not place.settled and place.way]
            try:
                _side_by_side(self._take_one, places[:1])
                _side_by_side(self._take_one, places[1:])
                if due and not due.settled:
                    self._take_one(due, lenient=False)
            except (Locked, StepError) as error:
                self._refusal = error
                self._give_back(unused=True)
                raise
            if not self._begun:
                threading.Thread(target=self._keep_on, name="lease", daemon=True).start()
            self._begun = True

    def _reach_others(self) -> None:
        """Connect to the hosts of the run that have no connection yet, except those that did not answer before."""

        def reach(name: str) -> None:
            with suppress(HostError):
                open_it, become = self.ways[name]()
                self._meet(name, open_it())
                place = self._places[name]
                place.become, place.kept = become, True

        known = {name for name, place in self._places.items() if place.way} | self._absent
        _side_by_side(reach, sorted(self.ways.keys() - known))

    def _take_one(self, place: LeasedHost, *, lenient: bool = True) -> None:
        assert place.way  # noqa: S101
        what, inner = _STRANGE.sub("?", self.doing)[:200] or "-", place.way.inner
        try:
            frame = _ask(place, inner, sh("lease_take run {} {} {}", seat(), LEASE_TIME, what), _LEFT)
            said, _, process = frame.out.strip().partition("\nprocess ")
            if frame.rc == Locked.exit_code and is_dead(process):
                frame = _ask(place, inner, sh("lease_take run {} {} {} {}", seat(), LEASE_TIME, what, process), _LEFT)
                said = frame.out.strip().partition("\nprocess ")[0]
        except HostError:
            if lenient:
                return
            raise
        if frame.rc == Locked.exit_code:
            raise Locked(said, where=place.name, hint=_FREE)
        if frame.rc:
            raise StepError(said or "the lease of the host could not be taken", where=place.name)
        place.free, place.held, place.heard = said == "not root", said != "not root", self.clock()
        word, ago, process, run, person = said.split(" ", 4) if said.startswith("before ") else ("", "0", "", "", "")
        # If another run ended after this one began to read the host, that reading may be outdated.
        place.before = self.clock() - (int(ago) / 100 if word else 1e7)
        if word and place.met and int(ago) / 100 <= self.clock() - place.met and not is_dead(process):
            problem = f"{person} (run {run}) was changing the host while this run read it"
            raise Locked(problem, where=place.name, hint="nothing was changed: start the run again")

    def _keep_on(self) -> None:
        """Renew the leases of hosts on which no program has done that for a while, until the run is over."""
        with ThreadPoolExecutor(_AT_ONCE, "lease") as pool:
            while not self._over.wait(_TICK):
                for place in list(self._places.values()):
                    due = place.held and not (place.lost or place.renewing)
                    if due and self.clock() - place.heard >= _RENEWED:
                        place.renewing = True
                        pool.submit(self._renew, place)

    def _renew(self, place: LeasedHost) -> None:
        try:
            if place.way:
                place.way.between(lambda inner: self._say_so(place, inner))
        except DeployerError:
            if place.kept and place.way:
                with suppress(DeployerError):
                    place.way.reopen()
        finally:
            place.renewing = False

    def _say_so(self, place: LeasedHost, inner: Transport) -> None:
        frame = _ask(place, inner, _RENEW)
        place.heard = self.clock()
        if frame.rc == Locked.exit_code:
            place.lost = frame.out.strip()
            self.emit(Note(f"{place.name}: {place.lost}"))

    def keep(self, way: Leased, place: LeasedHost) -> bool:
        """Whether the lease still needs a connection that a play wants to close; it is then closed with the lease."""
        with self._lock:
            current = place.way is way
            if current and place.held and not self._over.is_set():
                place.kept = True
                return True
            if current:
                place.way = None
            return False

    def release(self) -> None:
        """Release all leases, and close the connections kept for them; on a lost host the lease ends by itself."""
        self._over.set()
        with self._taking:
            self._give_back()
            for place in self._places.values():
                if place.kept and place.way:
                    place.way.inner.close()

    def _give_back(self, *, unused: bool = False) -> None:
        held = [place for place in self._places.values() if place.held and place.way and not place.lost]
        _side_by_side(partial(self._give_one_back, unused=unused), held)

    def _give_one_back(self, place: LeasedHost, *, unused: bool) -> None:
        place.held = False
        end = sh("lease_end {}", int((self.clock() - place.before) * 100)) if unused else Sh("lease_end")
        with suppress(DeployerError):
            assert place.way  # noqa: S101
            place.way.between(lambda inner: _ask(place, inner, end), last=True)
            return
        self.emit(Note(f"{place.name}: the lease could not be released; it ends by itself within {LEASE_TIME} s"))


def _ask(place: LeasedHost, inner: Transport, text: Sh, timeout: float = _TIMEOUT) -> Frame:
    program = Program((text,), writes=True, lease="edit", labels=("the lease",), brief=timeout < _LEFT)
    (frame,) = inner.run(replace(program, become=place.become), timeout=timeout)
    return frame


def _side_by_side(act: Callable[[_T], object], some: Sequence[_T]) -> None:
    """Call ``act`` on all, in parallel, even if some raise; then raise the first error."""
    if len(some) < 2:
        for one in some:
            act(one)
        return
    with ThreadPoolExecutor(min(len(some), _AT_ONCE), "lease") as pool:
        made = [pool.submit(act, one) for one in some]
    for future in made:
        future.result()
