"""A copy of a project of Ansible's that may be changed: of what a patch can change, a file; of all else, a link."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

CHANGEABLE = (".yml", ".yaml", ".ini", "")
"""How names of files end that a patch may change."""
_TOLD = ("defaults", "files", "group_vars", "handlers", "host_vars", "meta", "roles", "tasks", "templates", "vars")
_NOT_OURS = (".git", "molecule")
_LARGEST = 1 << 20
_WORD = re.compile(r"[\w.-]+")


def copy_project(root: Path, work: Path, only: Path | None = None) -> list[str]:
    """Copy a project, with links that lead where they lead from there, without what is not for us to change.

    That is what ``.git`` holds, and ``molecule``: its playbooks are molecule's, which runs them with ansible-playbook.

    Args:
        root: the project's directory.
        work: what is made.
        only: a playbook in it; of the folders beside it, those come along that its files name, and those that Ansible
            looks into unasked.

    Returns:
        What could not be copied.
    """
    left_out = _unnamed(root, only) if only else set()

    def ignored(directory: str, names: list[str]) -> Iterable[str]:
        return [name for name in names if name in _NOT_OURS or (Path(directory) == root and name in left_out)]

    unread = []
    try:
        shutil.copytree(root, work, symlinks=True, ignore=ignored, copy_function=_copied)
    except shutil.Error as error:  # all the rest has been copied
        unread = [f"{os.path.relpath(one, root)} cannot be read" for one, *_ in error.args[0]]
    real = root.resolve()
    for link in [one for one in work.rglob("*") if one.is_symlink()]:
        there = root / link.relative_to(work)
        if there.is_symlink() and there.exists():
            to = there.resolve()
            link.unlink()
            link.symlink_to(work / to.relative_to(real) if to.is_relative_to(real) else to)
    return unread


def _copied(source: str, to: str) -> str:
    """Copy a file that a patch may change; link to any other."""
    if Path(source).suffix in CHANGEABLE and Path(source).stat().st_size <= _LARGEST:
        return shutil.copy2(source, to)
    Path(to).symlink_to(Path(source).resolve())
    return to


def _unnamed(root: Path, playbook: Path) -> set[str]:
    """Return folders beside a playbook that neither it nor what it brings names."""
    beside = {one.name: one for one in root.iterdir() if one.is_dir() or one.suffix in CHANGEABLE}
    left = beside.keys() - {playbook.name, *_TOLD}
    texts = [playbook, *(root / name for name in ("ansible.cfg", *_TOLD))]
    while texts:
        words = set(_WORD.findall(_all_text(texts.pop())))
        texts += [beside[name] for name in left & words]
        left -= words
    return {name for name in left if beside[name].is_dir()}


def _all_text(place: Path) -> str:
    """Return what a file says, or all YAML below a folder, and where links lead."""
    within = [place, *(place.rglob("*") if place.is_dir() else ())]
    links = [str(one.resolve()) for one in within if one.is_symlink() and one.exists()]
    files = [one for one in within if one == place or one.suffix in CHANGEABLE[:2]]
    read = (one.read_text(errors="replace") for one in files if one.is_file() and os.access(one, os.R_OK))
    return "\n".join((*links, *read))
