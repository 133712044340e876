"""What a firewall would shut that answers today: the ports that somebody listens on, held against old and new rules."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from deployer.errors import ConfigError
from deployer.firewall.openings import holds, span
from deployer.sh.sockets import Listener

OURS = ("beam.smp", "epmd")
"""Programs that are meant to be reached by members alone."""
_FORWARDED = ("docker-proxy",)
"""Stands in for programs in containers: what is for them is forwarded, and never comes to the host's own ports."""
_RULE = re.compile(r"\t\t(ip6? saddr \S.* )?(tcp|udp) dport \{ (.*) \} accept", re.ASCII)
_CLIENTS = ((68, "udp"), (546, "udp"))
"""DHCP's own ports: what the base lets in is enough for them."""
EPHEMERAL = 32768
"""From here on the kernel gives ports to clients; a UDP socket there is one, as long as a program holds it."""
PASSING = f"{EPHEMERAL}-65535"
"""What members reach as long as a takeover lasts; nobody asked for these ports, so they may be closed after it."""

PortRules = Sequence[tuple[str, int, int, int]]
"""Protocol, first and last port, and how wide they are open: 1 to some, 2 to everybody."""


def opened(text: str) -> PortRules:
    """Return what the files of a firewall of ours open, beside SSH."""
    found = (match.groups() for line in text.splitlines() if (match := _RULE.fullmatch(line)))
    return [
        (protocol, *span(ports), 1 if who else 2)
        for who, protocol, many in found
        if not (who and many == PASSING)
        for ports in many.split(", ")
    ]


def once_inner(text: str) -> list[str]:
    """Return the ports, with their protocol, that members alone reach by a cluster's part as it is now.

    Nodes and EPMD of the cluster still answer there when it moves to other ports; it is shut when they have moved.
    """
    ranges = {line.split()[2] for line in text.splitlines() if line.startswith("# ports ") and len(line.split()) > 2}
    rules = [match[3].split(", ") for line in text.splitlines() if (match := _RULE.fullmatch(line)) and match[1]]
    return [f"{port}/tcp" for ports in rules if ranges.intersection(ports) for port in ports]


def shut(
    listeners: Iterable[Listener], now: PortRules | None, then: PortRules, meant: Sequence[str], inner: Sequence[str]
) -> list[Listener]:
    """Return who answers today and would not, or to fewer, without anybody having said so.

    Args:
        listeners: who listens to the outside.
        now: what is open today; None: everything, because there is no firewall of ours yet.
        then: what will be open.
        meant: ports that a person has written down: public, allowed, or closed on purpose.
        inner: ports of the cluster, which our own programs have.
    """
    found: dict[tuple[int, str], Listener] = {}
    for one in listeners:
        known = holds(meant, one.protocol, one.port) or (one.port, one.protocol) in _CLIENTS
        own = one.program in OURS and holds(inner, one.protocol, one.port)
        client = one.protocol == "udp" and one.port >= EPHEMERAL and one.program
        forwarded = one.program in _FORWARDED
        narrower = _width(then, one) < (2 if now is None else _width(now, one))
        if narrower and not (known or own or client or forwarded):
            found.setdefault((one.port, one.protocol), one)
    return [found[key] for key in sorted(found)]


def _width(rules: PortRules, one: Listener) -> int:
    fits = (width for protocol, low, high, width in rules if protocol == one.protocol and low <= one.port <= high)
    return max(fits, default=0)


def refused(found: Sequence[Listener], ports: str, taken: Collection[int]) -> Iterator[ConfigError]:
    """Yield what is wrong where ports would be shut.

    Args:
        found: those ports, at least one.
        ports: the cluster's.
        taken: all TCP ports of the host that are in use.
    """
    low, high = span(ports)
    among = [one for one in found if one.protocol == "tcp" and low <= one.port <= high]
    if among:
        named = ", ".join(map(str, among))
        hint = (
            f"write cluster: {{ports: {_free(high - low, taken)}}}, whose ports are all free here; or {_closed(among)}"
        )
        yield ConfigError(f"{named} listens in cluster.ports {ports}, which only members could reach then", hint=hint)
    if rest := [one for one in found if one not in among]:
        first = f"{rest[0].port}/{rest[0].protocol}"
        hint = (
            f"declare each in firewall: public: [{first}] (for everyone), allow: [{{port: {first}, from: admin}}] (for "
            f"those who may reach SSH; or for networks), or {_closed(rest)}"
        )
        yield ConfigError(
            f"the firewall would close ports that are reachable today: {', '.join(map(str, rest))}", hint=hint
        )


def _closed(found: Sequence[Listener]) -> str:
    return f"closed: [{', '.join(f'{one.port}/{one.protocol}' for one in found)}] (to close it on purpose)"


def _free(more: int, taken: Collection[int]) -> str:
    """Return a range of the same size as the cluster's, of which nothing is taken."""
    firsts = (first for first in range(9200, 32000, 100) if not any(first <= port <= first + more for port in taken))
    first = next(firsts, 20000)
    return f"{first}-{first + more}"
