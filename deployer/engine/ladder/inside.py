"""Asks a running node, over its distribution, how near its limits it is and which nodes are connected; read-only."""

from __future__ import annotations

from collections.abc import Mapping

from deployer.beam.distribution import Call, CallFailed, DistributionError
from deployer.beam.term import Atom, Term
from deployer.engine.ladder.asking import find_port, open_peer
from deployer.engine.ladder.outcome import Outcome
from deployer.engine.ladder.target import Target
from deployer.errors import HostError
from deployer.transport.base import ForwardingForbidden, Transport

_LIMITS = ("atom", "port", "process")
_CALLS = (
    *(Call("erlang", "system_info", [Atom(f"{what}_{which}")]) for what in _LIMITS for which in ("count", "limit")),
    Call("erlang", "nodes"),
    Call("erlang", "nodes", [Atom("hidden")]),
    Call("net_kernel", "get_net_ticktime"),
    Call("application", "get_env", [Atom("kernel"), Atom("prevent_overlapping_partitions")]),
)
_NAMES = (
    *(f"{what}_{which}" for what in _LIMITS for which in ("count", "limit")),
    "nodes",
    "hidden",
    "net_ticktime",
    "prevent_overlapping_partitions",
)


def ask_inside(transport: Transport, target: Target, *, timeout: float) -> Mapping[str, object] | str:
    """Return a node's values, or a string that says why it could not be asked.

    The keys are ``atom_count``, ``atom_limit`` and so on for ports and processes, ``nodes``, ``hidden`` (lists of
    names), ``net_ticktime`` (seconds) and ``prevent_overlapping_partitions``; a value it did not answer is left out.
    """
    if target.cookie is None:
        return "no cookie is declared for it"
    try:
        port = find_port(transport, target, timeout=timeout)
        if not isinstance(port, int):
            return f"EPMD: {port}" if port else "EPMD does not know it"
        stream = transport.connect(target.address, port, timeout=timeout)
    except (ForwardingForbidden, HostError, OSError) as error:
        return getattr(error, "message", "") or f"no connection to {target.address}: {error}"
    try:
        with open_peer(stream, target, target.cookie) as peer:
            answers = peer.calls(_CALLS)
    except DistributionError as error:
        outcome = Outcome.of(error)
        return error.message if outcome is Outcome.FAILED else outcome.value
    except (HostError, OSError) as error:
        return getattr(error, "message", "") or str(error)
    finally:
        stream.close()
    told = {name: _plain(answer) for name, answer in zip(_NAMES, answers, strict=True)}
    return {name: value for name, value in told.items() if value is not None}


def _plain(answer: Term | CallFailed) -> object:
    match answer:
        case CallFailed():
            return None
        case (Atom("ok"), value):
            return str(value)
        case Atom("undefined"):
            return "the default"
        case list():
            return [str(one) for one in answer]
        case (_, int(value)) | int(value):
            return value
    return str(answer)
