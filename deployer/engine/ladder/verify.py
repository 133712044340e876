"""Climb the ladder on all nodes of a play: fresh readings in rounds, until all pass, one is hopeless, or time is up."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace

from deployer.engine.ladder import readings, rounds
from deployer.engine.ladder.reading import Judgement, NodeReading, PeerView
from deployer.engine.ladder.rounds import EXEC_TIMEOUT, LadderSession, fragments
from deployer.engine.ladder.rung import Rung, RungResult, climb, failed, healthy, result
from deployer.engine.ladder.target import Target
from deployer.errors import DeployerError, HostError
from deployer.events import Emit, RungRead
from deployer.model import MASK
from deployer.sh import Program

__all__ = ["PATIENCE", "STABLE", "LadderSession", "Standing", "fragments", "verify"]

PATIENCE = 5.0
"""Seconds a node that nobody touched may take to show itself; EPMD gets its names back within 2 s."""
STABLE = 10.0
"""Seconds a node must stay up with the same process where no health check says how long."""
_PAUSES = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0)


@dataclass(slots=True)
class _Node:
    """One node's climb over all rounds.

    Attributes:
        restarts: how often the unit had been restarted when it was read first.
        well: process and restarts when all rungs held for the first time; they must stay the same from then on.
        doubted: it was well, and in the last round it was not: its process may have ended after its unit was read.
    """

    target: Target
    deadline: float
    reading: NodeReading
    rungs: list[RungResult] = field(default_factory=list)
    restarts: int | None = None
    well: tuple[int, int] | None = None
    doubted: bool = False
    seconds: float = 0.0
    settled: bool = False

    @property
    def name(self) -> str:
        return str(self.target.node)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the nodes and hosts of a play stand before its ladder is climbed.

    Attributes:
        fresh: node → a unit reading of this moment (it rode along with a probe); spares the first exec.
        older: node → a unit reading of before: where the node most likely listens still. It is read anew all the same.
        absent: host → what has gone wrong with it before. A host that could not be reached fails the first rung of its
            nodes; where a deploy has failed, that is told and nothing is read.
        urgent: hosts of which one that has fallen for a reason of its own cuts the climb short: it is to be sent back
            now, and not when the slowest of the others is settled.
    """

    fresh: Mapping[str, readings.UnitReading] = field(default_factory=dict)
    older: Mapping[str, readings.UnitReading] = field(default_factory=dict)
    absent: Mapping[str, DeployerError] = field(default_factory=dict)
    urgent: Collection[str] = ()


def verify(
    sessions: Mapping[str, LadderSession],
    targets: Sequence[Target],
    standing: Standing,
    *,
    patience: Callable[[Target], float],
    pool: Executor,
    emit: Emit,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> dict[str, list[RungResult]]:
    """Climb every rung of every target and return node → rungs, the last one failed or not.

    A node that was not settled when the climb was cut short has none: it may have needed time.

    Args:
        sessions: host → open connection.
        targets: nodes of hosts that have a session or are ``absent``.
        standing: what is known of them.
        patience: seconds a target may take until its ladder holds.
        pool: runs hosts in parallel.
        emit: is told each rung of each node, when all nodes are judged.
        clock: seconds; only differences count.
        sleep: waits between rounds; a true answer (Ctrl-C) ends the climb with what has been read.
    """
    begin, absent = clock(), standing.absent
    units = {**standing.older, **standing.fresh}
    nodes = [
        _Node(target, begin + patience(target), NodeReading(unit=units.get(str(target.node)))) for target in targets
    ]
    _give_up(nodes, absent)
    fresh, pauses = frozenset(standing.fresh), iter(_PAUSES)
    while asked := [node for node in nodes if not node.settled]:
        _read(sessions, asked, fresh, pool)
        now, members, hosts = clock(), _members(nodes, absent), frozenset({*sessions, *absent})
        for node in asked:
            node.reading = replace(node.reading, members=members, hosts=hosts)
            _judge(node, now, begin)
        if _is_over(asked, standing.urgent) or sleep(next(pauses, _PAUSES[-1])):
            break
        fresh = frozenset()
    _explain(sessions, nodes, pool)
    for node in nodes:
        _doubt(node)
        _tell(node, emit)
    return {node.name: node.rungs if node.settled else [] for node in nodes}


def _read(sessions: Mapping[str, LadderSession], nodes: Sequence[_Node], fresh: frozenset[str], pool: Executor) -> None:
    """Read all nodes anew, but for the units of those that are ``fresh``."""
    before = {node.target: node.reading for node in nodes}
    found = rounds.read_round(sessions, before, lambda target: str(target.node) in fresh, pool)
    for node in nodes:
        node.reading = found[node.target]


def _give_up(nodes: Sequence[_Node], absent: Mapping[str, DeployerError]) -> None:
    """Settle the nodes of hosts that are out already."""
    for node in nodes:
        error = absent.get(node.target.host)
        if error:
            node.settled = True
        if isinstance(error, HostError):
            node.rungs = list(climb(node.target, NodeReading(lost=error.message, remedy=error.hint)))


def _members(nodes: Sequence[_Node], absent: Mapping[str, DeployerError]) -> dict[str, PeerView]:
    """Return what the other members should know of each node: whom it sees, or what keeps it from being seen."""
    found = {}
    for node in nodes:
        error, dist = absent.get(node.target.host), node.reading.dist
        bad = None if error else failed(tuple(climb(node.target, node.reading)))
        trouble = ""
        if error:
            trouble = f"its host {node.target.host}: {error.message.partition(chr(10))[0]}"
        elif bad and bad.rung < Rung.MESH:
            trouble = f"{node.name} fails rung {bad.rung}: {bad.detail}"
        found[node.name] = PeerView(dist.nodes if dist else None, trouble, absent=bool(error), settled=node.settled)
    return found


def _judge(node: _Node, now: float, begin: float) -> None:
    node.rungs = list(climb(node.target, node.reading))
    node.seconds = now - begin
    unit, bad = node.reading.unit, failed(node.rungs)
    if unit and node.restarts is None:
        node.restarts = unit.restarts
    window = node.target.health.stable if node.target.health else STABLE
    young = bool(unit and unit.age is not None and unit.age < window)
    if unit and healthy(node.rungs) and node.well is None:
        node.well = unit.pid, unit.restarts
    if node.well and unit and window and node.well != (unit.pid, unit.restarts):
        node.settled = True
        _unstable(node, unit, window)
    else:
        # A node of a host that is out of the run may be well, and needs time; but not as much as one that starts.
        deadline = min(node.deadline, begin + PATIENCE) if bad and bad.caused_by_absent_host else node.deadline
        done = bad is None or (healthy(node.rungs) and bad.settled and not bad.caused_by_absent_host)
        fallen = bool(node.well and bad)
        late = now >= deadline and (node.doubted or not fallen)
        node.settled, node.doubted = (done and not young) or bool(bad and (late or _hopeless(node, bad))), fallen


def _is_over(asked: Sequence[_Node], urgent: Collection[str]) -> bool:
    """Whether all are settled, or one of an urgent host has fallen for a reason of its own."""
    fallen = (failed(node.rungs) for node in asked if node.settled and node.target.host in urgent)
    return all(node.settled for node in asked) or any(bad and not bad.secondary for bad in fallen)


def _unstable(node: _Node, unit: readings.UnitReading, window: float) -> None:
    """Put the last rung in place of what is read at the moment: the node was well, and then it ended."""
    times = unit.restarts - (node.restarts or 0)
    wrong = f"did not stay up for {window:g} s: all was well, then its process ended; {times} restarts since"
    advice = f"journalctl -u {node.target.unit} on the host says why it ended"
    below = [rung for rung in node.rungs if rung.rung < Rung.HEALTH and rung.ok is not False]
    node.rungs = [*below, result(Rung.HEALTH, Judgement(ok=False, detail=wrong, advice=advice))]


def _hopeless(node: _Node, bad: RungResult) -> bool:
    """Whether waiting cannot help: the unit loops, or the failed rung's row says so."""
    unit = node.reading.unit
    looping = unit is not None and unit.restarts - (node.restarts or 0) >= 3
    final = bad.rung.row.final
    return looping or (final is not None and final.holds(node.reading, node.seconds))


def _explain(sessions: Mapping[str, LadderSession], nodes: Sequence[_Node], pool: Executor) -> None:
    """Add cause and next step to failed rungs: the unit's last words, a crash dump's slogan, a known pattern."""
    fallen = [(node, bad) for node in nodes if (bad := failed(node.rungs))]
    if not fallen:
        return
    from deployer.engine.ladder import explaining

    hosts: dict[str, list[_Node]] = {}
    for node, bad in fallen:
        if explaining.asks_log(bad):
            hosts.setdefault(node.target.host, []).append(node)
    list(pool.map(lambda host: _explain_host(sessions[host], hosts[host]), hosts))


def _explain_host(session: LadderSession, nodes: Sequence[_Node]) -> None:
    from deployer.engine.ladder import explaining

    asked = tuple(readings.unit_last_words(node.target.unit, node.target.crash_dump) for node in nodes)
    try:
        frames = list(session.transport.run(Program(asked, become=session.become), timeout=EXEC_TIMEOUT))
    except HostError:
        return
    for node, frame in zip(nodes, frames, strict=True):
        cookie = node.target.cookie
        said = (frame.out.replace(cookie.reveal(), MASK) if cookie else frame.out).splitlines()
        node.rungs = [explaining.explained(rung, said) if rung.ok is False else rung for rung in node.rungs]


def _doubt(node: _Node) -> None:
    """Leave open the last rung of a node that is well, and too young for a verdict when its climb was cut short."""
    if not node.settled and not failed(node.rungs):
        *below, last = node.rungs
        detail = f"{last.detail}; not watched for as long as it has to stay so"
        node.rungs = [*below, replace(last, ok=None, detail=detail)]


def _tell(node: _Node, emit: Emit) -> None:
    for each in node.rungs:
        row, number = each.rung.row, int(each.rung)
        words = (row.title, each.ok, each.detail, each.advice, node.seconds, each.missing)
        emit(RungRead(node.target.host, node.name, number, *words))
