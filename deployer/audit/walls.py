"""Whether the host's own tables would let a stranger in: what the kernel holds is followed, not a file."""

from __future__ import annotations

import ipaddress

from deployer.audit.facts import Facts
from deployer.audit.process import CannotTell
from deployer.firewall.foreign import Packet, Table, tables
from deployer.firewall.let_in import SOMEBODY


def kernel_tables(facts: Facts) -> tuple[Table, ...]:
    """Return the tables of nft, which hold those of iptables too.

    Raises:
        CannotTell: they cannot be read.
    """
    group = facts.group("walls")
    if "rules" not in group:
        tool = group.get("tool", "")
        raise CannotTell(
            "the host has no nft to list its tables with" if tool else "the kernel's tables cannot be read by this user"
        )
    return tables(facts.read("walls", "rules", "the kernel's tables", 262144))


def lets_in(facts: Facts, port: int, place: str, protocol: str = "tcp") -> bool:
    """Return whether a first packet from the internet would come through to a port of an address.

    Raises:
        CannotTell: the tables cannot be read, or a rule in them is not understood and decides.
    """
    found = ipaddress.ip_address(place)
    target = None if found.is_unspecified else found
    version = 4 if found.is_unspecified else found.version
    packet = Packet(SOMEBODY[version], protocol, port, target)
    said = [table.verdict(base, packet) for table in kernel_tables(facts) for base in table.bases]
    if False in said:
        return False
    if None in said:
        raise CannotTell(f"whether strangers can reach port {port} depends on rules that deployer does not understand")
    return True
