"""What is done on another machine is read there once more, right before: other hosts may have had the same done."""

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
"""Tells what steps have answered over a connection, and confirms the last of them by new logins (True: as root)."""


def there(
    elsewhere: Elsewhere, place: Delegate, name: str, part: Sequence[Job], prove: Prove
) -> tuple[Sequence[Job], Sequence[Frame]]:
    """Do one task of a host on another machine, while nobody else of the play does anything there.

    Args:
        elsewhere: has the connections.
        place: the machine.
        name: of the host.
        part: the steps of the task, as they were planned.
        prove: confirms what could cut off the next login there; nobody else's turn begins before that.

    Returns:
        the steps as they were run, and their answers; no answers where nothing is left to do.

    Raises:
        StepError: what is there cannot be told, or is refused by the module.
        Reverted: nobody could log in there anew, and that machine has gone back by itself.
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
            transport.prove_ways()  # one that is shut already would make the change look guilty
        frames = send_to(transport, part, become=place.become)
        if part[-1].waits:
            prove(transport, part, frames, place.become)
        return part, frames


def unchanged(planned: Planned) -> Planned:
    """Return a task that had nothing left to do when its turn came, with its result."""
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
