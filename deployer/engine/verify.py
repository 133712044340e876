"""Climb the ladder on all nodes of a play: fresh readings in rounds, until all pass, one is hopeless, or time is up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace

from deployer.beam.epmd import EpmdError, Registration, port_please
from deployer.engine import asking, health, readings
from deployer.engine.ladder import TITLES, NodeReading, Rung, climb, failed
from deployer.engine.target import Target
from deployer.errors import HostError
from deployer.events import Emit, RungRead
from deployer.sh import Program, Sh
from deployer.transport.base import ForwardingForbidden, Transport

PATIENCE = 5.0
"""Seconds a node that nobody touched may take to show itself; EPMD gets its names back within 2 s (beam.md 3.5)."""
_CHANNEL_TIMEOUT = 5.0
_EXEC_TIMEOUT = 30.0
_PAUSES = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0)


@dataclass(frozen=True, slots=True)
class Session:
    """An open connection to a host of the play."""

    transport: Transport
    become: bool


@dataclass(slots=True)
class _Node:
    """One node's climb over all rounds."""

    target: Target
    deadline: float
    reading: NodeReading = field(default_factory=NodeReading)
    rungs: list[Rung] = field(default_factory=list)
    restarts_at_first: int | None = None
    seconds: float = 0.0
    settled: bool = False


def fragments(targets: Sequence[Target]) -> tuple[Sh, ...]:
    """Return the fragments that a probe may carry along, so that a converged play needs no exec for the lower rungs."""
    return tuple(readings.look(target.unit) for target in targets)


def verify(
    sessions: Mapping[str, Session],
    targets: Sequence[Target],
    known: Mapping[str, readings.UnitReading],
    *,
    patience: Callable[[Target], float],
    pool: Executor,
    emit: Emit,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, list[Rung]]:
    """Climb every rung of every target and return node → rungs, the last one failed or not.

    Args:
        sessions: host → open connection; a target on another host is left out by the caller.
        known: node → a unit reading that is fresh already (it rode along with a probe); spares the first exec.
        patience: seconds a target may take until its ladder holds.
        pool: runs hosts in parallel.
    """
    begin = clock()
    nodes = [_Node(target, begin + patience(target)) for target in targets]
    for node in nodes:
        unit = known.get(str(node.target.node))
        node.reading = replace(node.reading, unit=unit)
    rounds = 0
    while open_nodes := [node for node in nodes if not node.settled]:
        fresh = {str(node.target.node) for node in open_nodes if rounds == 0 and node.reading.unit}
        _round(sessions, open_nodes, fresh, pool)
        now = clock()
        for node in open_nodes:
            _judge(node, now, begin)
        if all(node.settled for node in nodes):
            break
        sleep(_PAUSES[min(rounds, len(_PAUSES) - 1)])
        rounds += 1
    for node in nodes:
        _explain(sessions, node)
        for rung in node.rungs:
            target = node.target
            title = TITLES[rung.number]
            name = str(target.node)
            emit(RungRead(target.host, name, rung.number, title, rung.ok, rung.detail, rung.advice, node.seconds))
    return {str(node.target.node): node.rungs for node in nodes}


def _round(sessions: Mapping[str, Session], nodes: Sequence[_Node], fresh: set[str], pool: Executor) -> None:
    """Read everything once: each host for itself, then, knowing all ports, from every host to every other."""
    hosts: dict[str, list[_Node]] = {}
    for node in nodes:
        hosts.setdefault(node.target.host, []).append(node)
    list(pool.map(lambda host: _read_host(sessions[host], hosts[host], fresh), hosts))
    places = _places(nodes)
    sources = [host for host in sessions if any(owner != host for owner in places.values())]
    answers = dict(zip(sources, pool.map(lambda host: _reach_from(sessions[host], host, places), sources), strict=True))
    for node in nodes:
        node.reading = replace(node.reading, reach=_reach_of(node.target, places, answers), hosts=frozenset(sessions))


def _read_host(session: Session, nodes: Sequence[_Node], fresh: set[str]) -> None:
    stale = [node for node in nodes if str(node.target.node) not in fresh]
    try:
        if stale:
            program = Program(fragments([node.target for node in stale]), become=session.become)
            frames = list(session.transport.run(program, timeout=_EXEC_TIMEOUT))
            for node, frame in zip(stale, frames, strict=True):
                node.reading = replace(node.reading, unit=readings.parse_look(frame.out))
        for node in nodes:
            node.reading = _converse(session.transport, node.target, node.reading)
    except HostError as error:
        for node in nodes:
            node.reading = NodeReading(lost=error.message)


def _converse(transport: Transport, target: Target, reading: NodeReading) -> NodeReading:
    """Ask EPMD, then the node itself, then its health, each over a stream through the connection that is open."""
    no: dict[int, str] = {}
    reading = replace(reading, epmd=None, dist=None, health=None)
    if reading.unit is None or not reading.unit.pid:
        return reading
    port: int | None = target.ports[0]
    try:
        if target.epmd_port is not None:
            found = ask_epmd(transport, target)
            reading = replace(reading, epmd=found)
            port = found.port if isinstance(found, Registration) else None
        if port and target.cookie is not None:
            reading = replace(reading, dist=asking.ask(transport, target, port, timeout=_CHANNEL_TIMEOUT))
        if target.health and (reading.dist is None or reading.dist.outcome == "accepted"):
            reading = replace(reading, health=health.check(transport, target, port, timeout=_CHANNEL_TIMEOUT))
    except ForwardingForbidden as error:
        no = dict.fromkeys((4, 5, 7, 8, 10), error.message)
    return replace(reading, unclimbable=no)


def ask_epmd(transport: Transport, target: Target) -> Registration | str | None:
    """Return a node's registration, None when its name is unknown, or the words that say why EPMD gave no answer."""
    assert target.epmd_port is not None  # noqa: S101 - the caller looked
    try:
        stream = transport.connect(target.address, target.epmd_port, timeout=_CHANNEL_TIMEOUT)
    except ConnectionRefusedError:
        return "nobody listens there"
    except TimeoutError:
        return "no answer"
    try:
        return port_please(stream, target.node.name)
    except (EpmdError, OSError) as error:
        return getattr(error, "message", "") or str(error)
    finally:
        stream.close()


def _places(nodes: Iterable[_Node]) -> dict[tuple[str, int], str]:
    """Return every (address, port) a member has to reach → the host that owns it."""
    places: dict[tuple[str, int], str] = {}
    for node in nodes:
        target, found = node.target, node.reading.epmd
        if target.epmd_port is None:
            places[target.address, target.ports[0]] = target.host
        elif isinstance(found, Registration):
            places[target.address, found.port] = target.host
            places[target.address, target.epmd_port] = target.host
    return places


def _reach_from(
    session: Session, host: str, places: Mapping[tuple[str, int], str]
) -> dict[tuple[str, int], str] | None:
    wanted = [place for place, owner in places.items() if owner != host]
    try:
        frames = list(session.transport.run(Program((readings.reach(wanted),)), timeout=_EXEC_TIMEOUT))
        return readings.parse_reach(frames[0].out, wanted)
    except HostError as error:
        return dict.fromkeys(wanted, error.message)


def _reach_of(
    target: Target,
    places: Mapping[tuple[str, int], str],
    answers: Mapping[str, Mapping[tuple[str, int], str] | None],
) -> dict[str, str]:
    mine = [place for place, owner in places.items() if owner == target.host and place[0] == target.address]
    members = {peer.host for peer in target.others}
    found: dict[str, str] = {}
    for host, seen in answers.items():
        if host == target.host or host not in members or seen is None:
            continue
        why = [f"port {port} {seen[address, port]}" for address, port in mine if seen.get((address, port))]
        found[host] = ", ".join(why)
    return found


def _judge(node: _Node, now: float, begin: float) -> None:
    node.rungs = list(climb(node.target, node.reading))
    node.seconds = now - begin
    unit, bad = node.reading.unit, failed(node.rungs)
    if unit and node.restarts_at_first is None:
        node.restarts_at_first = unit.restarts
    window = node.target.health.stable if node.target.health else 0.0
    young = bool(unit and unit.age is not None and unit.age < window)
    if bad is None and not young:
        node.settled = True
    elif now >= node.deadline + (0.0 if bad else window) or _hopeless(node, bad):
        node.settled = True
        if bad is None and unit and young:
            times = unit.restarts - (node.restarts_at_first or 0)
            wrong = f"did not stay up for {window:g} s: {times} restarts, the last {unit.age:.0f} s ago"
            node.rungs = [*(r for r in node.rungs if r.number != 10), Rung(10, ok=False, detail=wrong)]


def _hopeless(node: _Node, bad: Rung | None) -> bool:
    """Whether waiting cannot help: the unit has given up, loops, or the cookie is simply wrong."""
    unit, dist = node.reading.unit, node.reading.dist
    if bad is None or unit is None:
        return False
    looping = unit.restarts - (node.restarts_at_first or 0) >= 3
    refused = bad.number == 7 and dist is not None and dist.outcome in asking.FINAL
    return unit.active == "failed" or not unit.loaded or looping or refused


def _explain(sessions: Mapping[str, Session], node: _Node) -> None:
    """Add cause and next step to a failed rung: the unit's last words, a crash dump's slogan, a known pattern."""
    bad = failed(node.rungs)
    if bad is None:
        return
    session = sessions[node.target.host]
    try:
        words = Program((readings.last_words(node.target.unit, node.target.crash_dump),), become=session.become)
        (frame,) = session.transport.run(words, timeout=_EXEC_TIMEOUT)
    except HostError:
        return
    node.rungs[node.rungs.index(bad)] = asking.explained(bad, frame.out.splitlines())
