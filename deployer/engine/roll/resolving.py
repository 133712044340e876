"""What a roll wants of whoever makes the plays of its hosts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from deployer.model import Host, Play
from deployer.resolve import HostPlay


class Resolving(Protocol):
    """What makes a host's play: a `Resolver`, or what stands in its place."""

    @property
    def play(self) -> Play:
        """The play as written."""
        ...

    @property
    def needs_facts(self) -> bool:
        """Whether a host has to be asked before its play can be made."""
        ...

    def resolve(self, host: Host, facts: Mapping[str, Any] | None) -> HostPlay:
        """Return everything the play wants of a host; raises ConfigError."""
        ...
