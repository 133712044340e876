"""Asks EPMD for a node, and the node itself as another node would: one handshake and a few calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from deployer.beam import distribution, tls
from deployer.beam.distribution import Call, CallFailed, Peer
from deployer.beam.epmd import EpmdError, EpmdNames, Registration, epmd_names, port_please
from deployer.beam.names import NodeName
from deployer.beam.stream import Stream
from deployer.beam.term import Atom, Term, term_text
from deployer.engine.ladder.outcome import Outcome
from deployer.engine.ladder.reading import DistReading
from deployer.engine.ladder.target import Target
from deployer.errors import ProbeError
from deployer.model import Secret
from deployer.transport.base import Transport

EpmdAnswer = TypeVar("EpmdAnswer")

_NO_TLS = (tls.NotTls, distribution.NobodyAnswers, distribution.NotAlive)

_CALLS = (
    Call("init", "get_status"),
    Call("erlang", "nodes"),
    Call("erlang", "nodes", [Atom("hidden")]),
    Call("erlang", "system_info", [Atom("otp_release")]),
    Call("os", "getenv", [[*b"RELEASE_VSN"]]),
    Call("application", "which_applications"),
)


def ask(
    transport: Transport, target: Target, port: int, *, timeout: float, also: Callable[[Peer], object] | None = None
) -> DistReading:
    """Do the handshake with a node at its distribution port, and ask what it runs and which nodes it sees.

    Args:
        transport: to the node's host.
        target: the node.
        port: its distribution port.
        timeout: seconds for the connection.
        also: asks more over the same connection if the node accepts us; it handles its own errors.

    Raises:
        ForwardingForbidden: the host's sshd forbids forwarding.
        ConnectionLost: the connection to the host broke.
    """
    assert target.cookie is not None  # noqa: S101 - the caller has checked
    try:
        stream = transport.connect(target.address, port, timeout=timeout)
    except ConnectionRefusedError:
        return DistReading(Outcome.REFUSED, f"nobody listens at {target.at(port)}")
    except TimeoutError:
        return DistReading(Outcome.TIMEOUT, f"no answer from {target.at(port)}")
    try:
        with open_peer(stream, target, target.cookie, _CALLS) as peer:
            reading = _accepted(target.node, peer.answers(_CALLS))
            if also and reading.outcome is Outcome.ACCEPTED:
                also(peer)
            return reading
    except distribution.DistributionError as error:
        if isinstance(error, _NO_TLS) and target.tls and _speaks_plainly(transport, target, port, timeout):
            error = tls.NotTls(f"{target.node} answers in plain text, and the cluster is declared with TLS")
        outcome = Outcome.of(error)
        return DistReading(outcome, error.message, outcome.advice)
    except (ProbeError, OSError) as error:
        return DistReading(Outcome.PROTOCOL, str(error))
    finally:
        stream.close()


def open_peer(stream: Stream, target: Target, cookie: Secret, calls: Sequence[Call] = ()) -> Peer:
    """Do the handshake over a stream to a node's distribution port, over TLS if that is declared.

    ``calls``: sent with it; see `distribution.connect`.

    Raises:
        DistributionError: one of its kinds.
    """
    if target.tls is None:
        return distribution.connect(stream, target.node, cookie, calls=calls)
    inside = tls.secure(stream, target.tls, target.node.host)
    return distribution.connect(inside, target.node, cookie, width=4, calls=calls)


def _speaks_plainly(transport: Transport, target: Target, port: int, timeout: float) -> bool:
    """Whether a node that did not answer over TLS does so in plain text: it took our greeting for a partial frame."""
    try:
        stream = transport.connect(target.address, port, timeout=timeout)
    except OSError:
        return False
    try:
        return distribution.greets(stream, target.node)
    finally:
        stream.close()


def _accepted(node: NodeName, answers: Sequence[Term | CallFailed]) -> DistReading:
    status, nodes, hidden, otp, release, applications = answers
    match status:
        case (Atom("started"), _):
            pass
        case _:
            return DistReading(
                Outcome.STARTING, f"{node} has not finished its start", "wait; its log says what it waits for"
            )
    seen = _names(nodes) if isinstance(nodes, list) else None
    running: dict[str, str] = {}
    for entry in applications if isinstance(applications, list) else ():
        match entry:
            case (Atom(name), _, vsn):
                running[name] = term_text(vsn) or ""
    number = None if isinstance(otp, CallFailed) else term_text(otp)
    version = term_text(release) if isinstance(release, list) else None
    applied = running if isinstance(applications, list) else None
    return DistReading(Outcome.ACCEPTED, "", "", seen, _names(hidden), number, version, applied)


def _names(nodes: Term | CallFailed) -> tuple[str, ...]:
    return tuple(str(name) for name in nodes) if isinstance(nodes, list) else ()


def ask_epmd(transport: Transport, target: Target, *, timeout: float) -> Registration | str | None:
    """Return a node's registration, None when its name is unknown, or a string that says why EPMD did not answer."""
    return _epmd(transport, target, timeout, lambda stream: port_please(stream, target.node.name))


def find_port(transport: Transport, target: Target, *, timeout: float) -> int | str | None:
    """Return a node's distribution port, fixed or from EPMD; without one, the None or string of `ask_epmd`."""
    if target.epmd_port is None:
        return target.ports[0]
    found = ask_epmd(transport, target, timeout=timeout)
    return found.port if isinstance(found, Registration) else found


def list_epmd(transport: Transport, target: Target, *, timeout: float) -> str:
    """Return what EPMD lists, in words; empty when it lists nothing. Only to be shown: the text can be forged."""
    found = _epmd(transport, target, timeout, epmd_names)
    nodes = found.nodes[:5] if isinstance(found, EpmdNames) else ()
    return ", ".join(f"{name} (port {port})" for name, port in nodes)


def _epmd(
    transport: Transport, target: Target, timeout: float, ask: Callable[[Stream], EpmdAnswer]
) -> EpmdAnswer | str:
    assert target.epmd_port is not None  # noqa: S101 - the caller has checked
    try:
        stream = transport.connect(target.address, target.epmd_port, timeout=timeout)
    except ConnectionRefusedError:
        return "nobody listens there"
    except TimeoutError:
        return "no answer"
    try:
        return ask(stream)
    except (EpmdError, OSError) as error:
        return getattr(error, "message", "") or str(error)
    finally:
        stream.close()
