"""Computes the batches: which hosts are switched together, and in which order. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import ceil

from deployer.errors import ConfigError
from deployer.fleet import grammar
from deployer.resolve.limits import batch_sizes
from deployer.salts import shuffled


@dataclass(frozen=True, slots=True)
class ClusterLimits:
    """What must hold in one cluster while its hosts are switched.

    Attributes:
        name: for messages.
        nodes: number of the cluster's nodes by host, for all hosts, whether they are in this run or not.
        min_healthy: nodes that have to stay healthy at any time: a number or a percentage.
    """

    name: str
    nodes: Mapping[str, int]
    min_healthy: int | str = 0

    @property
    def least(self) -> int:
        """The number of nodes that ``min_healthy`` means; a percentage is rounded up, to be safe."""
        return ceil(grammar.amount(self.min_healthy, sum(self.nodes.values())))


def arranged(hosts: Sequence[str], order: str | Sequence[str]) -> list[str]:
    """Return the hosts of a play in the order in which they take their turns.

    Args:
        hosts: in the order of the inventory.
        order: inventory, reverse_inventory, sorted, reverse_sorted or shuffle; or names, which go before all others.
    """
    if not isinstance(order, str):
        places = {name: place for place, name in enumerate(order)}
        return sorted(hosts, key=lambda name: places.get(name, len(places)))
    if order == "shuffle":
        return shuffled(hosts)
    found = sorted(hosts) if "sorted" in order else list(hosts)
    return found[::-1] if order.startswith("reverse") else found


def batches(
    idle: Sequence[str],
    running: Sequence[str],
    serial: Sequence[int | str],
    *,
    canary: str | None = None,
    total: int | None = None,
    clusters: Sequence[ClusterLimits] = (),
    down: Mapping[str, int] | None = None,
) -> list[tuple[str, ...]]:
    """Return the batches of a roll, none of them empty.

    Args:
        idle: hosts on which no running node would be disturbed, in order: they are one batch, the first.
        running: hosts whose running nodes are about to be switched, in order.
        serial: sizes as written; empty: all at once.
        canary: the first of ``running``, in a batch of its own.
        total: number of hosts that a percentage refers to; default: those given here.
        clusters: the clusters whose nodes have to stay healthy.
        down: number of unhealthy nodes by host before the switch; after a host's turn, all its nodes count as healthy.

    Raises:
        ConfigError: not even one host could be switched without falling below ``min_healthy``; with the numbers.
    """
    found = [tuple(idle)] if idle else []
    unhealthy = {host: count for host, count in (down or {}).items() if host not in idle}
    first = [host for host in running if host == canary]
    left = first + [host for host in running if host != canary]
    wanted = batch_sizes(serial, len(idle) + len(running) if total is None else total)
    for size in chain([1] * len(first), wanted):
        if not left:
            break
        count = _fitting(left[:size], clusters, unhealthy)
        found.append(tuple(left[:count]))
        unhealthy = {host: nodes for host, nodes in unhealthy.items() if host not in found[-1]}
        left = left[count:]
    return found


def _fitting(hosts: Sequence[str], clusters: Sequence[ClusterLimits], down: Mapping[str, int]) -> int:
    """Return how many of ``hosts``, counted from the first, may be switched at the same time."""
    for count in range(len(hosts), 0, -1):
        if all(spare(cluster, down, hosts[:count]) >= 0 for cluster in clusters):
            return count
    cluster = next(each for each in clusters if spare(each, down, hosts[:1]) < 0)
    every, unhealthy = sum(cluster.nodes.values()), sum(down.get(host, 0) for host in cluster.nodes)
    ours = cluster.nodes.get(hosts[0], 0)
    said = f"{every} nodes, {unhealthy} of them not healthy" if unhealthy else f"{every} nodes"
    raise ConfigError(
        f"cluster {cluster.name} has {said}, and rollout.min_healthy is {cluster.min_healthy}: "
        f"switching {hosts[0]} alone would take {ours} and leave {every - unhealthy - _lost(cluster, down, hosts[:1])}",
        hint=f"lower rollout.min_healthy (now {cluster.least} nodes), or add a host first",
    )


def spare(cluster: ClusterLimits, down: Mapping[str, int], hosts: Iterable[str]) -> int:
    """Return how many healthy nodes beyond ``min_healthy`` are left while ``hosts`` are switched."""
    healthy = sum(cluster.nodes.values()) - sum(down.get(host, 0) for host in cluster.nodes)
    return healthy - _lost(cluster, down, hosts) - cluster.least


def _lost(cluster: ClusterLimits, down: Mapping[str, int], hosts: Iterable[str]) -> int:
    return sum(cluster.nodes.get(host, 0) - min(down.get(host, 0), cluster.nodes.get(host, 0)) for host in hosts)


def too_many(failed: int, size: int, percentage: float | None) -> bool:
    """Return whether a batch of ``size`` hosts has more failed ones than ``max_fail_percentage`` allows."""
    return percentage is not None and failed * 100 > percentage * size
