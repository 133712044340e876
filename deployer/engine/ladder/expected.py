"""What nodes were checked against when their release was last good; their host keeps it for a rollback."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from deployer.beam.names import parse_node
from deployer.engine.ladder.target import Target
from deployer.errors import ConfigError
from deployer.fields import build
from deployer.fleet import Health


def told_words(targets: Sequence[Target]) -> str:
    """Return what a host's nodes are checked against, as one line of JSON; it is stable and holds no secret."""
    return json.dumps({target.unit: _told(target) for target in targets}, sort_keys=True, separators=(",", ":"))


def _told(target: Target) -> dict[str, Any]:
    return {
        "address": target.address,
        "applications": dict(target.applications),
        "epmd_port": target.epmd_port,
        "erts": target.erts,
        "health": asdict(target.health) if target.health else None,
        "mesh": target.mesh,
        "node": str(target.node),
        "otp": target.otp,
        "others": sorted(str(peer) for peer in target.others),
        "ports": list(target.ports),
        "tls": target.tls is not None,
    }


def as_it_was(targets: Sequence[Target], line: str) -> tuple[Target, ...]:
    """Return nodes with the expectations in a line of `told_words`; nodes that the line does not have are left out.

    Members that have left the inventory since then are not expected. A malformed line changes nothing.
    """
    try:
        nodes = dict(json.loads(line).items())
        return tuple(_was(target, nodes[target.unit]) for target in targets if target.unit in nodes)
    except (ValueError, KeyError, TypeError, AttributeError, ConfigError):
        return tuple(targets)


def once_seen(line: str) -> frozenset[str]:
    """Return the names of the other members in a line of `told_words`; none if the line is malformed."""
    try:
        return frozenset(str(name) for kept in json.loads(line).values() for name in kept["others"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return frozenset()


def _was(target: Target, kept: Mapping[str, Any]) -> Target:
    first, last = kept["ports"]
    port, health, others = kept["epmd_port"], kept["health"], frozenset(kept["others"])
    return replace(
        target,
        node=parse_node(str(kept.get("node", target.node))),
        address=str(kept["address"]),
        applications={str(name): str(version) for name, version in kept["applications"].items()},
        epmd_port=None if port is None else int(port),
        erts=str(kept["erts"]),
        health=None if health is None else build(Health, {name: v for name, v in health.items() if v is not None}),
        mesh=str(kept["mesh"]),
        otp=None if kept["otp"] is None else str(kept["otp"]),
        others=tuple(peer for peer in target.others if str(peer) in others),
        ports=(int(first), int(last)),
        tls=target.tls if kept["tls"] else None,
    )
