"""Walks the hosts of one batch in parallel: up to the switch, through the hooks, and to the end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass

from deployer.engine.host_run import each_host
from deployer.engine.roll.hooks import AFTER, BEFORE, Hooks
from deployer.engine.roll.host_roll import HostRoll
from deployer.engine.roll.migrations import Migrations
from deployer.engine.roll.state import HostState, Verification
from deployer.errors import DeployerError, HostError, Interrupted, Reverted, StepError
from deployer.roll_events import STOPPED

Batch = tuple[HostRoll, ...]


@dataclass(frozen=True, slots=True)
class BatchRunner:
    """Brings batches to the declared state; a host's failure is kept in its run."""

    hooks: Hooks
    migrations: Migrations
    pool: Executor
    stop: threading.Event

    def prepare(self, runs: Sequence[HostRoll], *, ready: bool) -> None:
        """Run on all hosts at once the steps that have no effect on what runs.

        Args:
            runs: the hosts.
            ready: on hosts without running nodes that could be disturbed, run everything up to the start of the nodes.
        """
        self._each(runs, lambda run: _ahead(run, ready=ready and not run.disruptive))

    def close(self, runs: Sequence[HostRoll]) -> None:
        """Remove on all hosts at once what nothing needs any more."""
        self._each(runs, _close)

    def run(self, batch: Sequence[HostRoll]) -> str:
        """Switch the hosts of a batch; return why no other batch may follow, or the empty string."""
        moving = any(self.migrations.due(run) for run in batch)
        if not moving and not any(run.play and (run.play.before_switch or run.play.after_start) for run in batch):
            self._finish(batch)
            return ""
        self._each(batch, _approach)
        if wrong := self.migrations.run(batch):
            _keep([run for run in batch if not run.problem], wrong)
            return STOPPED if self.stop.is_set() else wrong
        due = [run for run in batch if run.state is HostState.AT_SWITCH and not run.problem]
        first = due[:1] if due and self.hooks.owe_once(due[0]) else []
        self._each(first, self._before)
        wrong = next((_why(run) for run in first if run.problem), "")
        if wrong:
            _keep(due, wrong)
        self._each([run for run in due if run not in first and not wrong], self._before)
        self._finish([run for run in batch if not (run.problem or run.skip_reason)])
        return wrong

    def undrain(self, runs: Sequence[HostRoll]) -> None:
        """Run the ``after_start`` hooks on drained hosts whose nodes are healthy, with the new release or the old one.

        Also after Ctrl-C: a host that works again must get its traffic back.
        """
        due = [run for run in runs if run.drained and (run.spared or run.health is Verification.HEALTHY)]
        due = [run for run in due if not isinstance(run.problem, HostError)]
        each_host(due, self._after, pool=self.pool)

    def drain(self, runs: Sequence[HostRoll]) -> None:
        """Run the ``before_switch`` hooks, without ``run_once`` ones, on healthy hosts that will go back.

        A hook that fails is reported, but the host goes back all the same: a few broken connections are better than a
        fleet of which half stays on a failed release.
        """
        due = [run for run in runs if not run.drained and run.walk and run.walk.switched]
        each_host(due, self._leave, pool=self.pool)

    def _finish(self, runs: Sequence[HostRoll]) -> None:
        each_host(runs, self._switch, pool=self.pool)

    def _leave(self, run: HostRoll) -> None:
        run.drained = True
        with suppress(StepError):
            self.hooks.run(run, BEFORE, back=True)

    def _after(self, run: HostRoll) -> None:
        run.drained = False
        try:
            self.hooks.run(run, AFTER)
        except StepError:
            if not run.problem:  # the first failure is the cause, and this one has been reported
                raise

    def _before(self, run: HostRoll) -> None:
        run.drained = True
        try:
            self.hooks.run(run, BEFORE)
        except DeployerError:
            run.advance(HostState.KEPT)
            raise

    def _switch(self, run: HostRoll) -> None:
        if self.stop.is_set():
            run.advance(HostState.KEPT)
            raise Interrupted("the run was stopped before this host was finished")
        _deploy(run)

    def _each(self, runs: Sequence[HostRoll], act: Callable[[HostRoll], None]) -> None:
        each_host(runs, act, pool=self.pool, stop=self.stop)


def _ahead(run: HostRoll, *, ready: bool) -> None:
    run.prepared.ahead()
    if ready:
        run.prepared.approach()


def _approach(run: HostRoll) -> None:
    if run.prepared.approach():
        run.advance(HostState.AT_SWITCH)


def _close(run: HostRoll) -> None:
    run.prepared.close()


def _deploy(run: HostRoll) -> None:
    walk = run.prepared
    run.advance(HostState.SWITCHING)
    try:
        walk.deploy()
    except Reverted:
        run.advance(HostState.REVERTED, to=run.record.current)
        raise
    run.advance(HostState.SWITCHED)
    run.fresh = bool(walk.changed or walk.ran)


def _why(run: HostRoll) -> str:
    """Return why no host is switched: the hooks have failed on the host that runs the ``run_once`` ones for all."""
    if isinstance(run.problem, Interrupted):
        return STOPPED
    return f"{BEFORE} has failed on {run.name}, which runs the run_once hooks for all hosts"


def _keep(runs: Sequence[HostRoll], reason: str) -> None:
    """Leave the nodes of these hosts as they are; a host with a problem of its own needs no other reason."""
    for run in runs:
        if run.state is not HostState.KEPT:
            run.advance(HostState.KEPT, reason="" if run.problem else reason)
