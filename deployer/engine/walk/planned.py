"""A plan's verdict on one task, and the handlers that tasks notify: those that will run, and those that may."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from deployer.events import TaskPlanned, Verdict
from deployer.model import MASK, Change
from deployer.modules import Step
from deployer.resolve import Action

_RUNS = 2
"""The most times that one handler runs in one run: handlers may notify each other in a circle."""


@dataclass(frozen=True, slots=True)
class Planned:
    """The plan's verdict on one task of one host.

    Attributes:
        done_within: handlers that its own steps run.
        wakes: it only reads, and its ``changed_when`` says that something has changed, so it notifies its handlers.
        result: its result when it has run; None for a task without a judge.
    """

    action: Action
    verdict: Verdict
    changes: tuple[Change, ...] = ()
    steps: tuple[Step, ...] = ()
    reason: str = ""
    handler: bool = False
    result: Mapping[str, Any] | None = None
    done_within: frozenset[str] = frozenset()
    wakes: bool = False

    @property
    def notify(self) -> frozenset[str]:
        """The names of the handlers that it notifies."""
        return frozenset(self.action.notify) - self.done_within

    @property
    def head(self) -> tuple[Step, ...]:
        """Its first steps, as long as they have no effect on what runs (`Step.ahead`)."""
        return tuple(takewhile(lambda step: step.ahead, self.steps))

    def may_restart(self, units: frozenset[str]) -> frozenset[str]:
        """Return which of these units it may stop or start; ``units`` are those of the host's nodes."""
        return self.reaches(units) if self.verdict in ("change", "runs", "unknown") else frozenset()

    def reaches(self, units: frozenset[str]) -> frozenset[str]:
        """Return which of these units it could stop or start, if it were due."""
        module = self.action.module
        if self.action.place:
            return frozenset()
        return units.intersection(module.touches()) or (units if module.RESTARTS_NODES else frozenset())

    def event(self, host: str) -> TaskPlanned:
        """Return the verdict as an event."""
        mark, changes = str(self.action.task.mark), self.changes
        if self.action.hides:
            changes = tuple(Change(one.key, one.before and MASK, one.after and MASK) for one in changes)
        return TaskPlanned(host, self.action.label, mark, self.verdict, changes, self.reason, self.handler)


def handler_id(action: Action) -> str:
    """Return the name under which a host remembers that a handler has been notified and has not run."""
    return _note(action, str(action.task.name) if action.waits else action.label)


def notes_of(action: Action) -> set[str]:
    """Return the names of all notes of a handler: one made while it waited for a result has its untemplated name."""
    return {handler_id(action), _note(action, str(action.task.name))}


def _note(action: Action, name: str) -> str:
    return hashlib.sha256(f"{action.task.role}\0{name}".encode()).hexdigest()[:16]


def woken_handlers(
    tasks: Sequence[Planned], handlers: Sequence[Action], notified: frozenset[str], pending: frozenset[str]
) -> tuple[Planned, ...]:
    """Return the handlers that will run, and those that may, in order.

    As in Ansible they run in the order of their definition, and then again those that a later handler has notified. A
    handler that is notified after it ran runs once more, but not more often than that.
    """
    due = [task for task in tasks if task.verdict in ("change", "runs") and not task.action.task.result.unchanged]
    undecided = [task for task in due if task.action.task.result.decides]
    changing = [task for task in due if not task.action.task.result.decides] + [task for task in tasks if task.wakes]
    sure = {name for task in changing for name in task.notify} | notified
    undecided += [task for task in tasks if task.verdict == "unknown"]
    maybe = {name for task in undecided for name in task.action.notify}
    awake = [handler for handler in handlers if not handler.skip]
    left = {id(handler) for handler in awake if notes_of(handler) & pending} - _named(awake, sure)
    woken, ready = list[Planned](), left | _named(awake, sure)
    counts: Counter[int] = Counter()
    told = -1
    while len(woken) > told:
        told = len(woken)
        for handler in awake:
            key = id(handler)
            if key in ready and not handler.waits:
                ready.discard(key)
                reason = "an earlier run was stopped before it" if key in left and not counts[key] else ""
                woken.append(_run(handler, reason))
                counts[key] += 1
                ready |= {other for other in _named(awake, handler.notify) if counts[other] < _RUNS}
            elif not counts[key] and key in ready | _named(awake, maybe):
                why = handler.waits or "notified by a task that is unknown until run"
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
