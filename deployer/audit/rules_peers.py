"""Rules about what is between hosts: node names, undeclared nodes, and certificates that the public sees."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from datetime import timedelta

from deployer.audit.facts import Facts, Reach
from deployer.audit.process import CannotTell, NotApplicable, Process
from deployer.audit.rule import Complaints, Rule, each
from deployer.audit.rules_distribution import is_inner
from deployer.beam.certificates import read_certificates
from deployer.fleet import Declaration

_DIST = "OTP Reference Manual, Distributed Erlang"
_EEF = "Erlang Ecosystem Foundation, Security WG: distribution"
_DAYS = 21


def reach_of(
    own: Declaration | None, members: Iterable[Declaration], *, deep: bool, keys: bool, signed: bool = False
) -> Reach:
    """Return what is read on this host beyond what is read on every host: its cluster's names, its public ports."""
    hosts = dict.fromkeys(name for member in members for name in (*_hosts(member), member.address))
    root = own.release.root if signed and own and own.release else ""
    return Reach(deep, keys, tuple(name for name in hosts if not _is_address(name)), tuple(_places(own)), root)


def _hosts(member: Declaration) -> list[str]:
    return [str(node.node).partition("@")[2] for node in member.nodes]


def _is_address(text: str) -> bool:
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def _places(own: Declaration | None) -> Iterator[str]:
    for one in own.firewall.public if own and own.firewall else ():
        port, _, protocol = str(one).partition("/")
        if port.isdecimal() and protocol in ("", "tcp"):
            place = own.address if own and _is_address(own.address) else "127.0.0.1"
            yield f"[{place}]:{port}" if ":" in place else f"{place}:{port}"


def _resolved(facts: Facts) -> dict[str, frozenset[str]]:
    told = [words.split() for key, words in facts.group("beyond").items() if key.startswith("name_")]
    return {words[0]: frozenset(words[1:]) for words in told if words}


def _names(facts: Facts) -> Complaints:
    resolved = _resolved(facts)
    if facts.declared is None:
        raise NotApplicable("no cluster is declared here")
    kinds = {"." in host or _is_address(host) for member in facts.members for host in _hosts(member)}
    if len(kinds) > 1:
        yield "the cluster mixes long and short names: nodes with long names cannot connect to nodes with short ones"
    unknown = []
    for member in facts.members:
        wanted = {member.address} if _is_address(member.address) else resolved.get(member.address, frozenset())
        for host in _hosts(member):
            if _is_address(host) or host == member.address:
                continue
            if host not in resolved or not wanted:
                unknown.append(host)
            elif not resolved[host]:
                yield f"{host} does not resolve here; the declared address is {member.address}"
            elif not (wanted & resolved[host]) and not (
                member is facts.declared and all(is_inner(one) for one in resolved[host])
            ):
                resolves = ", ".join(sorted(resolved[host]))
                yield f"{host} resolves to {resolves} here; the declared address is {member.address}"
    if unknown:
        raise CannotTell(f"it could not be read to what {', '.join(sorted(set(unknown)))} resolve here")


def _outsiders(facts: Facts) -> Complaints:
    beams = facts.beams
    if facts.declared is None:
        raise NotApplicable("no cluster is declared here, so its members are not known")
    members = {str(node.node) for member in facts.members for node in member.nodes}

    def judge(beam: Process) -> Complaints:
        off = beam.flag("-proto_dist") == "none"
        if beam.name in members or beam.name in {name.partition("@")[0] for name in members} or off or not beam.alive:
            return
        for place, port in facts.dist_ports(beam):
            if not is_inner(place):
                yield f"it is in no declared cluster, but its distribution listens on {place}, port {port}"

    return each(beams, judge)


def _public_end(facts: Facts) -> Complaints:
    group, now = facts.group("beyond"), int(facts.machine("now", "the host's clock"))
    ports = [place.rpartition(":")[2] for place in _places(facts.declared)]
    if not ports:
        raise NotApplicable("no public port is declared here (firewall.public)")
    seen = False
    for port in ports:
        if f"tls_{port}" not in group:
            raise CannotTell("the host has no openssl, which this rule needs to connect to its public ports")
        for certificate in read_certificates(group[f"tls_{port}"]):
            seen = True
            left = timedelta(seconds=certificate.not_valid_after_utc.timestamp() - now)
            if left < timedelta(days=_DAYS):
                yield f"the certificate on port {port} expires on {certificate.not_valid_after_utc:%Y-%m-%d}"
    if not seen:
        raise NotApplicable("no public port of this host speaks TLS")


PEERS_RULES = (
    Rule(
        id="ED-11", severity="high", title="node names resolve to their nodes, and are all long or all short",
        judge=_names, reads="getent ahosts of each host in a node's name, on each member", groups=("beyond",),
        fix='nodes: [{name: shop, host: "{{ ansible_host }}"}]', command="put the right address into DNS or /etc/hosts",
        sources=(_DIST, "OTP, epmd(1)"),
    ),
    Rule(
        id="ED-15", severity="medium", title="a node in no cluster listens only on loopback", judge=_outsiders,
        reads="the names of the running BEAMs, against the declared names, and where they listen",
        groups=("nodes",), profile="strict", command="RELEASE_DISTRIBUTION=none, or -proto_dist none in vm.args",
        sources=(_EEF,),
    ),
    Rule(
        id="OP-06", severity="high", title=f"no certificate on a public port expires within {_DAYS} days",
        judge=_public_end, reads="the certificate of each port of firewall.public, by a TLS handshake on the host",
        groups=("beyond", "machine"), profile="strict", command="renew it, for example with certbot renew",
        sources=("RFC 8555, renewal",), others={"Lynis": "CRYP-7902"},
    ),
)  # fmt: skip
"""All of them."""
