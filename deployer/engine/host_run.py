"""Hosts side by side: each has its run, and what goes wrong on one stays in it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TypeVar

from deployer.errors import DeployerError, Interrupted
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


L = TypeVar("L", bound=HostRun)


def each(runs: Sequence[L], act: Callable[[L], object], *, pool: Executor, stop: threading.Event | None = None) -> bool:
    """Run ``act`` on all hosts in parallel and return whether it went well on every one.

    After Ctrl-C (``stop``) what is under way ends, and runs that have not begun are interrupted; without ``stop`` all
    are run whatever happens.
    """

    def guarded(run: L) -> None:
        try:
            if stop and stop.is_set():
                raise Interrupted("stopped before this host was finished")
            act(run)
        except DeployerError as error:
            run.problem = error

    list(pool.map(guarded, runs))
    return not any(run.problem for run in runs)


def close(runs: Iterable[HostRun]) -> None:
    """Close all connections."""
    for run in runs:
        if run.transport:
            run.transport.close()


def worst(codes: Iterable[int], stop: threading.Event) -> int:
    """Return the exit code of a run from those of its hosts; 0 where it has none."""
    asked = {0, *codes, *((Interrupted.exit_code,) if stop.is_set() else ())}
    return next(code for code in EXIT_ORDER if code in asked)
