"""What a host said of its firewall and its sockets, and what of it speaks against new rules."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from deployer.errors import ConfigError, ProbeError
from deployer.firewall import openings as check
from deployer.firewall.foreign import Address
from deployer.firewall.let_in import Demand, closed_demands, demands, everyone
from deployer.firewall.nft import RulesPart
from deployer.firewall.shut import EPHEMERAL, once_inner, opened, refused, shut
from deployer.sh.sockets import outside

PROBED = (
    "nft", "connection", "shown", "unit", "base", "ssh", "rules", "others", "recorded", "now", "sockets", "serving",
    "foreign",
)  # fmt: skip
"""The records that the probe always gives; ``holders`` and ``activated`` come where rules would change."""
_HEAD = re.compile(r"# (admin|ssh|ports)(?: (\S+))? (\S+)")
_SET = re.compile(r"elements = \{ ([0-9, ]*) \}")


@dataclass(frozen=True, slots=True)
class Seen:
    """The records, and what follows from them.

    Attributes:
        found: record → its text.
        more: a port of SSH that a person has named.
    """

    found: Mapping[str, str]
    more: int | None

    @property
    def way(self) -> tuple[Address | None, Address | None, str]:
        """Where this run comes from, the address of the host that it came to, and the port; empty for this machine.

        Raises:
            ProbeError: they are no addresses.
        """
        words = [*self.found["connection"].split(), *[""] * 4]
        return _address(words[0]), _address(words[2]), words[3]

    @property
    def ssh(self) -> set[int]:
        """Every port of SSH."""
        told = [*self.found["serving"].split(), self.way[2], str(self.more)]
        return {int(word) for word in told if word.isdecimal()} or {22}

    @property
    def ssh_closed(self) -> list[int]:
        """Those of them that are not open to admin."""
        opened = {int(word) for many in _SET.findall(self.found["ssh"]) for word in many.split(",")}
        return sorted(self.ssh - opened)

    @property
    def heads(self) -> list[tuple[str, str, str]]:
        """What the first lines of other clusters' parts say; a line that does not hold together is not theirs."""
        matches = (_HEAD.fullmatch(line) for line in self.found["others"].splitlines())
        said = ((match[1], match[2] or "", match[3]) for match in matches if match)
        return [
            (word, one, two)
            for word, one, two in said
            if (one and not check.port_or_range(one) if word == "ports" else not check.networks((two,)))
        ]

    def overlapping(self, ports: str) -> Iterator[ConfigError]:
        """Yield the clusters on the host that have some of these ports."""
        for word, taken, cluster in self.heads:
            if word == "ports" and check.overlap(ports, taken):
                hint = (
                    "give each cluster on a host its own range, a renamed cluster too: its nodes move there batch by "
                    "batch, and a deploy with -e remove_left_behind=true then removes what has the old name"
                )
                yield ConfigError(f"cluster.ports {ports} overlaps {taken} of {cluster} on this host", hint=hint)

    def cut_off(self, admin: Sequence[str]) -> Iterator[ConfigError]:
        """Yield that this run could not come in again."""
        client, _, port = self.way
        theirs = (network for word, at, network in self.heads if word == "admin" or (word, at) == ("ssh", port))
        networks = [ipaddress.ip_network(network) for network in (*admin, *theirs)]
        if client and not client.is_loopback and not any(client in network for network in networks):
            hint = f"add {client} or its network to firewall.admin"
            yield ConfigError(
                f"firewall.admin does not contain {client}, the address that this run comes from", hint=hint
            )

    def shut(self, part: RulesPart, meant: Sequence[str], old: str | None = None) -> Iterator[ConfigError]:
        """Yield the ports that answer today and would not, beside those that are ``meant``; where rules would change.

        A node of the unit ``old``, which is about to stop, listens at a port that the kernel gave it.

        Raises:
            ProbeError: the host's lists of sockets are damaged.
        """
        if "holders" not in self.found:
            return
        listeners = list(outside(self.found["sockets"], self.found["holders"], self.found["activated"]))
        listeners = [one for one in listeners if one.unit != (old or "-") or one.port < EPHEMERAL]
        today = f"{self.found['rules']}\n{self.found['others']}"
        now = opened(today) if today.strip() else None
        then = opened(f"{part.text()}\n{self.found['others']}")
        inner = [*part.inner, *once_inner(self.found["rules"])]
        left = shut(listeners, now, then, [*meant, *(f"{port}/tcp" for port in self.ssh)], inner)
        if left:
            yield from refused(left, part.ports, {one.port for one in listeners if one.protocol == "tcp"})

    def walled(self, part: RulesPart) -> Iterator[ConfigError]:
        """Yield the tables of others that drop what is declared open."""
        yield from closed_demands(self.found["foreign"], self._wanted(part))

    def _wanted(self, part: RulesPart) -> Iterator[Demand]:
        client, target, _ = self.way
        yield from everyone(part.public, target, (*part.members, *part.admin))
        if client and not client.is_loopback:
            yield from demands("this machine", [str(client)], [f"{port}/tcp" for port in sorted(self.ssh)], target)
        yield from demands("", part.members, part.inner, target)
        for port, networks in part.allow:
            yield from demands("", networks, [port], target)


def _address(text: str) -> Address | None:
    if not text:
        return None
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        raise ProbeError(f"{text[:60]!r} is not the address of an SSH client") from None
    return getattr(found, "ipv4_mapped", None) or found
