"""One host's way through a roll: its play, its walk, its state, and what its nodes are checked against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from deployer.engine.host_run import HostRun
from deployer.engine.ladder.expected import as_it_was
from deployer.engine.ladder.readings import UnitReading, parse_look
from deployer.engine.ladder.target import Target
from deployer.engine.ledger import Ledger, switch_of
from deployer.engine.roll import replacing
from deployer.engine.roll.rollback import Return
from deployer.engine.roll.state import AS_BEFORE, AS_DECLARED, MOVES, UNVERIFIED_FROM, HostState, Verification
from deployer.engine.walk.plan import Plan
from deployer.engine.walk.planned import Planned
from deployer.engine.walk.steps import finish
from deployer.engine.walk.walk import Walk
from deployer.errors import ConfigError, HostError, Interrupted
from deployer.events import Emit
from deployer.resolve import HostPlay
from deployer.roll_events import HostMoved
from deployer.sh import Sh
from deployer.transport.base import Transport


@dataclass(frozen=True, slots=True)
class Connected:
    """A host's connection and its play, once both exist."""

    transport: Transport
    play: HostPlay

    def finish(self, what: str, step: Sh, seconds: float = 0) -> None:
        """Run one of the engine's own steps; raises as `deployer.engine.walk.steps.finish`."""
        finish(self.transport, what, step, become=self.play.become, seconds=seconds)


@dataclass(slots=True)
class HostRoll(HostRun):
    """A host's run through a roll.

    Attributes:
        play: its resolved play; None before it is resolved.
        walk: its walk; None before it is prepared.
        drift: something would change; ``failing``: a rule of the audit that counts has failed.
        targets: its nodes as declared.
        fresh: its units were read with the last probe, a moment ago.
        facts: the host's facts, if the play needs them.
        record: the host's own record of its releases, as it was before anything began.
        emit: gets an event for each move.
        state: where it stands; only `advance` writes it, and the next two.
        reverted_to: id of the release that its nodes went back to; empty when they did not.
        skip_reason: why the roll stopped before it was switched; empty when it did not.
        drained: its ``before_switch`` hooks have begun and its ``after_start`` hooks have not: it gets no traffic.
        health: the result of the last climb for its nodes.
    """

    play: HostPlay | None = None
    walk: Walk | None = None
    drift: bool = False
    failing: bool = False
    targets: tuple[Target, ...] = ()
    fresh: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
    record: Ledger = field(default_factory=Ledger)
    emit: Emit = lambda _: None
    state: HostState = HostState.SETTLED
    reverted_to: str = ""
    skip_reason: str = ""
    drained: bool = False
    health: Verification = Verification.UNVERIFIED

    def advance(self, state: HostState, *, to: str = "", reason: str = "") -> None:
        """Move to another state; an illegal move is a fault of the program.

        Args:
            state: the new state.
            to: id of the release that it went back to.
            reason: why the roll stopped before it was switched; empty if its own problem says it.
        """
        if state not in MOVES[self.state]:
            raise AssertionError(f"{self.name} cannot go from {self.state.value} to {state.value}")
        self.state, self.reverted_to, self.skip_reason = state, to, reason
        if state in UNVERIFIED_FROM:
            self.health = Verification.UNVERIFIED
        self.emit(HostMoved(self.name, state.value, to, reason))

    @property
    def connected(self) -> Connected:
        """Its connection and its play; call it only when both exist."""
        if self.transport is None or self.play is None:
            raise AssertionError(f"{self.name} is not connected")
        return Connected(self.transport, self.play)

    @property
    def prepared(self) -> Walk:
        """Its walk; call it only when the host was prepared."""
        if self.walk is None:
            raise AssertionError(f"{self.name} was not prepared")
        return self.walk

    @property
    def release(self) -> str:
        """Id of the release that it went back to, or else has to run; empty when none is declared."""
        own = self.play.fleet[0] if self.play else None
        return self.reverted_to or (own.release.id if own and own.release else "")

    @property
    def proven(self) -> bool:
        """Whether its nodes run the declared release, and all rungs have passed."""
        return self.health is Verification.HEALTHY and self.state in AS_DECLARED and not self.problem

    @property
    def idle(self) -> bool:
        """Whether none of its nodes ran and its turn ended before any was started, so there is nothing to wait for."""
        return self.state is HostState.KEPT and bool(self.targets) and not self.alive

    @property
    def readable(self) -> bool:
        """Whether it makes sense to read its nodes: not on a host whose deploy failed halfway, for example."""
        if (
            self.idle
            or not (self.transport and self.play and self.targets)
            or isinstance(self.problem, HostError | Interrupted)
        ):
            return False
        return not self.problem or bool(self.reverted_to) or self.state is HostState.KEPT

    @property
    def spared(self) -> bool:
        """Whether Ctrl-C came before its switch, so that its nodes still run as before."""
        return self.state is HostState.KEPT and isinstance(self.problem, Interrupted)

    @property
    def disturbed(self) -> frozenset[str]:
        """Units of its nodes that its plan may stop or start."""
        return self.plan.may_restart(self._units)

    @property
    def unsure(self) -> bool:
        """Whether its plan may stop or start a node, but this is unknown until run."""
        return bool(self.disturbed) and not self.plan.will_restart(self._units)

    @property
    def plan(self) -> Plan:
        """The plan from its first probe; empty before it was probed."""
        return (self.walk.first if self.walk else None) or Plan(())

    @property
    def _units(self) -> frozenset[str]:
        return frozenset(target.unit for target in self.targets)

    @property
    def replaces(self) -> bool:
        """Whether its plan stops the same application under another name: an old service, or a renamed node."""
        return replacing.replaces(self.plan)

    @property
    def old_names(self) -> frozenset[str]:
        """Names of nodes of the services that its plan takes over."""
        return replacing.old_names(self.plan)

    @property
    def readings(self) -> dict[str, UnitReading]:
        """Node → the reading of its unit that came with the last probe."""
        extra_results = zip(self.targets, self.walk.extra_results if self.walk else (), strict=False)
        return {str(target.node): parse_look(frame.out) for target, frame in extra_results if frame.rc == 0}

    @property
    def alive(self) -> frozenset[str]:
        """The names of its nodes whose unit had a process at the last probe."""
        return frozenset(node for node, reading in self.readings.items() if reading and reading.pid)

    @property
    def changes(self) -> bool:
        """Whether its plan does something, or may do something."""
        return bool(self.plan.changing or self.plan.unknown)

    @property
    def closes(self) -> bool:
        """Whether its plan removes something after all hosts have had their turn."""
        return any(step.late for planned in self.plan.changing for step in planned.steps)

    def goes_first(self, *, ready: bool) -> tuple[Planned, ...]:
        """Return the tasks that run here before any host is switched; ``ready``: new members run up to their start."""
        return self.plan.changing if ready and not self.disruptive else self.plan.ahead()[0].changing

    @property
    def together(self) -> bool:
        """Whether its plan changes something that all hosts have to change at the same time."""
        return any(planned.action.module.ALL_HOSTS_AT_ONCE for planned in self.plan.changing)

    @property
    def disruptive(self) -> bool:
        """Whether its plan may disturb a running node; on a host without declared nodes, every change may disturb."""
        if not self.targets or self.replaces:
            return self.changes
        disturbed, alive = self.disturbed, self.alive
        return any(target.unit in disturbed and str(target.node) in alive for target in self.targets)

    @property
    def _kept(self) -> str:
        """Id of the earlier release that its nodes are checked against; empty when it is the declared one."""
        switch = switch_of(self.play) if self.play else None
        if self.reverted_to or self.state in AS_BEFORE:
            return self.reverted_to or self.record.current
        return switch.id if isinstance(switch, Return) else ""

    @property
    def names(self) -> frozenset[str]:
        """Current names of its nodes: a node that will be renamed has its old name until its turn."""
        return frozenset(str(target.node) for target in self.judged(frozenset()))

    def judged(self, unhealthy: frozenset[str]) -> tuple[Target, ...]:
        """Return its nodes as they have to be now.

        Args:
            unhealthy: nodes that were unhealthy before anything began; no node has to see them.
        """
        found, kept = self.targets, self._kept
        if self.reverted_to:
            found = tuple(_as_it_was(target, self.reverted_to) for target in found)
        elif self.state in AS_BEFORE:
            found = tuple(_as_it_was(target) for target in found)
        if kept in self.record.expected:
            found = as_it_was(found, self.record.expected[kept])
        if unhealthy:
            found = tuple(replace(t, others=tuple(p for p in t.others if str(p) not in unhealthy)) for t in found)
        return found


def _as_it_was(target: Target, release: str = "") -> Target:
    """Return a node as it was before its turn, or as it is after it went back to an earlier release."""
    place = f"{target.release_dir.rpartition('/')[0]}/{release}" if release and target.release_dir else None
    version = release.rpartition("-")[0] or None
    return replace(target, release_dir=place, version=version, otp=None, applications={})


def hold(runs: Sequence[HostRoll]) -> bool:
    """Return whether anything has to be changed. A play that is refused on one host (exit 3) begins on no host.

    Otherwise half a cluster could go on alone, with another cookie or release.
    """
    refusing = ", ".join(run.host.name for run in runs if isinstance(run.problem, ConfigError))
    for run in runs if refusing else ():
        run.problem = run.problem or ConfigError(f"not begun here, because the play is refused on {refusing}")
    return any(run.changes and not run.problem for run in runs)
