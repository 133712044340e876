"""``--ansible-fallback``: what deployer cannot read of a play is handed to ansible-core, as little of it as can be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from deployer.errors import ConfigError, SecretError
from deployer.load.engines import ansible_play, first_of, whole_play, with_engine
from deployer.load.marked import Map, Seq
from deployer.load.shipped import shipped_roles
from deployer.model import Play

ONLY_OURS = frozenset(
    (
        *("beam_nodes", "certificate", "cookie", "distribution", "env_file", "epmd", "firewall", "left_behind"),
        *("preflight", "release", "systemd_unit"),
    )
)
"""Modules that Ansible has not."""

ReadPlay = Callable[[Map], tuple[list[Play], list[ConfigError]]]
"""Reads a play: its parts, and what is wrong."""


def handed_over(
    given: Map, path: Path, number: int, plays: list[Play], wrong: list[ConfigError], read: ReadPlay
) -> tuple[list[Play], list[ConfigError]]:
    """Return a play's parts, those that cannot be read as ansible-core's, and what is wrong that it cannot run either.

    Roles that cannot be read are handed over alone; where that is not enough, the whole play is.

    Args:
        given: the play as written.
        path: its file.
        number: which item of the file it is, counted from 0.
        plays: what reading it gave.
        wrong: what is wrong with it.
        read: reads a play that is a part of it.
    """
    if any(isinstance(error, SecretError) for error in wrong):
        return plays, wrong
    entries = list(given["roles"]) if isinstance(given.get("roles"), Seq) else []
    alone = {
        i: read(Map({"hosts": given.get("hosts"), "roles": Seq([entry], given.mark)}, given.mark, given.marks))
        for i, entry in enumerate(entries)
    }
    bad = {i for i, (parts, errors) in alone.items() if errors and not needs_deployer(parts)}
    if bad:
        parts, left = read(with_engine(given, bad))
        if not left:
            reason = first_of([error for i in sorted(bad) for error in alone[i][1]])
            return [_because(part, reason) for part in parts], []
    if needs_deployer(plays) or any(needs_deployer(parts) for parts, _ in alone.values()):
        return plays, wrong
    try:
        return [ansible_play(given, path, whole_play(path, number), reason=first_of(wrong))], []
    except ConfigError as error:
        return plays, [*wrong, *error.each]


def _because(part: Play, reason: str) -> Play:
    return replace(part, ansible=replace(part.ansible, reason=reason)) if part.ansible else part


def needs_deployer(plays: Iterable[Play]) -> bool:
    """Return whether plays have tasks that ansible-core could not run."""
    ours = shipped_roles().resolve()
    tasks = (task for play in plays for task in (*play.tasks, *play.handlers))
    return any(
        task.module in ONLY_OURS or bool(task.role_path and task.role_path.is_relative_to(ours)) for task in tasks
    )
