"""One host's walk: probe, plan, apply segment by segment, then look again. A dry run is a walk that stops earlier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deployer.engine.walk import plan as planning
from deployer.engine.walk import probe
from deployer.engine.walk.apply import apply
from deployer.engine.walk.plan import Plan
from deployer.errors import StepError
from deployer.events import Emit, Stage
from deployer.resolve import Action, HostPlay
from deployer.sh import Frame, Sh
from deployer.transport.base import Transport

if TYPE_CHECKING:
    from deployer.engine.walk.results import Results

PROBE_TIMEOUT = 120.0
"""Seconds a host may stay silent while it answers a probe."""


@dataclass(slots=True)
class Walk:
    """A host on its way through a play.

    Attributes:
        extra_probes: read-only fragments (the ladder's) that ride along with probes and so cost no exec of their own.
        extra_results: their latest answers.
        changed: tasks and handlers that changed, or in a plan would change; ``ran``: those that run every time.
        handled: handlers among them, and those that may be woken.
        switched: a step that switches nodes has run.
        first: the plan that the first probe gave; in a deploy what is left of it.
        waits: what only takes away, and waits until all hosts of the play have had their turn.
        units: of the host's nodes.
    """

    transport: Transport
    host_play: HostPlay
    emit: Emit
    extra_probes: tuple[Sh, ...] = ()
    extra_results: tuple[Frame, ...] = ()
    changed: int = 0
    ran: int = 0
    handled: int = 0
    switched: bool = False
    first: Plan | None = None
    waits: Plan = Plan(())  # noqa: RUF009 - frozen
    units: frozenset[str] = frozenset()
    _remaining: Sequence[Action] = ()
    _notified: set[str] = field(default_factory=set)
    _counted: set[int] = field(default_factory=set)
    _said: set[int] = field(default_factory=set)
    _begun: bool = False
    _ended: bool = False
    _results: Results | None = None

    def __post_init__(self) -> None:
        self._remaining = self.host_play.actions
        if any(action.judge for action in (*self.host_play.actions, *self.host_play.handlers)):
            from deployer.engine.walk.results import Results

            self._results = Results()

    @property
    def total(self) -> int:
        """Tasks that are not skipped, and handlers that were woken."""
        return sum(not action.skip for action in self.host_play.actions) + self.handled

    def plan(self) -> Plan:
        """Probe and plan everything, tell it, and return it.

        Raises:
            ConfigError: a module refuses what the host says.
            HostError: the host was lost or cannot be read.
        """
        return self._begin_with(self._plan())

    def audit(self) -> Plan:
        """Do as `plan` does; what a module refuses is told beside all else that is not as declared.

        Raises:
            HostError: the host was lost or cannot be read.
        """
        return self._begin_with(self._plan(refuses=False).not_judged())

    def ahead(self) -> None:
        """Run what has no effect on what runs, before the host's turn comes.

        Raises:
            StepError: a step failed.
            HostError: the host was lost.
        """
        self._begin()
        now, self.first = (self.first or self._plan()).ahead()
        if now.changing:
            self._apply(now, "prepare")

    def approach(self) -> bool:
        """Run what comes before the first step that may stop or start a node, and return whether there is such a step.

        Raises:
            DeployerError: as `deploy`.
        """
        return self._run(halt=True)

    def deploy(self) -> None:
        """Bring the host to what is declared, and prove it by a second reading.

        Raises:
            StepError: a step failed, or a task stays unknown although everything before it ran.
            NotConverged: the second reading disagrees.
            HostError: the host was lost or cannot be read.
        """
        self._run(halt=False)
        if self.changed:
            self._look_again()

    def close(self) -> None:
        """Take away what nothing needs any more, and prove by a reading that all is as declared.

        Raises:
            DeployerError: as `deploy`.
        """
        waits, self.waits = self.waits, Plan(())
        if waits.all:
            self._apply(waits, "close")
            self._look_again()

    def _run(self, *, halt: bool) -> bool:
        """Walk segment by segment; with ``halt`` stop before the first switch, and return whether one is due."""
        self._begin()
        told = self.first is not None
        while not self._ended:
            fresh = self.first is None
            plan = self.first or self._plan()
            waiting = any(task.verdict == "unknown" for task in plan.all)
            segment = plan.known_part() if waiting else plan
            if not told:
                self._tell(segment)
            now, later = segment.at_switch(self.units) if halt else (segment, Plan(()))
            known, waits = now.closing()
            self.waits = Plan(self.waits.tasks + waits.tasks)
            if known.changing:
                self._apply(known, "apply")
            elif waiting and not (later.all or now.changing) and (fresh or not self._results):
                stuck = plan.unknown[0]
                raise StepError(f"{stuck.action.label}: {stuck.reason}", where=stuck.action.task.mark)
            self._remaining = self._remaining[segment.own - later.own :]
            rest = later.tasks + plan.tasks[len(segment.tasks) :]
            self.first = Plan(rest, plan.handlers) if later.all else None
            if later.all:
                return True
            self._ended, told = not waiting, False
        return False

    def _begin(self) -> None:
        """A plan counts what would change; from here on what has changed is counted."""
        if not self._begun:
            self.changed = self.ran = self.handled = 0
        if self._results:
            self._results.running = True
        self._begun = True

    def _apply(self, plan: Plan, stage: str) -> None:
        self.emit(Stage(self.transport.name, stage))
        play = self.host_play
        for done in apply(self.transport, plan, play.handlers, become=play.become, emit=self.emit):
            fresh = id(done.action) not in self._counted
            self._counted.add(id(done.action))
            changes = not done.result or bool(done.result["changed"])
            self.ran += fresh and done.verdict == "runs"
            self.changed += fresh and changes and done.verdict != "runs"
            self.handled += fresh and done.handler
            self.switched |= done.action.module.RESTARTS_NODES and not all(step.ahead for step in done.steps)
            if done.handler:
                self._notified -= {done.action.task.name, done.action.label}
            if self._results and not done.handler:
                self._results.ran(done, play.actions)
            if changes and not done.action.task.result.unchanged:
                self._notified.update(done.notify)
            elif named := set(done.notify) - self._notified:
                from deployer.engine.walk.judged import take_back

                take_back(self.transport, play, named)

    def _begin_with(self, plan: Plan) -> Plan:
        self.first = plan
        self._tell(plan)
        self.changed, self.ran, self.handled = plan.counts()
        return plan

    def _plan(self, *, refuses: bool = True) -> Plan:
        """Read and plan what is left, as often as that tells more of it."""
        while True:
            reading = self._read(self._remaining)
            if refuses:
                probe.accept_answers(_asked(self._remaining), reading)
            plan = self._made(self._remaining, reading)
            if not self._results:
                return plan
            base = len(self.host_play.actions) - len(self._remaining)
            plan, again = self._results.learn(plan, reading.observed, base)
            if resolved := self._results.resolved(self.host_play):
                self.host_play, self._remaining = resolved, resolved.actions[base:]
            elif not again:
                return plan

    def _made(self, actions: Sequence[Action], reading: probe.Reading) -> Plan:
        return planning.make(actions, reading, self.host_play.handlers, frozenset(self._notified))

    def _read(self, actions: Sequence[Action]) -> probe.Reading:
        self.emit(Stage(self.transport.name, "probe"))
        asked = _asked(actions)
        program = probe.probe_program(asked, become=self.host_play.become, extra=self.extra_probes)
        reading = probe.read_probes(asked, self.transport.run(program, timeout=PROBE_TIMEOUT))
        self.extra_results = reading.extra
        return reading

    def _look_again(self, *, followed: bool = False) -> None:
        from deployer.engine.walk.second_look import check_second_look

        actions = self.host_play.actions
        forgiven = self._results.forgiven(actions) if self._results else ()
        asked = [one for one in _asked(actions) if not (one.module.READS or one.module.PASSING or id(one) in forgiven)]
        reading = self._read(asked)
        answers = probe.accept_answers(asked, reading)
        waiting = {id(planned.action) for planned in self.waits.tasks}
        # What follows from the rest of the host (the ports of an sshd that this very play has moved) is done once more.
        again = [task for task in self._made(asked, reading).tasks if task.action.module.FOLLOWS]
        late = Plan(tuple(task for task in again if id(task.action) not in waiting))
        if late.changing and not followed:
            self._apply(late, "apply")
            self._look_again(followed=True)
            return
        check_second_look(asked, answers, waiting)

    def _tell(self, plan: Plan) -> None:
        for planned in plan.all:
            if planned.action.says and id(planned.action) in self._said:
                continue  # a later segment says it no second time
            self._said.add(id(planned.action))
            self.emit(planned.event(self.transport.name))


def _asked(actions: Sequence[Action]) -> list[Action]:
    return [action for action in actions if not action.skip]
