"""Rules about what lies between hosts: how they call each other, who belongs to the cluster, what the public sees."""

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
    """Return what a host is asked beyond what every host is: about its cluster's names, and its public ports."""
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
        yield "the cluster mixes long and short names: nodes with the one cannot talk to those with the other"
    unknown = []
    for member in facts.members:
        wanted = {member.address} if _is_address(member.address) else resolved.get(member.address, frozenset())
        for host in _hosts(member):
            if _is_address(host) or host == member.address:
                continue
            if host not in resolved or not wanted:
                unknown.append(host)
            elif not resolved[host]:
                yield f"{host} resolves to nothing here; declared is {member.address}"
            elif not (wanted & resolved[host]) and not (
                member is facts.declared and all(is_inner(one) for one in resolved[host])
            ):
                yield f"{host} resolves to {', '.join(sorted(resolved[host]))} here; declared is {member.address}"
    if unknown:
        raise CannotTell(f"how {', '.join(sorted(set(unknown)))} resolve here could not be read")


def _outsiders(facts: Facts) -> Complaints:
    beams = facts.beams
    if facts.declared is None:
        raise NotApplicable("no cluster is declared here: nothing says who belongs to one")
    members = {str(node.node) for member in facts.members for node in member.nodes}

    def judge(beam: Process) -> Complaints:
        off = beam.flag("-proto_dist") == "none"
        if beam.name in members or beam.name in {name.partition("@")[0] for name in members} or off or not beam.alive:
            return
        for place, port in facts.dist_ports(beam):
            if not is_inner(place):
                yield f"it belongs to no declared cluster, and its distribution is reached at {place}, port {port}"

    return each(beams, judge)


def _public_end(facts: Facts) -> Complaints:
    group, now = facts.group("beyond"), int(facts.machine("now", "the host's clock"))
    ports = [place.rpartition(":")[2] for place in _places(facts.declared)]
    if not ports:
        raise NotApplicable("no public port is declared here (firewall.public)")
    seen = False
    for port in ports:
        if f"tls_{port}" not in group:
            raise CannotTell("the host has no openssl to ask its public ports with")
        for certificate in read_certificates(group[f"tls_{port}"]):
            seen = True
            left = timedelta(seconds=certificate.not_valid_after_utc.timestamp() - now)
            if left < timedelta(days=_DAYS):
                yield f"the certificate that port {port} shows ends on {certificate.not_valid_after_utc:%Y-%m-%d}"
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
        id="ED-15", severity="medium", title="nodes of no cluster cannot be reached from outside", judge=_outsiders,
        reads="the names of the BEAMs that run, against those that are declared, and where they listen",
        groups=("nodes",), profile="strict", command="RELEASE_DISTRIBUTION=none, or -proto_dist none in vm.args",
        sources=(_EEF,),
    ),
    Rule(
        id="OP-06", severity="high", title=f"no certificate that the public sees ends within {_DAYS} days",
        judge=_public_end, reads="what each port of firewall.public shows in a TLS handshake, made on the host itself",
        groups=("beyond", "machine"), profile="strict", command="renew it, as certbot renew does",
        sources=("RFC 8555, renewal",), others={"Lynis": "CRYP-7902"},
    ),
)  # fmt: skip
"""All of them."""
