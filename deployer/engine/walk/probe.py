"""Probes a host in one exec: all tasks become one program, and its answers become observed states."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from deployer.errors import ConfigError, DeployerError, ProbeError, Problems
from deployer.model import Observed, Unknown
from deployer.resolve import Action
from deployer.sh import Frame, Known, Pooled, Program, Reads, Sh, lines, sh

E = TypeVar("E", bound=DeployerError)
_UNIT = re.compile(r"[\w@.:-]+\.(?:service|socket|timer)", re.ASCII)
PROBE_TIMEOUT = 120.0
"""Seconds a host may stay silent while it answers a probe."""
READS_LATER = "it reads what earlier tasks may change"
LACK = "\x1d"
"""Stands before and after the words that say what a user lacks; the probe's own answer follows."""
_BEHIND = sh("echo {}; exit 3", READS_LATER)
"""Replaces the probe of a reading task after a task that runs every time: what it would read now may be outdated."""
_PENDING = Sh('for noted in "$home"/notified/*; do [ ! -e "$noted" ] || echo "${noted##*/}"; done')
_BARRED = 4
"""The status of a probe whose user may not enter a directory, which it names last (`hidden` of the prelude)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one host answered to one probe.

    Attributes:
        observed: one answer for each action asked; a ConfigError where the module refuses what it sees.
        pending: ids of handlers that an earlier run notified but did not run before it ended.
        extra: answers of the extra fragments (the ladder's), in order.
        lacks: what users lack, by the ids of their actions.
    """

    observed: tuple[Observed | ConfigError, ...]
    pending: frozenset[str] = frozenset()
    extra: tuple[Frame, ...] = ()
    lacks: Mapping[int, str] = field(default_factory=dict)


def probe_program(
    actions: Sequence[Action], *, become: bool, extra: Sequence[Sh] = (), watched: Sequence[str] = ()
) -> Program:
    """Return the program that asks about ``actions``, all of which have a module.

    Args:
        actions: in their order.
        become: run as root.
        extra: further fragments to run with it.
        watched: units that these fragments ask systemd about; they join the question about the tasks' units, if any.
    """
    first = next((i for i, action in enumerate(actions) if action.module.handler_only), len(actions))
    behind = {i for i, action in enumerate(actions) if i > first and action.answers}
    asked = [
        _BEHIND if i in behind else probe_environment(action.environment, _asking(action))
        for i, action in enumerate(actions)
    ]
    users = {i: action.user for i, action in enumerate(actions) if action.user}
    names = dict.fromkeys(name for action in actions for name in action.module.touches() if _UNIT.fullmatch(name))
    names |= dict.fromkeys(watched if names else ())
    plain = {i: one for i, one in enumerate(actions) if not (one.user or one.environment or i in behind)}
    looks = {i: action.module.known() for i, action in plain.items()}
    known: dict[int, Known | Pooled] = {i: one for i, one in looks.items() if one}
    known[len(asked)] = Pooled("pending")
    reads = tuple(one for one in (action.module.reads() for action in actions if not action.user) if one != Reads())
    return Program((*asked, _PENDING, *extra), become=become, units=tuple(names), known=known, reads=reads, users=users)


def read_probes(actions: Sequence[Action], frames: Iterable[Frame]) -> Reading:
    """Turn the answers of `probe_program` into a reading.

    Raises:
        ProbeError: an answer cannot be understood; ``where`` is the task's place.
    """
    lacks, answers = dict[int, str](), list(frames)
    for i, (action, frame) in enumerate(zip(actions, answers, strict=False)):
        if action.user and frame.out.startswith(LACK):
            lack, _, out = frame.out[1:].partition(LACK)
            lacks[id(action)], answers[i] = lack, replace(frame, out=out)
    observed = tuple(_observe(action, frame) for action, frame in zip(actions, answers, strict=False))
    pending, *extra = answers[len(actions) :]
    return Reading(observed, frozenset(pending.out.split()), tuple(extra), lacks)


def accept_answers(actions: Sequence[Action], reading: Reading) -> tuple[Observed, ...]:
    """Return the answers if no module refuses one of them.

    Raises:
        ConfigError: modules refuse what they see, such as a firewall that would cut off this run; all of them at once.
    """
    asked = zip(actions, reading.observed, strict=True)
    refused = ((action, answer) for action, answer in asked if isinstance(answer, ConfigError))
    Problems.check(_placed(problem, action) for action, answer in refused for problem in answer.each)
    return tuple(answer for answer in reading.observed if not isinstance(answer, ConfigError))


def probe_environment(variables: Mapping[str, str], text: Sh) -> Sh:
    """Return ``text`` with a task's environment exported before it."""
    if not variables:
        return text
    return lines(*(sh("export {}={}", Sh(name), value) for name, value in variables.items()), text)


def _asking(action: Action) -> Sh:
    """Return a task's probe; if the task has a user of its own, the probe first prints what this user lacks."""
    text = action.module.probe()
    if not action.user:
        return text
    from deployer.engine.walk.allowed import what_it_lacks

    return lines(what_it_lacks(action), text)


def _observe(action: Action, frame: Frame) -> Observed | ConfigError:
    if frame.rc == 3:
        return Unknown(frame.out.strip() or "an earlier task has to run first")
    _, told, barred = frame.out.rpartition("may not look into ")
    if frame.rc == _BARRED and action.user and told:
        return Unknown(f"{action.user} {told}{barred.strip()}", barred=barred.strip())
    try:
        if frame.rc:
            whose = f", as {action.user}," if action.user else ""
            raise ProbeError(f"its probe{whose} failed with status {frame.rc}: {frame.out.strip()[-500:]}")
        return action.module.parse(frame.out)
    except ConfigError as error:
        return error
    except DeployerError as error:
        raise _placed(error, action) from None


def _placed(error: E, action: Action) -> E:
    """Return the error with the task that it comes from in its message."""
    error.where = error.where or str(action.task.mark)
    error.message = f"{action.label}: {error.message}"
    return error
