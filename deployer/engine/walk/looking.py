"""Probes one host and plans the rest of its play, again as long as a probe makes more of the play known."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from deployer.engine.walk import plan as planning
from deployer.engine.walk import probe
from deployer.engine.walk.elsewhere import Elsewhere, put_between
from deployer.engine.walk.plan import Plan
from deployer.engine.walk.planned import Planned, notes_of
from deployer.errors import StepError
from deployer.events import Emit, Stage
from deployer.model import Unknown
from deployer.resolve import Action, HostPlay
from deployer.resolve.becoming import OF_ROOT
from deployer.sh import Frame, Sh
from deployer.transport.base import Transport
from deployer.transport.wrappers import ReadOnly

if TYPE_CHECKING:
    from deployer.engine.walk.results import Results


@dataclass(slots=True)
class HostLook:
    """One host's probes and plans on its way through a play.

    Attributes:
        extra_probes: read-only fragments (the ladder's) that are sent with the probes and so cost no exec of their own.
        extra_results: their latest answers.
        elsewhere: the machines to which the host delegates tasks.
        watched: units that the extra probes ask systemd about.
        behind: the run has plays before this one. In a dry run, a user does not have yet what they would give him.
    """

    transport: Transport
    host_play: HostPlay
    emit: Emit
    extra_probes: tuple[Sh, ...] = ()
    extra_results: tuple[Frame, ...] = ()
    elsewhere: Elsewhere = field(default_factory=Elsewhere)
    watched: tuple[str, ...] = ()
    behind: bool = False
    _remaining: Sequence[Action] = ()
    _notified: set[str] = field(default_factory=set)
    _said: set[int] = field(default_factory=set)
    _begun: bool = False
    _results: Results | None = None
    _failed: StepError | None = None

    def __post_init__(self) -> None:
        self._remaining = self.host_play.actions
        if any(action.judge or action.waits for action in (*self.host_play.actions, *self.host_play.handlers)):
            self._told_results()

    def _plan(self, *, refuses: bool = True) -> Plan:
        """Probe and plan what is left, again as long as a probe makes more of it known."""
        while True:
            reading = self._read(self._remaining)
            if refuses:
                probe.accept_answers(asked_of(self._remaining), reading)
            plan = self._made(self._remaining, reading)
            if refuses and plan.refused:
                from deployer.engine.walk.allowed import check_able

                check_able(plan.refused)
            if not self._results:
                return plan
            base = len(self.host_play.actions) - len(self._remaining)
            try:
                plan, again = self._results.learn(plan, reading.observed, base)
            except StepError as error:
                self._go_on_after(error)
                self._remaining = self.host_play.actions[base:]
                continue
            self._results.listen(plan, self.host_play.handlers)
            before, told = self.host_play, self._resolved(base)
            if not again and self.host_play.actions is before.actions:
                waking = {id(planned.action) for planned in plan.tasks if planned.wakes}
                if waking or told:
                    plan = self._results.learn(self._made(self._remaining, reading, waking), reading.observed, base)[0]
                return plan

    def _resolved(self, base: int) -> bool:
        """Resolve actions that wait for results known by now; return whether there are any. ``base``: actions done."""
        before, resolved = self.host_play, self._results and self._results.resolved(self.host_play)
        if not resolved:
            return False
        self.host_play, self._remaining = resolved, resolved.actions[base:]
        due = {handler.task.name for handler in resolved.handlers if not handler.skip}
        idle = [handler for handler in before.handlers if handler.waits and handler.task.name not in due]
        noted = {name for handler in idle for name in (handler.task.name, handler.label)} & self._notified
        if not any(handler.waits for handler in resolved.handlers) and not due & self._notified:
            noted |= self._told_results().heard.keys()  # no handler waits for the results of these any more
        if self._begun and noted:
            from deployer.engine.walk.steps import take_back

            take_back(self.transport, resolved, noted)
        return True

    def _made(self, actions: Sequence[Action], reading: probe.Reading, waking: Collection[int] = ()) -> Plan:
        handlers = () if self._failed else self.host_play.handlers
        anew = self._results.anew(handlers) if self._results else handlers
        ran = self._results.heard if self._results else {}  # the host keeps their notes until others have run
        pending = reading.pending.difference(*(notes_of(one) for one in handlers if one.task.name in ran))
        reading = replace(reading, pending=frozenset(pending))
        return planning.make(actions, reading, handlers, frozenset(self._notified), waking, anew)

    def _note_woken(self, tasks: Sequence[Planned]) -> None:
        """Remember handlers that tasks which only read have notified, if they have not been flushed since."""
        last = max((i for i, planned in enumerate(tasks) if planned.action.flush), default=0)
        self._notified.update(name for planned in tasks[last:] if planned.wakes for name in planned.notify)

    def _read(self, actions: Sequence[Action]) -> probe.Reading:
        self.emit(Stage(self.transport.name, "probe"))
        asked = asked_of(actions)
        own = [action for action in asked if not action.place]
        become, riders = self.host_play.become, self.extra_probes
        program = probe.probe_program(own, become=become, extra=riders, watched=self.watched)
        reading = probe.read_probes(own, self.transport.run(program, timeout=probe.PROBE_TIMEOUT))
        self.extra_results = reading.extra
        if self.behind and isinstance(self.transport, ReadOnly):
            lasting = {id(action) for action in own if action.task.module in OF_ROOT}
            lacks = {one: lack for one, lack in reading.lacks.items() if one in lasting}
            seen = (replace(one, barred="") if isinstance(one, Unknown) else one for one in reading.observed)
            reading = replace(reading, observed=tuple(seen), lacks=lacks)
        if len(own) == len(asked):
            return reading
        return put_between(asked, reading, self.elsewhere.read(asked, self.transport.name))

    def _go_on_after(self, error: StepError) -> int:
        """Continue with ``rescue`` or ``always`` of the blocks around a failed task; return the task's place."""
        from deployer.engine.walk import rescue

        place = rescue.failed_place(self.host_play, error)
        self.host_play = rescue.rescued(self.host_play, place, error, self._told_results(), running=self._begun)
        self._failed = None if self.host_play.failures[-1].catcher else error
        return place

    def _told_results(self) -> Results:
        from deployer.engine.walk.results import Results

        self._results = self._results or Results(running=self._begun)
        return self._results

    def _tell(self, plan: Plan) -> None:
        for planned in plan.all:
            if planned.action.says and id(planned.action) in self._said:
                continue  # an earlier segment has said it
            self._said.add(id(planned.action))
            self.emit(planned.event(self.transport.name))


def asked_of(actions: Sequence[Action]) -> list[Action]:
    """Return the actions that are not skipped: these have a module to probe."""
    return [action for action in actions if not action.skip]
