"""A migration as a host declares it: what of the release runs, as which of its nodes, and for how long at most."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Annotated

from deployer.fields import Doc
from deployer.fleet import grammar


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrateWords:
    """What runs once for each new release, before the first switch; exactly one of ``eval`` and ``command``."""

    eval: Annotated[
        str | None,
        Doc(
            "expression for the release's eval, in Erlang for one of rebar3",
            check=grammar.single_line,
            example="Shop.Release.migrate()",
        ),
    ] = None
    command: Annotated[
        str | None, Doc("script of the release and its arguments", check=grammar.release_script, example="bin/migrate")
    ] = None
    timeout: Annotated[int, Doc("seconds it may take before it is ended", check=grammar.at_least(1))] = 600
    node: Annotated[
        str | None, Doc("which of the host's nodes it runs as; default: the first", check=grammar.alive_name)
    ] = None


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
