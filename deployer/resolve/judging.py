"""Judges a task's result (``changed_when``, ``failed_when``, ``until`` …), and makes the value of ``register``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deployer.errors import At, ConfigError
from deployer.fields import coerce
from deployer.load.results import Foreseen
from deployer.load.template import Layer, Variables
from deployer.model import Task
from deployer.resolve.action import Action

SKIPPED: Mapping[str, Any] = {"changed": False, "skipped": True, "skip_reason": "Conditional result was False"}
"""The result of a task whose condition does not hold."""
LONGEST_WAIT = 86_400


@dataclass(frozen=True, slots=True)
class ResultJudge:
    """Judges results of one action.

    Attributes:
        ignores: a failure lets the next tasks run.
        tries: how often it is tried, at most; ``delay``: seconds between two tries.
    """

    task: Task
    variables: Variables
    ignores: bool = False
    tries: int = 1
    delay: int = 0

    @classmethod
    def of(cls, task: Task, variables: Variables) -> ResultJudge:
        """Return the judge of a task, its words rendered.

        Raises:
            ConfigError: one of them is wrong.
        """
        words, where = task.result, task.mark
        with At(where):
            said = variables.render(words.ignore_errors, where, "ignore_errors")
            ignores = words.ignore_errors is not None and coerce(bool, said, "ignore_errors")
            if not words.waits:
                return cls(task, variables, ignores)
            retries = 3 if words.retries is None else variables.render(words.retries, where, "retries")
            tries = 1 + coerce(int, retries, "retries")
            delay = coerce(int, variables.render(words.delay, where, "delay"), "delay")
            if tries < 1 or not 0 <= delay <= LONGEST_WAIT or tries * delay > LONGEST_WAIT:
                raise ConfigError(f"it would wait {tries} times {delay} s", hint=f"at most {LONGEST_WAIT} s in all")
            return cls(task, variables, ignores, tries, delay)

    @property
    def waits(self) -> bool:
        """Whether it is tried again until something holds."""
        return self.task.result.waits

    @property
    def lenient(self) -> bool:
        """Whether a status other than 0 does not yet mean that the task has failed."""
        return self.ignores or self.waits or self.task.result.failed_when is not None

    def judged(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """Return a result with ``changed`` and ``failed`` set by the task's conditions.

        Raises:
            ConfigError: a condition is wrong.
        """
        words = self.task.result
        found = {"failed": bool(result.get("rc", 0)), **result}
        if words.changed_when is not None:
            found["changed"] = self._all(words.changed_when, found)
        if words.failed_when is not None:
            found["failed"] = found["failed_when_result"] = self._all(words.failed_when, found)
        return found

    def satisfied(self, result: Mapping[str, Any]) -> bool:
        """Return whether what is waited for holds: ``until``, or that it succeeded."""
        until = self.task.result.until
        return not self.waits or (not result["failed"] if until is None else self._all(until, result))

    def _all(self, conditions: Sequence[str], result: Mapping[str, Any]) -> bool:
        name = self.task.result.register
        scope = self.variables.over(Layer({name: result}, final=True)) if name else self.variables
        return all(scope.holds(condition, self.task.mark) for condition in conditions)


def registered(task: Task, found: Sequence[tuple[Any, Action, Mapping[str, Any] | None]]) -> Mapping[str, Any]:
    """Return the value of a task's ``register``.

    Args:
        task: which registers it.
        found: for each round of its loop (one without a loop) its item, its action, and its result as far as known.
    """
    results = [_result(task, action, result) for _, action, result in found]
    if task.loop is None:
        return results[0] if len(results) == 1 else _together(task, results)
    if not results or all(action.skip and not action.says for _, action, _ in found):
        return {**SKIPPED, "results": [{**SKIPPED, task.control.var: item} for item, _, _ in found if item is not None]}
    if waiting := [one for one in results if isinstance(one, Foreseen)]:
        known = {"changed": any(one["changed"] for one in results)} if all(map(_tells, results)) else {}
        return Foreseen(task.result.register, waiting[0].reason, known)
    each = [
        {**one, task.control.var: item, "ansible_loop_var": task.control.var}
        for one, (item, _, _) in zip(results, found, strict=True)
    ]
    words = {word: any(one.get(word, False) for one in results) for word in ("changed", "failed")}
    return {"results": each, **words, "skipped": False, "msg": "All items completed"}


def facts_read(found: Sequence[tuple[Any, Action, Mapping[str, Any] | None]]) -> Mapping[str, Any]:
    """Return the facts that rounds of a task read; those of one whose result is not known wait for it."""
    facts: dict[str, Any] = {}
    for _, action, result in found:
        if result is None or isinstance(result, Foreseen):
            reason = f"{action.label!r} has not run yet"
            facts |= {name: Foreseen(name, reason) for name in action.facts}
        else:
            facts |= result.get("ansible_facts", {})
    return facts


def _together(task: Task, results: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the one result of a task that is several actions: the copy of a directory."""
    waiting = next((one for one in results if isinstance(one, Foreseen)), None)
    changed = {"changed": any(one["changed"] for one in results)} if all(map(_tells, results)) else {}
    if waiting is not None:
        return Foreseen(task.result.register, waiting.reason, changed)
    return {**changed, "failed": any(one.get("failed", False) for one in results)}


def _tells(result: Mapping[str, Any]) -> bool:
    return not isinstance(result, Foreseen) or "changed" in result.known


def _result(task: Task, action: Action, result: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if action.skip.startswith("not: "):
        return {**SKIPPED, "false_condition": action.skip.removeprefix("not: ")}
    if action.skip:
        return {"changed": False, "failed": action.skip.startswith("fails: "), "msg": action.says}
    return Foreseen(task.result.register, f"{action.label!r} has not run yet") if result is None else result
