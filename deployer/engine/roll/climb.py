"""Climbs the ladder on the hosts of a play, as often as a roll needs it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial

from deployer.engine.ladder import verify
from deployer.engine.ladder.meeting import join, keep_together, unseen
from deployer.engine.ladder.readings import UnitReading
from deployer.engine.ladder.rung import RungResult, failed, healthy
from deployer.engine.ladder.target import Target
from deployer.engine.roll.climbed import (
    WAY_OUT,
    climbed_targets,
    connected,
    former_names,
    health_of,
    outsiders,
    taking_part,
    time_to_climb,
)
from deployer.engine.roll.ending import Fallen, mark_interrupted
from deployer.engine.roll.host_roll import HostRoll
from deployer.engine.roll.state import AS_DECLARED, HostState, Verification
from deployer.errors import ConfigError, DeployerError, NotConverged
from deployer.events import Emit, Event, Note, RungRead, Stage


@dataclass(slots=True)
class Climb:
    """Climbs as often as a roll needs it; the rungs of the last climb are reported at the end.

    Attributes:
        joins: connect nodes again that have lost each other; without it, nothing is changed.
        healthy: nodes that were healthy in the last climb, including those that only miss unhealthy members.
        nodes: nodes that were checked in it.
        unseen: nodes on hosts outside of this run that nodes of this run should see, but none sees.
        strangers: nodes that some node sees, but that are not members.
    """

    pool: Executor
    emit: Emit
    stop: threading.Event
    joins: bool = False
    healthy: frozenset[str] = frozenset()
    nodes: frozenset[str] = frozenset()
    unseen: frozenset[str] = frozenset()
    strangers: frozenset[str] = frozenset()
    _told: dict[str, list[RungRead]] = field(default_factory=dict)

    def run(
        self,
        runs: Sequence[HostRoll],
        busy: Collection[str],
        unhealthy: frozenset[str] = frozenset(),
        urgent: Collection[str] = (),
    ) -> Fallen:
        """Climb all nodes of the play.

        Args:
            runs: all hosts of the play.
            busy: hosts whose nodes were started a moment ago or have to find such nodes again; others get less time.
            unhealthy: nodes that were unhealthy before anything began; no node has to see them.
            urgent: hosts whose first failure ends the climb; for other nodes, only settled results are then returned.

        Returns:
            each node that failed, with its failed rung, except nodes that only miss a host that is absent.
        """
        runs, unhealthy = taking_part(runs, unhealthy)
        able = [run for run in runs if run.readable]
        if self.stop.is_set():
            self._forget(runs)
            mark_interrupted([run for run in able if run.health is not Verification.HEALTHY])
            return {}
        judged = {run.name: run.judged(unhealthy) for run in runs}
        targets = climbed_targets(runs, judged)
        absent = {run.name: run.problem for run in runs if run.problem and run.targets and not run.readable}
        climb = partial(self._climb, able, targets, absent, busy, urgent)
        fell = self._fell(runs)
        climbed = climb()
        for run in able:
            run.fresh = False
        if self.joins:
            climbed = self._joined(runs, targets, climbed, climb)
        self._keep_found(runs, judged, targets, climbed)
        self._told |= {node: said for node, said in fell.items() if not self._told.get(node)}
        if self.stop.is_set():
            mark_interrupted([run for run in able if run.health is Verification.UNVERIFIED])
        return _fallen(climbed)

    def _forget(self, runs: Sequence[HostRoll]) -> None:
        """Forget the results of the previous climb for hosts that were changed since."""
        for run in runs:
            if run.health is Verification.UNVERIFIED:
                gone = run.names | run.old_names
                self.healthy -= gone
                self._told = {node: said for node, said in self._told.items() if node not in gone}

    def _joined(
        self,
        runs: Sequence[HostRoll],
        targets: Sequence[Target],
        climbed: dict[str, list[RungResult]],
        climb: Callable[[], dict[str, list[RungResult]]],
    ) -> dict[str, list[RungResult]]:
        """Connect nodes that do not look for others by themselves (`join`, `keep_together`); return the new results."""
        ways = {run.name: run.transport for run in runs if run.readable}
        if not self.stop.is_set() and (met := join(targets, climbed, ways.get)):
            self.emit(Note(f"connected again by deployer, because cluster.mesh is boot: {', '.join(met)}"))
            climbed = climb()
        if not self.stop.is_set():
            keep_together(targets, climbed, _former(runs), ways.get)
        return climbed

    def _keep_found(
        self,
        runs: Sequence[HostRoll],
        judged: Mapping[str, Sequence[Target]],
        targets: Sequence[Target],
        climbed: Mapping[str, list[RungResult]],
    ) -> None:
        """Keep the results of the climb, and the health of each host."""
        self.nodes = frozenset(climbed)
        self.healthy = frozenset(node for node, rungs in climbed.items() if healthy(rungs))
        self.unseen = unseen(targets, climbed, judged.keys())
        self.strangers = frozenset(name for rungs in climbed.values() for rung in rungs for name in rung.strangers)
        for run in runs:
            health = health_of([climbed.get(str(target.node), []) for target in judged[run.name]])
            if health is not Verification.UNVERIFIED or run.health is Verification.UNHEALTHY:
                run.health = health

    def _fell(self, runs: Sequence[HostRoll]) -> dict[str, list[RungRead]]:
        """Return what the report says of nodes whose host has fallen, which no further climb may read."""
        fallen = [run for run in runs if isinstance(run.problem, NotConverged) and run.state in AS_DECLARED]
        names = {name for run in fallen for name in run.names}
        return {node: said for node, said in self._told.items() if node in names and said and said[-1].ok is False}

    def _climb(
        self,
        able: Sequence[HostRoll],
        targets: Sequence[Target],
        absent: Mapping[str, DeployerError],
        busy: Collection[str],
        urgent: Collection[str],
    ) -> dict[str, list[RungResult]]:
        if not (able or absent):
            return {}
        for run in able:
            self.emit(Stage(run.name, "ladder"))
        self._told = {str(target.node): [] for target in targets}
        sessions = {run.name: verify.LadderSession(run.connected.transport, run.connected.play.become) for run in able}
        fresh, older = _readings([run for run in able if run.fresh]), _readings(able)
        return verify.verify(
            sessions,
            targets,
            verify.Standing(fresh=fresh, older=older, absent=absent, urgent=urgent),
            patience=lambda target: time_to_climb(target, touched=target.host in busy),
            pool=self.pool,
            emit=self._keep,
            sleep=self.stop.wait,
        )

    def _keep(self, event: Event) -> None:
        if isinstance(event, RungRead):
            self._told.setdefault(event.node, []).append(event)

    def tell(self, runs: Sequence[HostRoll], leaving: Collection[str] = ()) -> None:
        """Report the last climb; ``leaving``: names of nodes that are being retired."""
        for rungs in self._told.values():
            for rung in rungs:
                self.emit(rung)
        refused = any(isinstance(run.problem, ConfigError) for run in runs)
        if not refused and (found := outsiders(self.strangers, runs, leaving)):
            self.emit(Note(f"{connected(found)}\n  {WAY_OUT}"))


def _fallen(climbed: Mapping[str, list[RungResult]]) -> Fallen:
    """Return the rung that each node failed, except for nodes that only miss a host that is absent."""
    wrong = {node: failed(rungs) for node, rungs in climbed.items()}
    return {node: rung for node, rung in wrong.items() if rung and not rung.caused_by_absent_host}


def _readings(runs: Sequence[HostRoll]) -> dict[str, UnitReading]:
    """Return node → the last reading of its unit."""
    return {node: reading for run in runs for node, reading in run.readings.items()}


def _former(runs: Sequence[HostRoll]) -> dict[str, frozenset[str]]:
    """Return for each node of hosts that have had their turn: the names that nodes of waiting hosts still have."""
    waiting = [run for run in runs if run.state is HostState.WAITING]
    return former_names([run for run in runs if run.state is not HostState.WAITING], waiting)
