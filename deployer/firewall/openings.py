"""Who may reach which port: the words of a firewall, the same for the fleet and for the module."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

from deployer import syntax
from deployer.fields import Doc

NAMED = ("admin", "members")
"""Sources that have a name: who may reach SSH, and the hosts of the cluster."""
_ANYWHERE = "this lets everybody reach SSH: write the networks, or set ssh_from_anywhere: true"


def networks(given: Sequence[str]) -> str | None:
    """Networks such as ``10.0.0.0/8``, without host bits."""
    return _networks(tuple(given))


@lru_cache(maxsize=256)
def _networks(given: tuple[str, ...]) -> str | None:
    for text in given:
        try:
            ipaddress.ip_network(text)
        except ValueError as error:
            return f"{error}; write a network such as 10.0.0.0/8 or fd00::/8"
        if "%" in text:
            return f"{text!r}: a network cannot have a zone"
    return None


def admins(given: Sequence[str]) -> str | None:
    """Networks, at least one."""
    return networks(given) if given else "write at least one network, or nobody could reach SSH"


def port_or_range(text: str) -> str | None:
    """``9100`` or ``9100-9109``."""
    return None if syntax.ports(text) else "write PORT or FIRST-LAST, between 1 and 65535"


def with_protocol(text: str) -> str | None:
    """``4000/tcp`` or ``60000-61000/udp``."""
    ports, _, protocol = text.partition("/")
    fine = protocol in ("tcp", "udp") and not port_or_range(ports)
    return None if fine else f"{text!r}: write PORT/tcp or FIRST-LAST/udp, between 1 and 65535"


def with_protocols(given: Sequence[str]) -> str | None:
    """Several of these."""
    return next((complaint for text in given if (complaint := with_protocol(text))), None)


def sources(given: Sequence[str]) -> str | None:
    """Networks, or one of the names; everybody is no network but the word ``public``."""
    if not given:
        return "write who may reach it: networks, admin, or members"
    plain = [text for text in given if text not in NAMED]
    if complaint := networks(plain):
        return f"{complaint}; or admin, or members"
    return "this means everybody: write the port under public" if everybody(plain) else None


def seconds(given: int) -> str | None:
    """Long enough for a login, short enough for a person who waits."""
    return None if 5 <= given <= 3600 else "write seconds, from 5 to 3600"


@dataclass(frozen=True, slots=True, kw_only=True)
class Allow:
    """A port that some may reach."""

    port: Annotated[str, Doc("PORT/tcp or FIRST-LAST/udp", check=with_protocol, example="9100/tcp")]
    sources: Annotated[
        tuple[str, ...],
        Doc(
            "networks; or admin: who may reach SSH; or members: the cluster's hosts", check=sources, alias="from",
            example=("10.0.9.0/24",),
        ),
    ]  # fmt: skip


def everybody(given: Sequence[str]) -> str:
    """Return the whole of IPv4 or IPv6, if these networks together are it; empty when they are not."""
    found = [ipaddress.ip_network(text) for text in given]
    whole: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = [
        *ipaddress.collapse_addresses(network for network in found if network.version == 4),
        *ipaddress.collapse_addresses(network for network in found if network.version == 6),
    ]
    return next((str(network) for network in whole if network.prefixlen == 0), "")


def span(text: str) -> tuple[int, int]:
    """Return the first and the last port of ``9100-9109`` or ``9100/tcp``."""
    ports = text.partition("/")[0]
    return int(ports.partition("-")[0]), int(ports.rpartition("-")[2])


def holds(given: Sequence[str], protocol: str, port: int) -> bool:
    """Whether one of ``4000/tcp``, … is this port."""
    return any(text.endswith(protocol) and span(text)[0] <= port <= span(text)[1] for text in given)


def overlap(one: str, other: str) -> bool:
    """Whether two of ``4000/tcp``, ``9100-9109/udp`` have a port in common."""
    (low, high), (first, last) = span(one), span(other)
    return one.partition("/")[2] == other.partition("/")[2] and low <= last and first <= high


def contradictions(
    words: Mapping[str, Sequence[str]], ssh: Sequence[int], *, anywhere: bool
) -> Iterator[tuple[str, str, str]]:
    """Yield which of these words contradicts itself, or opens SSH to everybody unsaid; how, and what to write.

    Args:
        words: ``admin``, ``public``, ``allow`` and ``closed``: networks, and ports of the others.
        ssh: where SSH is served.
        anywhere: it is meant to be open to everybody.
    """
    whole = everybody(words["admin"])
    if whole and not anywhere:
        yield "admin", f"firewall.admin contains {whole}, which is the whole internet", _ANYWHERE
    for text in words["public"]:
        taken = next((port for port in ssh if holds([text], "tcp", port)), None)
        if taken and not anywhere:
            yield "public", f"firewall.public {text} opens SSH (port {taken}) to everyone", _ANYWHERE
    for text in words["closed"]:
        for word in ("public", "allow"):
            both = next((one for one in words[word] if overlap(text, one)), None)
            if both:
                yield (
                    "closed",
                    f"firewall.closed contains {text}, but firewall.{word} opens {both}",
                    "remove it from one of them",
                )
