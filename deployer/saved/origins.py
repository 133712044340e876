"""What a plan is made from: the files that were read, the flags, and this very program."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import deployer
from deployer.load.marked import mark_of
from deployer.options import Options
from deployer.project import Project, names_hosts
from deployer.regular import read_regular
from deployer.saved.digests import Digests

_NEAR = ("group_vars", "host_vars")
_LISTED = ("inventory", "vault_password_file", "vault_id")
ABOUT = (
    "playbook", *_LISTED, "limit", "tags", "skip_tags", "start_at_task", "forks", "user", "private_key", "become",
    "ask_become_pass", "ask_vault_pass", "allow_empty",
)  # fmt: skip
"""Flags that say what a plan is about; the others are given again, or say only what is printed."""


def anywhere(options: Options, playbook: Path) -> Options:
    """Return flags that mean the same wherever a plan is applied from."""
    ids = tuple(_vault_id(word) for word in options.vault_id)
    return replace(
        options,
        playbook=str(playbook.resolve()),
        inventory=_paths(options.inventory),
        vault_password_file=_paths(options.vault_password_file),
        vault_id=ids,
        private_key=str(Path(options.private_key).expanduser().absolute()) if options.private_key else "",
        extra_vars=tuple(f"@{Path(word[1:]).expanduser().resolve()}" if word[:1] == "@" else word
                         for word in options.extra_vars),
    )  # fmt: skip


def kept(options: Options) -> dict[str, Any]:
    """Return the flags that a plan keeps."""
    return {name: list(value) if isinstance(value := getattr(options, name), tuple) else value for name in ABOUT}


def kept_flags(given: Mapping[str, Any], options: Options) -> Options:
    """Return the flags of a run that applies a plan: those that it keeps, and of ``options`` the others."""
    found: dict[str, Any] = {name: tuple(given[name]) if name in _LISTED else given[name] for name in ABOUT}
    return replace(options, **found)


def source_digests(project: Project, digests: Digests) -> dict[str, str]:
    """Return path → digest of the playbook, its roles, the inventories, and of all variables beside them."""
    found: dict[str, str] = {}
    for path in dict.fromkeys(_files(project)):
        try:
            found[str(path)] = digests.of(read_regular(path))
        except OSError as error:
            found[str(path)] = digests.of(str(error.strerror))
    return found


def _files(project: Project) -> Iterator[Path]:
    playbook, *inventories = project.sources
    near = [path.parent / folder for path in project.sources for folder in _NEAR]
    near += [path / folder for path in inventories for folder in _NEAR if path.is_dir()]
    roles, places = set[Path](), set[str]()
    for play in project.plays:
        turns = play.turns
        tasks = (*play.tasks, *play.handlers, *turns.before_switch, *turns.after_start)
        roles |= {task.role_path for task in tasks if task.role_path}
        places |= {task.mark.file for task in tasks} | {play.mark.file}
        places |= {mark_of(value).file for value in play.vars.values()} | {mark_of(play.vars).file}
    yield playbook
    yield from (Path(place).resolve() for place in sorted(places) if place and Path(place).is_file())
    for path in (*inventories, *near, *sorted(roles)):
        yield from [path] if path.is_file() else (one for one in sorted(path.rglob("*")) if one.is_file())


def extra_digest(options: Options, digests: Digests) -> str:
    """Return a digest of the variables of the command line; empty without any."""
    read = [read_regular(Path(word[1:])) if word[:1] == "@" else word for word in options.extra_vars]
    return digests.of(read) if read else ""


@cache
def program() -> str:
    """Return a digest of this program's own files."""
    root, whole = Path(deployer.__file__).parent, hashlib.sha256()
    for file in sorted(path for path in root.rglob("*") if path.suffix in (".py", ".sh")):
        content = file.read_bytes()
        whole.update(f"{file.relative_to(root)} {len(content)}\n".encode() + content)
    return whole.hexdigest()[:32]


def _paths(words: Sequence[str]) -> tuple[str, ...]:
    """Return paths as absolute ones; names of hosts (``-i web1,web2``) stay what they are."""
    return tuple(word if names_hosts(word) else str(Path(word).expanduser().resolve()) for word in words)


def _vault_id(word: str) -> str:
    label, at, source = word.rpartition("@")
    return word if source.startswith("prompt") else f"{label}{at}{Path(source).expanduser().absolute()}"
