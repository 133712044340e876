"""Hosts of the inventory that are all this machine (``ansible_connection: local``)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from deployer.errors import ConfigError
from deployer.model import Host
from deployer.resolve.resolver import Resolver

_FLEET = frozenset(("release", "cluster", "nodes"))


def walked_together(resolver: Resolver, hosts: Sequence[Host]) -> list[Sequence[Host]]:
    """Return a play's hosts as they are walked together: of several names of this machine one after the other.

    All hosts are planned before any is changed, so a plan for one name would rest on what another is about to change.
    Those that declare a fleet stay together, and are refused: nodes of one machine belong under one name.
    """
    later = [host for host in hosts if not host.vars.keys() & _FLEET and _is_here(resolver, host)][1:]
    return [[host for host in hosts if host not in later], *([host] for host in later)]


def _is_here(resolver: Resolver, host: Host) -> bool:
    with suppress(ConfigError):  # told where the host is walked
        return resolver.connection(host).local
    return False
