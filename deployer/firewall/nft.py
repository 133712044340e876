"""The text of the firewall: what every host lets in, what one cluster adds, and the unit that loads both."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

PLACE = "/etc/nftables.d"
RULES_RECORD = "/run/deployer-firewall"
UNIT = "deployer-firewall.service"

BASE = """\
# Written by deployer. What every host lets in; each cluster adds its part from deployer.d.
table inet deployer
delete table inet deployer
table inet deployer {
	chain input {
		type filter hook input priority filter; policy drop;
		ct state established,related accept
		iifname "lo" accept
		icmp type { destination-unreachable, echo-request, time-exceeded, parameter-problem } accept
		icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem, echo-request } accept
		icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, mld-listener-query } accept
		udp sport 67 udp dport 68 accept
		ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept
	}
}
include "/etc/nftables.d/deployer.ssh"
include "/etc/nftables.d/deployer.d/*.nft\""""

DIGESTS = """\
cat /etc/nftables.d/deployer.nft /etc/nftables.d/deployer.ssh /etc/nftables.d/deployer.d/*.nft | sha256sum; \
nft -s list table inet deployer | sha256sum"""
"""What was loaded: the files, and the table as nft lists it. Recorded when it is loaded, compared by the probe."""

UNIT_TEXT = f"""\
# Written by deployer. The table is its own: other tables stay as they are, and an nftables.service that flushes all of
# them is followed by this unit.
[Unit]
Description=Firewall of the fleet
Documentation=man:nft(8)
DefaultDependencies=no
Conflicts=shutdown.target
Wants=network-pre.target
Before=network-pre.target shutdown.target
After=local-fs.target nftables.service
PartOf=nftables.service
ReloadPropagatedFrom=nftables.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=nft -f {PLACE}/deployer.nft
ExecStartPost=/bin/sh -c '{{ {DIGESTS}; }} >{RULES_RECORD}'
ExecReload=nft -f {PLACE}/deployer.nft
ExecReload=/bin/sh -c '{{ {DIGESTS}; }} >{RULES_RECORD}'

[Install]
WantedBy=sysinit.target"""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class RulesPart:
    """What one cluster adds to a host's firewall.

    Attributes:
        admin: the networks that may reach SSH, wherever the host serves it.
        allow: ports such as ``9100/tcp`` and the networks that may reach each.
        members: addresses of the cluster's hosts, which reach ``ports`` and, where there is one, EPMD.
        public: ports open to everyone, ``4000/tcp``.
        passing: ports that members reach, too, as long as a takeover lasts; empty when none does.
    """

    cluster: str
    admin: tuple[str, ...]
    members: tuple[str, ...]
    ports: str
    epmd_port: int | None
    public: tuple[str, ...]
    allow: tuple[tuple[str, tuple[str, ...]], ...] = ()
    passing: str = ""

    @property
    def inner(self) -> tuple[str, ...]:
        """The ports that members alone reach, with their protocol."""
        return (f"{self.ports}/tcp", *(() if self.epmd_port is None else (f"{self.epmd_port}/tcp",)))

    def text(self, also: str = "") -> str:
        """Return the file. Its first lines tell other clusters' runs what this one needs.

        Args:
            also: an earlier text of the same part, whose rules and needs hold beside the new ones.
        """
        inner = _ports(port.partition("/")[0] for port in self.inner)
        rules = [
            *rules_of(also),
            *(f"{saddr} tcp dport @ssh accept" for saddr in _sources(self.admin)),
            *(f"{saddr} tcp dport {inner} accept" for saddr in _sources(self.members)),
            *(f"{saddr} tcp dport {{ {self.passing} }} accept" for saddr in _sources(self.members) if self.passing),
            *(
                f"{saddr} {protocol} dport {_ports(ports)} accept"
                for allowed, networks in self.allow
                for protocol, ports in _by_protocol([allowed])
                for saddr in _sources(networks)
            ),
            *(f"{protocol} dport {_ports(ports)} accept" for protocol, ports in _by_protocol(self.public)),
        ]
        head = [f"# admin {network}" for network in self.admin]
        return "\n".join(
            [
                f"# Written by deployer for the cluster {self.cluster}.",
                *dict.fromkeys([*needs_of(also), *head, f"# ports {self.ports} {self.cluster}"]),
                "table inet deployer {",
                f"\tchain cluster_{self.cluster} {{",
                *(f"\t\t{rule}" for rule in rules),
                "\t}",
                "\tchain input {",
                f"\t\tjump cluster_{self.cluster}",
                "\t}",
                "}",
            ]
        )


def rules_of(text: str) -> list[str]:
    """Return the rules of a part."""
    chain = text.partition(" {\n\t\t")[2].partition("\n\t}")[0]
    return [rule.strip() for rule in chain.splitlines()]


def needs_of(text: str) -> list[str]:
    """Return the lines of a part that tell others what it needs."""
    return [line for line in text.splitlines() if line.startswith(("# admin ", "# ssh ", "# ports "))]


def takes_away(old: Sequence[str], new: Sequence[str]) -> bool:
    """Return whether some of what old rules let in is let in by none of the new ones; in doubt it is."""
    given: dict[str, list[Network]] = {}
    for rule in new:
        networks, rest = _parted(rule)
        given.setdefault(rest, []).extend(networks)
    return any(
        rest not in given or not all(any(_within(one, other) for other in given[rest]) for one in networks)
        for networks, rest in map(_parted, old)
    )


@lru_cache(maxsize=16)
def _parted(rule: str) -> tuple[tuple[Network, ...], str]:
    """Return the networks that a rule is about, none when it is about all, and what it lets in of them."""
    head, brace, rest = rule.partition(" saddr { ")
    if not brace:
        return (), rule
    inside, _, rest = rest.partition(" } ")
    return tuple(ipaddress.ip_network(text) for text in inside.split(", ")), f"{head} {rest}"


def _within(one: Network, other: Network) -> bool:
    return one.version == other.version and one.subnet_of(other)  # type: ignore[arg-type]


@lru_cache(maxsize=256)
def _sources(given: tuple[str, ...]) -> tuple[str, ...]:
    """Return one match for each address family; nft refuses overlapping intervals, so they are merged.

    All hosts of a cluster ask for the same members.
    """
    networks = [ipaddress.ip_network(text) for text in given]
    four = ipaddress.collapse_addresses(network for network in networks if network.version == 4)
    six = ipaddress.collapse_addresses(network for network in networks if network.version == 6)
    both = (("ip", list(map(_short, four))), ("ip6", list(map(_short, six))))
    return tuple(f"{family} saddr {{ {', '.join(merged)} }}" for family, merged in both if merged)


def _short(network: Network) -> str:
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)


def _by_protocol(given: Sequence[str]) -> Iterable[tuple[str, list[str]]]:
    for protocol in ("tcp", "udp"):
        ports = [text.partition("/")[0] for text in given if text.endswith(protocol)]
        if ports:
            yield protocol, ports


def _ports(given: Iterable[str]) -> str:
    """Return a set of ports; overlapping and adjacent ranges become one."""
    merged: list[list[int]] = []
    for first, last in sorted((int(text.partition("-")[0]), int(text.rpartition("-")[2])) for text in given):
        if merged and first <= merged[-1][1] + 1:
            merged[-1][1] = max(merged[-1][1], last)
        else:
            merged.append([first, last])
    return "{ " + ", ".join(f"{first}-{last}" if last > first else str(first) for first, last in merged) + " }"
