"""Runs on several hosts in parallel: each host has its own run, and a failure stays in the run of its host."""

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
"""The exit code of a run is the first of these that one of its hosts has."""


@dataclass(slots=True)
class HostRun:
    """One host's way through a run.

    Attributes:
        begin: when the run began, by its clock.
        transport: the open connection, once there is one.
        problem: the error that ended this host's run early.
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
    """Run ``act`` on all hosts in parallel and return whether it succeeded on every one.

    After Ctrl-C (``stop``), hosts that have begun finish, and the others are interrupted; without ``stop``, all hosts
    are run in any case.
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
    """Return the exit code of a run from those of its hosts; 0 when it has none."""
    asked = {0, *codes, *((Interrupted.exit_code,) if stop.is_set() else ())}
    return next(code for code in EXIT_ORDER if code in asked)


@dataclass(frozen=True, slots=True)
class Context:
    """What every walk over hosts needs.

    Attributes:
        open: makes a connection to a resolved host.
        pool: runs hosts in parallel.
        emit: gets the events.
        stop: set by Ctrl-C: hosts finish the running program and start nothing new.
        lease: the lease on all hosts of the run; None when nothing is written.
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
        """Do as `each_host`, until Ctrl-C."""
        return each_host(runs, act, pool=self.pool, stop=self.stop)

    def connect(self, run: HostRun) -> Transport:
        """Emit the stage, and open the connection to a host.

        Raises:
            HostError: it cannot be reached.
        """
        self.emit(Stage(run.name, "connect"))
        lease, host = self.lease, run.host
        run.transport = lease.connect(host.name, lambda: self.open(host)) if lease else self.open(host)
        return run.transport

    def beside(self, host: Host) -> Transport:
        """Open a connection to any host of the inventory, for delegated tasks; the run's lease covers it.

        Raises:
            HostError: it cannot be reached.
        """
        return self.lease.beside(host.name, lambda: self.open(host)) if self.lease else self.open(host)

    def may_write(self, runs: Iterable[HostRun]) -> bool:
        """Take the lease of the run's hosts; return whether that succeeded. The reason for a failure is in the runs."""
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
        """Report that a play begins, call ``body``, report how it ended for each host, and return the exit code."""
        began = self.begin(play, goal, runs)
        try:
            body()
        finally:
            close(runs)
        return self.end(play, began, [end(run) for run in runs])

    def ask_each(self, play: str, goal: str, hosts: Iterable[Host], ask: Callable[[HostRun], object]) -> int:
        """Run ``ask`` on hosts that are only asked something, in parallel, and return the exit code."""
        runs = [HostRun(host, self.clock()) for host in hosts]
        return self.walk(play, goal, runs, lambda: self.each(runs, ask), self.ended)

    def begin(self, play: str, goal: str, runs: Sequence[HostRun]) -> float:
        """Report that a play begins on these hosts, and return the time."""
        self.emit(PlayStarted(play, goal, tuple(run.name for run in runs), self.doing))
        return self.clock()

    def end(self, play: str, began: float, ends: Sequence[HostEnded]) -> int:
        """Report how a play ended, host by host, and return the exit code."""
        for ended in ends:
            self.emit(ended)
        self.emit(PlayEnded(play, self.clock() - began))
        return worst((ended.code for ended in ends), self.stop)

    def ended(self, run: HostRun, ending: Ending = "ok", changed: int = 0, total: int = 0) -> HostEnded:
        """Return how the run ended for a host: with ``ending``, unless the host has a problem."""
        problem, seconds = run.problem, self.clock() - run.begin
        if problem is None:
            return HostEnded(run.name, ending, changed, total, seconds)
        return HostEnded(run.name, ended_by(problem), changed, total, seconds, str(problem), problem.exit_code)


def ended_by(problem: DeployerError) -> Ending:
    """Return how a play has ended for a host with this problem."""
    if isinstance(problem, HostError):
        return "unreachable"
    return "stopped" if isinstance(problem, Interrupted) else "failed"


def close(runs: Iterable[HostRun]) -> None:
    """Close all connections."""
    for run in runs:
        if run.transport:
            run.transport.close()
