"""One round of readings: every host of its own nodes, then, knowing all ports, from every host to every other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from deployer.beam.epmd import Registration
from deployer.engine.ladder import asking, health, outside, readings
from deployer.engine.ladder.outcome import Outcome
from deployer.engine.ladder.outside import Place
from deployer.engine.ladder.reading import NodeReading
from deployer.engine.ladder.rung import Rung
from deployer.engine.ladder.target import Target
from deployer.errors import ConnectionLost, HostError
from deployer.sh import Program, Sh
from deployer.transport.base import ForwardingForbidden, Transport

CHANNEL_TIMEOUT = 5.0
EXEC_TIMEOUT = 30.0

Reached = Mapping[Place, str] | str
"""Place → "" or why it cannot be reached; or why a host could not try."""


@dataclass(frozen=True, slots=True)
class LadderSession:
    """An open connection to a host of the play."""

    transport: Transport
    become: bool


def fragments(targets: Sequence[Target]) -> tuple[Sh, ...]:
    """Return the fragments that a probe may carry along, so that a converged play needs no exec for the lower rungs."""
    return tuple(readings.look_at_unit(target.unit) for target in targets)


def read_round(
    sessions: Mapping[str, LadderSession],
    before: Mapping[Target, NodeReading],
    fresh: Callable[[Target], bool],
    pool: Executor,
) -> dict[Target, NodeReading]:
    """Read every target anew.

    Args:
        sessions: host → open connection; all of them try to reach every member.
        before: the readings of the round before, or empty ones.
        fresh: whether a target's unit was read a moment ago, so that it need not be read again.
        pool: runs hosts in parallel.
    """
    hosts: dict[str, list[Target]] = {}
    for target in before:
        hosts.setdefault(target.host, []).append(target)

    def ask(host: str) -> dict[Target, NodeReading]:
        return _read_host(sessions[host], {target: before[target] for target in hosts[host]}, fresh)

    found = {target: reading for answers in pool.map(ask, hosts) for target, reading in answers.items()}
    places, public = _places(found), outside.public_places(found)
    wanted = {host: _wanted(host, found, places, public) for host in sessions}
    sources = [host for host in sessions if wanted[host]]
    tried = pool.map(lambda host: _reach_from(sessions[host], wanted[host]), sources)
    answers = dict(zip(sources, tried, strict=True))

    def whole(target: Target) -> NodeReading:
        untried = {host: why for host, why in answers.items() if isinstance(why, str) and host in _members(target)}
        session, reach = sessions[target.host], _reach_of(target, places, answers)
        seen = outside.seen_from(target, public, answers, session.transport)
        reading = replace(found[target], reach=reach, untried=untried, outside=seen, hosts=frozenset(sessions))
        return outside.with_walls(target, reading, session.transport, become=session.become)

    return dict(zip(found, pool.map(whole, found), strict=True))


def _read_host(
    session: LadderSession, before: Mapping[Target, NodeReading], fresh: Callable[[Target], bool]
) -> dict[Target, NodeReading]:
    now = dict(before)
    stale = [target for target in now if not fresh(target)]
    try:
        if stale:
            units = tuple(target.unit for target in stale)
            program = Program(fragments(stale), become=session.become, units=units)
            frames = list(session.transport.run(program, timeout=EXEC_TIMEOUT))
            for target, frame in zip(stale, frames, strict=True):
                now[target] = replace(now[target], unit=readings.parse_look(frame.out))
        return {target: _converse(session.transport, target, reading) for target, reading in now.items()}
    except HostError as error:
        lost = NodeReading(lost=error.message, remedy=error.hint, gone=isinstance(error, ConnectionLost))
        return dict.fromkeys(now, lost)


def _converse(transport: Transport, target: Target, reading: NodeReading) -> NodeReading:
    """Ask EPMD, then the node itself, then its health, each over a stream through the connection that is open."""
    reading = replace(reading, epmd=None, listed="", dist=None, health=None, skipped_rungs={})
    if reading.unit is None or not reading.unit.pid:
        return reading
    port: int | None = target.ports[0]
    try:
        if target.epmd_port is not None:
            found = asking.ask_epmd(transport, target, timeout=CHANNEL_TIMEOUT)
            listed = asking.list_epmd(transport, target, timeout=CHANNEL_TIMEOUT) if found is None else ""
            reading = replace(reading, epmd=found, listed=listed)
            port = found.port if isinstance(found, Registration) else None
        if port and target.cookie is not None:
            reading = replace(reading, dist=asking.ask(transport, target, port, timeout=CHANNEL_TIMEOUT))
        if target.health and (reading.dist is None or reading.dist.outcome is Outcome.ACCEPTED):
            reading = replace(reading, health=health.check_health(transport, target, port, timeout=CHANNEL_TIMEOUT))
    except ForwardingForbidden as error:
        return replace(reading, skipped_rungs=dict.fromkeys((rung for rung in Rung if rung.row.asked), error.message))
    return reading


def _places(found: Mapping[Target, NodeReading]) -> dict[Place, str]:
    """Return every place a member has to reach → the host that owns it."""
    places: dict[Place, str] = {}
    for target, reading in found.items():
        if target.epmd_port is None:
            places[target.address, target.ports[0]] = target.host
        elif isinstance(reading.epmd, Registration):
            places[target.address, reading.epmd.port] = target.host
            places[target.address, target.epmd_port] = target.host
        elif Rung.EPMD in reading.skipped_rungs and reading.unit:  # then what the process listens on has to do
            ports = {port for port in reading.unit.ports or () if target.ports[0] <= port <= target.ports[1]}
            places |= dict.fromkeys(((target.address, port) for port in {*ports, target.epmd_port}), target.host)
    return places


def _members(target: Target) -> set[str]:
    return {peer.host for peer in target.others} - {target.host}


def _wanted(
    source: str, found: Iterable[Target], places: Mapping[Place, str], public: Mapping[Place, str]
) -> list[Place]:
    """Return the places that a host tries: what is public, and of members' hosts what they let it in to.

    A host whose nodes are none's member yet would wait for the answers of firewalls that are right to give none.
    """
    members = {target.host for target in found if source in _members(target)}
    ours = {place: owner for place, owner in places.items() if owner in members}
    return [place for place, owner in (ours | dict(public)).items() if owner != source]


def _reach_from(session: LadderSession, wanted: Sequence[Place]) -> Reached:
    try:
        patience = EXEC_TIMEOUT + readings.reach_time(wanted)
        (frame,) = session.transport.run(Program((readings.reach(wanted),)), timeout=patience)
        found = readings.parse_reach(frame.out, wanted)
    except HostError as error:
        return error.message
    return "there is no bash" if found is None else found


def _reach_of(target: Target, places: Iterable[Place], answers: Mapping[str, Reached]) -> dict[str, str]:
    mine = [place for place in places if place[0] == target.address]
    members = _members(target)
    found: dict[str, str] = {}
    for host, seen in answers.items():
        if host in members and not isinstance(seen, str):
            why = [f"port {port} {seen[address, port]}" for address, port in mine if seen.get((address, port))]
            found[host] = ", ".join(why)
    return found
