"""``--ansible-fallback``: what deployer cannot read of a play is handed to ansible-core, as little of it as can be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path

from deployer.errors import ConfigError, SecretError
from deployer.load.engines import ansible_play, first_of, whole_play, with_engine
from deployer.load.marked import Map, Seq
from deployer.load.shipped import shipped_roles
from deployer.model import Play
from deployer.regular import read_regular

ONLY_OURS = frozenset(
    (
        *("beam_nodes", "certificate", "cookie", "distribution", "env_file", "epmd", "firewall", "left_behind"),
        *("preflight", "release", "systemd_unit"),
    )
)
"""Modules that Ansible has not."""

_KEPT = ("defaults", "vars")
_READ = (*_KEPT, "tasks", "handlers", "templates")
_SET = re.compile(r"^([A-Za-z_]\w*)\s*:", re.MULTILINE)
_WORD = re.compile(r"[A-Za-z_]\w*")

_Read = tuple[list[Play], list[ConfigError]]
ReadPlay = Callable[[Map], _Read]
"""Reads a play: its parts, and what is wrong."""


def handed_over(
    given: Map, path: Path, number: int, plays: list[Play], wrong: list[ConfigError], read: ReadPlay
) -> tuple[list[Play], list[ConfigError]]:
    """Return a play's parts, those that cannot be read as ansible-core's, and what is wrong that it cannot run either.

    Roles that cannot be read are handed over alone; where that is not enough, or where a role uses a variable of one
    that the other engine would run, the whole play is.

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
    ours = needs_deployer(plays) or any(needs_deployer(parts) for parts, _ in alone.values())
    if bad and (ours or not _leaning(*([alone[i] for i in alone if (i in bad) is said] for said in (True, False)))):
        parts, left = read(with_engine(given, bad))
        if not left:
            reason = first_of([error for i in sorted(bad) for error in alone[i][1]])
            return [_because(part, reason) for part in parts], []
    if ours:
        return plays, wrong
    try:
        return [ansible_play(given, path, whole_play(path, number), reason=first_of(wrong))], []
    except ConfigError as error:
        return plays, [*wrong, *error.each]


def _because(part: Play, reason: str) -> Play:
    return replace(part, ansible=replace(part.ansible, reason=reason)) if part.ansible else part


def _leaning(some: Iterable[_Read], others: Iterable[_Read]) -> bool:
    return leaning(_folders(some), _folders(others))


def leaning(one: set[Path], other: set[Path]) -> bool:
    """Return whether a role of the one half names a variable that only roles of the other half define."""
    pairs = ((one, other), (other, one))
    return any(
        (_found(_SET, far, _KEPT) - _found(_SET, near, _KEPT)) & _found(_WORD, near, _READ) for near, far in pairs
    )


def _folders(read: Iterable[_Read]) -> set[Path]:
    """Return where roles lie; of one without a task that can be read, an error tells it."""
    found = set[Path]()
    for parts, errors in read:
        tasks = (task for part in parts for task in (*part.tasks, *part.handlers))
        found |= {task.role_path for task in tasks if task.role_path}
        for error in errors:
            inside = (folder.parent for folder in Path(error.where).parents if folder.name in _READ)
            found |= {*islice(inside, 1)}
    return found


def _found(pattern: re.Pattern[str], roles: Iterable[Path], folders: Iterable[str]) -> set[str]:
    files = (file for role in roles for folder in folders for file in (role / folder).rglob("*") if file.is_file())
    return {word for file in files for word in pattern.findall(_text(file))}


def _text(file: Path) -> str:
    with suppress(OSError):  # whoever needs it tells why it cannot be read
        return read_regular(file).decode(errors="replace")
    return ""


def needs_deployer(plays: Iterable[Play]) -> bool:
    """Return whether plays have tasks that ansible-core could not run."""
    ours = shipped_roles().resolve()
    tasks = (task for play in plays for task in (*play.tasks, *play.handlers))
    return any(
        task.module in ONLY_OURS or bool(task.role_path and task.role_path.is_relative_to(ours)) for task in tasks
    )
