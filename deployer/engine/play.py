"""One play over all its hosts, in parallel; a host's failure is a value, and the others go on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from enum import Enum

from deployer.engine import facts, ledger, verify
from deployer.engine.apply import finish
from deployer.engine.ladder import failed
from deployer.engine.lanes import Lane, close, each, worst
from deployer.engine.readings import UnitReading, parse_look
from deployer.engine.target import Target, targets_of
from deployer.engine.walk import Walk
from deployer.errors import ConfigError, HostError, Interrupted, NotConverged
from deployer.events import Emit, Ending, HostEnded, PlayEnded, PlayStarted, Stage
from deployer.model import Host
from deployer.resolve import HostPlay, Resolver
from deployer.transport.base import Transport
from deployer.transport.wrappers import ReadOnly


class Goal(Enum):
    """Where the walk stops; nothing below this module asks."""

    PLAN = "plan"
    AUDIT = "audit"
    DEPLOY = "deploy"
    VERIFY = "verify"


@dataclass(slots=True)
class _Lane(Lane):
    """One host's way through the play; ``sound`` when every rung of its nodes has held."""

    play: HostPlay | None = None
    walk: Walk | None = None
    drift: bool = False
    targets: tuple[Target, ...] = ()
    sound: bool = False


@dataclass(slots=True)
class PlayRun:
    """Everything a play needs to run; `run` returns its exit code.

    Attributes:
        open: makes a connection to a host that is resolved.
        pool: hosts run in it in parallel.
        stop: set by Ctrl-C: hosts finish the program under way and start nothing new.
        drift_code: the exit code that a host asks for when something would change and the goal is not to change it.
    """

    resolver: Resolver
    hosts: Sequence[Host]
    goal: Goal
    open: Callable[[Host], Transport]
    pool: Executor
    emit: Emit
    stop: threading.Event = field(default_factory=threading.Event)
    clock: Callable[[], float] = time.monotonic
    drift_code: int = 0
    _host_keys: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> int:
        """Walk every host to the goal and return the exit code of DESIGN section 7.

        Raises:
            ConfigError: what is written is wrong; no connection was opened.
        """
        begin, play = self.clock(), self.resolver.play
        lanes = [_Lane(host, begin) for host in self.hosts]
        if not self.resolver.needs_facts:
            for lane in lanes:
                lane.play = self.resolver.resolve(lane.host, None)
        self.emit(PlayStarted(play.name, self.goal.value, tuple(host.name for host in self.hosts)))
        try:
            self._walk(lanes)
            if self.goal in (Goal.DEPLOY, Goal.VERIFY):
                self._climb(lanes)
            if self.goal is Goal.DEPLOY:
                self._each([lane for lane in lanes if lane.sound], self._judge_good)
        finally:
            close(lanes)
        code = worst([self._end(lane) for lane in lanes], self.stop)
        self.emit(PlayEnded(play.name, self.clock() - begin))
        return code

    def _walk(self, lanes: Sequence[_Lane]) -> None:
        self._each(lanes, self._prepare)
        if self.resolver.play.any_errors_fatal and any(lane.problem for lane in lanes):
            return
        if self.goal is Goal.DEPLOY:
            _hold(lanes)
            self._each([lane for lane in lanes if not lane.problem], self._deploy)

    def _each(self, lanes: Sequence[_Lane], act: Callable[[_Lane], None]) -> None:
        each(lanes, act, pool=self.pool, stop=self.stop)

    def _prepare(self, lane: _Lane) -> None:
        name = lane.host.name
        self.emit(Stage(name, "connect"))
        lane.targets = targets_of(*lane.play.fleet) if lane.play else ()
        transport = self.open(lane.host)
        lane.transport = transport if self.goal is Goal.DEPLOY else ReadOnly(transport)
        self._refuse_twin(name, getattr(transport, "host_key", ""))
        if lane.play is None:
            self.emit(Stage(name, "facts"))
            lane.play = self.resolver.resolve(lane.host, facts.gather(lane.transport))
        lane.targets = targets_of(*lane.play.fleet)
        switch = ledger.switch_of(lane.play)
        record = (ledger.look(switch.root),) if switch else ()
        riders = (*verify.fragments(lane.targets), *record) if self.goal is Goal.DEPLOY else ()
        lane.walk = Walk(lane.transport, lane.play, self.emit, riders)
        if self.goal is not Goal.VERIFY:
            plan = lane.walk.plan()
            lane.drift = bool(plan.changing or plan.unknown)
            if self.goal is Goal.DEPLOY:
                lane.walk.changed = 0  # the plan counts what would change; so far nothing has

    def _deploy(self, lane: _Lane) -> None:
        assert lane.walk  # noqa: S101 - prepared
        lane.walk.deploy()

    def _judge_good(self, lane: _Lane) -> None:
        """Note on a host that its release is healthy, where that is news."""
        assert lane.walk and lane.transport and lane.play  # noqa: S101 - climbed
        switch, declared = ledger.switch_of(lane.play), lane.play.fleet[0]
        if not (switch and declared and declared.release):
            return
        record = ledger.parse(lane.walk.ridden[-1].out)
        if lane.walk.switched or switch.id not in record.good:
            step = ledger.judge_good(switch, declared.release.keep)
            finish(lane.transport, "note that the release is good", step, become=lane.play.become)

    def _refuse_twin(self, name: str, host_key: str) -> None:
        """Two inventory names of one host would be two writers on it (reliability B13)."""
        if not host_key:
            return
        with self._lock:
            other = self._host_keys.setdefault(host_key, name)
        if other != name:
            hint = "remove one of the names, or give cloned machines host keys of their own"
            raise ConfigError(f"{name} and {other} answer with the same host key {host_key}", where=name, hint=hint)

    def _climb(self, lanes: Sequence[_Lane]) -> None:
        able = [lane for lane in lanes if not lane.problem and lane.targets and lane.transport and lane.play]
        absent = {lane.host.name: lane.problem for lane in lanes if lane.problem and lane.targets}
        if self.stop.is_set():
            for lane in able:
                lane.problem = Interrupted(
                    "stopped before its nodes were verified", hint="deployer verify does that alone"
                )
            return
        if not (able or absent):
            return
        for lane in able:
            self.emit(Stage(lane.host.name, "ladder"))
        sessions = {
            lane.host.name: verify.Session(lane.transport, lane.play.become)
            for lane in able
            if lane.transport and lane.play
        }
        targets = [target for lane in lanes for target in lane.targets]
        busy = {lane.host.name for lane in able if lane.walk and lane.walk.changed}
        climbed = verify.verify(
            sessions,
            targets,
            _known(able),
            patience=lambda target: _patience(target, target.host in busy),
            pool=self.pool,
            emit=self.emit,
            absent=absent,
            sleep=self.stop.wait,
        )
        for lane in able:
            lane.sound = not any(failed(climbed[str(target.node)]) for target in lane.targets)
            for target in lane.targets:
                bad = failed(climbed[str(target.node)])
                if bad and not bad.follows and not lane.problem:
                    what = bad.detail.partition("\n")[0]
                    lane.problem = NotConverged(f"{target.node}: rung {bad.number}: {what}", hint=bad.advice)

    def _end(self, lane: _Lane) -> int:
        problem, walk = lane.problem, lane.walk
        code = problem.exit_code if problem else self.drift_code if lane.drift else 0
        changed = walk.changed if walk else 0
        total = walk.total if walk and self.goal is not Goal.VERIFY else 0
        said = str(problem) if problem else ""
        ending, seconds = _ending(lane, self.goal), self.clock() - lane.begin
        self.emit(HostEnded(lane.host.name, ending, changed, total, seconds, said, code))
        return code


def _hold(lanes: Iterable[_Lane]) -> None:
    """A play that one host refuses is wrong (exit 3: nothing was touched), so it begins on no host.

    Half a cluster that goes on alone, with another cookie or release, is what a refusal is there to prevent.
    """
    lanes = tuple(lanes)
    refusing = ", ".join(lane.host.name for lane in lanes if isinstance(lane.problem, ConfigError))
    for lane in lanes if refusing else ():
        lane.problem = lane.problem or ConfigError(f"not begun here, because the play is refused on {refusing}")


def _known(lanes: Iterable[_Lane]) -> dict[str, UnitReading]:
    """Return the unit readings that rode along with the last probe of each host."""
    found: dict[str, UnitReading] = {}
    for lane in lanes:
        for target, frame in zip(lane.targets, lane.walk.ridden if lane.walk else (), strict=False):
            if frame.rc == 0:
                found[str(target.node)] = parse_look(frame.out)
    return found


def _patience(target: Target, touched: bool) -> float:
    health = target.health
    if touched:
        return (health.timeout + health.stable) if health else 60.0
    return min(verify.PATIENCE, health.timeout) if health else verify.PATIENCE


def _ending(lane: _Lane, goal: Goal) -> Ending:
    if isinstance(lane.problem, HostError):
        return "unreachable"
    if lane.problem:
        return "failed"
    if lane.walk and lane.walk.first and lane.walk.first.unknown:
        return "unknown"
    if lane.drift and goal is Goal.AUDIT:
        return "drift"
    return "changed" if lane.walk and lane.walk.changed else "ok"
