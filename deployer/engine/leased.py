"""A connection whose programs may write only while the run has the host's lease."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Protocol

from deployer.beam.stream import Stream
from deployer.engine.seat import is_dead
from deployer.events import Emit, Note
from deployer.sh import Frame, Program, Sh
from deployer.transport.base import Transport

# Prints what lease_take prints. Only for a run: the process that made a hold has ended, and a damaged record has none.
_TAKEN = Sh("""[ "$own_uid" -ne 0 ] || {
  echo root
  if lease_taken; then echo "$why"; [ "$l_kind" != run ] || echo "process $l_pid"; fi
}""")


class _Keeper(Protocol):
    """The object that takes and keeps leases: `deployer.engine.lease.RunLease`."""

    told: bool

    @property
    def emit(self) -> Emit: ...

    def clock(self) -> float: ...

    def take(self, due: LeasedHost | None = None) -> None: ...

    def keep(self, way: Leased, place: LeasedHost) -> bool: ...


@dataclass(slots=True, eq=False)
class LeasedHost:
    """A host of the run.

    Attributes:
        way: the connection over which the lease is renewed.
        become: the run uses sudo there.
        met: when the first program was sent, by the run's clock; 0: none yet.
        held: the run has the host's lease, as far as it knows.
        free: no lease is possible or needed, because the run does not work as root.
        heard: when a program last renewed the lease, by the run's clock.
        kept: no play uses the connection any more.
        lost: how the lease was lost; empty when it was not.
        before: when another run last had the lease, by the run's clock.
        asked: the host has reported who else has the lease, before anything was written.
        writing: held by a writing program, if the run has several connections to the host.
    """

    name: str
    way: Leased | None = None
    become: bool = False
    met: float = 0.0
    held: bool = False
    free: bool = False
    heard: float = 0.0
    kept: bool = False
    lost: str = ""
    renewing: bool = False
    before: float = 0.0
    asked: bool = False
    writing: threading.Lock | None = None

    @property
    def settled(self) -> bool:
        """Whether no lease has to be taken."""
        return self.held or self.free


class Leased:
    """A transport whose programs write only while the run has the host's lease; the first that writes takes it."""

    def __init__(self, inner: Transport, lease: _Keeper, place: LeasedHost) -> None:
        self.name, self.host_key, self.inner = inner.name, inner.host_key, inner
        self._lease, self._place = lease, place
        self._turn = threading.Lock()
        self._busy: object = None

    def run(self, program: Program, *, timeout: float) -> Iterator[Frame]:
        """Run a program; see `deployer.transport.base.Transport.run`.

        Raises:
            Locked: another run has a host of this run, or this run has lost its lease.
        """
        place = self._place
        place.become |= program.become
        about_it = program.lease == "edit"
        if program.writes and not (place.settled or about_it):
            self._lease.take(place)
        if place.held and not about_it:
            program, place.heard = replace(program, lease="held"), self._lease.clock()
        place.met = place.met or self._lease.clock()
        alone = ExitStack()
        if program.writes and not about_it and place.writing and place.writing.acquire(timeout=timeout):
            alone.callback(place.writing.release)  # after the timeout, the lock on the host itself decides
        with self._turn:
            busy = self._busy = object()
        last = len(program.fragments) - 1
        try:
            for frame in self._run(program, timeout):
                # The caller may stop before the last answer.
                if frame.index == last or (program.writes and frame.rc):
                    self._rest(busy)
                    alone.close()
                yield frame
        finally:
            self._rest(busy)
            alone.close()

    def _run(self, program: Program, timeout: float) -> Iterator[Frame]:
        """Run it; add to the first reading program the question who has the lease, so that the user learns it early."""
        place, last = self._place, len(program.fragments) - 1
        if program.writes or program.lease or self._lease.told or place.asked or place.settled or last < 0:
            yield from self.inner.run(program, timeout=timeout)
            return
        asks = replace(program, fragments=(*program.fragments, _TAKEN), lease="look")
        frames = self.inner.run(asks, timeout=timeout)
        for frame in frames:
            if frame.index == last:
                for said in frames:
                    self._hear(said.out.strip())
            yield frame

    def _hear(self, said: str) -> None:
        """Report the first other run that has a lease, unless its process is known to be dead."""
        word, _, told = said.partition("\n")
        why, _, process = told.partition("\nprocess ")
        self._place.asked = word == "root"
        if why and not is_dead(process) and not self._lease.told:
            self._lease.told = True
            self._lease.emit(Note(f"{self.name}: {why}; this run changes nothing until that is fixed"))

    def _rest(self, busy: object) -> None:
        if self._busy is busy:
            self._busy = None

    def between(self, act: Callable[[Transport], object], *, last: bool = False) -> None:
        """Do something short if no program runs; a running program renews the lease itself.

        Args:
            act: is called with the inner transport.
            last: no program runs any more, even if the last one was not read to its end.
        """
        with self._turn:
            if last or not self._busy:
                act(self.inner)

    def connect(self, address: str, port: int, *, timeout: float) -> Stream:
        """Open a stream, as the inner transport does."""
        return self.inner.connect(address, port, timeout=timeout)

    def knock(self, port: int, *, timeout: float) -> str | None:
        """Try a port plainly, as the inner transport does."""
        return self.inner.knock(port, timeout=timeout)

    def another(self) -> Transport:
        """Make a second connection, under the same lease."""
        return Leased(self.inner.another(), self._lease, self._place)

    def prove_ways(self) -> None:
        """Log in by every further way, as the inner transport does."""
        self.inner.prove_ways()

    def reopen(self) -> None:
        """Open the inner connection again."""
        self.inner.reopen()

    def close(self) -> None:
        """Close the connection, or keep it for the lease until the run ends."""
        if not self._lease.keep(self, self._place):
            self.inner.close()
