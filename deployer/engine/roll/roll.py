"""A roll: all is prepared everywhere, then batch after batch is switched, each when the one before it is well."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from deployer.engine.roll import rollout
from deployer.engine.roll.back import WayBack, settle
from deployer.engine.roll.batch import Batch, Switching
from deployer.engine.roll.climb import Climb, Fallen, blame
from deployer.engine.roll.hooks import AFTER, BEFORE
from deployer.engine.roll.host_lane import HostLane
from deployer.errors import ConfigError, Interrupted
from deployer.events import BatchEnded, BatchStarted, Emit, RollPlanned
from deployer.resolve import Action, Limits

_LATER = "deploy again: what is switched already stays as it is"


@dataclass(slots=True)
class Roll:
    """The hosts of a play in turns.

    Attributes:
        lanes: all hosts of the play, prepared.
        due: those of them where there is something to do.
        limits: what play and fleet say of batches.
        order: of the hosts, as the play has it.
        ask: puts a question to the person.
        done: names of hosts that an earlier run has brought to what is declared.
        batches: who is switched together.
    """

    lanes: Sequence[HostLane]
    due: Sequence[HostLane]
    limits: Limits
    order: str
    climb: Climb
    switching: Switching
    way_back: WayBack
    emit: Emit
    stop: threading.Event
    ask: Callable[[str], bool] | None = None
    clock: Callable[[], float] = time.monotonic
    done: frozenset[str] = frozenset()
    batches: list[Batch] = field(default_factory=list)
    _done: list[Batch] = field(default_factory=list)
    _unsound: frozenset[str] = frozenset()

    def survey(self) -> None:
        """Look at all nodes before anything begins, where nodes that run will be switched.

        Nobody has to see a node that is ill already, and it counts as that in ``min_healthy``.
        """
        if len(self.lanes) > 1 and any(lane.runs for lane in self.due):
            for lane in self.due:
                lane.turned = False
            self.climb.run(self.lanes, busy=())
            self._unsound = self.climb.nodes - self.climb.healthy

    def arrange(self) -> None:
        """Decide on the batches, and tell them where there is something to tell.

        Hosts that have to change together are one batch, as those where nothing runs are.

        Raises:
            ConfigError: not even one host could be switched without falling below ``min_healthy``; or hosts have to
                change together, and a member of their cluster takes no part.
        """
        self._check_whole()
        due = {lane.name: lane for lane in self.due}
        names = rollout.arranged(list(due), self.order)
        running = [name for name in names if due[name].runs and not any(lane.together for lane in self.due)]
        idle = [name for name in names if name not in running]
        canary, serial = self.limits.rollout.canary, self.limits.serial
        found = rollout.batches(idle, running, serial, canary=canary, total=len(self.lanes), **self._health())
        self.batches = [tuple(due[name] for name in batch) for batch in found]
        hooks = _hook_words(self.due)
        if len(found) > 1 or (found and hooks):
            self.emit(RollPlanned(tuple(found), hooks))

    def _check_whole(self) -> None:
        """Refuse to change on a part of a cluster what its members have to have in common."""
        here = {lane.name for lane in self.lanes if not lane.problem} | self.done
        for play in (lane.play for lane in self.due if lane.together and lane.play):
            absent = [member for member in play.fleet[1] if member.host not in here]
            if absent:
                names, one = ", ".join(member.host for member in absent), len(absent) == 1
                takes = f"{'is' if one else 'are'} of cluster {absent[0].cluster.name} and {'takes' if one else 'take'}"
                hint = "leave out --limit, widen the play's hosts:, or mend what is wrong there"
                raise ConfigError(
                    f"{names} {takes} no part here; how nodes talk changes on all members or on none", hint=hint
                )

    def run(self) -> None:
        """Switch batch after batch and climb the ladder of all nodes after each; what goes wrong is in the lanes."""
        left, number, stops = list(self.batches), 0, ""
        for lane in self.due:
            lane.turned = False
        if len(left) > 1:
            self.switching.prepare(self.due)
            stops = self._spent(())
        while left and not stops:
            batch, number = left.pop(0), number + 1
            stops = self._turn(batch, number, number + len(left))
            if left and not stops:
                left, stops = self._refitted(left)
            if left and not stops:
                self._pause(left)
        for lane in (lane for batch in left for lane in batch if not lane.problem):
            lane.unreached = stops
        if not number:
            blame(self.lanes, self.climb.run(self.lanes, busy=()))

    def _turn(self, batch: Batch, number: int, of: int) -> str:
        """Switch one batch, climb, and return why the roll has to stop; empty when it may go on."""
        begin, names = self.clock(), tuple(lane.name for lane in batch)
        if of > 1:
            self.emit(BatchStarted(number, of, names))
        for lane in batch:
            lane.turned = True
        stops = self.switching.run([lane for lane in batch if not lane.problem])
        fallen = self._judge(batch, last=number == of, alone=of == 1)
        self._done.append(batch)
        self.switching.undrain([lane for lane in batch if lane.readable and lane.sound])
        stops = stops or self._spent(batch)
        if stops:
            self._return(stops)
        if of > 1:
            ok = not fallen and not any(lane.problem for lane in batch)
            healthy, nodes = len(self.climb.healthy), len(self.climb.nodes)
            self.emit(BatchEnded(number, of, names, ok, healthy, nodes, self.clock() - begin, stops))
        return stops

    def _climb(self, *, last: bool) -> Fallen:
        """Climb all nodes; as long as others wait for their turn, those that were ill before are nobody's trouble."""
        if len(self.batches) < 2:
            return self.climb.run(self.lanes, {lane.name for lane in self.due if lane.walk and lane.walk.changed})
        waiting = {str(t.node) for lane in self.due if not lane.turned for t in lane.targets}
        ill = frozenset() if last else self._unsound & waiting
        sound = {lane.name for lane in self.lanes if not ill.issuperset(str(t.node) for t in lane.targets)}
        return {node: bad for node, bad in self.climb.run(self.lanes, sound, ill).items() if node not in ill}

    def _judge(self, batch: Batch, *, last: bool, alone: bool) -> Fallen:
        """Climb, send back who fell, and climb again, until nobody falls for a reason of its own."""
        news = [lane for lane in batch if lane.problem]
        while True:
            self.way_back.send(news)
            fallen = self._climb(last=last)
            settle(batch)
            news = blame(batch, fallen)
            if not news:
                break
        if alone or all(lane.problem is None or lane.back for lane in batch):
            blame(self.lanes, fallen)
        return fallen

    def _return(self, stops: str) -> None:
        """Send back who has not failed, as ``on_failure`` wants it when the roll stops."""
        wish = self.limits.rollout.on_failure
        for batch in {"stop": [], "rollback_batch": self._done[-1:], "rollback_fleet": self._done[::-1]}[wish]:
            others = [lane for lane in batch if not (lane.problem or lane.unreached)]
            self.way_back.send(others, f"went back because the roll stopped ({stops})")
            if any(lane.back for lane in others):
                self._climb(last=False)
                settle(others)
                self.switching.undrain([lane for lane in others if lane.sound])

    def _spent(self, batch: Batch) -> str:
        """Return why no other batch may follow: more hosts have failed than may."""
        failed = [lane.name for lane in self.due if lane.problem]
        if self.stop.is_set():
            return "stopped by Ctrl-C or SIGTERM"
        most, percentage = self.limits.rollout.max_failed, self.limits.max_fail_percentage
        if len(failed) > most and (most or percentage is None):
            return f"failed: {', '.join(failed)}; rollout.max_failed is {most}"
        here = sum(bool(lane.problem) for lane in batch)
        if rollout.too_many(here, len(batch), percentage):
            return f"{here} of {len(batch)} hosts of a batch have failed; max_fail_percentage is {percentage:g}"
        return ""

    def _refitted(self, left: list[Batch]) -> tuple[list[Batch], str]:
        """Return the batches to come, smaller where too few nodes are healthy now, and why none can come."""
        lanes = {lane.name: lane for batch in left for lane in batch}
        try:
            found = rollout.batches([], list(lanes), [len(batch) for batch in left], **self._health())
        except ConfigError as error:
            return left, error.message
        return [tuple(lanes[name] for name in batch) for batch in found], ""

    def _health(self) -> dict[str, Any]:
        """Return the clusters and who is not healthy, as the batch maths wants them."""
        least = self.limits.rollout.min_healthy
        members = {m.host: m for lane in self.lanes if lane.play for m in lane.play.fleet[1]}
        names = dict.fromkeys(member.cluster.name for member in members.values())
        clusters = [
            rollout.Cluster(name, {h: len(m.nodes) for h, m in members.items() if m.cluster.name == name}, least)
            for name in names
        ]
        return {"clusters": clusters, "down": {lane.name: self._down(lane) for lane in self.lanes}}

    def _down(self, lane: HostLane) -> int:
        well = self.climb.healthy if self.climb.nodes else lane.alive
        return sum(str(target.node) not in well for target in lane.targets)

    def _pause(self, left: Sequence[Batch]) -> None:
        pause, hosts = self.limits.rollout.pause, [lane.name for batch in left for lane in batch]
        if isinstance(pause, float):
            self.stop.wait(pause)
        elif self.ask and not self.stop.is_set() and not self.ask(f"still to come: {', '.join(hosts)}. Go on?"):
            for lane in (lane for batch in left for lane in batch):
                lane.problem = lane.problem or Interrupted("stopped at your word before its turn", hint=_LATER)


def _hook_words(lanes: Sequence[HostLane]) -> tuple[str, ...]:
    """Return each hook once, with where and for whom it runs."""
    found: dict[str, None] = {}
    for play in (lane.play for lane in lanes if lane.play):
        for when, hooks in ((BEFORE, play.before_switch), (AFTER, play.after_start)):
            found |= dict.fromkeys(f"{when}: {_words(hook)}" for hook in hooks if not hook.skip)
    return tuple(found)


def _words(hook: Action) -> str:
    place = ", on this machine" if hook.task.local else ""
    return f"{hook.task.name}{place}{', once, before the first switch' if hook.task.run_once else ''}"
