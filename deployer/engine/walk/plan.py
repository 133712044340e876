"""Desired minus observed: an ordered list of changes, each with one of three answers. Pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import dropwhile, takewhile

from deployer.engine.walk.confirmed import confirmed
from deployer.engine.walk.probe import Reading
from deployer.errors import ConfigError
from deployer.events import TaskPlanned, Verdict
from deployer.model import MASK, Change, Unknown
from deployer.modules import Step
from deployer.resolve import Action

_RUNS = 2
"""How often one handler runs at most in one run: handlers may notify each other in a circle."""


@dataclass(frozen=True, slots=True)
class Planned:
    """The plan's answer for one task of one host; ``done_within``: handlers that its own steps run."""

    action: Action
    verdict: Verdict
    changes: tuple[Change, ...] = ()
    steps: tuple[Step, ...] = ()
    reason: str = ""
    handler: bool = False
    done_within: frozenset[str] = frozenset()

    @property
    def notify(self) -> frozenset[str]:
        """The names of the handlers that it wakes."""
        return frozenset(self.action.notify) - self.done_within

    def may_restart(self, units: frozenset[str]) -> frozenset[str]:
        """Return which of these units it may stop or start; ``units`` are those of the host's nodes."""
        return self.reaches(units) if self.verdict in ("change", "unknown") else frozenset()

    def reaches(self, units: frozenset[str]) -> frozenset[str]:
        """Return which of these units it could stop or start, if it were due."""
        touched = units.intersection(self.action.module.touches())
        return touched or (units if self.action.module.RESTARTS_NODES else frozenset())

    def event(self, host: str) -> TaskPlanned:
        """Return the answer as an event."""
        mark, changes = str(self.action.task.mark), self.changes
        if self.action.task.no_log:
            changes = tuple(Change(one.key, one.before and MASK, one.after and MASK) for one in changes)
        return TaskPlanned(host, self.action.label, mark, self.verdict, changes, self.reason, self.handler)


@dataclass(frozen=True, slots=True)
class Plan:
    """What would happen on one host: tasks in order, then the handlers they wake.

    Where handlers are flushed on the way (``meta: flush_handlers``), those that run there stand among the tasks.
    """

    tasks: tuple[Planned, ...]
    handlers: tuple[Planned, ...] = ()

    @property
    def all(self) -> tuple[Planned, ...]:
        """Tasks and handlers."""
        return self.tasks + self.handlers

    @property
    def changing(self) -> tuple[Planned, ...]:
        """Those that will change something."""
        return tuple(planned for planned in self.all if planned.verdict == "change")

    @property
    def unknown(self) -> tuple[Planned, ...]:
        """Those whose answer needs an earlier task to have run."""
        return tuple(planned for planned in self.all if planned.verdict == "unknown")

    @property
    def refused(self) -> tuple[Planned, ...]:
        """Those that a deploy would refuse because of what the host says; with the reasons."""
        return tuple(planned for planned in self.all if planned.verdict == "refused")

    def may_restart(self, units: frozenset[str]) -> frozenset[str]:
        """Return which of these units may be stopped or started.

        What stands behind a task that is unknown until run may turn out to be due when that has run.
        """
        behind = dropwhile(lambda planned: planned.verdict != "unknown", self.tasks)
        reached = [planned.reaches(units) for planned in behind if planned.verdict != "skipped"]
        return frozenset().union(*(planned.may_restart(units) for planned in self.all), *reached)

    def will_restart(self, units: frozenset[str]) -> bool:
        """Return whether it is known already that one of these units is stopped or started."""
        return any(planned.may_restart(units) for planned in self.changing)

    def ahead(self) -> tuple[Plan, Plan]:
        """Split off the steps that may run ahead of a host's turn: those before which nothing else has to change."""
        now: list[Planned] = []
        left, free = list(self.tasks), True
        for i, planned in enumerate(self.tasks):
            if planned.verdict in ("ok", "skipped"):
                continue
            head = _head(planned) if free or planned.action.module.STANDS_ALONE else ()
            rest = planned.steps[len(head) :]
            if head:
                now.append(replace(planned, steps=head))
                left[i] = replace(planned, steps=rest) if rest else _done(planned)
            free = free and bool(planned.steps) and all(step.late for step in rest)
        return Plan(tuple(now)), replace(self, tasks=tuple(left))

    def closing(self) -> tuple[Plan, Plan]:
        """Split off the steps that wait until all hosts of the play have had their turn."""
        now, later = [], []
        for planned in self.tasks:
            late = tuple(step for step in planned.steps if step.late)
            early = tuple(step for step in planned.steps if not step.late)
            now.append(planned if not late else replace(planned, steps=early) if early else _done(planned))
            later += [replace(planned, steps=late)] if late else []
        return replace(self, tasks=tuple(now)), Plan(tuple(later))

    def at_switch(self, units: frozenset[str]) -> tuple[Plan, Plan]:
        """Split before the first step that may stop or start one of these units; the second part may be empty."""
        count = next((i for i, planned in enumerate(self.tasks) if planned.may_restart(units)), len(self.tasks))
        late = count < len(self.tasks) or any(planned.may_restart(units) for planned in self.handlers)
        if not late:
            return self, Plan(())
        now, later = self.tasks[:count], self.tasks[count:]
        if later and (head := _head(later[0])) and len(head) < len(later[0].steps):
            now = (*now, replace(later[0], steps=head))
            later = (replace(later[0], steps=later[0].steps[len(head) :]), *later[1:])
        return Plan(now), Plan(later, self.handlers)

    def known_part(self) -> Plan:
        """Return the tasks before the first unknown one: the segment that can run now. Handlers wait for the end."""
        count = next((i for i, planned in enumerate(self.tasks) if planned.verdict == "unknown"), len(self.tasks))
        return Plan(self.tasks[:count])


def _done(planned: Planned) -> Planned:
    return replace(planned, verdict="ok", changes=(), steps=())


def _head(planned: Planned) -> tuple[Step, ...]:
    """Return the steps that a task begins with and that have no effect on what runs."""
    return tuple(takewhile(lambda step: step.ahead, planned.steps))


def make(actions: Sequence[Action], reading: Reading, handlers: Sequence[Action], notified: frozenset[str]) -> Plan:
    """Return the plan of one host.

    Args:
        actions: the tasks in order, skipped ones included; ``reading`` answers those that are not skipped.
        reading: what the host says.
        handlers: all handlers of the play.
        notified: names of handlers that earlier segments of this run have woken.
    """
    touched: set[str] = set()
    answers = iter(reading.observed)
    tasks: list[Planned] = []
    pending, since = reading.pending, 0
    for action in actions:
        if action.flush:
            woken = _woken(tasks[since:], handlers, notified, pending)
            tasks += (Planned(action, "skipped", reason=action.skip), *woken)
            notified, pending, since = frozenset(), frozenset(), len(tasks)
        elif action.skip:
            tasks.append(Planned(action, "ok" if action.says else "skipped", reason=action.says or action.skip))
        if action.skip:
            continue
        answer = next(answers)
        if isinstance(answer, ConfigError):
            tasks.append(Planned(action, "refused", reason="\n".join(map(str, answer.each))))
            continue
        observed = action.module.predict(frozenset(touched), answer)
        if isinstance(observed, Unknown):
            tasks.append(Planned(action, "unknown", reason=observed.reason))
        else:
            changes = action.module.differences(observed)
            steps = action.module.fix(changes) if changes else ()
            inner = frozenset[str]()
            if steps and action.confirm:
                whole = confirmed(action, steps, handlers)
                steps, inner = (whole.step,), whole.handlers
            verdict: Verdict = "change" if changes else "ok"
            tasks.append(Planned(action, verdict, tuple(changes.values()), steps, done_within=inner))
        if tasks[-1].verdict == "change":
            touched.update(action.module.alters(changes))
        elif tasks[-1].verdict == "unknown":
            touched.update(action.module.touches())
    return Plan(tuple(tasks), _woken(tasks[since:], handlers, notified, pending))


def handler_id(action: Action) -> str:
    """Return the name under which a host remembers that a handler has been notified and has not run."""
    return hashlib.sha256(f"{action.task.role}\0{action.label}".encode()).hexdigest()[:16]


def _woken(
    tasks: Sequence[Planned], handlers: Sequence[Action], notified: frozenset[str], pending: frozenset[str]
) -> tuple[Planned, ...]:
    """Return the handlers that will run, and those that may, in order.

    As in Ansible they are gone through in the order of their definition, and again for those that a later one has
    notified. A handler that others notify after it ran runs once more, and no more often than that.
    """
    sure = {name for task in tasks if task.verdict == "change" for name in task.notify} | notified
    maybe = {name for task in tasks if task.verdict == "unknown" for name in task.action.notify}
    awake = [handler for handler in handlers if not handler.skip]
    left = {id(handler) for handler in awake if handler_id(handler) in pending} - _named(awake, sure)
    due, woken = left | _named(awake, sure), list[Planned]()
    counts: Counter[int] = Counter()
    told = -1
    while len(woken) > told:
        told = len(woken)
        for handler in awake:
            key = id(handler)
            if key in due:
                due.discard(key)
                reason = "an earlier run was stopped before it" if key in left and not counts[key] else ""
                woken.append(_run(handler, reason))
                counts[key] += 1
                due |= {other for other in _named(awake, handler.notify) if counts[other] < _RUNS}
            elif not counts[key] and key in _named(awake, maybe):
                why = "notified by a task that is unknown until run"
                woken.append(Planned(handler, "unknown", reason=why, handler=True))
                counts[key] = _RUNS
                maybe.update(handler.notify)
    return tuple(woken)


def _named(handlers: Sequence[Action], names: Collection[str]) -> set[int]:
    return {id(handler) for handler in handlers if not {handler.task.name, handler.label}.isdisjoint(names)}


def _run(handler: Action, reason: str) -> Planned:
    steps = handler.module.act()
    change = Change("run", None, steps[0].what if steps else handler.label)
    return Planned(handler, "change", (change,), steps, reason, handler=True)
