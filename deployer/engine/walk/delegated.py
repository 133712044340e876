"""Runs a delegated task on its machine, after probing again: the same may have been done there for another host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from deployer.engine.walk.elsewhere import Elsewhere, send_to
from deployer.engine.walk.plan import Plan, planned_of
from deployer.engine.walk.planned import Planned
from deployer.engine.walk.probe import PROBE_TIMEOUT, probe_program, read_probes
from deployer.engine.walk.steps import Job, jobs
from deployer.errors import ConfigError, StepError
from deployer.model import Unknown
from deployer.resolve.action import Delegate
from deployer.sh import Frame
from deployer.transport.base import Transport

Prove: TypeAlias = Callable[[Transport, Sequence[Job], Sequence[Frame], bool], None]
"""Reports the answers of steps over a connection, and confirms the last step by new logins (True: as root)."""


def there(
    elsewhere: Elsewhere, place: Delegate, name: str, part: Sequence[Job], prove: Prove
) -> tuple[Sequence[Job], Sequence[Frame]]:
    """Run one task of a host on another machine, while no other host of the play runs anything there.

    Args:
        elsewhere: has the connections.
        place: the machine.
        name: the name of the host.
        part: the steps of the task, as they were planned.
        prove: confirms a step that could cut off the next login there; no other host gets its turn before that.

    Returns:
        the steps as they were run, and their answers; no answers when nothing is left to do.

    Raises:
        StepError: the state there is unknown, or the module refuses it.
        Reverted: a new login there failed, and that machine has gone back by itself.
        DelegateLost: the machine cannot be reached.
    """
    planned = part[0].planned
    with elsewhere.turn(place, name) as transport:
        if place.host and planned.verdict == "change" and not planned.handler:
            planned = _read_again(transport, planned, place)
            left = [job for job in jobs(Plan((planned,)), ()) if job.step]
            if not left:
                return part, ()
            part = left
        if part[-1].waits:
            transport.prove_ways()  # a way that is closed already must not be blamed on the change
        frames = send_to(transport, part, become=place.become)
        if part[-1].waits:
            prove(transport, part, frames, place.become)
        return part, frames


def unchanged(planned: Planned) -> Planned:
    """Return a task that turned out to have nothing left to do, with its result."""
    result, judge = {"changed": False}, planned.action.judge
    return replace(planned, result=judge.judged(result) if judge else result)


def _read_again(transport: Transport, planned: Planned, place: Delegate) -> Planned:
    action = planned.action
    frames = transport.run(probe_program([action], become=place.become), timeout=PROBE_TIMEOUT)
    (answer,) = read_probes([action], frames).observed
    if isinstance(answer, ConfigError | Unknown):
        problem = answer.reason if isinstance(answer, Unknown) else answer.message
        raise StepError(f"{action.label}: {problem}", where=action.task.mark, failed=action)
    return planned_of(action, answer, ())
