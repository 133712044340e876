"""Hosts side by side: each has its run, what goes wrong on one stays in it, and every walk over them goes alike."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TypeVar

from deployer.engine.lease import RunLease
from deployer.errors import AnswerOf, DeployerError, HostError, Interrupted, Locked
from deployer.events import Emit, Ending, HostEnded, PlayEnded, PlayStarted, Stage
from deployer.model import Host
from deployer.transport.base import Transport

EXIT_ORDER = (130, 3, 1, 7, 5, 4, 6, 2, 0)
"""Which host's exit code a run takes: the first of these that any host asks for."""


@dataclass(slots=True)
class HostRun:
    """One host's way through a run.

    Attributes:
        begin: when the run began, by its clock.
        transport: the open connection, once there is one.
        problem: what ended this host's way early.
    """

    host: Host
    begin: float
    transport: Transport | None = None
    problem: DeployerError | None = None

    @property
    def name(self) -> str:
        """The host's inventory name."""
        return self.host.name


L = TypeVar("L", bound=HostRun)


def each_host(
    runs: Sequence[L], act: Callable[[L], object], *, pool: Executor, stop: threading.Event | None = None
) -> bool:
    """Run ``act`` on all hosts in parallel and return whether it went well on every one.

    After Ctrl-C (``stop``) what is under way ends, and runs that have not begun are interrupted; without ``stop`` all
    are run whatever happens.
    """

    def guarded(run: L) -> None:
        try:
            if stop and stop.is_set():
                raise Interrupted("the run was stopped before this host was finished")
            with AnswerOf(run.name):
                act(run)
        except DeployerError as error:
            run.problem = error

    list(pool.map(guarded, runs))
    return not any(run.problem for run in runs)


def worst(codes: Iterable[int], stop: threading.Event) -> int:
    """Return the exit code of a run from those of its hosts; 0 where it has none."""
    asked = {0, *codes, *((Interrupted.exit_code,) if stop.is_set() else ())}
    return next(code for code in EXIT_ORDER if code in asked)


@dataclass(frozen=True, slots=True)
class Context:
    """What every walk over hosts needs.

    Attributes:
        open: makes a connection to a host that is resolved.
        pool: hosts run in it in parallel.
        emit: where events go.
        stop: set by Ctrl-C: hosts finish the program under way and start nothing new.
        lease: of all hosts of the run; None where nothing is written.
        doing: what the run does, in a word or two.
        behind: the run has plays before this one.
    """

    open: Callable[[Host], Transport]
    pool: Executor
    emit: Emit
    stop: threading.Event = field(default_factory=threading.Event)
    clock: Callable[[], float] = time.monotonic
    lease: RunLease | None = None
    doing: str = ""
    behind: bool = False

    def each(self, runs: Sequence[L], act: Callable[[L], object]) -> bool:
        """Do as `each_host`, until a person wants no more."""
        return each_host(runs, act, pool=self.pool, stop=self.stop)

    def connect(self, run: HostRun) -> Transport:
        """Open the connection to a host, and say so.

        Raises:
            HostError: it cannot be reached.
        """
        self.emit(Stage(run.name, "connect"))
        lease, host = self.lease, run.host
        run.transport = lease.connect(host.name, lambda: self.open(host)) if lease else self.open(host)
        return run.transport

    def beside(self, host: Host) -> Transport:
        """Open a connection to any host of the inventory, for what others have done there; the run's lease covers it.

        Raises:
            HostError: it cannot be reached.
        """
        return self.lease.beside(host.name, lambda: self.open(host)) if self.lease else self.open(host)

    def may_write(self, runs: Iterable[HostRun]) -> bool:
        """Take the lease of the run's hosts, and return whether it was had; what keeps it from that is in the runs."""
        try:
            if self.lease:
                self.lease.take()
        except DeployerError as error:
            for run in runs:
                own = error if run.name == error.where else Locked(f"not begun here, because of {error.where}")
                run.problem = run.problem or own
            return False
        return True

    def walk(
        self, play: str, goal: str, runs: Sequence[L], body: Callable[[], object], end: Callable[[L], HostEnded]
    ) -> int:
        """Tell that a play begins, let ``body`` work on its hosts, tell how it ended, and return the exit code."""
        began = self.begin(play, goal, runs)
        try:
            body()
        finally:
            close(runs)
        return self.end(play, began, [end(run) for run in runs])

    def ask_each(self, play: str, goal: str, hosts: Iterable[Host], ask: Callable[[HostRun], object]) -> int:
        """Walk over hosts that are only asked, each as `each` does it, and return the exit code."""
        runs = [HostRun(host, self.clock()) for host in hosts]
        return self.walk(play, goal, runs, lambda: self.each(runs, ask), self.ended)

    def begin(self, play: str, goal: str, runs: Sequence[HostRun]) -> float:
        """Tell that a play begins on these hosts, and return when."""
        self.emit(PlayStarted(play, goal, tuple(run.name for run in runs), self.doing))
        return self.clock()

    def end(self, play: str, began: float, ends: Sequence[HostEnded]) -> int:
        """Tell how a play ended, host by host, and return the exit code."""
        for ended in ends:
            self.emit(ended)
        self.emit(PlayEnded(play, self.clock() - began))
        return worst((ended.code for ended in ends), self.stop)

    def ended(self, run: HostRun, ending: Ending = "ok", changed: int = 0, total: int = 0) -> HostEnded:
        """Return how it ended for a host: as said, unless something went wrong there."""
        problem, seconds = run.problem, self.clock() - run.begin
        if problem is None:
            return HostEnded(run.name, ending, changed, total, seconds)
        return HostEnded(run.name, ended_by(problem), changed, total, seconds, str(problem), problem.exit_code)


def ended_by(problem: DeployerError) -> Ending:
    """Return how a play has ended for a host on which something went wrong, or that a person has stopped."""
    if isinstance(problem, HostError):
        return "unreachable"
    return "stopped" if isinstance(problem, Interrupted) else "failed"


def close(runs: Iterable[HostRun]) -> None:
    """Close all connections."""
    for run in runs:
        if run.transport:
            run.transport.close()
