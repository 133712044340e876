"""Finds members that no node sees, and connects running nodes that have lost each other.

With ``cluster.mesh: boot``, nodes by themselves connect only when they start.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from deployer.beam.distribution import DistributionError
from deployer.beam.term import Atom
from deployer.engine.ladder import asking
from deployer.engine.ladder.conversing import CHANNEL_TIMEOUT
from deployer.engine.ladder.rung import Rung, RungResult, failed, healthy
from deployer.engine.ladder.target import Target
from deployer.errors import HostError, ProbeError
from deployer.transport.base import Transport


def join(
    targets: Sequence[Target], climbed: Mapping[str, Sequence[RungResult]], transport: Callable[[str], Transport | None]
) -> tuple[str, ...]:
    """Let each node that misses healthy members connect to them; return the new connections, in words.

    Args:
        targets: nodes that were climbed.
        climbed: node → its rungs.
        transport: the open connection to a host.
    """
    found = []
    for target in (target for target in targets if target.mesh == "boot"):
        bad, way = failed(climbed.get(str(target.node), ())), transport(target.host)
        if way and bad and bad.rung is Rung.MESH and not bad.secondary:
            found += [f"{target.node} to {name}" for name in bad.missing if _connected(way, target, name)]
    return tuple(found)


def keep_together(
    targets: Sequence[Target],
    climbed: Mapping[str, Sequence[RungResult]],
    former: Mapping[str, Collection[str]],
    transport: Callable[[str], Transport | None],
) -> None:
    """Let healthy nodes connect to members that still run under their old names, so that the cluster is not split.

    Args:
        targets: nodes that were climbed.
        climbed: node → its rungs.
        former: node → old names of members, which are not in the node's own configuration.
        transport: the open connection to a host.
    """
    for target in (target for target in targets if target.mesh != "none"):
        rungs, way = climbed.get(str(target.node), ()), transport(target.host)
        seen = {name for rung in rungs for name in rung.strangers}
        if way and healthy(rungs):
            for name in sorted({*former.get(str(target.node), ())} - seen):
                _connected(way, target, name)


def unseen(
    targets: Sequence[Target], climbed: Mapping[str, Sequence[RungResult]], hosts: Collection[str]
) -> frozenset[str]:
    """Return the members on hosts outside of a run that none of the nodes sees which were asked.

    Args:
        targets: the nodes of the run.
        climbed: node → its rungs.
        hosts: the hosts of the run.
    """
    seen: set[str] = set()
    missed: set[str] = set()
    for target in targets:
        outside = {str(peer) for peer in target.others if peer.host not in hosts}
        for result in climbed.get(str(target.node), ()):
            if result.rung is Rung.MESH and result.ok is not None:
                missed |= outside.intersection(result.outside)
                seen |= outside.difference(result.outside)
    return frozenset(missed - seen)


def _connected(transport: Transport, target: Target, other: str) -> bool:
    """Let a node connect to another one (net_kernel:connect_node/1); return whether it is connected."""
    if target.cookie is None:
        return False
    try:
        found = asking.find_port(transport, target, timeout=CHANNEL_TIMEOUT)
        port = found if isinstance(found, int) else target.ports[0]
        stream = transport.connect(target.address, port, timeout=CHANNEL_TIMEOUT)
        try:
            with asking.open_peer(stream, target, target.cookie) as peer:
                return peer.call("net_kernel", "connect_node", [Atom(other)]) == Atom("true")
        finally:
            stream.close()
    except (DistributionError, HostError, ProbeError, OSError):
        return False
