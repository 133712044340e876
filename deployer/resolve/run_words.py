"""The options of a run that decide how a play is resolved."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from deployer.load.connection import CliConnection
from deployer.load.settings import RunVariables


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetNeeds:
    """How much of the fleet's declaration is read.

    Attributes:
        tarball: False allows a missing tarball if only the fleet is needed; None reads no tarball.
        secrets: False leaves out the environment and everything that could be secret, and reads no secret.
        without: names of nodes to leave out, because they are about to be retired.
        tasks: False leaves out tasks, handlers and hooks, for a run that only needs the declaration.
    """

    tarball: bool | None = True
    secrets: bool = True
    without: frozenset[str] = frozenset()
    tasks: bool = True


EVERYTHING = FleetNeeds()


@dataclass(frozen=True, kw_only=True)
class RunWords(RunVariables):
    """The options of a run.

    Attributes:
        tags: run only tasks with one of these.
        skip_tags: run no task with one of these.
        cli: the command line's connection options.
        first: the name of the host that runs ``run_once`` tasks.
        strict: refuse tasks that would run every time.
        needs: how much of the fleet's declaration is read.
    """

    tags: Collection[str] = ()
    skip_tags: Collection[str] = ()
    cli: CliConnection = field(default_factory=CliConnection)
    first: str = ""
    strict: bool = False
    needs: FleetNeeds = EVERYTHING
