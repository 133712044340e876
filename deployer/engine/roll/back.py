"""What is known to be good, and the way back to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from deployer.engine import ledger
from deployer.engine.ladder import expected
from deployer.engine.lanes import each
from deployer.engine.roll.host_lane import HostLane
from deployer.engine.roll.rollback import Return
from deployer.engine.walk.apply import finish
from deployer.errors import DeployerError, NotConverged, Reverted, StepError
from deployer.events import Emit, Stage, StepDone
from deployer.modules.beam_nodes import BeamNodes


def judge_good(lane: HostLane) -> None:
    """Note on a host whose nodes are proven that its release is good, where that is news.

    Raises:
        StepError: it could not be noted.
        HostError: the host was lost.
    """
    assert lane.walk and lane.transport and lane.play  # noqa: S101 - climbed
    switch, declared = ledger.switch_of(lane.play), lane.play.fleet[0]
    if not (switch and declared and declared.release):
        return
    if isinstance(switch, Return):
        return  # it was judged long ago; to be judged again would make it the newest
    by = expected.told(lane.targets)
    known = switch.id in lane.record.good and lane.record.expected.get(switch.id) == by
    if lane.walk.switched or lane.record.untried or not known:
        step = ledger.judge_good(switch, declared.release.keep, by)
        finish(lane.transport, "note that the release is good", step, become=lane.play.become)


@dataclass(frozen=True, slots=True)
class WayBack:
    """Sends hosts back to the release that was good before, with the files it was good with."""

    pool: Executor
    emit: Emit
    clock: Callable[[], float] = time.monotonic

    def send(self, lanes: Sequence[HostLane], why: str = "") -> None:
        """Send hosts back whose nodes this run has switched.

        Args:
            lanes: a host that has failed marks the release bad; one that has not, leaves it unjudged.
            why: what is told of a host that has not failed itself.
        """
        due = [lane for lane in lanes if not lane.back and lane.walk and lane.walk.switched and _may(lane.problem)]
        each(due, lambda lane: self._send(lane, why), pool=self.pool)

    def _send(self, lane: HostLane, why: str) -> None:
        assert lane.transport and lane.play  # noqa: S101 - its turn has come
        switch = ledger.switch_of(lane.play)
        to = _refuge(lane.record, switch.id if switch else "")
        failure = lane.problem
        if switch and not to and switch.takeover and failure:
            self._give_back(lane, switch, failure)
            return
        if not (switch and to):
            lane.problem = lane.problem or StepError(f"{why}; there is no good release to go back to")
            lane.problem.hint = "there is no good release on the host to go back to: fix the cause and deploy again"
            return
        self.emit(Stage(lane.name, "go back"))
        begin, what = self.clock(), f"go back to {to}"
        lane.sound = None
        reason = failure.message.partition("\n")[0] if failure else ""
        try:
            step = ledger.go_back(switch, to, why=reason)
            finish(lane.transport, what, step, become=lane.play.become)
        except StepError as error:
            raise StepError(f"{failure.message if failure else why}; {error.message}", where=lane.name) from None
        lane.back, lane.fresh = to, False
        lane.problem = failure or Reverted(why)
        self.emit(StepDone(lane.name, "nodes", what, 0, self.clock() - begin))

    def _give_back(self, lane: HostLane, switch: BeamNodes, failure: DeployerError) -> None:
        """Have the service that was taken over run again, where what took its place was never judged good."""
        assert lane.transport and lane.play  # noqa: S101 - its turn has come
        try:
            finish(lane.transport, "give back", switch.switch.give_back(), become=lane.play.become)
        except StepError as error:
            failure.hint = f"{switch.takeover} was not brought back: {error.message}"
        else:
            failure.hint = f"{switch.takeover} runs again as before: fix the cause and deploy again"


def settle(lanes: Sequence[HostLane]) -> None:
    """Say of hosts that went back, after the climb, whether they are well there."""
    for lane in lanes:
        if not lane.back or not lane.problem:
            continue
        said, where = lane.problem.message, lane.problem.where
        if lane.sound is None:
            lane.problem = NotConverged(
                f"{said}; it went back to {lane.back}, and nobody looked whether it is well there"
            )
            lane.problem.hint = "deployer verify looks"
        elif not lane.sound:
            ill = f"{said}; it went back to {lane.back}, and its nodes are not well there"
            lane.problem = NotConverged(ill, hint="see its ladder; deployer verify looks again")
        elif not isinstance(lane.problem, Reverted) or not lane.problem.hint:
            hint = f"it went back to {lane.back}, and its nodes are well; fix the cause and deploy again"
            lane.problem = Reverted(said, where=where, hint=hint)


def _may(problem: DeployerError | None) -> bool:
    """Whether a host with this problem can be sent back: what was lost or interrupted is left as it is."""
    return problem is None or isinstance(problem, StepError | NotConverged)


def _refuge(record: ledger.Ledger, leaving: str) -> str:
    """Return the release that ran before, if it was good, or else the last good one; empty when there is none."""
    if record.current in record.good:
        return record.current
    return next((one for one in record.good if one != leaving), "")
