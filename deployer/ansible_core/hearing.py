"""ansible-core's results as our events: what it says of each task on each host, with every secret masked."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deployer.ansible_core.masks import Masks
from deployer.engine.roll.play import Goal
from deployer.errors import DeployerError, StepError, Unreachable
from deployer.events import Emit, Note, StepDone, TaskPlanned, Verdict
from deployer.model import Change

_NO_CHECK = ("check mode", "check_mode")
_HIDDEN = "hidden by no_log"


@dataclass(slots=True)
class HostTold:
    """What ansible-core has said of one host.

    Attributes:
        changed: tasks that changed it, or would; ``total``: those that were not skipped.
        unknown: tasks of which check mode says nothing.
        problem: what ended it early.
        met: it has said anything at all.
    """

    changed: int = 0
    total: int = 0
    unknown: int = 0
    problem: DeployerError | None = None
    met: bool = False


@dataclass(slots=True)
class AnsibleHearing:
    """Takes the records of `deployer_events` and emits ours.

    Attributes:
        goal: what is asked for: a deploy tells steps, all others what would change.
        hosts: what was said of each.
        masks: what must not be shown. ``moved``: where files are shown, and where they really are.
        begun: at least one play has begun: the playbook could be read.
    """

    emit: Emit
    goal: Goal
    hosts: dict[str, HostTold]
    masks: Masks = field(default_factory=lambda: Masks(()))
    moved: tuple[str, str] = ("", "")
    begun: bool = False
    _play: str = ""
    _batch: int = 0
    _since: dict[tuple[str, str], float] = field(default_factory=dict)

    def __call__(self, record: Mapping[str, Any]) -> None:
        """Take one record."""
        kind = record["kind"]
        if kind == "play":
            self._begin(record)
        elif kind == "start":
            self._since[record["host"], record["task"]] = time.monotonic()
        elif kind == "stats":
            self._end(record["hosts"])
        else:
            self._result(kind, record)

    def _end(self, hosts: Mapping[str, Mapping[str, int]]) -> None:
        """Take failures back that a ``rescue`` has caught: only what counts in the end is a host's problem."""
        for name, counts in hosts.items():
            if name in self.hosts and not counts["failures"] and not counts["unreachable"]:
                self.hosts[name].problem = None

    def _begin(self, record: Mapping[str, Any]) -> None:
        self.begun = True
        again = record["id"] == self._play
        self._batch = self._batch + 1 if again else 1
        batch, every = record["batch"], record["hosts_all"]
        if again or len(batch) < len(every):
            self.emit(Note(f"batch {self._batch}: {' '.join(batch)}"))
        elif self._play:
            self.emit(Note(f"play {self.masks.mask(record['name'])}: {' '.join(every)}"))
        self._play = record["id"]

    def _result(self, kind: str, record: Mapping[str, Any]) -> None:
        host = self.hosts.setdefault(record["host"], HostTold())
        host.met = True
        task, message = self._text(record["task"]), self._text(record["message"])
        seconds = time.monotonic() - self._since.pop((record["host"], record["task"]), time.monotonic())
        silent = kind == "skipped" and any(word in message for word in _NO_CHECK)
        changed = record["changed"] and kind in ("ok", "ignored")
        host.total += kind != "skipped" or silent
        host.changed += changed
        host.unknown += silent
        verdict: Verdict = "unknown" if silent else "skipped" if kind == "skipped" else "change" if changed else "ok"
        reason = f"Ansible's check mode does not tell: {message}" if silent else ""
        if kind == "ignored":
            reason = f"it failed, and ignore_errors lets it: {_first(message)}"
        if kind in ("failed", "unreachable"):
            self._failed(kind, record, host, task, message, seconds)
            return
        changes = _changes(record, self.masks) if changed else ()
        where = self._text(record["where"])
        self.emit(TaskPlanned(record["host"], task, where, verdict, changes, reason, record["handler"]))
        if self.goal is Goal.DEPLOY and changed:
            self.emit(StepDone(record["host"], task, task, 0, seconds))

    def _failed(
        self, kind: str, record: Mapping[str, Any], host: HostTold, task: str, message: str, seconds: float
    ) -> None:
        where = self._text(record["where"])
        if kind == "unreachable":
            host.problem = Unreachable(f"ansible-core: {_first(message)}", where=record["host"])
            return
        if self.goal is Goal.DEPLOY:
            self.emit(StepDone(record["host"], task, task, 1, seconds, message))
        host.problem = StepError(f"{task} failed: {message or 'ansible-core does not say why'}", where=where)

    def _text(self, text: str) -> str:
        return self.masks.mask(text.replace(*self.moved))


def _first(message: str) -> str:
    return next(iter(message.splitlines()), "") or "it does not say why"


def _changes(record: Mapping[str, Any], masks: Masks) -> tuple[Change, ...]:
    """Return what a result says has changed, by file; one word where it says no more."""
    if record["hidden"]:
        return (Change("state", _HIDDEN, _HIDDEN),)
    diffs: Sequence[Mapping[str, Any]] = record["diffs"]
    found = [
        Change(masks.mask(one["key"]) or "state", _side(one["before"], masks), _side(one["after"], masks))
        for one in diffs
    ]
    return tuple(found) or (Change("changed", "no", "yes"),)


def _side(text: str | None, masks: Masks) -> str | None:
    return None if text is None else masks.mask(text)
