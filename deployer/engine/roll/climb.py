"""The ladder over the hosts of a play: which nodes are climbed as what, and what a fall means for their host."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import partial

from deployer.engine.ladder import verify
from deployer.engine.ladder.expected import once_seen
from deployer.engine.ladder.meeting import join, keep_together, unseen
from deployer.engine.ladder.rung import RungResult, failed, healthy
from deployer.engine.ladder.target import Target
from deployer.engine.roll.host_roll import HostRoll
from deployer.engine.roll.state import HostState, Verification
from deployer.errors import ConfigError, DeployerError, HostError, Interrupted, NotConverged
from deployer.events import Emit, Event, Note, RungRead, Stage

Fallen = dict[str, RungResult]
"""Node → the rung it failed, of those that failed one for a reason of their own."""

WAY_OUT = (
    "was its host taken out of the inventory? Put it back, then: deployer retire PLAYBOOK HOST -i INVENTORY. "
    "A host that was --lost and came back: the same, then deployer cookie rotate. A node of somebody else's: stop it"
)


def connected(names: Sequence[str]) -> str:
    """Return what is wrong with nodes that are connected and no members."""
    are = "is" if len(names) == 1 else "are"
    return f"{', '.join(names)} {are} connected to the cluster, and no member of this inventory"


@dataclass(slots=True)
class Climb:
    """Climbs as often as a roll needs it; the last climb's rungs are told at the end.

    Attributes:
        joins: nodes that have lost each other are joined again; without it all is only looked at.
        healthy: nodes that do their work as the last climb shows: those that only miss unhealthy members, too.
        nodes: nodes that were looked at in it.
        unseen: nodes on hosts outside of this run that somebody in it should see, and nobody sees.
        strangers: nodes that somebody sees, and that are no members.
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
            busy: hosts whose nodes were started a moment ago or have to find such nodes again; others have less time.
            unhealthy: nodes that were so before anything began; nobody has to see them.
            urgent: hosts of which the first that falls ends the climb; of the others it then tells only who is settled.
        """
        runs, unhealthy = _taking_part(runs, unhealthy)
        able = [run for run in runs if run.readable]
        if self.stop.is_set():
            self._forget(runs)
            _interrupt([run for run in able if run.health is not Verification.HEALTHY])
            return {}
        judged = {run.name: run.judged(unhealthy) for run in runs}
        targets = _targets(runs, judged)
        absent = {run.name: run.problem for run in runs if run.problem and run.targets and not run.readable}
        climb = partial(self._climb, able, targets, absent, busy, urgent)
        climbed = climb()
        for run in able:
            run.fresh = False
        if self.joins:
            climbed = self._joined(runs, targets, climbed, climb)
        self._keep_found(runs, judged, targets, climbed)
        if self.stop.is_set():
            _interrupt([run for run in able if run.health is Verification.UNVERIFIED])
        wrong = ((node, failed(rungs)) for node, rungs in climbed.items())
        return {node: bad for node, bad in wrong if bad and not bad.caused_by_absent_host}

    def _forget(self, runs: Sequence[HostRoll]) -> None:
        """Let go of what the climb before has found of hosts that were touched since."""
        gone = frozenset().union(*(r.names | r.old_names for r in runs if r.health is Verification.UNVERIFIED))
        self.healthy, self._told = self.healthy - gone, {n: said for n, said in self._told.items() if n not in gone}

    def _joined(
        self,
        runs: Sequence[HostRoll],
        targets: Sequence[Target],
        climbed: dict[str, list[RungResult]],
        climb: Callable[[], dict[str, list[RungResult]]],
    ) -> dict[str, list[RungResult]]:
        """Have nodes find each other that look for others at their start alone; return how the ladder is then."""
        ways = {run.name: run.transport for run in runs if run.readable}
        if not self.stop.is_set() and (met := join(targets, climbed, ways.get)):
            self.emit(Note(f"joined again, as cluster.mesh is boot: {', '.join(met)}"))
            climbed = climb()
        if not self.stop.is_set():
            waiting = [run for run in runs if run.state is HostState.WAITING]
            old = {str(t.node): _former(run, waiting) for run in runs if run not in waiting for t in run.targets}
            keep_together(targets, climbed, old, ways.get)
        return climbed

    def _keep_found(
        self,
        runs: Sequence[HostRoll],
        judged: Mapping[str, Sequence[Target]],
        targets: Sequence[Target],
        climbed: Mapping[str, list[RungResult]],
    ) -> None:
        """Keep what the ladder has found: of the nodes here, and of each host its health."""
        self.nodes = frozenset(climbed)
        self.healthy = frozenset(node for node, rungs in climbed.items() if healthy(rungs))
        self.unseen = unseen(targets, climbed, judged.keys())
        self.strangers = frozenset(name for rungs in climbed.values() for rung in rungs for name in rung.strangers)
        for run in runs:
            health = _health([climbed.get(str(target.node), []) for target in judged[run.name]])
            if health is not Verification.UNVERIFIED or run.health is Verification.UNHEALTHY:
                run.health = health

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
        sessions = {
            run.name: verify.LadderSession(run.transport, run.play.become) for run in able if run.transport and run.play
        }
        standing = verify.Standing(
            fresh={node: reading for run in able if run.fresh for node, reading in run.readings.items()},
            older={node: reading for run in able for node, reading in run.readings.items()},
            absent=absent,
            urgent=urgent,
        )
        return verify.verify(
            sessions,
            targets,
            standing,
            patience=lambda target: _patience(target, target.host in busy),
            pool=self.pool,
            emit=self._keep,
            sleep=self.stop.wait,
        )

    def _keep(self, event: Event) -> None:
        if isinstance(event, RungRead):
            self._told.setdefault(event.node, []).append(event)

    def tell(self, runs: Sequence[HostRoll], leaving: Collection[str] = ()) -> None:
        """Say what the last climb found; ``leaving``: names of nodes that are on their way out of the cluster."""
        for rung in (rung for rungs in self._told.values() for rung in rungs):
            self.emit(rung)
        if (found := self.outsiders(runs, leaving)) and not any(isinstance(run.problem, ConfigError) for run in runs):
            self.emit(Note(f"{connected(found)}\n  {WAY_OUT}"))

    def outsiders(self, runs: Sequence[HostRoll], leaving: Collection[str] = ()) -> list[str]:
        """Return names of nodes that somebody sees, and that are no members, ``leaving`` or of the play's hosts."""
        nodes = [target for run in runs for target in (*run.targets, *run.judged(frozenset()))]
        ours = {word for target in nodes for word in (target.node.host, target.address)}
        return sorted(name for name in self.strangers.difference(leaving) if name.rpartition("@")[2] not in ours)


def _taking_part(runs: Sequence[HostRoll], unhealthy: frozenset[str]) -> tuple[list[HostRoll], frozenset[str]]:
    """Return hosts that the ladder is for, and who need not be seen: nodes of the others, too."""
    never = [run for run in runs if run.idle and not isinstance(run.problem, HostError)]
    nodes = {str(target.node) for run in never for target in run.targets}
    return [run for run in runs if run not in never], unhealthy | nodes


def _targets(runs: Sequence[HostRoll], judged: Mapping[str, Sequence[Target]]) -> list[Target]:
    """Return the nodes that are judged, without the names that are theirs no more."""
    here = {str(target.node) for nodes in judged.values() for target in nodes}
    gone = {str(target.node) for run in runs for target in run.targets} - here
    return [_without(target, gone) for run in runs for target in judged[run.name]]


def _former(run: HostRoll, waiting: Collection[HostRoll]) -> frozenset[str]:
    """Return names of nodes on other hosts, which are called otherwise when those hosts have had their turn."""
    known = {str(name) for target in run.targets for name in (target.node, *target.others)}
    hosts = {word for one in waiting for t in one.targets for word in (one.name, t.address, t.node.host)}
    was = once_seen(run.record.expected.get(run.record.current, ""))
    names = {name for name in was if name.rpartition("@")[2] in hosts}
    return frozenset(names.union(*(one.old_names | one.names for one in waiting)) - known)


def _without(target: Target, gone: Collection[str]) -> Target:
    """Return a node that need not see those which are none of the release that their host went back to."""
    others = tuple(peer for peer in target.others if str(peer) not in gone)
    return replace(target, others=others) if gone else target


def _health(climbs: Sequence[list[RungResult]]) -> Verification:
    """Return how all nodes of a host are; not verified when a climb was cut short."""
    if not climbs or any(rungs and not healthy(rungs) for rungs in climbs):
        return Verification.UNHEALTHY
    return Verification.HEALTHY if all(climbs) else Verification.UNVERIFIED


def _interrupt(runs: Sequence[HostRoll]) -> None:
    """Say of hosts which have been touched that nobody saw them well."""
    hint = "deployer verify does that alone, deployer resume goes on"
    for run in (r for r in runs if r.state not in (HostState.WAITING, HostState.NOT_REACHED) and not r.skip_reason):
        run.problem = run.problem or Interrupted("stopped before its nodes were verified", hint=hint)


def mark_failed(runs: Sequence[HostRoll], fallen: Fallen) -> list[HostRoll]:
    """Note on each host that one of its nodes fell, and return the hosts for which that is news.

    As long as there are first causes, what only follows from them is not held against a host.
    """
    names = {str(target.node) for run in runs if not run.problem for target in run.targets}
    first = {node: bad for node, bad in fallen.items() if node in names and not bad.secondary}
    found = []
    for run in runs:
        causes = first or fallen
        bad = next(((t.node, causes[str(t.node)]) for t in run.targets if str(t.node) in causes), None)
        if bad and not run.problem:
            node, rung = bad
            what = rung.detail.partition("\n")[0]
            run.problem = NotConverged(f"{node}: rung {rung.rung}: {what}", hint=rung.advice)
            found.append(run)
    return found


def _patience(target: Target, touched: bool) -> float:
    health = target.health
    if touched:
        return (health.timeout + health.stable) if health else 60.0 + verify.STABLE
    return min(verify.PATIENCE, health.timeout) if health else verify.PATIENCE
