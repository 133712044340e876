"""Asks EPMD, the node itself and its health check, at the same time if possible.

Asking one after the other would cost a round trip to the host each time. EPMD only gives the port of the node, which
is usually known already from the sockets of its process, so the node is asked at the same time. If EPMD gives another
port, the node is asked again at that port, because that is where other nodes would connect.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import replace
from typing import TypeVar

from deployer.beam.distribution import Peer
from deployer.beam.epmd import Registration
from deployer.engine.ladder import asking, health
from deployer.engine.ladder.outcome import Outcome
from deployer.engine.ladder.reading import DistReading, NodeReading
from deployer.engine.ladder.readings import UnitReading
from deployer.engine.ladder.rung import Rung
from deployer.engine.ladder.target import Target
from deployer.transport.base import ForwardingForbidden, Transport

CHANNEL_TIMEOUT = 5.0
ASKS = 3
"""Number of threads that the conversation with one node needs."""
_Answer = TypeVar("_Answer")


def listens_at(target: Target, unit: UnitReading | None) -> int | None:
    """Return the distribution port from the sockets of a node's own process; None when it is not certain."""
    if unit is None or not unit.pid:
        return None
    found = [port for port in unit.ports or () if target.ports[0] <= port <= target.ports[1]]
    return found[0] if len(found) == 1 else None


def converse(transport: Transport, target: Target, reading: NodeReading, at_once: Executor) -> NodeReading:
    """Ask EPMD, the node and its health check, each over a stream through the open connection.

    Args:
        transport: to the node's host.
        target: the node.
        reading: has the node's unit; the rest is read again.
        at_once: an executor with `ASKS` threads for this node.

    Raises:
        HostError: the connection broke.
    """
    reading = replace(reading, epmd=None, listed="", dist=None, health=None, skipped_rungs={})
    if reading.unit is None or not reading.unit.pid:
        return reading
    port, likely = listens_at(target, reading.unit), at_once.submit
    early = likely(_ask_node, transport, target, port) if port else None
    check = likely(_check, transport, target) if port and target.health and not target.health.expr else None
    try:
        known: int | None = target.ports[0]
        if target.epmd_port is not None:
            found = asking.ask_epmd(transport, target, timeout=CHANNEL_TIMEOUT)
            listed = asking.list_epmd(transport, target, timeout=CHANNEL_TIMEOUT) if found is None else ""
            reading = replace(reading, epmd=found, listed=listed)
            known = found.port if isinstance(found, Registration) else None
        if known:
            dist, said = _taken(early if known == port else None, _ask_node, transport, target, known)
            reading = replace(reading, dist=dist, health=said)
        if target.health and (reading.dist is None or reading.dist.outcome is Outcome.ACCEPTED):
            if not target.health.expr:
                reading = replace(reading, health=_taken(check, _check, transport, target))
            elif reading.dist is None:
                reading = replace(reading, health="an expression needs a registered node and a declared cookie")
    except ForwardingForbidden as error:
        return replace(reading, skipped_rungs=dict.fromkeys((rung for rung in Rung if rung.row.asked), error.message))
    return reading


def _taken(soon: Future[_Answer] | None, ask: Callable[..., _Answer], *words: object) -> _Answer:
    """Return the answer to a question that was asked already, or ask now."""
    return soon.result() if soon else ask(*words)


def _ask_node(transport: Transport, target: Target, port: int) -> tuple[DistReading | None, str | None]:
    """Return a node's answers, and the result of its health expression if one is declared."""
    if target.cookie is None:
        return None, None
    said: list[str] = []

    def also(peer: Peer) -> None:
        said.append(health.check_expression(peer, target, timeout=CHANNEL_TIMEOUT))

    expr = target.health and target.health.expr
    reading = asking.ask(transport, target, port, timeout=CHANNEL_TIMEOUT, also=also if expr else None)
    return reading, next(iter(said), None)


def _check(transport: Transport, target: Target) -> str | None:
    return health.check_health(transport, target, timeout=CHANNEL_TIMEOUT)
