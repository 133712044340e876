"""Rules about what the kernel's tables accept, and which programs listen."""

from __future__ import annotations

import ipaddress
import re

from deployer.audit.facts import Facts
from deployer.audit.process import CannotTell, NotApplicable
from deployer.audit.rule import Complaints, Rule
from deployer.audit.rules_distribution import epmd_sockets, is_inner
from deployer.audit.walls import kernel_tables, lets_in
from deployer.firewall.foreign import Packet
from deployer.sh.sockets import outside

_NFT = "nft(8)"
_PROBE = 47_808
"""A port on which nothing of a fleet listens: a table treats it as it treats any port that is not declared."""


def _drop(facts: Facts) -> Complaints:
    for family, place in (("IPv4", "0.0.0.0"), ("IPv6", "::")):  # noqa: S104 - a question, not a socket
        if lets_in(facts, _PROBE, place):
            yield f"the firewall lets anybody reach any port over {family}"


def _strangers(facts: Facts) -> Complaints:
    """Whether the firewall lets the internet reach EPMD or a distribution port."""
    try:
        epmds = facts.epmds
    except NotApplicable:
        epmds = ()
    open_to = [(one, "EPMD", place) for one in epmds for place in epmd_sockets(one)]
    open_to += [(beam, "distribution", place) for beam in facts.beams for place in facts.dist_ports(beam)]
    outer = [(one, what, place) for one, what, place in open_to if not is_inner(place[0])]
    if not outer:
        raise NotApplicable("EPMD and distribution can be reached only from this host")
    for one, what, (place, port) in outer:
        if lets_in(facts, port, place):
            yield f"{one.name}: the firewall lets anybody reach port {port} ({what})"


def _survives(facts: Facts) -> Complaints:
    if not any(table.bases for table in kernel_tables(facts)):
        raise NotApplicable("the kernel has no tables that could be lost")
    loaders = {*_MANAGERS, _OURS}
    if not any(unit.get("UnitFileState") == "enabled" for name, unit in facts.units().items() if name in loaders):
        yield f"none of {', '.join(_MANAGERS)} is enabled: the tables are lost at the next reboot"


_OURS = "deployer-firewall.service"
_MANAGERS = ("nftables.service", "ufw.service", "firewalld.service", "netfilter-persistent.service")


def _one(facts: Facts) -> Complaints:
    enabled = [
        name for name, unit in facts.units().items() if name in _MANAGERS and unit.get("ActiveState") == "active"
    ]
    if len(enabled) > 1:
        yield f"{' and '.join(enabled)} all load tables: the last one to start wins"


def _declared(facts: Facts) -> Complaints:
    group = facts.group("walls")
    own = facts.declared
    if own is None or own.firewall is None:
        raise NotApplicable("no firewall is declared here, so it is not known which ports should be open")
    if "holders" not in group or "sockets" not in group:
        raise CannotTell("this user cannot read which programs listen")
    meant = {str(port).partition("/")[0] for port in own.firewall.public}
    told = re.findall(r"^port (\d+)$", facts.group("login").get("sshd", ""), re.MULTILINE)
    for one in outside(group["sockets"], group["holders"]):
        if (
            str(one.port) not in meant
            and one.program != "sshd"
            and not (one.program == "systemd" and str(one.port) in ("22", *told))
            and lets_in(facts, one.port, one.place, one.protocol)
        ):
            yield f"anybody can reach {one}, which is not declared"


def _keeps_in(facts: Facts) -> Complaints:
    """Whether the tables accept SSH from the networks of admin, loopback, and established connections."""
    walls, held = kernel_tables(facts), facts.group("walls")
    own = facts.declared
    if own is None or own.firewall is None:
        raise NotApplicable("no firewall is declared here, so the networks of its administrators are not known")
    if "holders" not in held or "sockets" not in held:
        raise CannotTell("this user cannot read which programs listen")
    ports = {one.port for one in outside(held["sockets"], held["holders"]) if one.program in ("sshd", "systemd")} or {
        22
    }
    unsure = []
    for network in own.firewall.admin:
        source = ipaddress.ip_network(network, strict=False)[0]
        for port in sorted(ports):
            packet = Packet(source, "tcp", port)
            said = [(table.called(base), table.verdict(base, packet)) for table in walls for base in table.bases]
            yield from (f"{name} drops SSH (port {port}) from {network}" for name, lets in said if lets is False)
            unsure += [f"{name} (port {port} from {network})" for name, lets in said if lets is None]
    for table in walls:
        for base, policy in table.bases.items():
            rules = [rule for chain in table.chains.values() for rule in chain]
            if policy == "drop" and not any("established" in rule for rule in rules):
                yield f"{table.called(base)} drops answers: no rule accepts established connections"
            if policy == "drop" and not any(re.search(r'\biif(name)? "?lo"?\b', rule) for rule in rules):
                yield f"{table.called(base)} drops what comes over loopback"
    if unsure:
        raise CannotTell(f"{'; '.join(unsure)} depends on rules that deployer does not understand")


FIREWALL_RULES = (
    Rule(
        id="FW-01", severity="high", title="the firewall drops what is not declared", judge=_drop, groups=("walls",),
        reads="what the kernel's tables (nft list ruleset) do with a new connection from the internet",
        fix="firewall: {admin: [10.0.0.0/8], public: [4000/tcp]}", sources=(_NFT,),
        others={"CIS": "4.2.7, 4.3.8", "Lynis": "FIRE-4508", "dev-sec": "os-firewall"},
    ),
    Rule(
        id="FW-02", severity="high", title="strangers cannot reach EPMD or the distribution", judge=_strangers,
        reads="the same, for the ports on which EPMD and the nodes listen", groups=("nodes", "walls"),
        fix="firewall: {admin: [10.0.0.0/8], public: [4000/tcp]}",
        sources=("Erlang Ecosystem Foundation, Security WG: distribution", "Shadowserver: accessible EPMD"),
        others={"CIS": "4.2.6"},
    ),
    Rule(
        id="FW-03", severity="high", title="the firewall lets administrators and the host itself in", judge=_keeps_in,
        groups=("walls",), reads="the same, for a connection to SSH from each network of firewall.admin",
        fix="firewall: {admin: [10.0.0.0/8], public: [4000/tcp]}", sources=(_NFT,), others={"CIS": "4.3.6, 4.3.7"},
    ),
    Rule(
        id="FW-04", severity="high", title="the firewall's tables are loaded again after a reboot", judge=_survives,
        groups=("nodes", "walls"),
        reads="which of nftables, ufw, firewalld and netfilter-persistent is enabled", sources=(_NFT,),
        command="systemctl enable nftables", others={"CIS": "4.3.9, 4.3.10"},
    ),
    Rule(
        id="FW-05", severity="medium", title="only one program loads firewall tables", judge=_one, groups=("nodes",),
        reads="which of nftables, ufw, firewalld and netfilter-persistent is active",
        command="systemctl disable --now ufw", sources=(_NFT,), others={"CIS": "4.1.1"},
    ),
    Rule(
        id="FW-06", severity="high", title="every port that strangers reach is declared", judge=_declared,
        reads="every listening socket in /proc/net, its program, and whether the tables let strangers in",
        groups=("walls", "login"), fix="firewall: {admin: [10.0.0.0/8], public: [4000/tcp]}",
        sources=("proc(5), /proc/net/tcp",),
        others={"CIS": "2.1.22, 4.2.6", "Lynis": "NETW-3012"},
    ),
)  # fmt: skip
"""All of them."""
