"""The walk of one batch: its hosts side by side, to the switch, through the hooks, and to the end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from deployer.engine.lanes import each
from deployer.engine.roll.hooks import AFTER, BEFORE, Hooks
from deployer.engine.roll.host_lane import HostLane
from deployer.errors import DeployerError, Reverted

Batch = tuple[HostLane, ...]


@dataclass(frozen=True, slots=True)
class Switching:
    """Brings batches to what is declared; what goes wrong on a host is in its lane."""

    hooks: Hooks
    pool: Executor
    stop: threading.Event

    def prepare(self, lanes: Sequence[HostLane]) -> None:
        """Run on all hosts at once what has no effect on what runs."""
        self._each(lanes, _ahead)

    def run(self, batch: Sequence[HostLane]) -> str:
        """Switch the hosts of a batch, and return why no other may follow; empty in the ordinary case."""
        if not any(lane.play and (lane.play.before_switch or lane.play.after_start) for lane in batch):
            self._each(batch, _deploy)
            return ""
        self._each(batch, _approach)
        due = [lane for lane in batch if lane.hooked and not lane.problem]
        first = due[:1] if due and self.hooks.owe_once(due[0]) else []
        self._each(first, self._before)
        wrong = next((f"a hook that runs once has failed on {lane.name}" for lane in first if lane.problem), "")
        for lane in due if wrong else ():
            lane.untouched, lane.unreached = True, "" if lane.problem else wrong
        self._each([lane for lane in due if lane not in first and not wrong], self._before)
        self._each([lane for lane in batch if not (lane.problem or lane.unreached)], _deploy)
        return wrong

    def undrain(self, lanes: Sequence[HostLane]) -> None:
        """Run the hooks after the start on hosts whose nodes are well, be it with the new release or the old one."""
        self._each([lane for lane in lanes if lane.hooked], lambda lane: self.hooks.run(lane, AFTER))

    def _before(self, lane: HostLane) -> None:
        try:
            self.hooks.run(lane, BEFORE)
        except DeployerError:
            lane.untouched = True
            raise

    def _each(self, lanes: Sequence[HostLane], act: Callable[[HostLane], None]) -> None:
        each(lanes, act, pool=self.pool, stop=self.stop)


def _ahead(lane: HostLane) -> None:
    assert lane.walk  # noqa: S101 - prepared
    lane.walk.ahead()


def _approach(lane: HostLane) -> None:
    assert lane.walk  # noqa: S101 - prepared
    lane.hooked = lane.walk.approach()


def _deploy(lane: HostLane) -> None:
    assert lane.walk  # noqa: S101 - prepared
    try:
        lane.walk.deploy()
    except Reverted:
        lane.back = lane.record.current
        raise
    lane.fresh = bool(lane.walk.changed)
