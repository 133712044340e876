"""The machines that run tasks for other hosts (``delegate_to``): this machine, or hosts of the inventory."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from deployer.engine.walk.probe import PROBE_TIMEOUT, Reading, probe_program, read_probes
from deployer.engine.walk.steps import Job, Send, patience, step_program
from deployer.errors import ConfigError, ConnectionLost, DelegateLost, HostError
from deployer.model import Host, Observed
from deployer.resolve import Action
from deployer.resolve.action import Delegate
from deployer.sh import Frame
from deployer.transport.base import Transport
from deployer.transport.local import LocalTransport
from deployer.transport.wrappers import ReadOnly


def _nobody(host: Host) -> Transport:
    raise HostError("nothing connects to other hosts here", where=host.name)


@dataclass(slots=True)
class _Machine:
    """A host that runs tasks for others: one connection to it, and one program at a time."""

    turn: threading.Lock = field(default_factory=threading.Lock)
    transport: Transport | None = None
    lost: HostError | None = None


@dataclass(slots=True)
class Elsewhere:
    """The machines to which the hosts of a play delegate tasks.

    Attributes:
        connect: opens a connection to a host of the inventory.
    """

    connect: Callable[[Host], Transport] = _nobody
    _machines: dict[str, _Machine] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def turn(self, place: Delegate, name: str) -> Iterator[Transport]:
        """Hold a machine exclusively among the hosts of the play, and give the connection to it.

        Args:
            place: the machine. On this machine (the controller) the hosts do not wait for each other.
            name: the name of the host that delegates.

        Raises:
            DelegateLost: it cannot be reached, or the connection broke; the message has both names.
        """
        if place.host is None:
            yield LocalTransport(name, place.password)
            return
        machine = self._machine(place.name)
        with machine.turn:
            try:
                yield self._transport(machine, place.host)
            except HostError as error:
                if machine.transport and isinstance(error, ConnectionLost):
                    machine.transport.close()
                    machine.transport = None
                said = f"the task that is delegated to {place} cannot run there: {error.message}"
                raise DelegateLost(said, where=name, hint=error.hint) from error

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Keep other hosts of the play from running anything on a host: only one change may wait there at a time."""
        with self._machine(name).turn:
            yield

    def _machine(self, name: str) -> _Machine:
        with self._lock:
            return self._machines.setdefault(name, _Machine())

    def _transport(self, machine: _Machine, host: Host) -> Transport:
        """Return the connection to a machine; a machine that could not be reached is not tried again."""
        if machine.lost:
            raise copy.copy(machine.lost)
        if machine.transport is None:
            try:
                machine.transport = self.connect(host)
            except HostError as error:
                machine.lost = error
                raise
        return machine.transport

    def sender(self, place: Delegate, name: str) -> Send:
        """Return a function that runs jobs of a host on a machine; it raises what `turn` raises."""

        def send(part: Sequence[Job]) -> list[Frame]:
            with self.turn(place, name) as transport:
                return send_to(transport, part, become=place.become)

        return send

    def read(self, asked: Sequence[Action], name: str) -> Reading:
        """Probe a host's delegated actions on their machines; return the answers in order, and what users lack.

        Args:
            asked: a host's actions; those without a place are left out.
            name: the name of the host.

        Raises:
            DelegateLost: a machine cannot be probed.
        """
        answers, lacks = dict[Delegate, Iterator[Observed | ConfigError]](), dict[int, str]()
        for place in dict.fromkeys(action.place for action in asked if action.place):
            mine = [action for action in asked if action.place == place]
            with self.turn(place, name) as transport:
                frames = ReadOnly(transport).run(probe_program(mine, become=place.become), timeout=PROBE_TIMEOUT)
            found = read_probes(mine, frames)
            answers[place] = iter(found.observed)
            lacks |= found.lacks
        return Reading(tuple(next(answers[action.place]) for action in asked if action.place), lacks=lacks)

    def close(self) -> None:
        """Close all connections."""
        for machine in self._machines.values():
            if machine.transport:
                machine.transport.close()


def send_to(transport: Transport, part: Sequence[Job], *, become: bool) -> list[Frame]:
    """Run jobs over a connection, and return all answers."""
    steps = step_program(part, become=become)
    return list(transport.run(steps, timeout=patience(steps, part)))


def put_between(asked: Sequence[Action], reading: Reading, others: Reading) -> Reading:
    """Merge the answers of a host and of other machines into one reading, in the order of ``asked``."""
    own, those = iter(reading.observed), iter(others.observed)
    observed = tuple(next(those if action.place else own) for action in asked)
    return replace(reading, observed=observed, lacks={**reading.lacks, **others.lacks})
