"""What a roll needs from the object that resolves the plays of its hosts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from deployer.engine.roll.host_roll import HostRoll
from deployer.errors import ConfigError
from deployer.model import Host, Play
from deployer.resolve import HostPlay


class Resolving(Protocol):
    """Resolves a host's play: a `Resolver`, or an object in its place."""

    @property
    def play(self) -> Play:
        """The play as written."""
        ...

    @property
    def needs_facts(self) -> bool:
        """Whether a host has to be asked for facts before its play can be resolved."""
        ...

    def resolve(self, host: Host, facts: Mapping[str, Any] | None) -> HostPlay:
        """Return the play resolved for a host; raises ConfigError."""
        ...

    def asks_as(self, host: Host) -> dict[str, Any]:
        """Return the user as whom a host is asked for its facts; raises ConfigError."""
        ...

    def miss(self, names: Collection[str]) -> None:
        """Let other hosts run the ``run_once`` tasks of these hosts, which are down."""
        ...


def runs_once(resolver: Resolving) -> bool:
    """Return whether a play may have ``run_once`` tasks: then it matters which hosts can be reached."""
    return any(task.run_once or task.include for task in resolver.play.tasks)


def stand_in(resolver: Resolving, runs: Sequence[HostRoll]) -> None:
    """Let the next host that is up run the ``run_once`` tasks of one that is down, as in Ansible; resolve again."""
    if not runs_once(resolver) or not (down := {run.name for run in runs if run.problem}):
        return
    resolver.miss(down)
    for run in runs:
        if run.play and not run.problem:
            try:
                run.play = resolver.resolve(run.host, None)
            except ConfigError as error:
                run.problem = error
