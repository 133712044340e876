"""Ask a node as another node would: one handshake, a few calls, five ways to be wrong kept apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from deployer.beam import distribution
from deployer.beam.diagnose import diagnose
from deployer.beam.distribution import Call, CallFailed
from deployer.beam.names import NodeName
from deployer.beam.term import Atom, Term, text
from deployer.engine.ladder import DistReading, Rung
from deployer.engine.target import Target
from deployer.errors import ProbeError
from deployer.transport.base import Transport

ADVICE: Mapping[type[distribution.DistributionError], tuple[str, str]] = {
    distribution.WrongCookie: ("wrong cookie", "compare the cookie with the other members; deploy writes the declared one"),
    distribution.Impostor: ("impostor", "whatever listens there does not know the cookie: stop it and rotate the cookie"),
    distribution.NotAllowed: ("not allowed", "the node's net_kernel:allow list does not hold our name"),
    distribution.WrongNode: ("wrong node", "another node took the port: see its unit's ports and restart both"),
    distribution.NotAlive: ("not alive", "the node hangs or goes away while it answers: see its log"),
    distribution.NobodyAnswers: ("nobody answers", "no node behind the port, or one that wants TLS distribution"),
    distribution.ProtocolError: ("protocol", "something else than an Erlang node listens there"),
}
"""Each wrong answer → its short name and what to do next."""
FINAL = frozenset({"wrong cookie", "impostor", "not allowed"})
"""Answers that no waiting changes; the others may come from a node that is still starting."""

_CALLS = (
    Call("init", "get_status"),
    Call("erlang", "nodes"),
    Call("erlang", "system_info", [Atom("otp_release")]),
    Call("os", "getenv", [[*b"RELEASE_VSN"]]),
    Call("application", "which_applications"),
)


def ask(transport: Transport, target: Target, port: int, *, timeout: float) -> DistReading:
    """Shake hands with a node at its distribution port and ask what it runs and whom it sees.

    Raises:
        ForwardingForbidden: the host's sshd does not open the way.
        ConnectionLost: the connection to the host broke.
    """
    assert target.cookie is not None  # noqa: S101 - the caller looked
    try:
        stream = transport.connect(target.address, port, timeout=timeout)
    except ConnectionRefusedError:
        return DistReading("refused", f"nobody listens at {target.address}:{port}")
    except TimeoutError:
        return DistReading("timeout", f"no answer from {target.address}:{port}")
    try:
        with distribution.connect(stream, target.node, target.cookie) as peer:
            return _accepted(target.node, peer.calls(_CALLS))
    except distribution.DistributionError as error:
        outcome, advice = ADVICE.get(type(error), ("failed", ""))
        return DistReading(outcome, error.message, advice)
    except (ProbeError, OSError) as error:
        return DistReading("protocol", str(error))
    finally:
        stream.close()


def _accepted(node: NodeName, answers: Sequence[Term | CallFailed]) -> DistReading:
    status, nodes, otp, release, applications = answers
    match status:
        case (Atom("started"), _):
            pass
        case _:
            return DistReading("starting", f"{node} has not finished its start")
    seen = tuple(str(name) for name in nodes) if isinstance(nodes, list) else None
    running: dict[str, str] = {}
    for entry in applications if isinstance(applications, list) else ():
        match entry:
            case (Atom(name), _, vsn):
                running[name] = text(vsn) or ""
    number = None if isinstance(otp, CallFailed) else text(otp)
    version = text(release) if isinstance(release, list) else None
    return DistReading("accepted", nodes=seen, otp=number, version=version, applications=running)


def explained(rung: Rung, said: Sequence[str]) -> Rung:
    """Return a failed rung with the cause that the unit's last lines show, if one is known, else with those lines."""
    advice = diagnose(said)
    if advice:
        return replace(rung, detail=f"{rung.detail}\n{advice.cause}: {advice.line}", advice=advice.advice)
    return replace(rung, detail="\n".join([rung.detail, *said[-8:]])) if rung.number in (2, 3, 5) else rung
