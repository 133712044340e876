"""What happened, as frozen data: the engine says it, the reports print it, ``--json`` streams it.

Nothing here holds a secret: changes carry fingerprints, and error texts come from classes that never quote one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from deployer.model import Change

Verdict = Literal["change", "runs", "ok", "unknown", "skipped", "refused"]
Ending = Literal[
    "ok", "changed", "drift", "findings", "unknown", "failed", "unreachable", "reverted", "stopped", "not reached"
]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened; the class says what."""


@dataclass(frozen=True, slots=True)
class PlayStarted(Event):
    """A play begins on these hosts; ``goal`` is plan, audit, deploy or verify, ``doing`` says more: rollback."""

    play: str
    goal: str
    hosts: tuple[str, ...]
    doing: str = ""

    @property
    def title(self) -> str:
        """What a person calls it."""
        return self.doing if self.doing and self.goal == "deploy" else self.goal


@dataclass(frozen=True, slots=True)
class Stage(Event):
    """A host enters a stage: connect, facts, probe, prepare, upload, apply, hooks, ladder."""

    host: str
    stage: str


@dataclass(frozen=True, slots=True)
class TaskPlanned(Event):
    """The plan's answer for one task: will change, will not, unknown until run (with the reason), or skipped.

    Or runs: it has no end state, so it runs every time, and what it changes is not known.

    In an audit also: refused, because a deploy would not touch a host that says this; ``reason`` has a line for each.
    """

    host: str
    task: str
    where: str
    verdict: Verdict
    changes: tuple[Change, ...] = ()
    reason: str = ""
    handler: bool = False


@dataclass(frozen=True, slots=True)
class StepDone(Event):
    """A step ran to its end; ``output`` is what it printed, kept only when it failed."""

    host: str
    task: str
    what: str
    rc: int
    seconds: float
    output: str = ""


@dataclass(frozen=True, slots=True)
class Note(Event):
    """Words for the person watching, about everything planned so far."""

    text: str


@dataclass(frozen=True, slots=True)
class RungRead(Event):
    """One rung of the verify ladder, read on one node.

    Attributes:
        rung: 1 to 10, see docs/ladder.md; ``title`` says it in words.
        ok: True, False, or None when it could not be climbed (``detail`` says why).
        advice: what to do next, empty when all is well.
        seconds: from the first reading to the last.
        missing: hosts that do not reach the node (rung 6), or members that it does not see (rung 8).
    """

    host: str
    node: str
    rung: int
    title: str
    ok: bool | None
    detail: str
    advice: str = ""
    seconds: float = 0.0
    missing: tuple[str, ...] = ()


Severity = Literal["critical", "high", "medium", "low"]
SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low")
"""Of the rules of an audit, the worst first."""


@dataclass(frozen=True, slots=True)
class RuleJudged(Event):
    """A rule's answer on one host, in an audit.

    Attributes:
        answer: PASS, FAIL, UNKNOWN (what it needs may not be read), NOT APPLICABLE or WAIVED.
        reason: why, in a sentence; of PASS it may be empty.
        remedy: what to do where it FAILs: YAML of ours, a command, or both.
    """

    host: str
    rule: str
    severity: Severity
    title: str
    answer: str
    reason: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class DriftTraced(Event):
    """What a host knows of a task that has drifted, in an audit, and the two ways out.

    Attributes:
        since: seconds since 1970 by the host's clock; it is so since then at the latest. None where nothing tells.
        by: who or what did it; empty where nothing tells.
        how: what that is concluded from, in a sentence.
        sure: of ``by``: sure, likely, possible or unknown.
        restore: the command that puts it back.
        accept: the YAML that accepts it, to be written where ``where`` says.
    """

    host: str
    task: str
    where: str
    since: int | None
    by: str
    how: str
    sure: str
    restore: str
    accept: str


@dataclass(frozen=True, slots=True)
class ReleaseEntry:
    """One line of what a host remembers of its releases.

    Attributes:
        number: counts up from 1 on each host; the order needs no clock.
        time: seconds since 1970 by the host's clock.
        event: ``switch``, ``good``, ``bad``, ``back`` or ``hook``.
        release: the release's id, ``VERSION-DIGEST``.
        run: which run did it, and whose: ``TIME-DIGITS PERSON@MACHINE``.
    """

    number: int
    time: int
    event: str
    release: str
    run: str
    detail: str


@dataclass(frozen=True, slots=True)
class NodeSeen:
    """What runs of one node: its unit's state, the id of the release it runs from, seconds since it is up."""

    node: str
    state: str
    release: str
    age: float | None


@dataclass(frozen=True, slots=True)
class HostSeen(Event):
    """What a host says of a release: what runs, and what it remembers.

    Attributes:
        release: its name.
        current: id of the version that a start would take; empty when there is none.
        good: ids that were seen healthy, the newest judgement first.
        bad: ids that failed here, each with the reason.
        history: the end of what it remembers, oldest first.
        away: seconds from when its nodes were told to stop in the last switch, or way back, until they had started.
            None where nothing was stopped, or they have not started.
    """

    host: str
    release: str
    current: str
    nodes: tuple[NodeSeen, ...]
    good: tuple[str, ...]
    bad: tuple[tuple[str, str], ...]
    history: tuple[ReleaseEntry, ...]
    away: float | None = None


@dataclass(frozen=True, slots=True)
class HostEnded(Event):
    """All that will happen to a host in this play has happened.

    Attributes:
        ending: the worst that happened.
        changed: tasks that changed or would change; ``ran``: those that run every time.
        total: tasks of the play, skipped ones not counted.
        problem: the error for a person, with where and what next; empty when there was none.
        code: the exit code this host asks for.
        release: id of the release that it has to run; after it went back, of the one that it runs; empty without one.
    """

    host: str
    ending: Ending
    changed: int
    total: int
    seconds: float
    problem: str = ""
    code: int = 0
    release: str = ""
    ran: int = 0


@dataclass(frozen=True, slots=True)
class PlayEnded(Event):
    """A play is over on all hosts."""

    play: str
    seconds: float


@dataclass(frozen=True, slots=True)
class RunEnded(Event):
    """The run is over; ``code`` is the process's exit code (docs/design.md)."""

    code: int
    seconds: float


Emit = Callable[[Event], None]
