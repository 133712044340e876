"""The result of a task that has run, judged by its own ``changed_when``, ``failed_when``, ``until`` and the like."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from deployer.engine.walk.planned import Planned
from deployer.errors import StepError
from deployer.model import MASK
from deployer.modules import Step
from deployer.resolve import Action
from deployer.sh import Frame
from deployer.sh.captured import command_result, heard


def readable(step: Step, out: str) -> str:
    """Return what a step printed, for a person: first stdout, then stderr."""
    if not step.person or "\x1e" not in out:
        return out
    told = heard(out)
    return "\n".join(str(told[name]).rstrip("\n") for name in ("stdout", "stderr") if told[name])


def settled_result(planned: Planned, frame: Frame, again: Callable[[], Frame]) -> Planned:
    """Return a task that has run, with its result.

    Args:
        planned: the task; it must have a judge.
        frame: the answer of its last step.
        again: runs its steps once more, for ``until``.

    Raises:
        StepError: the judge says that it failed.
        ConfigError: one of its conditions is wrong.
    """
    judge = planned.action.judge
    assert judge  # noqa: S101 - the caller has checked
    result, tried = _result(planned, frame), 1
    while not judge.satisfied(result):
        if tried >= judge.tries:
            result["failed"] = True
            break
        time.sleep(judge.delay)
        result, tried = _result(planned, again()), tried + 1
    if judge.waits:
        result["attempts"] = tried
    if result["failed"] and not judge.ignores:
        raise result_failure(planned.action, result)
    return replace(planned, result=result)


def _result(planned: Planned, frame: Frame) -> dict[str, Any]:
    judge = planned.action.judge
    assert judge  # noqa: S101
    told: Mapping[str, object] = {"rc": frame.rc, "msg": frame.out.strip()} if frame.rc else {}
    if any(step.person for step in planned.steps) and "\x1e" in frame.out:
        told = command_result(heard(frame.out))
    return judge.judged({"changed": True, **planned.action.module.result(told, frame.out)})


def result_failure(action: Action, result: Mapping[str, Any]) -> StepError:
    """Return the error for a task that its judge says has failed."""
    said = "\n".join(str(result[key]) for key in ("stdout", "stderr", "msg") if result.get(key))
    shown = MASK if action.hides else said
    tail = "".join(f"\n    {line}" for line in shown.strip().splitlines()[-20:])
    status = f" with status {result['rc']}" if result.get("rc") else ""
    return StepError(f"{action.label}: failed{status}{tail}", where=action.task.mark, failed=action, result=result)
