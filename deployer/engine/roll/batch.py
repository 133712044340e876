"""The walk of one batch: its hosts side by side, to the switch, through the hooks, and to the end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass

from deployer.engine.lanes import each
from deployer.engine.roll.hooks import AFTER, BEFORE, Hooks
from deployer.engine.roll.host_lane import HostLane
from deployer.engine.roll.migrations import Migrations
from deployer.errors import DeployerError, HostError, Interrupted, Reverted, StepError

Batch = tuple[HostLane, ...]


@dataclass(frozen=True, slots=True)
class Switching:
    """Brings batches to what is declared; what goes wrong on a host is in its lane."""

    hooks: Hooks
    migrations: Migrations
    pool: Executor
    stop: threading.Event

    def prepare(self, lanes: Sequence[HostLane]) -> None:
        """Run on all hosts at once what has no effect on what runs."""
        self._each(lanes, _ahead)

    def approach(self, lanes: Sequence[HostLane]) -> None:
        """Bring hosts on which nothing runs that would be disturbed up to the start of their nodes."""
        self._each(lanes, _make_ready)

    def close(self, lanes: Sequence[HostLane]) -> None:
        """Take away on all hosts at once what nothing needs any more."""
        self._each(lanes, _close)

    def run(self, batch: Sequence[HostLane]) -> str:
        """Switch the hosts of a batch, and return why no other may follow; empty in the ordinary case."""
        moving = any(self.migrations.due(lane) for lane in batch)
        if not moving and not any(lane.play and (lane.play.before_switch or lane.play.after_start) for lane in batch):
            self._finish(batch)
            return ""
        self._each(batch, _approach)
        if wrong := self.migrations.run(batch):
            for lane in batch:
                lane.hooked = False
                if not lane.problem:
                    lane.untouched, lane.unreached = True, wrong
            return wrong
        due = [lane for lane in batch if lane.hooked and not lane.problem]
        first = due[:1] if due and self.hooks.owe_once(due[0]) else []
        self._each(first, self._before)
        wrong = next((f"a hook that runs once has failed on {lane.name}" for lane in first if lane.problem), "")
        for lane in due if wrong else ():
            lane.untouched, lane.unreached = True, "" if lane.problem else wrong
            lane.hooked = lane in first
        self._each([lane for lane in due if lane not in first and not wrong], self._before)
        self._finish([lane for lane in batch if not (lane.problem or lane.unreached)])
        return wrong

    def undrain(self, lanes: Sequence[HostLane]) -> None:
        """Run the hooks after the start where they are due and the nodes are well, with the new release or the old one.

        Also after Ctrl-C: a host that serves again must not stay without its traffic.
        """
        due = [lane for lane in lanes if lane.hooked and (lane.spared or lane.sound)]
        due = [lane for lane in due if not isinstance(lane.problem, HostError)]
        each(due, self._after, pool=self.pool)

    def drain(self, lanes: Sequence[HostLane]) -> None:
        """Run the hooks before the switch, but for those that run once, on hosts that are well and are to go back.

        One that fails is told and keeps no host from going back: a few cut connections are less than a fleet that
        stays half on what has failed.
        """
        due = [lane for lane in lanes if not lane.hooked and lane.walk and lane.walk.switched]
        each(due, self._leave, pool=self.pool)

    def _finish(self, lanes: Sequence[HostLane]) -> None:
        each(lanes, self._switch, pool=self.pool)

    def _leave(self, lane: HostLane) -> None:
        lane.hooked = True
        with suppress(StepError):
            self.hooks.run(lane, BEFORE, back=True)

    def _after(self, lane: HostLane) -> None:
        lane.hooked = False
        try:
            self.hooks.run(lane, AFTER)
        except StepError:
            if not lane.problem:  # what went wrong first is the cause, and this one has been told
                raise

    def _before(self, lane: HostLane) -> None:
        try:
            self.hooks.run(lane, BEFORE)
        except DeployerError:
            lane.untouched = True
            raise

    def _switch(self, lane: HostLane) -> None:
        if self.stop.is_set():
            lane.untouched = True
            raise Interrupted("stopped before this host was finished")
        _deploy(lane)

    def _each(self, lanes: Sequence[HostLane], act: Callable[[HostLane], None]) -> None:
        each(lanes, act, pool=self.pool, stop=self.stop)


def _ahead(lane: HostLane) -> None:
    assert lane.walk  # noqa: S101 - prepared
    lane.walk.ahead()


def _make_ready(lane: HostLane) -> None:
    assert lane.walk  # noqa: S101 - prepared
    lane.walk.approach()


def _approach(lane: HostLane) -> None:
    assert lane.walk  # noqa: S101 - prepared
    lane.hooked = lane.walk.approach()


def _close(lane: HostLane) -> None:
    assert lane.walk  # noqa: S101 - prepared
    lane.walk.close()


def _deploy(lane: HostLane) -> None:
    assert lane.walk  # noqa: S101 - prepared
    try:
        lane.walk.deploy()
    except Reverted:
        lane.back = lane.record.current
        raise
    lane.fresh = bool(lane.walk.changed)
