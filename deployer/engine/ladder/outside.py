"""Proves public ports from outside: from other hosts of the play, or from this machine when there is no other host.

An answer on loopback proves nothing about a firewall. If a port does not answer from outside, the host's own tables are
searched for the cause: the rung fails only because of those, as the network may have filters of its own.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import replace

from deployer.engine.ladder.reading import NodeReading
from deployer.engine.ladder.readings import UnitReading
from deployer.engine.ladder.target import Target
from deployer.errors import AnswerOf, HostError
from deployer.firewall.let_in import Demand, demands, everyone, walls
from deployer.firewall.openings import holds
from deployer.sh import Program, Sh, lines, script
from deployer.transport.base import Transport

Place = tuple[str, int]
"""Address and port."""
HERE = "this machine"
KNOCK = 3.0
"""Seconds for a TCP connection from this machine."""


def public_places(found: Mapping[Target, NodeReading]) -> dict[Place, str]:
    """Return every public port on which something listens → its host, without those that have answered in this climb.

    An application should not get a connection without a request each second.
    """
    return {
        (target.address, port): target.host
        for target, reading in found.items()
        for port in (_answering(target, reading.unit) if reading.unit else ())
        if port not in reading.open
    }


def with_seen(
    target: Target,
    reading: NodeReading,
    places: Mapping[Place, str],
    answers: Mapping[str, Mapping[Place, str] | str],
    transport: Transport,
) -> NodeReading:
    """Return a reading with the results for its host's public ports, from this round and earlier ones of this climb.

    Args:
        target: one of the host's nodes.
        reading: the node's reading.
        places: the result of `public_places`.
        answers: what the other hosts of the play have tried, or why one could not.
        transport: to the target's host; used to try from this machine when no other host has tried.
    """
    tried = _tried(target, places, answers, transport)
    said: dict[int, list[str]] = {}
    for seen in tried.values():
        for (_, port), why in seen.items():
            said.setdefault(port, []).append(why)
    before = {host: "" for host, why in reading.outside.items() if not why}
    answered = {port for port, whys in said.items() if not any(whys)}
    return replace(reading, outside=before | _told(tried), open=reading.open | answered)


def _answering(target: Target, unit: UnitReading) -> Iterator[int]:
    ports = {int(word.rpartition(":")[2], 16) for word in unit.listening.split()} if target.public else set()
    for port in sorted(port for port in ports if holds(target.public, "tcp", port)):
        if {target.address, "0.0.0.0", "::"} & set(unit.listeners(port) or ()):  # noqa: S104 - compared, not bound
            yield port


def _tried(
    target: Target,
    places: Mapping[Place, str],
    answers: Mapping[str, Mapping[Place, str] | str],
    transport: Transport,
) -> dict[str, dict[Place, str]]:
    """Return host that has tried → place of a public port of the target's host → "" or why it did not answer."""
    mine = [place for place, host in places.items() if host == target.host]
    tried = {
        host: {place: seen[place] for place in mine if place in seen}
        for host, seen in answers.items()
        if host != target.host and not isinstance(seen, str)
    }
    if mine and not any(tried.values()):
        knocked = {place: transport.knock(place[1], timeout=KNOCK) for place in mine}
        tried = {HERE: {place: why for place, why in knocked.items() if why is not None}}
    return {host: seen for host, seen in tried.items() if seen}


def _told(tried: Mapping[str, Mapping[Place, str]]) -> dict[str, str]:
    """Return host that has tried → "" or what is wrong, in words."""
    return {
        host: ", ".join(f"port {port} {why}" for (_, port), why in seen.items() if why) for host, seen in tried.items()
    }


def with_walls(target: Target, reading: NodeReading, transport: Transport, *, become: bool) -> NodeReading:
    """Return a reading that names the foreign firewall tables of the host that drop failed connections.

    The host is not asked when no connection failed.
    """
    wanted = list(_missed(target, reading))
    if not wanted:
        return replace(reading, walls=(), wall_advice="")
    try:
        (frame,) = transport.run(Program((_FOREIGN,), become=become), timeout=30)
        with AnswerOf(transport.name):
            found = walls(frame.out, wanted)
    except HostError:
        return reading
    return replace(reading, walls=tuple(map(str, found)), wall_advice=found[0].remedy if found else "")


_FOREIGN = lines(script("foreign.sh", "deployer.firewall"), Sh('foreign\nprintf %s "$found"'))


def _missed(target: Target, reading: NodeReading) -> Iterator[Demand]:
    own = ipaddress.ip_address(target.address)
    inner = ["{}-{}/tcp".format(*target.ports), *([f"{target.epmd_port}/tcp"] if target.epmd_port else [])]
    for peer in target.others:
        if reading.reach.get(peer.host):
            yield from demands(peer.host, [peer.address], inner, own)
    lost = {word.partition(" ")[0] for why in reading.outside.values() for word in why.split("port ")[1:]}
    yield from everyone([f"{port}/tcp" for port in sorted(lost)], own)
