"""Makes the plan: desired minus observed, as an ordered list of tasks with a verdict each. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from itertools import dropwhile

from deployer.engine.walk.confirmed import confirmed
from deployer.engine.walk.planned import Planned, woken_handlers
from deployer.engine.walk.probe import READS_LATER, Reading
from deployer.errors import ConfigError
from deployer.events import Verdict
from deployer.model import Observed, Unknown
from deployer.resolve import Action

_RUNS_ALWAYS = "runs every time; what it changes is not known"


@dataclass(frozen=True, slots=True)
class Plan:
    """What would happen on one host: tasks in order, then the handlers that they notify.

    Handlers that run at a ``meta: flush_handlers`` are listed among the tasks, at that place.
    """

    tasks: tuple[Planned, ...]
    handlers: tuple[Planned, ...] = ()
    awaited: bool = False
    """Whether a later handler, not in this plan, waits for the results of these handlers."""

    @property
    def all(self) -> tuple[Planned, ...]:
        """Tasks and handlers."""
        return self.tasks + self.handlers

    @property
    def changing(self) -> tuple[Planned, ...]:
        """Those that will do something: change what differs, or run because they run every time."""
        return tuple(planned for planned in self.all if planned.verdict in ("change", "runs"))

    @property
    def drifting(self) -> tuple[Planned, ...]:
        """Those that find a difference to the declaration; tasks that run every time do not count."""
        return tuple(planned for planned in self.changing if planned.verdict == "change")

    @property
    def own(self) -> int:
        """The number of its tasks without the handlers listed among them."""
        return sum(not planned.handler for planned in self.tasks)

    def stirs(self, *, judged: bool) -> bool:
        """Return whether there is anything to do; ``judged``: do not count tasks that run every time."""
        return bool((self.drifting if judged else self.changing) or self.unknown or self.refused)

    def not_judged(self) -> Plan:
        """Return the plan for an audit, which cannot judge tasks that run every time."""
        told = "not judged: it runs every time"
        changing = [planned for planned in self.tasks if planned.verdict == "change" or planned.wakes]
        names = {name for planned in changing for name in planned.notify}

        def quiet(planned: Planned) -> Planned:
            """A handler that only such a task notifies is not drift either."""
            own = {planned.action.task.name, planned.action.label}
            woken = planned.handler and planned.verdict == "change" and not planned.reason and names.isdisjoint(own)
            return replace(planned, verdict="runs", reason=told) if woken or planned.verdict == "runs" else planned

        return Plan(tuple(map(quiet, self.tasks)), tuple(map(quiet, self.handlers)))

    def counts(self) -> tuple[int, int, int]:
        """Return three numbers: tasks and handlers that change, those that run every time, and handlers in all."""
        runs = {id(planned.action) for planned in self.changing if planned.verdict == "runs"}
        changes = {id(planned.action) for planned in self.drifting + self.refused}
        return len(changes), len(runs), len({id(planned.action) for planned in self.all if planned.handler})

    @property
    def unknown(self) -> tuple[Planned, ...]:
        """Those whose verdict is known only after an earlier task has run."""
        return tuple(planned for planned in self.all if planned.verdict == "unknown")

    @property
    def refused(self) -> tuple[Planned, ...]:
        """Those that a deploy would refuse because of what the host reports, with the reasons."""
        return tuple(planned for planned in self.all if planned.verdict == "refused")

    def may_restart(self, units: frozenset[str]) -> frozenset[str]:
        """Return which of these units may be stopped or started.

        A task that comes after an unknown one may turn out to be due when that one has run.
        """
        behind = dropwhile(lambda planned: planned.verdict != "unknown", self.tasks)
        reached = [planned.reaches(units) for planned in behind if planned.verdict != "skipped"]
        return frozenset().union(*(planned.may_restart(units) for planned in self.all), *reached)

    def will_restart(self, units: frozenset[str]) -> bool:
        """Return whether the plan already knows that it stops or starts one of these units."""
        return any(planned.may_restart(units) for planned in self.changing)

    def ahead(self) -> tuple[Plan, Plan]:
        """Split off the steps that may run before a host's turn: those that need no other change before them."""
        now: list[Planned] = []
        left, free = list(self.tasks), True
        for i, planned in enumerate(self.tasks):
            if planned.verdict in ("ok", "skipped"):
                continue
            head = planned.head if free or planned.action.module.STANDS_ALONE else ()
            if planned.action.task.blocks or planned.action.place:
                head = ()  # a block handles the failure in its place, and a delegated task runs in its place
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
        if later and (head := later[0].head) and len(head) < len(later[0].steps):
            now = (*now, replace(later[0], steps=head))
            later = (replace(later[0], steps=later[0].steps[len(head) :]), *later[1:])
        return Plan(now), Plan(later, self.handlers)

    def known_part(self) -> Plan:
        """Return the tasks before the first unknown one; handlers, too, where that one waits for what they give."""
        every, begin = self.all, len(self.tasks)
        count = next(i for i, planned in enumerate(every) if planned.verdict == "unknown")
        if count < begin:
            begin = next(i for i in range(count, -1, -1) if not (i and every[i].handler))
        waits = every[count].handler and bool(every[count].action.waits)
        return Plan(self.tasks[:begin], tuple(one for one in every[begin:count] if one.handler and waits), waits)


def _quiet(tasks: Sequence[Planned]) -> bool:
    return all(planned.verdict in ("ok", "skipped") for planned in tasks)


def _done(planned: Planned) -> Planned:
    return replace(planned, verdict="ok", changes=(), steps=())


@dataclass(slots=True)
class _Place:
    """What the tasks so far would leave on one machine: the host, or one that it delegates to.

    Attributes:
        touched: what they alter, in the words of `Module.alters`.
        written: path → the text that will be in it.
    """

    touched: set[str] = field(default_factory=set)
    written: dict[str, str] = field(default_factory=dict)

    def observed(self, action: Action, answer: Observed, *, quiet: bool) -> Observed:
        """Return the state in which a task will find the machine; ``quiet``: nothing before it changes anything."""
        # Also when no other task uses its result: it may fail, and then the tasks after it must not run.
        if action.answers and not quiet:
            return Unknown(READS_LATER)
        return action.module.foresee(self.written, frozenset(self.touched), answer)

    def after(self, one: Planned) -> None:
        """Add what one more task would do."""
        if one.verdict == "ok":
            return
        module, changes = one.action.module, {change.key: change for change in one.changes}
        told = module.alters(changes) if one.verdict == "change" else module.touches()
        self.touched.update(told)
        left = {path: text for path, text in self.written.items() if path not in told}
        self.written = {**left, **(module.writes(changes) if one.verdict == "change" else {})}


def make(
    actions: Sequence[Action],
    reading: Reading,
    handlers: Sequence[Action],
    notified: frozenset[str],
    waking: Collection[int] = (),
    anew: Sequence[Action] | None = None,
) -> Plan:
    """Return the plan of one host.

    Args:
        actions: the tasks in order, skipped ones included; ``reading`` answers those that are not skipped.
        reading: what the host reports.
        handlers: all handlers of the play.
        notified: names of handlers that earlier segments of this run have notified.
        waking: ids of actions that only read, and whose ``changed_when`` says that something has changed.
        anew: the handlers to use for notifications after a flush.
    """
    places: dict[str, _Place] = {}
    answers = iter(reading.observed)
    tasks: list[Planned] = []
    pending, since = reading.pending, 0
    for action in actions:
        if action.flush:
            woken = woken_handlers(tasks[since:], handlers, notified, pending)
            tasks += (Planned(action, "skipped", reason=action.skip), *woken)
            notified, pending, since, handlers = frozenset(), frozenset(), len(tasks), anew or handlers
        elif action.skip:
            tasks.append(Planned(action, "ok" if action.says else "skipped", reason=action.says or action.skip))
        if action.skip:
            continue
        answer = next(answers)
        if isinstance(answer, ConfigError):
            tasks.append(Planned(action, "refused", reason="\n".join(map(str, answer.each))))
            continue
        place = places.setdefault(str(action.place or ""), _Place())
        observed = place.observed(action, answer, quiet=_quiet(tasks))
        one = replace(planned_of(action, observed, handlers), wakes=id(action) in waking)
        barred = answer.barred if isinstance(answer, Unknown) and one.verdict == "unknown" else ""
        if lack := reading.lacks.get(id(action)) or (barred and f"may not look into {barred}"):
            from deployer.engine.walk.allowed import unable

            why = unable(one, lack, tasks, place.touched, barred)
            one = Planned(action, "refused", reason=why) if why else one
        tasks.append(one)
        place.after(one)
    return Plan(tuple(tasks), woken_handlers(tasks[since:], handlers, notified, pending))


def planned_of(action: Action, observed: Observed, handlers: Sequence[Action]) -> Planned:
    """Return what is planned for one task, given its observed state."""
    if isinstance(observed, Unknown):
        return Planned(action, "unknown", reason=observed.reason)
    if action.module.handler_only:
        reason = "it says that it changes nothing" if action.task.result.unchanged else _RUNS_ALWAYS
        return Planned(action, "runs", steps=action.module.act(), reason=reason)
    changes = action.module.differences(observed)
    steps = action.module.fix(changes) if changes else ()
    inner, beside = frozenset[str](), ""
    if steps and action.confirm:
        whole = confirmed(action, steps, handlers)
        steps, inner, beside = (whole.step,), whole.handlers, whole.beside
    told: Verdict = "change" if changes else "ok"
    return Planned(action, told, tuple(changes.values()), steps, beside, done_within=inner)
