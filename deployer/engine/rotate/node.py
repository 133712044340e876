"""The node's part of a rotation, over its distribution port: finds the cookie it accepts, changes it, proves it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from deployer.beam import distribution
from deployer.beam.epmd import Registration
from deployer.beam.term import Atom
from deployer.engine.ladder import asking
from deployer.engine.ladder.outcome import Outcome
from deployer.engine.ladder.target import Target
from deployer.errors import NotConverged, StepError
from deployer.model import Secret
from deployer.transport.base import Transport

CONVERSATION_TIMEOUT = 10.0
"""Seconds that one conversation with a node may take."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The cookie that a node accepts, and the visible nodes to which it is connected."""

    cookie: Secret
    sees: frozenset[str]


def accepted(transport: Transport, target: Target, candidates: Iterable[Secret]) -> Accepted:
    """Return the first of these cookies that a node accepts.

    Raises:
        NotConverged: it accepts none of them, is not registered, or does not answer like a node.
        HostError: the host cannot be used to ask it.
    """
    port = _port(transport, target)
    for cookie in candidates:
        said = asking.ask(transport, replace(target, cookie=cookie), port, timeout=CONVERSATION_TIMEOUT)
        if said.outcome is Outcome.ACCEPTED:
            return Accepted(cookie, frozenset(said.nodes or ()))
        if said.outcome is not Outcome.WRONG_COOKIE:
            raise NotConverged(f"{target.node}: {said.detail}", hint=said.advice)
    raise NotConverged(
        f"{target.node} accepts neither the new cookie nor one of those on its host",
        hint=f"its cookie was set by hand: restart {target.unit}, which reads the cluster's cookie from its file",
    )


def switch(transport: Transport, target: Target, held: Secret, new: Secret) -> None:
    """Make a node use the new cookie from now on; its connections stay. A node that has it already is unchanged.

    ``erlang:set_cookie/2`` with the node's own name does this in every OTP; ``set_cookie/1`` came with 24.1.

    Raises:
        StepError: the node does not do it; no message contains a cookie.
    """
    for cookie in (held, new):  # a node that was restarted meanwhile has read the new one from its file
        try:
            return _set_cookie(transport, target, cookie, new)
        except distribution.WrongCookie:
            continue
        except distribution.CallFailed:  # its message contains the arguments
            raise StepError(f"{target.node} does not run erlang:set_cookie/2") from None
        except (distribution.DistributionError, OSError) as error:
            raise StepError(f"{target.node}: {error}") from None
    raise StepError(f"{target.node} accepts neither the new cookie nor the one it had a moment ago")


def _set_cookie(transport: Transport, target: Target, cookie: Secret, new: Secret) -> None:
    stream = transport.connect(target.address, _port(transport, target), timeout=CONVERSATION_TIMEOUT)
    try:
        with asking.open_peer(stream, target, cookie) as peer:
            peer.call("erlang", "set_cookie", [Atom(str(target.node)), Atom(new.reveal())])
    finally:
        stream.close()


def prove(transport: Transport, target: Target, new: Secret, old: Secret | None, saw: frozenset[str]) -> None:
    """Prove that a node accepts the new cookie, refuses the old one, and still sees the nodes that it saw.

    Raises:
        NotConverged: one of these is false.
    """
    now = accepted(transport, target, (new,))
    lost = saw - now.sees
    if lost:
        hint = "nodes that lose each other while cookies differ connect again when all have the new one"
        raise NotConverged(f"{target.node} no longer sees {', '.join(sorted(lost))}", hint=hint)
    if old is None:
        return
    said = asking.ask(transport, replace(target, cookie=old), _port(transport, target), timeout=CONVERSATION_TIMEOUT)
    if said.outcome is Outcome.ACCEPTED:
        raise NotConverged(f"{target.node} still accepts the old cookie", hint="find out what else sets its cookie")
    if said.outcome is not Outcome.WRONG_COOKIE:
        raise NotConverged(f"{target.node}: {said.detail}", hint=said.advice)


def _port(transport: Transport, target: Target) -> int:
    if target.epmd_port is None:
        return target.ports[0]
    found = asking.ask_epmd(transport, target, timeout=CONVERSATION_TIMEOUT)
    if isinstance(found, Registration):
        return found.port
    place = f"EPMD at {target.at(target.epmd_port)}"
    why = f"is not registered in {place}" if found is None else f"cannot be found: {place}: {found}"
    raise NotConverged(f"{target.node} {why}", hint=f"systemctl status {target.unit}; start it, or leave it out")
