"""Marks releases as good, and sends hosts back to a good one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from deployer.engine import ledger
from deployer.engine.host_run import each_host
from deployer.engine.ladder import expected
from deployer.engine.roll.host_roll import HostRoll
from deployer.engine.roll.rollback import Return
from deployer.engine.roll.state import MOVES, HostState, Verification
from deployer.errors import DeployerError, NotConverged, Reverted, StepError
from deployer.events import Emit, Stage, StepDone
from deployer.modules.beam_nodes import BeamNodes


def judge_good(run: HostRoll) -> None:
    """Record on a host whose nodes are proven that its release is good, if the host does not know it yet.

    Raises:
        StepError: it could not be recorded.
        HostError: the host was lost.
    """
    here, walk = run.connected, run.prepared
    switch, declared = ledger.switch_of(here.play), here.play.fleet[0]
    if not (switch and declared and declared.release):
        return
    if isinstance(switch, Return):
        return  # it was marked good earlier; marking it again would make it the newest good one
    by = expected.told_words(run.targets)
    known = switch.id in run.record.good and run.record.expected.get(switch.id) == by
    if walk.switched or run.record.untried or not known:
        step = ledger.record_good(switch, declared.release.keep, by)
        here.finish("note that the release is good", step)


@dataclass(frozen=True, slots=True)
class Reverter:
    """Sends hosts back to the last good release, with the files that it had when it was good."""

    pool: Executor
    emit: Emit
    clock: Callable[[], float] = time.monotonic

    def send(self, runs: Sequence[HostRoll], why: str = "") -> None:
        """Send back those hosts whose nodes this run has switched.

        Args:
            runs: the hosts; one that has failed marks its release bad, a healthy one does not.
            why: the reason to report for a host that has not failed itself.
        """
        touched = [run for run in runs if run.walk and run.walk.switched and HostState.REVERTING in MOVES[run.state]]
        due = [run for run in touched if _revertible(run.problem)]
        if due:
            from deployer.engine.roll.restart import only_restarts  # a plan does not need this module

            due = [run for run in due if not only_restarts(run.connected.play)]
        each_host(due, lambda run: self._send(run, why), pool=self.pool)

    def _send(self, run: HostRoll, why: str) -> None:
        switch = ledger.switch_of(run.connected.play)
        to = _revert_target(run.record, switch.id if switch else "")
        failure = run.problem
        if switch and not to and switch.takeover and failure:
            self._give_back(run, switch, failure)
            return
        if not (switch and to):
            run.problem = run.problem or StepError(f"{why}; there is no good release to go back to")
            none = "this host has no good release to go back to: fix the cause and deploy again"
            run.problem.hint = "; ".join(filter(None, (run.problem.hint, none)))
            return
        self.emit(Stage(run.name, "go back"))
        begin, what = self.clock(), f"go back to {to}"
        run.advance(HostState.REVERTING)
        reason = failure.message.partition("\n")[0] if failure else ""
        try:
            step = ledger.go_back(switch, to, why=reason)
            run.connected.finish(what, step, switch.seconds)
        except StepError as error:
            raise StepError(f"{failure.message if failure else why}; {error.message}", where=run.name) from None
        run.advance(HostState.REVERTED, to=to)
        run.fresh = False
        run.problem = failure or Reverted(why)
        self.emit(StepDone(run.name, "nodes", what, 0, self.clock() - begin))

    def _give_back(self, run: HostRoll, switch: BeamNodes, failure: DeployerError) -> None:
        """Start the service again that was taken over, because no release in its place was ever good."""
        try:
            run.connected.finish("give back", switch.switch.give_back())
        except StepError as error:
            failure.hint = f"{switch.takeover} was not started again: {error.message}"
        else:
            failure.hint = f"{switch.takeover} runs again as before: fix the cause and deploy again"


def settle(runs: Sequence[HostRoll]) -> None:
    """After the climb, put into the problem of each host that went back whether it is healthy there."""
    for run in runs:
        if not run.reverted_to or not run.problem:
            continue
        said, where = run.problem.message, run.problem.where
        if run.health is Verification.UNVERIFIED:
            unverified = f"{said}; it went back to {run.reverted_to}, not verified after the rollback"
            run.problem = NotConverged(unverified, hint="run deployer verify to check it")
        elif run.health is Verification.UNHEALTHY:
            unhealthy = f"{said}; it went back to {run.reverted_to}, and its nodes are unhealthy after the rollback"
            run.problem = NotConverged(
                unhealthy, hint="the ladder above shows why; run deployer verify to check it again"
            )
        elif not isinstance(run.problem, Reverted) or not run.problem.hint:
            hint = f"it went back to {run.reverted_to}, and its nodes are healthy; fix the cause and deploy again"
            run.problem = Reverted(said, where=where, hint=hint)


def _revertible(problem: DeployerError | None) -> bool:
    """Whether a host with this problem can be sent back: a host that was lost or interrupted is left as it is."""
    return problem is None or isinstance(problem, StepError | NotConverged)


def _revert_target(record: ledger.Ledger, leaving: str) -> str:
    """Return the release that ran before, if it was good, else the last good one; empty when there is none."""
    if record.current in record.good:
        return record.current
    return next((one for one in record.good if one != leaving), "")
