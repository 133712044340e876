"""What a roll wants of whoever makes the plays of its hosts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from deployer.engine.roll.host_roll import HostRoll
from deployer.errors import ConfigError
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

    def asks_as(self, host: Host) -> dict[str, Any]:
        """Return as whom a host is asked for its facts; raises ConfigError."""
        ...

    def miss(self, names: Collection[str]) -> None:
        """Let others do what these hosts, which are down, would do once for all."""
        ...


def runs_once(resolver: Resolving) -> bool:
    """Return whether something in a play is done by one host for others: then it counts who can be reached."""
    return any(task.run_once or task.include for task in resolver.play.tasks)


def stand_in(resolver: Resolving, runs: Sequence[HostRoll]) -> None:
    """Let the next host that is up do what one that is down would do once, as Ansible does; plays are made anew."""
    if not runs_once(resolver) or not (down := {run.name for run in runs if run.problem}):
        return
    resolver.miss(down)
    for run in runs:
        if run.play and not run.problem:
            try:
                run.play = resolver.resolve(run.host, None)
            except ConfigError as error:
                run.problem = error
