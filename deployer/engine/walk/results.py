"""The results of a host's tasks, as far as they are known from probes and from tasks that have run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any

from deployer.engine.walk.judged import result_failure
from deployer.engine.walk.plan import Plan
from deployer.engine.walk.planned import Planned
from deployer.errors import ConfigError, StepError
from deployer.load.results import Foreseen
from deployer.resolve import Action, HostPlay
from deployer.resolve.action import Awaiting
from deployer.resolve.judging import ResultJudge

_QUIET = ("ok", "skipped")


@dataclass(slots=True)
class Results:
    """The results of one host's actions, by their place in its play.

    Attributes:
        known: results of actions that have a judge.
        heard: results of handlers that register them, by the handler's name.
        pause: waits some seconds between two tries.
        running: changes are being made, so a condition of ``until`` is waited for.
    """

    known: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    pause: Callable[[float], None] = time.sleep
    running: bool = False
    heard: dict[str, Mapping[str, Any] | None] = field(default_factory=dict)
    _used: dict[int | str, int] = field(default_factory=dict)
    _late: dict[str, Action] = field(default_factory=dict)
    _tries: dict[int, int] = field(default_factory=dict)

    def learn(self, plan: Plan, observed: Sequence[Any], base: int) -> tuple[Plan, bool]:
        """Keep the results that a plan already shows.

        Args:
            plan: made from a reading.
            observed: the answers for its actions that are not skipped.
            base: the place of its first action among those of the play.

        Returns:
            the plan, in which reading tasks whose ``until`` is not met are unknown; whether to probe again.

        Raises:
            StepError: a reading task failed, or its ``until`` was not met in all its tries.
        """
        answers, quiet, wait = iter(observed), True, 0.0
        tasks, place = [], base
        for planned in plan.tasks:
            if not planned.handler:
                answer = None if planned.action.skip else next(answers)
                judge = planned.action.judge
                if judge and planned.verdict in ("ok", "change", "runs"):
                    planned, left = self._one(planned, judge, answer, place, quiet=quiet)  # noqa: PLW2901
                    wait = max(wait, left)
                place += 1
            quiet = quiet and planned.verdict in _QUIET
            tasks.append(planned)
        if wait:
            self.pause(wait)
        return replace(plan, tasks=tuple(tasks)), bool(wait)

    def _one(
        self, planned: Planned, judge: ResultJudge, answer: Any, place: int, *, quiet: bool
    ) -> tuple[Planned, float]:
        """Keep one result; return what is planned, and the seconds until it has to be probed again (0: not again)."""
        module = planned.action.module
        if planned.verdict != "ok":
            self.known[place] = self._foreseen(planned, judge)
            return planned, 0
        if module.READS and not quiet:
            return planned, 0
        result = judge.judged({"changed": False, **module.answer(answer)})
        if not module.READS:
            self.known[place] = {**result, "changed": False} if judge.task.result.failed_when is None else result
            return planned, 0
        if not judge.satisfied(result):
            tried = self._tries[place] = self._tries.get(place, 0) + self.running
            if tried < judge.tries or not self.running:
                return replace(planned, verdict="unknown", reason="its condition may come true"), (
                    max(judge.delay, 0.1) if self.running else 0
                )
            result["failed"] = True
        self._check(planned.action, judge, result)
        self.known[place] = result
        return replace(planned, wakes=bool(result["changed"]) and bool(planned.action.notify)), 0

    def _foreseen(self, planned: Planned, judge: ResultJudge) -> Mapping[str, Any]:
        words, name = planned.action.task.result, planned.action.task.result.register
        changed = not (words.unchanged or planned.action.module.SAYS_UNCHANGED)
        known = {} if words.decides or words.failed_when else {"changed": changed, "failed": False, "skipped": False}
        if known and judge.ignores:  # it may fail, and later tasks may ask whether it has
            known = {"skipped": False, **({} if changed else {"changed": False})}
        place = planned.action.place
        if place and place.host and planned.verdict == "change":  # another host of the play may do the same first
            known.pop("changed", None)
        return Foreseen(name, f"{planned.action.label!r} has not run yet", known)

    def _check(self, action: Action, judge: ResultJudge, result: Mapping[str, Any]) -> None:
        if result["failed"] and not judge.ignores:
            raise result_failure(action, result)

    def failed(self, action: Action, place: int, result: Mapping[str, Any]) -> None:
        """Keep the result of an action that has failed, and forget the results of all later ones."""
        self._used.clear()
        self.known = {at: one for at, one in self.known.items() if at < place}
        if action.judge:
            self.known[place] = {"changed": False, **result, "failed": True}

    def ran(self, planned: Planned, actions: Sequence[Action]) -> None:
        """Keep the result of a task (one of ``actions``) or a handler that has run."""
        if planned.handler and planned.result is not None:
            self.heard[planned.action.task.name] = planned.result
        elif planned.result is not None:
            self.known[next(i for i, one in enumerate(actions) if one is planned.action)] = planned.result

    def listen(self, plan: Plan, handlers: Sequence[Action]) -> None:
        """Note which handlers run next, and which do not run although one that runs waits for their results.

        Args:
            plan: the plan of what is left; only the handlers that run first in it are looked at.
            handlers: all handlers of the play.
        """
        begin = next((i for i, one in enumerate(plan.tasks) if one.action.flush), len(plan.tasks))
        first = list(takewhile(lambda one: one.handler, plan.all[begin + (begin < len(plan.tasks)) :]))
        woken = {one.action.task.name: one.action for one in first}
        for name in woken.keys() & self.heard.keys():
            del self.heard[name]  # it runs once more
        if any(one.verdict == "unknown" for one in plan.tasks[:begin]):
            return  # an unknown task may still notify them
        awaited = {one.module.name for one in woken.values() if isinstance(one.module, Awaiting)}
        given = [one.task for one in handlers if one.task.result.register]
        for task in given if any(task.result.register in awaited for task in given) else ():
            if task.name not in woken:
                self.heard.setdefault(task.name, None)

    def anew(self, handlers: tuple[Action, ...]) -> tuple[Action, ...]:
        """Return the handlers for another notification: those that use results of others wait for them again."""
        found = {id(one): one for one in (self._late.get(one.task.name, one) for one in handlers)}
        return tuple(found.values())

    def flushed(self, handlers: tuple[Action, ...]) -> tuple[Action, ...]:
        """Return the handlers for the tasks after a flush; they are resolved once more."""
        self._used.clear()
        self.heard = {name: given for name, given in self.heard.items() if given is not None}  # it may run yet
        return self.anew(handlers)

    def _now(self) -> dict[int | str, int]:
        """Return the identity of each known result: results that are only partly known cannot be compared."""
        known: dict[int | str, int] = {place: id(result) for place, result in self.known.items()}
        return known | {name: id(result) for name, result in self.heard.items()}

    def forgiven(self, actions: Sequence[Action]) -> set[int]:
        """Return the ids of actions that have failed and are allowed to (``ignore_errors``)."""
        return {id(one) for i, one in enumerate(actions) if i in self.known and _failed(self.known[i])}

    def resolved(self, host_play: HostPlay) -> HostPlay | None:
        """Return the play resolved once more if something waits for results known by now; None if nothing does.

        Actions before the first one that waits stay as they are, and so do handlers that do not wait.
        """
        count = waiting(host_play.actions)
        late = [handler.module for handler in host_play.handlers if handler.waits]
        given = {handler.task.result.register for handler in host_play.handlers}
        waiting_now = (
            one for one in host_play.handlers if isinstance(one.module, Awaiting) and one.module.name in given
        )
        self._late |= {handler.task.name: handler for handler in waiting_now}
        if (count is None and not late) or host_play.again is None or self._used == self._now():
            return None
        self._used = self._now()
        try:
            fresh = host_play.again(self.known, host_play.failures, self.heard)
        except ConfigError as error:
            if not self.running:
                raise
            raise StepError(error.message, where=error.where, hint=error.hint) from None  # hosts have changed already
        handlers = host_play.with_handlers(fresh.handlers)
        if count is None or _stuck(host_play.actions, fresh.actions, count):
            left = [handler.module for handler in handlers if handler.waits]
            return None if left == late else replace(host_play, handlers=handlers)
        return replace(fresh, actions=(*host_play.actions[:count], *fresh.actions[count:]), handlers=handlers)


def _stuck(actions: Sequence[Action], fresh: Sequence[Action], count: int) -> bool:
    """Return whether action number ``count``, the first that waits, still waits for the same after resolving again."""
    later = waiting(fresh)
    same = later is not None and fresh[later].module == actions[count].module
    return later is not None and later <= count and same and len(fresh) == len(actions)


def _failed(result: Mapping[str, Any]) -> bool:
    return not isinstance(result, Foreseen) and bool(result.get("failed"))


def waiting(actions: Sequence[Action]) -> int | None:
    """Return the place of the first action that waits for another one's result."""
    return next((i for i, action in enumerate(actions) if action.waits), None)
