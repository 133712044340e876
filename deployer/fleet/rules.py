"""What must hold between the words of one host, and between the hosts of one cluster."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

from deployer.beam.overrides import ports
from deployer.errors import ConfigError
from deployer.fields import nearest
from deployer.fleet.compatible import Problem, epmdless_problems, near_otp, net_problems, same_epmdless, same_net
from deployer.fleet.declaration import Declaration
from deployer.fleet.pki import NEEDED, Kept
from deployer.modules._openings import contradictions, overlap

SSH_PORT = 22


def problems(declared: Declaration) -> Iterator[Problem]:
    """Yield what contradicts itself within one host's declaration."""
    yield from _port_problems(declared)
    yield from _node_problems(declared)
    yield from _address_problems(declared)
    yield from _limit_problems(declared)
    yield from _firewall_problems(declared)
    yield from _tls_problems(declared)
    yield from net_problems(declared)
    yield from epmdless_problems(declared)
    yield from _health_problems(declared)


def _health_problems(declared: Declaration) -> Iterator[Problem]:
    health = declared.health
    if health is None:
        return
    if sum(word is not None for word in (health.http, health.tcp, health.expr)) != 1:
        yield "health needs exactly one of http, tcp and expr", "keep the one that tells most"
    said = {"verify": not health.verify, "ca": health.ca is not None, "server_name": health.server_name is not None}
    for word in (word for word in said if said[word]):
        if not (health.http or "").startswith("https:"):
            yield f"health.{word} has no effect: health.http is no https address", "write https://…, or leave it out"
        elif not health.verify and word == "ca":
            yield "health.ca has no effect with health.verify: false", "leave one of them out"


def _port_problems(declared: Declaration) -> Iterator[Problem]:
    cluster, (first, last) = declared.cluster, declared.cluster.ports
    shown = f"cluster.ports {first}-{last}"
    for taken, by in ((SSH_PORT, "SSH"), (cluster.epmd_port, "EPMD")):
        if first <= taken <= last:
            yield f"{shown} holds {taken}, the port of {by}", "choose a range that nothing else uses, such as 9100-9109"
    if cluster.epmd_port == SSH_PORT:
        yield f"cluster.epmd_port {SSH_PORT} is the port of SSH", "leave it out: EPMD's own port is 4369"
    if last - first + 1 < len(declared.nodes):
        yield f"{shown} has less ports than this host has nodes ({len(declared.nodes)})", "widen the range"
    for index, node in enumerate(declared.nodes):
        if node.port and not first <= node.port <= last:
            yield f"nodes[{index}].port {node.port} lies outside of {shown}", "each node listens inside the range"
        if not cluster.epmd and not node.port:
            yield f"nodes[{index}].port is missing", "without EPMD every node listens on one fixed port"


def _node_problems(declared: Declaration) -> Iterator[Problem]:
    for (i, one), (j, other) in combinations(enumerate(declared.nodes), 2):
        if one.name == other.name:
            yield f"nodes[{i}] and nodes[{j}] are both called {one.name}", "EPMD knows a name once on a host"
        if one.unit == other.unit:
            yield f"nodes[{i}] and nodes[{j}] have the same unit {one.unit}", "each node is a unit of its own"
        if one.port and one.port == other.port:
            yield f"nodes[{i}] and nodes[{j}] both listen on port {one.port}", "give each its own port"
        if not declared.cluster.epmd:
            yield "two nodes on one address need EPMD", "leave out cluster.epmd: false, or keep one node a host"


def _address_problems(declared: Declaration) -> Iterator[Problem]:
    """Nodes talk to each other in the family of ``cluster.bind``, and to the address in their names."""
    family = _family(declared.cluster.bind)
    for index, node in enumerate(declared.nodes):
        if _family(node.node.host) not in (None, family):
            problem = f"nodes[{index}] is called {node.node}, and cluster.bind {declared.cluster.bind} is {family}"
            yield problem, f"write an {family} address or a host name as nodes[].host, or another cluster.bind"


def _family(host: str) -> str | None:
    """Return ``IPv4`` or ``IPv6``; None for a host name."""
    try:
        return f"IPv{ipaddress.ip_address(host).version}"
    except ValueError:
        return None


def _limit_problems(declared: Declaration) -> Iterator[Problem]:
    """The node role gives the emulator as many ports as files; with more of them, sockets would fail one by one.

    The release's own vm.args has the last word.
    """
    for index, node in enumerate(declared.nodes):
        own = declared.release.archive.ports if declared.release and not node.foreign else None
        asked, where, most = ports("\n".join(node.vm_args)), f"nodes[{index}].vm_args", node.open_files
        if own is not None and asked is not None:
            hint = "leave one of them out; without any it follows from LimitNOFILE under unit"
            yield f"{where}: +Q {asked} has no effect, because the release's own vm.args says +Q {own}", hint
        asked, where = (own, "the release's own vm.args") if own is not None else (asked, where)
        if most is not None and asked is not None and asked > most:
            hint = "raise LimitNOFILE under unit; +Q follows from it when it is left out"
            yield f"{where}: +Q {asked} is above LimitNOFILE {most} of {node.unit}", hint


def _firewall_problems(declared: Declaration) -> Iterator[Problem]:
    firewall, cluster = declared.firewall, declared.cluster
    if firewall is None:
        return
    allowed = [allow.port for allow in firewall.allow]
    words = {"admin": firewall.admin, "public": firewall.public, "allow": allowed, "closed": firewall.closed}
    yield from contradictions(words, [SSH_PORT], anywhere=firewall.ssh_from_anywhere)
    distribution, epmd = "{}-{}/tcp".format(*cluster.ports), f"{cluster.epmd_port}/tcp"
    # EPMD may be shared with a cluster of others, whose hosts have to be named then; the distribution never is.
    for word, inner in (("public", (distribution, epmd)), ("allow", (distribution,))):
        for text in words[word]:
            if any(overlap(text, taken) for taken in inner):
                hint = "EPMD and the distribution are for the cluster's members only; choose other cluster.ports"
                whom = "everyone" if word == "public" else "others"
                yield f"firewall.{word} {text} would open a port of the cluster to {whom}", hint


def _tls_problems(declared: Declaration) -> Iterator[Problem]:
    pki, release = declared.cluster.pki, declared.release
    if pki is None:
        return
    missing = [name for name in NEEDED if release and release.archive.seen and name not in release.archive.applications]
    if missing:
        hint = "add ssl to mix.exs and build again: extra_applications: [:logger, :ssl]"
        yield f"cluster.tls: true needs applications that the release has not: {', '.join(missing)}", hint
    if isinstance(pki, Kept) and any(node.foreign for node in declared.nodes):
        hint = "give cluster.pki ca, certificate and key: those that the foreign node believes"
        yield "a node with a unit of its own does not know our authority", hint


def check_members(declarations: Sequence[Declaration]) -> None:
    """Refuse hosts of one play that cannot form the clusters they declare.

    Raises:
        ConfigError: with both hosts in the message; the place is the second one's.
    """
    names = {one.host for one in declarations}
    for one in declarations:
        if one.rollout.canary is not None and one.rollout.canary not in names:
            problem = f"rollout.canary {one.rollout.canary!r} is no host that declares nodes"
            raise ConfigError(problem, where=one.where, hint=nearest(one.rollout.canary, names))
    for one, other in combinations(declarations, 2):
        rules = _SAME_CLUSTER if one.cluster.name == other.cluster.name else _SAME_HOST
        for rule in rules:
            if found := rule(one, other):
                problem, hint = found
                raise ConfigError(f"{one.host} and {other.host}: {problem}", where=other.where, hint=hint)


def _same_names(one: Declaration, other: Declaration) -> Problem | None:
    twice = {str(node.node) for node in one.nodes} & {str(node.node) for node in other.nodes}
    return (f"both have the node {min(twice)}", "a node's name is its own in the whole cluster") if twice else None


def _same_settings(one: Declaration, other: Declaration) -> Problem | None:
    for word in ("names", "epmd", "epmd_port", "mesh", "members_env", "tls"):
        mine, theirs = getattr(one.cluster, word), getattr(other.cluster, word)
        if mine != theirs:
            return f"cluster.{word} is {mine} on one and {theirs} on the other", "it must be the same in a cluster"
    return None


def _same_authority(one: Declaration, other: Declaration) -> Problem | None:
    mine, theirs = one.cluster.pki, other.cluster.pki
    if type(mine) is type(theirs) and (not isinstance(mine, Kept) or mine.same_as(theirs)):
        return None
    return "they have different authorities in cluster.pki", "nodes believe one; write it where all hosts see it"


def _same_family(one: Declaration, other: Declaration) -> Problem | None:
    """A node speaks one family alone (``-proto_dist inet_tcp`` or ``inet6_tcp``)."""
    mine, theirs = _family(one.cluster.bind), _family(other.cluster.bind)
    if mine == theirs:
        return None
    return f"cluster.bind is {mine} on one and {theirs} on the other", "a cluster speaks one of them"


def _same_cookie(one: Declaration, other: Declaration) -> Problem | None:
    if one.cluster.cookie == other.cluster.cookie:
        return None
    return "they have different cookies", "a cluster shares one; write it where all its hosts see it"


def _same_rollout(one: Declaration, other: Declaration) -> Problem | None:
    if one.rollout == other.rollout:
        return None
    return "their words of rollout differ", "a cluster is rolled out in one way; write it where all its hosts see it"


def _same_fixed_port(one: Declaration, other: Declaration) -> Problem | None:
    ports = {node.port for declared in (one, other) for node in declared.nodes}
    if one.cluster.epmd or len(ports) == 1:
        return None
    return "without EPMD all nodes of a cluster listen on the same port", "write the same nodes[].port everywhere"


def _apart(one: Declaration, other: Declaration) -> Problem | None:
    """Two clusters on one host."""
    if one.host != other.host:
        return None
    if _overlap(one.cluster.ports, other.cluster.ports):
        return "two clusters on one host have overlapping cluster.ports", "give each a range of its own"
    twice = {node.unit for node in one.nodes} & {node.unit for node in other.nodes}
    return (f"two clusters on one host both have {min(twice)}", "rename one of the nodes") if twice else None


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


Rule = Callable[[Declaration, Declaration], Problem | None]
_SAME_CLUSTER: tuple[Rule, ...] = (
    _same_names,
    _same_settings,
    _same_authority,
    _same_family,
    _same_cookie,
    same_net,
    _same_fixed_port,
    near_otp,
    same_epmdless,
    _same_rollout,
)
_SAME_HOST: tuple[Rule, ...] = (_apart,)
