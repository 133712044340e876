"""A migration as a host declares it: what of the release runs, as which of its nodes, and for how long at most."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from deployer.fleet.words import MigrateWords


@dataclass(frozen=True, slots=True)
class Migration:
    """What runs once for each new release, before the first host of a cluster is switched to it.

    Attributes:
        command: the words that ``NODE-ctl`` is given: ``eval EXPR``, or ``run SCRIPT ARG…``.
        timeout: seconds it may take.
        node: name of the node whose user, environment, limits and sandbox it gets.
    """

    command: tuple[str, ...]
    timeout: int
    node: str

    @property
    def label(self) -> str:
        """What runs, for a person."""
        return " ".join(self.command[1:])


def migration_of(words: MigrateWords, node: str) -> Migration | None:
    """Return what the words say; None when they say neither or both of ``eval`` and ``command``."""
    if (words.eval is None) == (words.command is None):
        return None
    command = ("eval", words.eval) if words.eval is not None else ("run", *shlex.split(words.command or ""))
    return Migration(command, words.timeout, node)
