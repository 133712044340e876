"""Which nodes of a play are climbed, and with what expectations; the health of a host; nodes that are not members."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from deployer.engine.ladder import verify
from deployer.engine.ladder.expected import once_seen
from deployer.engine.ladder.rung import RungResult, healthy
from deployer.engine.ladder.target import Target
from deployer.engine.roll.host_roll import HostRoll
from deployer.engine.roll.state import Verification
from deployer.errors import HostError

WAY_OUT = (
    "was its host taken out of the inventory? Put it back, then: deployer retire PLAYBOOK HOST -i INVENTORY. "
    "A host that was --lost and came back: the same, then deployer cookie rotate. A node of another fleet: stop it"
)


def taking_part(runs: Sequence[HostRoll], unhealthy: frozenset[str]) -> tuple[list[HostRoll], frozenset[str]]:
    """Return the hosts to climb, and the nodes that no node has to see: ``unhealthy``, and those of the other hosts."""
    never = [run for run in runs if run.idle and not isinstance(run.problem, HostError)]
    nodes = {str(target.node) for run in never for target in run.targets}
    return [run for run in runs if run not in never], unhealthy | nodes


def climbed_targets(runs: Sequence[HostRoll], judged: Mapping[str, Sequence[Target]]) -> list[Target]:
    """Return the nodes to climb; none of them has to see a declared name that no node has now."""
    here = {str(target.node) for nodes in judged.values() for target in nodes}
    gone = {str(target.node) for run in runs for target in run.targets} - here
    return [_without(target, gone) for run in runs for target in judged[run.name]]


def _without(target: Target, gone: Collection[str]) -> Target:
    """Return a node that does not have to see the nodes ``gone``."""
    others = tuple(peer for peer in target.others if str(peer) not in gone)
    return replace(target, others=others) if gone else target


def former_names(runs: Sequence[HostRoll], waiting: Sequence[HostRoll]) -> dict[str, frozenset[str]]:
    """Return node → old names of nodes on waiting hosts, which may change when those hosts have their turn.

    Args:
        runs: hosts that have had their turn; the result is for their nodes.
        waiting: hosts that have not.
    """
    hosts = {word for other in waiting for t in other.targets for word in (other.name, t.address, t.node.host)}
    names = {name for other in waiting for name in other.old_names | other.names}
    found: dict[str, frozenset[str]] = {}
    for run in runs:
        known = {str(name) for target in run.targets for name in (target.node, *target.others)}
        seen = once_seen(run.record.expected.get(run.record.current, ""))
        former = frozenset(names | {name for name in seen if name.rpartition("@")[2] in hosts}) - known
        found |= {str(target.node): former for target in run.targets}
    return found


def health_of(climbs: Sequence[list[RungResult]]) -> Verification:
    """Return the health of a host from the climbs of all its nodes; unverified when a climb was cut short."""
    if not climbs or any(rungs and not healthy(rungs) for rungs in climbs):
        return Verification.UNHEALTHY
    return Verification.HEALTHY if all(climbs) else Verification.UNVERIFIED


def time_to_climb(target: Target, *, touched: bool) -> float:
    """Return the seconds to wait until a node is healthy; more if it has just been changed."""
    health = target.health
    if touched:
        return (health.timeout + health.stable) if health else 60.0 + verify.STABLE
    return min(verify.PATIENCE, health.timeout) if health else verify.PATIENCE


def connected(names: Sequence[str]) -> str:
    """Return the words that name nodes which are connected, but not members."""
    are = "is" if len(names) == 1 else "are"
    return f"{', '.join(names)} {are} connected to the cluster, but not in this inventory"


def outsiders(strangers: frozenset[str], runs: Sequence[HostRoll], leaving: Collection[str] = ()) -> list[str]:
    """Return the strangers that are not ``leaving`` and do not run on the play's hosts, sorted.

    Args:
        strangers: names of nodes that some node sees, but that are not members.
        runs: the play's hosts.
        leaving: names of nodes that are being retired.
    """
    nodes = [target for run in runs for target in (*run.targets, *run.judged(frozenset()))]
    ours = {word for target in nodes for word in (target.node.host, target.address)}
    return sorted(name for name in strangers.difference(leaving) if name.rpartition("@")[2] not in ours)
