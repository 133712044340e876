"""The ladder as one table: a row for each rung, from the bottom, and the result of climbing it.

A new rung needs one row here and its judge: numbers, titles, `docs/ladder.md` and the tests follow from the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from enum import Enum, IntEnum, auto
from typing import Self

from deployer.beam.epmd import Registration
from deployer.engine.ladder import judge, mesh
from deployer.engine.ladder.reading import Judgement, NodeReading
from deployer.engine.ladder.target import Target

Judge = Callable[[Target, NodeReading], Judgement | None]
"""Judges one rung from a reading; None when there is nothing to report."""


@dataclass(frozen=True, slots=True)
class Final:
    """When waiting cannot help a node that failed a rung.

    Attributes:
        words: the condition, for docs/ladder.md.
        holds: whether the condition is true, given a reading and the seconds since the first one.
    """

    words: str
    holds: Callable[[NodeReading, float], bool]


class Log(Enum):
    """What the last log lines of a unit may add to a failed rung."""

    SILENT = auto()
    """Nothing: the rung is not about the node itself."""
    CAUSE = auto()
    """A cause, if a known one matches."""
    LINES = auto()
    """A known cause, or the lines themselves if none matches."""
    TLS = auto()
    """Lines in which the node says why it ended a handshake."""


def _given_up(reading: NodeReading, _seconds: float) -> bool:
    return reading.unit is not None and (reading.unit.active == "failed" or not reading.unit.loaded)


def _other_release(reading: NodeReading, seconds: float) -> bool:
    unit = reading.unit
    return unit is not None and bool(unit.exe) and unit.age is not None and unit.age > seconds + 1


def _keeps_port(reading: NodeReading, _seconds: float) -> bool:
    """Whether the node itself listens on the registered port: it keeps that port until it is restarted."""
    found, unit = reading.epmd, reading.unit
    return isinstance(found, Registration) and unit is not None and found.port in (unit.ports or ())


def _refused(reading: NodeReading, _seconds: float) -> bool:
    return reading.dist is not None and reading.dist.outcome.final


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Everything about a rung except its number, which follows from its place.

    Attributes:
        title: what is true when it passes.
        reads: what is read for it, for docs/ladder.md.
        judge: decides from a reading whether it passes.
        final: when waiting cannot help; None if it always may.
        log: what the unit's last lines may add when it fails.
        asked: it is read through streams to the host's ports; without streams it cannot be checked.
    """

    title: str
    reads: str
    judge: Judge
    final: Final | None = None
    log: Log = Log.SILENT
    asked: bool = False


class Rung(IntEnum):
    """A rung, with its row."""

    row: Row

    def __new__(cls, row: Row) -> Self:
        """Number the rows, starting at 1."""
        number = len(cls.__members__) + 1
        self = int.__new__(cls, number)
        self._value_, self.row = number, row
        return self

    HOST = Row(
        title="host reachable",
        reads="address, host key, login, sudo",
        judge=judge.host_reachable,
        final=Final("the connection is lost", lambda reading, _: reading.gone),
    )
    UNIT = Row(
        title="unit active",
        reads="systemd: state, restarts, last result; of a failed start its last log lines and crash dump",
        judge=judge.unit_active,
        final=Final("systemd has given up, or there is no such unit", _given_up),
        log=Log.LINES,
    )
    RELEASE = Row(
        title="runs the declared release",
        reads="/proc: the program, its state, whether its file still exists",
        judge=judge.runs_release,
        final=Final("the process is older than this climb", _other_release),
        log=Log.CAUSE,
    )
    EPMD = Row(
        title="EPMD answers",
        reads="EPMD's binary protocol on the declared address",
        judge=judge.epmd_answers,
        asked=True,
    )
    NAME = Row(
        title="name registered",
        reads="PORT_PLEASE2, never the text list, which can be forged; the port's owner from /proc",
        judge=judge.name_registered,
        final=Final("the node itself listens on a port outside of the declared range", _keeps_port),
        log=Log.LINES,
        asked=True,
    )
    REACH = Row(
        title="reachable from every member",
        reads="TCP from members' hosts to EPMD and node; public ports, from outside",
        judge=judge.reachable,
        final=Final("a firewall table that deployer did not write drops it", lambda reading, _: bool(reading.walls)),
    )
    COOKIE = Row(
        title="cookie accepted",
        reads="the distribution handshake as a hidden node: the node proves that it knows the cookie, and so do we",
        judge=judge.cookie_accepted,
        final=Final("the node refuses, or turns out to be another one", _refused),
        log=Log.TLS,
        asked=True,
    )
    MESH = Row(
        title="sees every member",
        reads="the node's own `nodes()` against the declaration (`cluster.mesh`), and what the others see",
        judge=mesh.sees_every_member,
        asked=True,
    )
    VERSIONS = Row(
        title="versions as declared",
        reads="answers of the node itself: `RELEASE_VSN`, OTP, the running applications",
        judge=judge.versions_match,
    )
    HEALTH = Row(
        title="healthy",
        reads="`health.http` (2xx), `health.tcp` or `health.expr`, for `health.stable` seconds with the same process",
        judge=judge.health_holds,
        log=Log.CAUSE,
        asked=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RungResult(Judgement):
    """A judgement with its rung."""

    rung: Rung


def climb(target: Target, reading: NodeReading) -> Iterator[RungResult]:
    """Yield results from the bottom, up to and including the first that fails because of the node itself.

    A rung needs all rungs below it. A rung that fails only because other members are unhealthy says nothing about this
    node, so its climb goes on.
    """
    for rung in Rung:
        reason = reading.skipped_rungs.get(rung)
        judged = Judgement(None, reason) if reason else rung.row.judge(target, reading)
        if judged is None:
            continue
        yield result(rung, judged)
        if judged.ok is False and not judged.secondary:
            return


def result(rung: Rung, judged: Judgement) -> RungResult:
    """Return the judgement of a rung as its result."""
    return RungResult(rung=rung, **{each.name: getattr(judged, each.name) for each in fields(Judgement)})


def healthy(results: Sequence[RungResult]) -> bool:
    """Return whether a climbed node is healthy: every rung holds, or it only misses unhealthy members."""
    return bool(results) and all(each.secondary for each in results if each.ok is False)


def failed(results: Sequence[RungResult]) -> RungResult | None:
    """Return the first result that failed, if any did."""
    return next((each for each in results if each.ok is False), None)
