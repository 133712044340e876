"""What must hold between the words of one host, and between the hosts of one cluster."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from functools import cache
from itertools import combinations

from deployer.beam.overrides import port_limit
from deployer.firewall.openings import contradictions, overlap
from deployer.fleet.compatible import epmdless_problems, net_problems
from deployer.fleet.declaration import Declaration
from deployer.fleet.pki import TLS_APPLICATIONS, ManagedCA
from deployer.fleet.places import Problem

SSH_PORT = 22
_FILES = "the release's own sys.config and vm.args are read, into a directory of the node's; leave it out"
_RELX = {
    "RELX_COOKIE": "write cluster.cookie",
    "ERL_DIST_PORT": "write cluster.ports, or nodes[].port",
    "RELX_CONFIG_PATH": _FILES,
    "VMARGS_PATH": _FILES,
    "RELX_OUT_FILE_PATH": _FILES,
}
"""What relx's start script reads of its environment (relx, priv/templates/extended_bin)."""


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
    yield from _relx_problems(declared)


def _relx_problems(declared: Declaration) -> Iterator[Problem]:
    """What only relx's own script reads has no effect, since that does not run."""
    if not declared.release or declared.release.archive.maker != "rebar3":
        return
    words = {f"nodes[{i}].env": node.env.keys() - declared.env.keys() for i, node in enumerate(declared.nodes)}
    for path, env in {"env": declared.env.keys(), **words}.items():
        for name in (name for name in _RELX if name in env):
            yield Problem(f"{path}.{name}", f"{path}.{name} has no effect", f"it is relx's: {_RELX[name]}")


def _health_problems(declared: Declaration) -> Iterator[Problem]:
    health = declared.health
    if health is None:
        return
    if sum(word is not None for word in (health.http, health.tcp, health.expr)) != 1:
        yield Problem("health", "health needs exactly one of http, tcp and expr", "keep the one that tells most")
    said = {"verify": not health.verify, "ca": health.ca is not None, "server_name": health.server_name is not None}
    for word in (word for word in said if said[word]):
        if not (health.http or "").startswith("https:"):
            yield Problem(
                f"health.{word}",
                f"health.{word} has no effect: health.http is no https address",
                "write https://…, or leave it out",
            )
        elif not health.verify and word == "ca":
            yield Problem("health.ca", "health.ca has no effect with health.verify: false", "leave one of them out")


def _port_problems(declared: Declaration) -> Iterator[Problem]:
    cluster, (first, last) = declared.cluster, declared.cluster.ports
    shown = f"cluster.ports {first}-{last}"
    for taken, by in ((SSH_PORT, "SSH"), (cluster.epmd_port, "EPMD")):
        if first <= taken <= last:
            yield Problem(
                "cluster.ports",
                f"{shown} holds {taken}, the port of {by}",
                "choose a range that nothing else uses, such as 9100-9109",
            )
    if cluster.epmd_port == SSH_PORT:
        yield Problem(
            "cluster.epmd_port",
            f"cluster.epmd_port {SSH_PORT} is the port of SSH",
            "leave it out: EPMD's own port is 4369",
        )
    if last - first + 1 < len(declared.nodes):
        yield Problem(
            "cluster.ports",
            f"{shown} has fewer ports than this host has nodes ({len(declared.nodes)})",
            "widen the range",
        )
    for index, node in enumerate(declared.nodes):
        if node.port and not first <= node.port <= last:
            yield Problem(
                f"nodes[{index}].port",
                f"nodes[{index}].port {node.port} lies outside of {shown}",
                "each node listens inside the range",
            )
        if not cluster.epmd and not node.port:
            yield Problem(
                f"nodes[{index}].port",
                f"nodes[{index}].port is missing",
                "without EPMD every node listens on one fixed port",
            )


def _node_problems(declared: Declaration) -> Iterator[Problem]:
    for (i, one), (j, other) in combinations(enumerate(declared.nodes), 2):
        if one.name == other.name:
            yield Problem(
                f"nodes[{i}]",
                f"nodes[{i}] and nodes[{j}] are both called {one.name}",
                "EPMD knows a name once on a host",
            )
        if one.unit == other.unit:
            yield Problem(
                f"nodes[{i}]",
                f"nodes[{i}] and nodes[{j}] have the same unit {one.unit}",
                "each node is a unit of its own",
            )
        if one.port and one.port == other.port:
            yield Problem(
                f"nodes[{i}]", f"nodes[{i}] and nodes[{j}] both listen on port {one.port}", "give each its own port"
            )
        if not declared.cluster.epmd:
            yield Problem(
                "cluster.epmd",
                "two nodes on one address need EPMD",
                "leave out cluster.epmd: false, or keep one node a host",
            )


def _address_problems(declared: Declaration) -> Iterator[Problem]:
    """Nodes talk to each other in the family of ``cluster.bind``, and to the address in their names."""
    own = family(declared.cluster.bind)
    for index, node in enumerate(declared.nodes):
        if family(node.node.host) not in (None, own):
            problem = f"nodes[{index}] is called {node.node}, and cluster.bind {declared.cluster.bind} is {own}"
            yield Problem(
                f"nodes[{index}]",
                problem,
                f"write an {own} address or a host name as nodes[].host, or another cluster.bind",
            )


@cache
def family(host: str) -> str | None:
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
        asked, where, most = port_limit("\n".join(node.vm_args)), f"nodes[{index}].vm_args", node.open_files
        if own is not None and asked is not None:
            hint = "leave one of them out; without any it follows from LimitNOFILE under unit"
            yield Problem(
                where, f"{where}: +Q {asked} has no effect, because the release's own vm.args says +Q {own}", hint
            )
        asked, where = (own, "the release's own vm.args") if own is not None else (asked, where)
        if most is not None and asked is not None and asked > most:
            hint = "raise LimitNOFILE under unit; +Q follows from it when it is left out"
            yield Problem(
                f"nodes[{index}].vm_args", f"{where}: +Q {asked} is above LimitNOFILE {most} of {node.unit}", hint
            )


def _firewall_problems(declared: Declaration) -> Iterator[Problem]:
    firewall, cluster = declared.firewall, declared.cluster
    if firewall is None:
        return
    allowed = [allow.port for allow in firewall.allow]
    words = {"admin": firewall.admin, "public": firewall.public, "allow": allowed, "closed": firewall.closed}
    for word, problem, hint in contradictions(words, [SSH_PORT], anywhere=firewall.ssh_from_anywhere):
        yield Problem(f"firewall.{word}", problem, hint)
    distribution, epmd = "{}-{}/tcp".format(*cluster.ports), f"{cluster.epmd_port}/tcp"
    # EPMD may be shared with a cluster of others, whose hosts have to be named then; the distribution never is.
    for word, inner in (("public", (distribution, epmd)), ("allow", (distribution,))):
        for text in words[word]:
            if any(overlap(text, taken) for taken in inner):
                hint = "EPMD and the distribution are for the cluster's members only; choose other cluster.ports"
                whom = "everyone" if word == "public" else "others"
                yield Problem(
                    f"firewall.{word}", f"firewall.{word} {text} would open a port of the cluster to {whom}", hint
                )


def _tls_problems(declared: Declaration) -> Iterator[Problem]:
    pki, release = declared.cluster.pki, declared.release
    if pki is None:
        return
    missing = [
        name
        for name in TLS_APPLICATIONS
        if release and release.archive.seen and name not in release.archive.applications
    ]
    if missing:
        hint = (
            "add ssl and build again: extra_applications: [:logger, :ssl] in mix.exs, or to the release in rebar.config"
        )
        yield Problem(
            "cluster.tls", f"cluster.tls: true needs applications that the release has not: {', '.join(missing)}", hint
        )
    if isinstance(pki, ManagedCA) and any(node.foreign for node in declared.nodes):
        hint = "give cluster.pki ca, certificate and key: those that the foreign node trusts"
        yield Problem(
            "cluster.pki", "a node with a unit of its own does not trust deployer's certificate authority", hint
        )
