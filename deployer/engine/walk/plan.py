"""Desired minus observed: an ordered list of changes, each with one of three answers. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import dropwhile, takewhile

from deployer.engine.walk.probe import Reading
from deployer.errors import ConfigError
from deployer.events import TaskPlanned, Verdict
from deployer.model import Change, Unknown
from deployer.modules import Step
from deployer.resolve import Action


@dataclass(frozen=True, slots=True)
class Planned:
    """The plan's answer for one task of one host."""

    action: Action
    verdict: Verdict
    changes: tuple[Change, ...] = ()
    steps: tuple[Step, ...] = ()
    reason: str = ""
    handler: bool = False

    def disturbs(self, units: frozenset[str]) -> frozenset[str]:
        """Return which of these units it may stop or start; ``units`` are those of the host's nodes."""
        return self.reaches(units) if self.verdict in ("change", "unknown") else frozenset()

    def reaches(self, units: frozenset[str]) -> frozenset[str]:
        """Return which of these units it could stop or start, if it were due."""
        touched = units.intersection(self.action.module.touches())
        return touched or (units if self.action.module.SWITCHES else frozenset())

    def event(self, host: str) -> TaskPlanned:
        """Return the answer as an event."""
        mark = str(self.action.task.mark)
        return TaskPlanned(host, self.action.label, mark, self.verdict, self.changes, self.reason, self.handler)


@dataclass(frozen=True, slots=True)
class Plan:
    """What would happen on one host: tasks in order, then the handlers they wake."""

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

    def disturbs(self, units: frozenset[str]) -> frozenset[str]:
        """Return which of these units may be stopped or started.

        What stands behind a task that is unknown until run may turn out to be due when that has run.
        """
        behind = dropwhile(lambda planned: planned.verdict != "unknown", self.tasks)
        reached = [planned.reaches(units) for planned in behind if planned.verdict != "skipped"]
        return frozenset().union(*(planned.disturbs(units) for planned in self.all), *reached)

    def surely_disturbs(self, units: frozenset[str]) -> bool:
        """Return whether it is known already that one of these units is stopped or started."""
        return any(planned.disturbs(units) for planned in self.changing)

    def ahead(self) -> tuple[Plan, Plan]:
        """Split off the steps that may run ahead of a host's turn: those before which nothing else has to change."""
        now: list[Planned] = []
        left = list(self.tasks)
        for i, planned in enumerate(self.tasks):
            if planned.verdict in ("ok", "skipped"):
                continue
            head = tuple(takewhile(lambda step: step.ahead, planned.steps))
            rest = planned.steps[len(head) :]
            if head:
                now.append(replace(planned, steps=head))
                left[i] = replace(planned, steps=rest) if rest else replace(planned, verdict="ok", changes=(), steps=())
            if rest or not head:
                break
        return Plan(tuple(now)), replace(self, tasks=tuple(left))

    def at_switch(self, units: frozenset[str]) -> tuple[Plan, Plan]:
        """Split before the first change that may stop or start one of these units; the second part may be empty."""
        count = next((i for i, planned in enumerate(self.tasks) if planned.disturbs(units)), len(self.tasks))
        late = count < len(self.tasks) or any(planned.disturbs(units) for planned in self.handlers)
        if not late:
            return self, Plan(())
        return Plan(self.tasks[:count]), Plan(self.tasks[count:], self.handlers)

    def known_part(self) -> Plan:
        """Return the tasks before the first unknown one: the segment that can run now. Handlers wait for the end."""
        count = next((i for i, planned in enumerate(self.tasks) if planned.verdict == "unknown"), len(self.tasks))
        return Plan(self.tasks[:count])


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
    tasks = []
    for action in actions:
        if action.skip:
            tasks.append(Planned(action, "skipped", reason=action.skip))
            continue
        answer = next(answers)
        if isinstance(answer, ConfigError):
            tasks.append(Planned(action, "refused", reason="\n".join(map(str, answer.each))))
            continue
        observed = action.module.foresee(frozenset(touched), answer)
        if isinstance(observed, Unknown):
            tasks.append(Planned(action, "unknown", reason=observed.reason))
        else:
            changes = action.module.differences(observed)
            steps = action.module.fix(changes) if changes else ()
            tasks.append(Planned(action, "change" if changes else "ok", tuple(changes.values()), steps))
        if tasks[-1].verdict == "change":
            touched.update(action.module.alters(changes))
        elif tasks[-1].verdict == "unknown":
            touched.update(action.module.touches())
    return Plan(tuple(tasks), _woken(tasks, handlers, notified, reading.pending))


def handler_id(action: Action) -> str:
    """Return the name under which a host remembers that a handler has been notified and has not run."""
    return hashlib.sha256(f"{action.task.role}\0{action.label}".encode()).hexdigest()[:16]


def _woken(
    tasks: Sequence[Planned], handlers: Sequence[Action], notified: frozenset[str], pending: frozenset[str]
) -> tuple[Planned, ...]:
    sure = {name for task in tasks if task.verdict == "change" for name in task.action.notify} | notified
    maybe = {name for task in tasks if task.verdict == "unknown" for name in task.action.notify}
    woken = []
    for handler in handlers:
        if handler.skip:
            continue
        names = {handler.task.name, handler.label}
        steps = handler.module.act()
        if names & sure or handler_id(handler) in pending:
            reason = "" if names & sure else "an earlier run was stopped before it"
            change = Change("run", None, steps[0].what if steps else handler.label)
            woken.append(Planned(handler, "change", (change,), steps, reason, handler=True))
        elif names & maybe:
            why = "notified by a task that is unknown until run"
            woken.append(Planned(handler, "unknown", reason=why, handler=True))
    return tuple(woken)
