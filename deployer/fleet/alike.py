"""Checks between the hosts of one cluster, and between clusters on one host, in linear time.

Each rule has a key: the part of a declaration that it compares. Hosts with the same key are the same for the rule, so
it runs once for each pair of different keys, and not for each pair of hosts.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import combinations

from deployer.errors import ConfigError
from deployer.fields import nearest
from deployer.fleet.compatible import near_otp, net_key, same_epmdless, same_net
from deployer.fleet.declaration import Declaration
from deployer.fleet.pki import ManagedCA
from deployer.fleet.places import Problem
from deployer.fleet.rules import family

ClusterRule = Callable[[Declaration, Declaration], Problem | None]
_Found = tuple[tuple[int, int], int, Problem]
"""The two hosts, the number of the rule, and the problem."""
_SETTINGS = ("names", "epmd", "epmd_port", "mesh", "members_env", "tls")
"""Words that must be the same on all hosts of a cluster."""


def check_members(declarations: Sequence[Declaration]) -> None:
    """Refuse hosts of one play that cannot form the clusters they declare.

    Raises:
        ConfigError: with both hosts in the message, the first two that differ; the place is the second one's.
    """
    names = {one.host for one in declarations}
    for one in declarations:
        if one.rollout.canary is not None and one.rollout.canary not in names:
            problem = f"rollout.canary {one.rollout.canary!r} is no host that declares nodes"
            raise ConfigError(problem, where=one.where, hint=nearest(one.rollout.canary, names))
    groups: dict[str, list[int]] = {}
    for index, one in enumerate(declarations):
        groups.setdefault(one.cluster.name, []).append(index)
    found = list(_apart_problems(declarations))
    for group in groups.values():
        found += _cluster_problems(declarations, group)
    if found:
        (i, j), _, first = min(found, key=lambda each: each[:2])
        one, other = declarations[i], declarations[j]
        raise ConfigError(f"{one.host} and {other.host}: {first.text}", where=other.where, hint=first.hint)


def _cluster_problems(declarations: Sequence[Declaration], group: Sequence[int]) -> Iterator[_Found]:
    """Yield the problems of one cluster."""
    owners: dict[str, int] = {}
    for index in group:
        for node in declarations[index].nodes:
            first = owners.setdefault(str(node.node), index)
            if first != index and (problem := _same_names(declarations[first], declarations[index])):
                yield (first, index), 0, problem
    for number, (key, rule) in enumerate(_SAME_CLUSTER, 1):
        unlike: dict[Hashable, int] = {}
        for index in group:
            unlike.setdefault(key(declarations[index]), index)
        for pair in combinations(unlike.values(), 2):
            if problem := rule(declarations[pair[0]], declarations[pair[1]]):
                yield pair, number, problem


def _apart_problems(declarations: Sequence[Declaration]) -> Iterator[_Found]:
    hosts: dict[str, list[int]] = {}
    for index, one in enumerate(declarations):
        hosts.setdefault(one.host, []).append(index)
    for here in hosts.values():
        for i, j in combinations(here, 2):
            one, other = declarations[i], declarations[j]
            if one.cluster.name != other.cluster.name and (problem := _apart(one, other)):
                yield (i, j), 0, problem


def _same_names(one: Declaration, other: Declaration) -> Problem | None:
    twice = {str(node.node) for node in one.nodes} & {str(node.node) for node in other.nodes}
    hint = "a node's name is its own in the whole cluster"
    return Problem("nodes", f"both have the node {min(twice)}", hint) if twice else None


def _same_settings(one: Declaration, other: Declaration) -> Problem | None:
    for word in _SETTINGS:
        mine, theirs = getattr(one.cluster.words, word), getattr(other.cluster.words, word)
        if mine != theirs:
            problem = f"cluster.{word} is {mine} on one and {theirs} on the other"
            return Problem(f"cluster.{word}", problem, "it must be the same in a cluster")
    return None


def _same_authority(one: Declaration, other: Declaration) -> Problem | None:
    mine, theirs = one.cluster.pki, other.cluster.pki
    if type(mine) is type(theirs) and (not isinstance(mine, ManagedCA) or mine.same_as(theirs)):
        return None
    hint = "nodes trust one; write it where all hosts see it"
    return Problem("cluster.pki", "they have different authorities in cluster.pki", hint)


def _same_family(one: Declaration, other: Declaration) -> Problem | None:
    """Compare address families: a node uses only one of them (``-proto_dist inet_tcp`` or ``inet6_tcp``)."""
    mine, theirs = family(one.cluster.bind), family(other.cluster.bind)
    if mine == theirs:
        return None
    problem = f"cluster.bind is {mine} on one and {theirs} on the other"
    return Problem("cluster.bind", problem, "a cluster speaks one of them")


def _same_cookie(one: Declaration, other: Declaration) -> Problem | None:
    if one.cluster.cookie == other.cluster.cookie:
        return None
    hint = "a cluster shares one; write it where all its hosts see it"
    return Problem("cluster.cookie", "they have different cookies", hint)


def _same_rollout(one: Declaration, other: Declaration) -> Problem | None:
    if one.rollout == other.rollout:
        return None
    hint = "a cluster is rolled out in one way; write it where all its hosts see it"
    return Problem("rollout", "their words of rollout differ", hint)


def _same_fixed_port(one: Declaration, other: Declaration) -> Problem | None:
    ports = {node.port for declared in (one, other) for node in declared.nodes}
    if one.cluster.epmd or len(ports) == 1:
        return None
    problem = "without EPMD all nodes of a cluster listen on the same port"
    return Problem("nodes", problem, "write the same nodes[].port everywhere")


def _apart(one: Declaration, other: Declaration) -> Problem | None:
    """Compare two clusters on one host."""
    if one.host != other.host:
        return None
    if _overlap(one.cluster.ports, other.cluster.ports):
        problem = "two clusters on one host have overlapping cluster.ports"
        return Problem("cluster.ports", problem, "give each a range of its own")
    twice = {node.unit for node in one.nodes} & {node.unit for node in other.nodes}
    problem = f"two clusters on one host both have {min(twice, default='')}"
    return Problem("nodes", problem, "rename one of the nodes") if twice else None


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def _authority(one: Declaration) -> Hashable:
    pki = one.cluster.pki
    return (pki.file, pki.passphrase) if isinstance(pki, ManagedCA) else type(pki).__name__


_SAME_CLUSTER: tuple[tuple[Callable[[Declaration], Hashable], ClusterRule], ...] = (
    (lambda one: tuple(getattr(one.cluster.words, word) for word in _SETTINGS), _same_settings),
    (_authority, _same_authority),
    (lambda one: family(one.cluster.bind), _same_family),
    (lambda one: one.cluster.cookie, _same_cookie),
    (net_key, same_net),
    (lambda one: (one.cluster.epmd, frozenset(node.port for node in one.nodes)), _same_fixed_port),
    (lambda one: one.release and one.release.archive.otp, near_otp),
    (lambda one: (one.cluster.epmd, one.release and one.release.archive.erts), same_epmdless),
    (lambda one: one.rollout, _same_rollout),
)
