"""Traces drift: when it began, who caused it, and two ways to end it; a second exec, only on hosts with drift."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import fields

from deployer.audit.facts import parse_group
from deployer.audit.trace import Trace, judge_trace, reader
from deployer.engine import ledger
from deployer.engine.walk.plan import Plan
from deployer.engine.walk.planned import Planned
from deployer.errors import DeployerError
from deployer.events import DriftTraced, Emit
from deployer.resolve import HostPlay
from deployer.sh import Program
from deployer.transport.base import Transport

_TIMEOUT = 60.0
_LONGEST = 120


def trace_drift(play: HostPlay, plan: Plan, transport: Transport, emit: Emit, command: Sequence[str]) -> None:
    """Report for each drifted task when that began and who caused it; if this is unknown, only how to end it.

    Args:
        play: the host's resolved play.
        plan: the plan, with the differences.
        transport: a read-only connection to the host.
        emit: gets the events.
        command: the command that deploys this playbook, without ``--limit``.
    """
    drifted = [one for one in plan.tasks if one.verdict in ("change", "unknown", "refused")]
    if not drifted:
        return
    touched = tuple(dict.fromkeys(name for one in drifted for name in _touches(one)))
    switch = ledger.switch_of(play)
    program = Program((reader(touched, switch.root if switch else ""),), become=play.become)
    try:
        found = parse_group(next(iter(transport.run(program, timeout=_TIMEOUT))))
    except (DeployerError, StopIteration) as error:
        found = str(error) or "the host did not answer"
    for one in drifted:
        names = _touches(one)
        said = Trace(how=f"nothing could be read: {found}") if isinstance(found, str) else judge_trace(names, found)
        emit(_event(play.host.name, one, said, command))


def _touches(planned: Planned) -> tuple[str, ...]:
    """Return what a task touches on its host; a delegated task touches nothing there."""
    return () if planned.action.place else planned.action.module.touches()


def _event(host: str, one: Planned, said: Trace, command: Sequence[str]) -> DriftTraced:
    restore = shlex.join([*command, "--limit", host])
    where = str(one.action.task.mark)
    accept = "\n".join(_accepting(host, one))
    return DriftTraced(host, one.action.label, where, said.since, said.by, said.how, said.sure, restore, accept)


def _accepting(host: str, one: Planned) -> Iterator[str]:
    """Yield the YAML that would declare the present state; if there is none, YAML that excludes this host."""
    task, module = one.action.task, one.action.module
    arguments = {field.name for field in fields(module)}
    given = {change.key: change.before for change in one.changes}
    if given and not task.role and all(_plain(key, value, arguments) for key, value in given.items()):
        yield f"{task.module}: {{{', '.join(f'{key}: {json.dumps(value)}' for key, value in given.items())}}}"
        return
    condition = f"when: {json.dumps(f'inventory_hostname != {host!r}')}"
    if task.role:
        yield f"- role: {task.role}"
    yield f"  {condition}" if task.role else condition


def _plain(key: str, value: str | None, arguments: set[str]) -> bool:
    return (
        key in arguments - {"content", "src"} and value is not None and value.isprintable() and len(value) <= _LONGEST
    )
