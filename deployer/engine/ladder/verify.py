"""Climbs the ladder on all nodes of a play: reads them in rounds, until each passes, cannot pass, or its time is up."""

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
"""Seconds to wait for a node that was not changed; after a restart of EPMD, its nodes register again within 2 s."""
STABLE = 10.0
"""Seconds a node must stay up with the same process if no health check sets ``stable``."""
_PAUSES = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0)


@dataclass(slots=True)
class _Node:
    """One node's climb over all rounds.

    Attributes:
        restarts: the unit's number of restarts at the first reading.
        well: process ID and restarts when all rungs passed for the first time; they must not change after that.
        doubted: it failed in the last round after it had passed: its process may have ended after its unit was read.
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
    """What is known of the nodes and hosts of a play before its ladder is climbed.

    Attributes:
        fresh: node → a current unit reading (it came with a probe), which saves the first exec.
        older: node → an earlier unit reading: the node probably still listens at the same port. It is read again.
        absent: host → the error that it had before. The nodes of an unreachable host fail the first rung; on a host
            whose deploy has failed, nothing is read.
        urgent: hosts where a node that fails for its own reason ends the climb, so that the host can be sent back now
            and not only when the slowest other node is settled.
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
    """Climb every rung of every target and return node → its rungs; the last of them may have failed.

    A node that was not settled when the climb was cut short has no rungs: it may have needed more time.

    Args:
        sessions: host → open connection.
        targets: nodes of hosts that have a session or are ``absent``.
        standing: what is known of them.
        patience: seconds until all rungs of a target must pass.
        pool: runs hosts in parallel.
        emit: gets each rung of each node, after all nodes are judged.
        clock: seconds; only differences count.
        sleep: waits between rounds; if it returns true (Ctrl-C), the climb ends with what has been read.
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
    """Read all nodes again, except the units of those that are ``fresh``."""
    before = {node.target: node.reading for node in nodes}
    found = rounds.read_round(sessions, before, lambda target: str(target.node) in fresh, pool)
    for node in nodes:
        node.reading = found[node.target]


def _give_up(nodes: Sequence[_Node], absent: Mapping[str, DeployerError]) -> None:
    """Settle the nodes of hosts that are absent."""
    for node in nodes:
        error = absent.get(node.target.host)
        if error:
            node.settled = True
        if isinstance(error, HostError):
            node.rungs = list(climb(node.target, NodeReading(lost=error.message, remedy=error.hint)))


def _members(nodes: Sequence[_Node], absent: Mapping[str, DeployerError]) -> dict[str, PeerView]:
    """Return what the judges of other members need to know of each node: whom it sees, or why it cannot be seen."""
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
        # A node that fails only because of absent hosts may still pass, but needs less time than one that starts.
        deadline = min(node.deadline, begin + PATIENCE) if bad and bad.caused_by_absent_host else node.deadline
        done = bad is None or (healthy(node.rungs) and bad.settled and not bad.caused_by_absent_host)
        fallen = bool(node.well and bad)
        late = now >= deadline and (node.doubted or not fallen)
        node.settled, node.doubted = (done and not young) or bool(bad and (late or _hopeless(node, bad))), fallen


def _is_over(asked: Sequence[_Node], urgent: Collection[str]) -> bool:
    """Whether all are settled, or a node of an urgent host has failed for its own reason."""
    fallen = (failed(node.rungs) for node in asked if node.settled and node.target.host in urgent)
    return all(node.settled for node in asked) or any(bad and not bad.secondary for bad in fallen)


def _unstable(node: _Node, unit: readings.UnitReading, window: float) -> None:
    """Replace the current results by a failed last rung: the node had passed all rungs, and then its process ended."""
    times = unit.restarts - (node.restarts or 0)
    wrong = f"did not stay up for {window:g} s: all was well, then its process ended; {times} restarts since"
    advice = f"journalctl -u {node.target.unit} on the host says why it ended"
    below = [rung for rung in node.rungs if rung.rung < Rung.HEALTH and rung.ok is not False]
    node.rungs = [*below, result(Rung.HEALTH, Judgement(ok=False, detail=wrong, advice=advice))]


def _hopeless(node: _Node, bad: RungResult) -> bool:
    """Whether waiting cannot help: the unit is in a crash loop, or the row of the failed rung says so."""
    unit = node.reading.unit
    looping = unit is not None and unit.restarts - (node.restarts or 0) >= 3
    final = bad.rung.row.final
    return looping or (final is not None and final.holds(node.reading, node.seconds))


def _explain(sessions: Mapping[str, LadderSession], nodes: Sequence[_Node], pool: Executor) -> None:
    """Add cause and advice to failed rungs, from the unit's last log lines, its crash dump, or a known pattern."""
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
    """Leave the last rung open if the climb was cut short before a healthy node was up for long enough."""
    if not node.settled and not failed(node.rungs):
        *below, last = node.rungs
        detail = f"{last.detail}; not watched for as long as it has to stay so"
        node.rungs = [*below, replace(last, ok=None, detail=detail)]


def _tell(node: _Node, emit: Emit) -> None:
    for each in node.rungs:
        row, number = each.rung.row, int(each.rung)
        words = (row.title, each.ok, each.detail, each.advice, node.seconds, each.missing)
        emit(RungRead(node.target.host, node.name, number, *words))
