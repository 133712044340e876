"""One round of readings: the units of every host; then, in parallel, its nodes and its connections to all others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from deployer.beam.epmd import Registration
from deployer.engine.ladder import conversing, outside, readings
from deployer.engine.ladder.outside import Place
from deployer.engine.ladder.reading import NodeReading
from deployer.engine.ladder.rung import Rung
from deployer.engine.ladder.target import Target
from deployer.errors import AnswerOf, ConnectionLost, HostError
from deployer.sh import Program, Sh
from deployer.transport.base import Transport

EXEC_TIMEOUT = 30.0

Reached = Mapping[Place, str] | str
"""Place → "" or why it cannot be reached; a plain string says why the host could not try."""


@dataclass(frozen=True, slots=True)
class LadderSession:
    """An open connection to a host of the play."""

    transport: Transport
    become: bool


def fragments(targets: Sequence[Target]) -> tuple[Sh, ...]:
    """Return fragments to send with a probe, so that a converged play needs no extra exec for the lower rungs."""
    return tuple(readings.look_at_unit(target.unit) for target in targets)


def read_round(
    sessions: Mapping[str, LadderSession],
    before: Mapping[Target, NodeReading],
    fresh: Callable[[Target], bool],
    pool: Executor,
) -> dict[Target, NodeReading]:
    """Read every target again.

    Args:
        sessions: host → open connection; all of them try to reach every member.
        before: the readings of the previous round, or earlier ones. If a host's units were read then, its nodes are
            asked at once, at the ports where they listened then.
        fresh: whether a target's unit was read a moment ago, so that it need not be read again.
        pool: runs hosts in parallel.
    """
    asked = _each_asked(sessions, before, fellows := _fellows(before), fresh, pool)
    found = {target: reading for each in asked.values() for target, reading in each.found.items()}
    places, public = _places(found), outside.public_places(found)
    wanted = {host: _wanted(host, fellows, places, public) for host in sessions}
    answers = _reached(sessions, wanted, asked, pool)

    def whole(target: Target) -> NodeReading:
        untried = {host: why for host, why in answers.items() if isinstance(why, str) and host in _members(target)}
        session, reach = sessions[target.host], _reach_of(target, places, answers)
        reading = replace(found[target], reach=reach, untried=untried, hosts=frozenset(sessions))
        reading = outside.with_seen(target, reading, public, answers, session.transport)
        return outside.with_walls(target, reading, session.transport, become=session.become)

    return dict(zip(found, pool.map(whole, found), strict=True))


def _each_asked(
    sessions: Mapping[str, LadderSession],
    before: Mapping[Target, NodeReading],
    fellows: Mapping[str, set[str]],
    fresh: Callable[[Target], bool],
    pool: Executor,
) -> dict[str, _Asked]:
    """Read each host's units and ask its nodes; both at the same time if the nodes' ports are known from before."""
    hosts: dict[str, list[Target]] = {}
    for target in before:
        hosts.setdefault(target.host, []).append(target)

    def look(host: str) -> dict[Target, NodeReading]:
        return _look(sessions[host], {each: before[each] for each in hosts[host]}, fresh)

    soon = {host for host in hosts if all(conversing.listens_at(each, before[each].unit) for each in hosts[host])}
    first = [host for host in hosts if host not in soon]
    looked = dict(zip(first, pool.map(look, first), strict=True))
    found = {**before, **{target: reading for each in looked.values() for target, reading in each.items()}}
    likely, public = _likely_places(found), outside.public_places(found)

    def ask(host: str) -> _Asked:
        mine = {target: found[target] for target in hosts.get(host, ())}
        anew = partial(look, host) if host in soon and not all(map(fresh, mine)) else None
        return _ask(sessions[host], mine, _wanted(host, fellows, likely, public), anew)

    return dict(zip(sessions, pool.map(ask, sessions), strict=True))


def _look(
    session: LadderSession, before: Mapping[Target, NodeReading], fresh: Callable[[Target], bool]
) -> dict[Target, NodeReading]:
    """Read the units of a host's nodes."""
    now = dict(before)
    stale = [target for target in now if not fresh(target)]
    try:
        if stale:
            units = tuple(target.unit for target in stale)
            program = Program(fragments(stale), become=session.become, units=units, brief=True)
            frames = list(session.transport.run(program, timeout=EXEC_TIMEOUT))
            for target, frame in zip(stale, frames, strict=True):
                now[target] = replace(now[target], unit=readings.parse_look(frame.out), lost="", remedy="", gone=False)
    except HostError as error:
        return dict.fromkeys(now, _lost(error))
    return now


def _lost(error: HostError) -> NodeReading:
    return NodeReading(lost=error.message, remedy=error.hint, gone=isinstance(error, ConnectionLost))


@dataclass(frozen=True, slots=True)
class _Asked:
    """The answers of a host's nodes, and the places that the host has tried to reach meanwhile."""

    found: Mapping[Target, NodeReading]
    tried: frozenset[Place]
    reached: Reached


def _ask(
    session: LadderSession,
    found: Mapping[Target, NodeReading],
    wanted: Sequence[Place],
    look: Callable[[], Mapping[Target, NodeReading]] | None = None,
) -> _Asked:
    """Ask a host's nodes, and let the host try to reach, at the same time, the probable places of the other nodes.

    With ``look``, their units are read at the same time; if a process has changed, everything is asked again.
    """
    open_ = [target for target, reading in found.items() if not reading.lost]
    with ThreadPoolExecutor((conversing.ASKS + 1) * len(open_) + 2) as at_once:
        looked = at_once.submit(look) if look else None
        reach = at_once.submit(_reach_from, session, wanted) if wanted else None
        said = {
            target: at_once.submit(conversing.converse, session.transport, target, found[target], at_once)
            for target in open_
        }
        now = dict(found)
        try:
            with AnswerOf(session.transport.name):
                for target, each in said.items():
                    now[target] = each.result()
        except HostError as error:
            now = dict.fromkeys(now, _lost(error))
        reached = reach.result() if reach else {}
    seen = looked.result() if looked else {}
    if any(_process(seen[target]) != _process(found[target]) for target in seen):
        return _ask(session, seen, wanted)
    now |= {target: replace(now[target], unit=seen[target].unit) for target in seen if not now[target].lost}
    return _Asked(now, frozenset(wanted), reached)


def _reached(
    sessions: Mapping[str, LadderSession],
    wanted: Mapping[str, Sequence[Place]],
    asked: Mapping[str, _Asked],
    pool: Executor,
) -> dict[str, Reached]:
    """Return what each host with places to try has reached; hosts that have not tried all of them try again."""
    late = [host for host, those in wanted.items() if set(those) - asked[host].tried]
    anew = dict(zip(late, pool.map(lambda host: _reach_from(sessions[host], wanted[host]), late), strict=True))
    return {host: anew.get(host, each.reached) for host, each in asked.items() if wanted[host]}


def _process(reading: NodeReading) -> tuple[object, ...]:
    """Return what must not change during a conversation: whether the host answers, the process, and its ports."""
    unit = reading.unit
    return reading.lost, unit and (unit.pid, unit.restarts, unit.exe, unit.ports)


def _likely_places(found: Mapping[Target, NodeReading]) -> dict[Place, str]:
    """Return what `_places` will return if EPMD confirms the ports on which the nodes' processes listen."""
    places: dict[Place, str] = {}
    for target, reading in found.items():
        port = conversing.listens_at(target, reading.unit)
        for each in (port, target.epmd_port) if port else ():
            places |= {(target.address, each): target.host} if each else {}
    return places


def _places(found: Mapping[Target, NodeReading]) -> dict[Place, str]:
    """Return every place that a member has to reach → the host that owns it."""
    places: dict[Place, str] = {}
    for target, reading in found.items():
        if target.epmd_port is None:
            places[target.address, target.ports[0]] = target.host
        elif isinstance(reading.epmd, Registration):
            places[target.address, reading.epmd.port] = target.host
            places[target.address, target.epmd_port] = target.host
        elif Rung.EPMD in reading.skipped_rungs and reading.unit:  # without EPMD's answer, use the process's own ports
            ports = {port for port in reading.unit.ports or () if target.ports[0] <= port <= target.ports[1]}
            places |= dict.fromkeys(((target.address, port) for port in {*ports, target.epmd_port}), target.host)
    return places


def _members(target: Target) -> set[str]:
    return {peer.host for peer in target.others} - {target.host}


def _fellows(found: Iterable[Target]) -> dict[str, set[str]]:
    """Return host → the hosts whose nodes have a node of it as a member; computed once for all hosts."""
    fellows: dict[str, set[str]] = {}
    for target in found:
        for host in _members(target):
            fellows.setdefault(host, set()).add(target.host)
    return fellows


def _wanted(
    source: str, fellows: Mapping[str, set[str]], places: Mapping[Place, str], public: Mapping[Place, str]
) -> list[Place]:
    """Return the places that a host tries: public ports, and the nodes that count it as a member.

    Firewalls rightly drop the packets of a host that is not a member, so it would wait for answers in vain.
    """
    members = fellows.get(source, set())
    ours = {place: owner for place, owner in places.items() if owner in members}
    return [place for place, owner in (ours | dict(public)).items() if owner != source]


def _reach_from(session: LadderSession, wanted: Sequence[Place]) -> Reached:
    try:
        patience = EXEC_TIMEOUT + readings.reach_time(wanted)
        (frame,) = session.transport.run(Program((readings.reach(wanted),), brief=True), timeout=patience)
        with AnswerOf(session.transport.name):
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
