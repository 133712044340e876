"""What a fleet declares to be open, held against the tables of others on the host."""

from __future__ import annotations

import ipaddress
from bisect import bisect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from deployer.errors import ConfigError
from deployer.firewall.foreign import Address, Packet, Table, Truth, tables
from deployer.firewall.openings import span

SOMEBODY: Mapping[int, Address] = {4: ipaddress.ip_address("9.9.9.9"), 6: ipaddress.ip_address("2620:fe::9")}
"""Stands for everyone: an address of the internet that no list of private or bogus networks holds."""
_PORTS = "-p {protocol} --dport {first}:{last} -j ACCEPT, and in the file that they are kept in"
_RICH = "family={family} source address={who} port port={first}-{last} protocol={protocol} accept"
_REMEDY = {
    "ufw": ("ufw allow {first}:{last}/{protocol}", "ufw allow proto {protocol} from {who} to any port {first}:{last}"),
    "firewalld": (
        "firewall-cmd --permanent --add-port={first}-{last}/{protocol}; firewall-cmd --reload",
        f"firewall-cmd --permanent --add-rich-rule='rule {_RICH}'; firewall-cmd --reload",
    ),
    "iptables": (f"iptables -I INPUT {_PORTS}", f"iptables -I INPUT -s {{who}} {_PORTS}"),
}
"""Owner → how it lets everyone in, and how one."""


@dataclass(frozen=True, slots=True)
class Demand:
    """A first packet that is to be let in.

    Attributes:
        what: the port as it was declared, ``9100-9109/tcp``.
        who: whose packet it is, in words; an address where it is one's own.
        source: the address or the network for which it stands.
    """

    packet: Packet
    what: str
    who: str
    source: str


@dataclass(frozen=True, slots=True)
class Wall:
    """A chain of others, and what it does not let in."""

    table: Table
    base: str
    lost: tuple[Demand, ...]

    def __str__(self) -> str:
        froms: dict[tuple[str, ...], list[str]] = {}
        for what in dict.fromkeys(one.what for one in self.lost):
            whom = tuple(dict.fromkeys(one.who for one in self.lost if one.what == what))
            froms.setdefault(whom, []).append(what)
        said = "; ".join(f"{', '.join(whats)} from {', '.join(whom)}" for whom, whats in froms.items())
        return f"{self.table.called(self.base)}, drops {said}"

    @property
    def remedy(self) -> str:
        """What to do about the first of them, and whether there are others."""
        told = list(dict.fromkeys(map(self._remedy, self.lost)))
        return told[0] if len(told) == 1 else f"{told[0]}, and likewise for the others"

    def _remedy(self, one: Demand) -> str:
        first, last = span(one.what)
        everyone, some = _REMEDY.get(self.table.owner, ("", ""))
        own = (everyone if one.packet.source in SOMEBODY.values() else some).format(
            first=first,
            last=last,
            protocol=one.packet.protocol,
            who=one.source,
            family=f"ipv{one.packet.source.version}",
        )
        look = f"nft list table {self.table.family} {self.table.name}"
        return own.replace(f"{first}:{first}", f"{first}").replace(f"{first}-{first}", f"{first}") or f"see {look}"


def demands(who: str, sources: Iterable[str], ports: Iterable[str], target: Address | None) -> Iterator[Demand]:
    """Yield what has to be let in: from each source to the first and the last port of each ``9100-9109/tcp``.

    Args:
        who: the sources in words; empty: each by its address.
        sources: addresses or networks, of which one address stands for all; the host's own is left out.
        ports: with their protocol.
        target: an address of the host.
    """
    for text in sources:
        source = _one_of(text)
        if source == target:
            continue
        to = target if target and target.version == source.version else None
        for port in ports:
            for number in dict.fromkeys(span(port)):
                yield Demand(Packet(source, port.partition("/")[2], number, to), port, who or text, text)


@lru_cache(maxsize=4096)
def _one_of(text: str) -> Address:
    """Return the address that stands for a network, or the one that it is."""
    network = ipaddress.ip_network(text)
    return network[1] if network.num_addresses > 1 else network[0]


def everyone(ports: Sequence[str], target: Address | None, sixes: Iterable[str] = ()) -> Iterator[Demand]:
    """Yield what has to be let in from everyone; over IPv6 where one of ``sixes`` is such an address."""
    versions = [6] if any(":" in text for text in sixes) else []
    for version in [4, *versions] if not target or target.version == 4 else [6]:
        yield from demands("everyone", [str(SOMEBODY[version])], ports, target)


def walls(listed: str, wanted: Iterable[Demand]) -> tuple[Wall, ...]:
    """Return the chains of others that surely drop something that is wanted; what may or may not be is not told."""
    bases = [(table, base) for table in tables(listed) for base in table.bases]
    wanted = tuple(wanted) if bases else ()  # of a thousand members, for each of a thousand hosts
    found = ((table, base, tuple(_lost(table, base, wanted))) for table, base in bases)
    return tuple(Wall(table, base, lost) for table, base, lost in found if lost)


def _lost(table: Table, base: str, wanted: Iterable[Demand]) -> Iterator[Demand]:
    """Yield what a chain drops; of sources that no rule tells apart one is led through it."""
    edges, verdicts = table.edges(), dict[object, Truth]()
    for one in wanted:
        packet = one.packet
        side = packet.source.version, bisect(edges, int(packet.source))
        key = side, packet.protocol, packet.port, packet.target
        if key not in verdicts:
            verdicts[key] = table.verdict(base, packet)
        if verdicts[key] is False:
            yield one


def closed_demands(listed: str, wanted: Iterable[Demand]) -> Iterator[ConfigError]:
    """Yield an error for each of those chains, with what to do about it."""
    for wall in walls(listed, wanted):
        hint = f"a connection must pass every table: {wall.remedy}; or do not declare this port as open"
        yield ConfigError(f"{wall}, but this port is declared as open", hint=hint)
