"""Which programs listen on a port, from /proc/net: the host needs only coreutils, grep, sed and find."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass

from deployer.errors import ProbeError
from deployer.sh import Sh

_LISTENING = re.compile(r"(tcp|udp) ([0-9A-F]+):([0-9A-F]{4}) (\d+)", re.ASCII)

HOLDER = Sh(
    r"""holder() {
  find /proc/[0-9]*/fd -lname "socket:\[$1\]" -printf '%h\n' 2>/dev/null | while IFS=/ read -r _ _ who _; do
    printf '%s %s %s\n' "$who" "$(cat "/proc/$who/comm")" "$(tail -n 1 "/proc/$who/cgroup")"
  done
}"""
)
"""``holder INODE`` prints who holds a socket: pid, program and control group."""


def hex_port(port: int) -> str:
    """Return a port as /proc/net/tcp writes it."""
    return f"{port:04X}"


def hex_address(word: str) -> str:
    """Return an address of /proc/net/tcp (32-bit words in little-endian order) in its usual form.

    Raises:
        ProbeError: it is none.
    """
    try:
        raw = bytes.fromhex(word)
        packed = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
        return str(ipaddress.ip_address(packed))
    except ValueError:
        raise ProbeError(f"{word[:40]!r} is not an address of /proc/net/tcp") from None


@dataclass(frozen=True, slots=True)
class Listener:
    """A port of a host that answers.

    Attributes:
        protocol: ``tcp`` or ``udp``.
        place: the address it is bound to; ``0.0.0.0`` and ``::`` are all of them.
        program: what holds it; empty when nobody is seen to, as with the kernel's own.
        unit: the systemd unit that it belongs to; may be empty.
    """

    protocol: str
    place: str
    port: int
    program: str = ""
    unit: str = ""

    def __str__(self) -> str:
        who = ", ".join(word for word in (self.program or "the kernel, or nobody that is seen", self.unit) if word)
        return f"{self.port}/{self.protocol} ({who})"


def outside(sockets: str, holders: str = "", activated: str = "") -> Iterator[Listener]:
    """Yield the listeners on addresses other than loopback.

    Args:
        sockets: what ``sockets_listed`` of the prelude listed.
        holders: what ``holders`` of holders.sh printed.
        activated: what ``systemctl list-sockets`` said, for sockets that systemd holds for others.

    Raises:
        ProbeError: the lists are damaged.
    """
    who: dict[str, tuple[str, str]] = {}
    for line in holders.splitlines():
        inode, pid, group, program = [*line.split(" ", 3), "", "", ""][:4]
        if pid != "1" or inode not in who:
            who[inode] = (program, group.rpartition("/")[2])
    units = {
        at.rpartition(":")[2]: unit for at, unit, *_ in (line.split() for line in activated.splitlines() if ":" in line)
    }
    for protocol, place, port, inode in parse_sockets(sockets):
        if port and not _is_loopback(place):
            program, unit = who.get(inode, ("", ""))
            yield Listener(protocol, place, port, program, units.get(str(port), unit) if unit == "init.scope" else unit)


def parse_sockets(sockets: str) -> Iterator[tuple[str, str, int, str]]:
    """Yield protocol, address, port and inode of what ``sockets_listed`` of the prelude listed.

    Raises:
        ProbeError: the list is damaged.
    """
    for line in sockets.splitlines():
        match = _LISTENING.fullmatch(line)
        if not match:
            raise ProbeError("the host's list of listening sockets is damaged")
        yield match[1], hex_address(match[2]), int(match[3], 16), match[4]


def _is_loopback(place: str) -> bool:
    found = ipaddress.ip_address(place)
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback
