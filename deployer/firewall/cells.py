"""Who may reach which port of whom, as declared: one cell for each pair of hosts and each port. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from deployer.firewall.nft import RulesPart
from deployer.firewall.openings import span

_ALL = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True, slots=True)
class Walled:
    """A host with the firewall that is declared for it.

    Attributes:
        address: where its nodes listen, and from where it reaches others.
        ssh: the port that this run comes in by.
        ports: what its nodes are declared to listen on; of a range without nodes the first port is tried.
    """

    name: str
    address: str
    ssh: int
    part: RulesPart
    ports: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """One port of one host, from another one; ``protocol``: tcp or udp."""

    source: str
    host: str
    address: str
    port: int
    what: str
    open: bool
    protocol: str = "tcp"


def cells(hosts: Sequence[Walled]) -> Iterator[Cell]:
    """Yield all cells but those of a host to itself, which no firewall of ours has a say in."""
    for target in hosts:
        doors = list(_doors(target))
        for source in hosts:
            if source.name == target.name:
                continue
            for port, protocol, what, networks in doors:
                let_in = _within(source.address, networks)
                yield Cell(source.name, target.name, target.address, port, what, let_in, protocol)


def _doors(host: Walled) -> Iterator[tuple[int, str, str, tuple[str, ...]]]:
    """Yield each port once, with its protocol, what it is for and the networks that may reach it."""
    part, found = host.part, dict[tuple[int, str], tuple[str, tuple[str, ...]]]()

    def door(port: int, what: str, networks: Sequence[str], protocol: str = "tcp") -> None:
        named, before = found.get((port, protocol), (what, ()))
        found[port, protocol] = named, (*before, *networks)

    door(host.ssh, "SSH", part.admin)
    if part.epmd_port is not None:
        door(part.epmd_port, "EPMD", part.members)
    first, last = span(part.ports)
    for port in [port for port in host.ports if first <= port <= last] or [first]:
        door(port, "distribution", part.members)
    listed: Mapping[str, tuple[str, ...]] = {**dict.fromkeys(part.public, _ALL), **dict(part.allow)}
    for word, networks in listed.items():
        door(span(word)[0], "public" if networks is _ALL else "allow", networks, word.rpartition("/")[2])
    yield from ((port, protocol, what, networks) for (port, protocol), (what, networks) in found.items())


def _within(address: str, networks: Sequence[str]) -> bool:
    own = ipaddress.ip_address(address)
    nets = (ipaddress.ip_network(network) for network in networks if network != "public")
    return "public" in networks or any(own in network for network in nets if network.version == own.version)
