"""What a plan rests on: what is declared for each host, and what each host has said; and what of it has changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deployer.engine.roll.host_roll import HostRoll
from deployer.engine.walk.planned import Planned
from deployer.errors import ProbeError
from deployer.resolve import Action
from deployer.saved.digests import Digests

SavedChange = tuple[str, str | None, str | None]
"""Key, before, after; None stands for absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedTask:
    """One task, handler or hook of a host.

    Attributes:
        kind: ``task``, ``handler``, ``before_switch`` or ``after_start``.
        where: where it is written, for a person; its place may move.
        verdict: the plan's answer; of a hook nothing.
        declared: digest of its arguments.
        reason: why it is skipped, or unknown until run.
        does: its steps in words.
    """

    task: str
    kind: str = "task"
    where: str = ""
    verdict: str = ""
    declared: str = ""
    reason: str = ""
    changes: tuple[SavedChange, ...] = ()
    does: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedHost:
    """What is known of a host.

    Attributes:
        host_key: fingerprint of the key that it has proven itself with.
        machine_id: digest of its machine-id.
        release: id of its current release; empty when there is none.
        running: its nodes that have a process.
    """

    host_key: str
    machine_id: str
    release: str = ""
    running: tuple[str, ...] = ()
    tasks: tuple[SavedTask, ...] = ()

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> SavedHost:
        """Return it from JSON."""
        tasks = [
            SavedTask(**{**task, "changes": tuple(map(tuple, task["changes"])), "does": tuple(task["does"])})
            for task in given["tasks"]
        ]
        return cls(**{**given, "running": tuple(given["running"]), "tasks": tuple(tasks)})


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPlay:
    """One play: its hosts, and the turns that they take."""

    play: str
    batches: tuple[tuple[str, ...], ...] = ()
    limits: str = ""
    hosts: Mapping[str, SavedHost] = field(default_factory=dict)

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> SavedPlay:
        """Return it from JSON."""
        hosts = {name: SavedHost.read(host) for name, host in given["hosts"].items()}
        return cls(**{**given, "batches": tuple(map(tuple, given["batches"])), "hosts": hosts})


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that is not as it was when the plan was made; ``before`` and ``now`` are words for a person."""

    host: str
    task: str
    key: str
    before: str
    now: str


def host_facts(run: HostRoll, digests: Digests, machine_id: str) -> SavedHost:
    """Return what a host that is prepared is known by.

    Raises:
        ProbeError: it has no machine-id.
    """
    plan, play, transport = run.prepared.first, run.connected.play, run.connected.transport
    if not machine_id:
        raise ProbeError("it has no /etc/machine-id, so a plan cannot be tied to it", where=run.name)
    planned = [_planned(one, digests) for one in (plan.all if plan else ())]
    hooks = [("before_switch", one) for one in play.before_switch] + [("after_start", one) for one in play.after_start]
    return SavedHost(
        host_key=transport.host_key,
        machine_id=digests.of(machine_id),
        release=run.record.current,
        running=tuple(sorted(run.alive)),
        tasks=(*planned, *(_named(action, digests, kind) for kind, action in hooks)),
    )


def _planned(one: Planned, digests: Digests) -> SavedTask:
    named = _named(one.action, digests, "handler" if one.handler else "task")
    return SavedTask(
        task=named.task,
        kind=named.kind,
        where=named.where,
        declared=named.declared,
        verdict=one.verdict,
        reason=one.reason,
        changes=tuple(digests.change(change) for change in one.changes),
        does=tuple(step.what for step in one.steps),
    )


def _named(action: Action, digests: Digests, kind: str) -> SavedTask:
    return SavedTask(task=action.label, kind=kind, where=str(action.task.mark), declared=digests.declared(action))


def differing(name: str, saved: SavedHost, now: SavedHost, *, declared_only: bool = False) -> Iterator[Fact]:
    """Yield each fact about a host that has changed.

    Args:
        name: the host's.
        saved: as the plan has it.
        now: as it is.
        declared_only: what the host itself has said is left out, because this very run has changed it since.
    """
    for key, before, after in (
        ("host key", saved.host_key, now.host_key),
        ("machine-id", saved.machine_id, now.machine_id),
    ):
        if before != after:
            yield Fact(name, "", key, _word(before), _word(after))
    if not declared_only:
        if saved.release != now.release:
            yield Fact(name, "", "current release", saved.release or "none", now.release or "none")
        if saved.running != now.running:
            yield Fact(name, "", "running nodes", " ".join(saved.running) or "none", " ".join(now.running) or "none")
    before_tasks, after_tasks = _by_name(saved.tasks, declared_only), _by_name(now.tasks, declared_only)
    for place in dict.fromkeys((*before_tasks, *after_tasks)):
        was, is_ = before_tasks.get(place), after_tasks.get(place)
        if was is None or is_ is None:
            task = was or is_
            label, kind = (task.task, task.kind) if task else ("", "")
            yield Fact(name, label, kind, *(("there", "gone") if was else ("not there", "there")))
        else:
            yield from _changed(name, was, is_, declared_only)


def _by_name(tasks: Sequence[SavedTask], declared_only: bool) -> dict[tuple[str, str, int], SavedTask]:
    count: Counter[tuple[str, str]] = Counter()
    found = {}
    for task in tasks:
        if declared_only and task.kind == "handler":  # which are notified follows from what changes
            continue
        key = task.kind, task.task
        found[(*key, count[key])] = task
        count[key] += 1
    return found


def _changed(name: str, was: SavedTask, is_: SavedTask, declared_only: bool) -> Iterator[Fact]:
    say: Callable[[str, str, str], Fact] = lambda key, before, now: Fact(name, was.task, key, before, now)  # noqa: E731
    if was.declared != is_.declared:
        yield say("what is declared", _word(was.declared), _word(is_.declared))
    if declared_only:
        return
    changes, found = ({key: (before, after) for key, before, after in one.changes} for one in (was, is_))
    told = False
    for key in dict.fromkeys((*changes, *found)):
        if changes.get(key) != found.get(key):
            (before, after), (now, wanted) = changes.get(key, ("", "")), found.get(key, ("", ""))
            if key not in changes:
                before = wanted  # it was as declared
            elif key not in found:
                now = after  # somebody has done it
            if _word(before) != _word(now):
                told = True
                yield say(key, _word(before), _word(now))
    if was.verdict != is_.verdict and not told:
        yield say("the plan's answer", f"{was.verdict} {was.reason}".strip(), f"{is_.verdict} {is_.reason}".strip())


def _word(value: str | None) -> str:
    return "absent" if value is None else value or "nothing"
