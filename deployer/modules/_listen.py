"""Who listens on a TCP port, from /proc/net: no tool beyond grep and find is needed on the host."""

from __future__ import annotations

import ipaddress

from deployer.errors import ProbeError
from deployer.sh import Sh

LISTENERS = Sh(
    r"""listeners() {
  grep -hsE "^ *[0-9]+: [0-9A-F]+:$1 [0-9A-F]+:0000 0A " /proc/net/tcp /proc/net/tcp6 |
    while read -r _ at _ _ _ _ _ _ _ inode _; do printf '%s %s\n' "${at%:*}" "$inode"; done
}
holder() {
  find /proc/[0-9]*/fd -lname "socket:\[$1\]" -printf '%h\n' 2>/dev/null | while IFS=/ read -r _ _ who _; do
    printf '%s %s %s\n' "$who" "$(cat "/proc/$who/comm")" "$(tail -n 1 "/proc/$who/cgroup")"
  done
}"""
)
"""``listeners HEXPORT`` prints address and inode of each listening socket; ``holder INODE`` who holds it:
pid, program and control group."""


def hex_port(port: int) -> str:
    """Return a port as /proc/net/tcp writes it."""
    return f"{port:04X}"


def address(word: str) -> str:
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
