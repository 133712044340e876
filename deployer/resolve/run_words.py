"""What a run says of how a play is resolved, beside what is written in it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from deployer.load.connection import CliConnection
from deployer.load.settings import RunVariables


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetNeeds:
    """How much of what the fleet declares is read.

    Attributes:
        tarball: False lets a tarball be missing where only the fleet is asked for; None reads none.
        secrets: False leaves the environment and all that could be secret out, and reads no secret.
        without: names of nodes that are about to leave: nobody is told of them.
        tasks: False leaves tasks, handlers and hooks out, for a run that asks only what is declared.
    """

    tarball: bool | None = True
    secrets: bool = True
    without: frozenset[str] = frozenset()
    tasks: bool = True


EVERYTHING = FleetNeeds()


@dataclass(frozen=True, kw_only=True)
class RunWords(RunVariables):
    """The words of a run.

    Attributes:
        tags: run only tasks with one of these.
        skip_tags: run no task with one of these.
        cli: the command line's word on connections.
        first: the name of the host that does what is done once.
        strict: a task that would run every time is refused.
        needs: what of the fleet is read.
    """

    tags: Collection[str] = ()
    skip_tags: Collection[str] = ()
    cli: CliConnection = field(default_factory=CliConnection)
    first: str = ""
    strict: bool = False
    needs: FleetNeeds = EVERYTHING
