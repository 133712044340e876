"""``copy`` of a directory: one action for each directory and each file in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from deployer.errors import At, ConfigError
from deployer.fields import build, coerce
from deployer.load.marked import OMIT, Map, Text, mark_of, marks_of
from deployer.load.sources import Sources, at_home
from deployer.load.template import Variables
from deployer.model import Task
from deployer.modules.base import Present, State
from deployer.modules.file import File
from deployer.resolve.homes import at_homes
from deployer.resolve.making import module_class

_MOST = 2000
"""The most files that one task may copy, and the most directories."""


@dataclass(frozen=True, kw_only=True)
class CopiedDirectory(File):
    """A directory that gets its attributes when it is made; an existing one keeps its own."""

    def desired(self) -> State:
        """Return that it exists."""
        return Present({"type": "directory"})


TreePart: TypeAlias = tuple[str, Task, CopiedDirectory | None]
"""A part of a directory's copy: a path below it, and the task that copies a file, or the module of a directory."""


def in_tree(task: Task, variables: Variables, sources: Sources, home: Callable[[], str | None]) -> list[TreePart]:
    """Return the parts of a ``copy`` with ``src``; if that is no directory here, only the task itself, without a path.

    As in Ansible, the directory itself is made below ``dest``, unless ``src`` ends with a slash; links are followed.
    ``home`` returns the home of the user that it runs as (`deployer.resolve.homes.home_of`).

    Raises:
        ConfigError: an argument is wrong, there are too many files, or not all of it can be read.
    """

    def rendered(key: str) -> Any:
        found = variables.render(task.args.get(key), mark_of(task.args.get(key), task.mark), key)
        return None if found is OMIT else found

    tree = _found(src := rendered("src"), task, sources)
    if tree is None or coerce(bool, rendered("remote_src") or False, "remote_src"):
        return [("", task, None)]
    if not isinstance(dest := rendered("dest"), str):
        return [("", task, None)]
    with At(mark_of(task.args["dest"], task.mark)):
        dest = at_homes(module_class(task), "dest", dest, home(), task.args)
    with At(mark_of(task.args["src"], task.mark)):
        if task.loop is not None and task.result.register:
            hint = "leave register out, or copy files"
            raise ConfigError("copy of a directory in a loop has no result", hint=hint)
        files, folders = _walked(tree)
    root = dest.rstrip("/") + ("" if str(src).endswith("/") else f"/{tree.name}")
    return [*_folders(task, variables, root, folders), *_files(task, tree, root, files)]


def _folders(task: Task, variables: Variables, root: str, paths: Sequence[str]) -> Iterator[TreePart]:
    """Yield the directories at and below ``root``, the outermost first."""
    words = {"owner": "owner", "group": "group", "mode": "directory_mode"}
    given = {key: variables.render(task.args.get(word, OMIT), task.mark, word) for key, word in words.items()}
    own = {key: value for key, value in given.items() if value is not OMIT}
    for path in paths:
        place = f"{root}/{path}".rstrip("/") or "/"
        module = build(CopiedDirectory, {"path": place, "state": "directory", **own}, where=task.mark)
        yield path or ".", task, module


def _files(task: Task, tree: Path, root: str, paths: Sequence[str]) -> Iterator[TreePart]:
    """Yield the tasks that copy the files of a tree to their places below ``root``."""
    for path in paths:
        places = {"src": Text(str(tree / path), unsafe=True), "dest": Text(f"{root}/{path}", unsafe=True)}
        args = Map({**task.args, **places}, task.mark, marks_of(task.args))
        yield path, replace(task, args=args), None


def _found(src: Any, task: Task, sources: Sources) -> Path | None:
    if not isinstance(src, str) or not src:
        return None
    given = at_home(src)
    tried = [given] if given.is_absolute() else [place / given for place in sources.places("files", task)]
    found = next((path for path in tried if path.exists()), None)
    return found.absolute() if found and found.is_dir() else None  # so its files are found only in it


def _walked(tree: Path) -> tuple[list[str], list[str]]:
    files, folders = list[str](), list[str]()
    for place, inner, names in os.walk(tree, followlinks=True, onerror=_unread):
        real, above = Path(place).resolve(), Path(place).parent.resolve()
        if Path(place) != tree and (real == above or real in above.parents):
            raise ConfigError(f"{place} is a link to a directory that it is in")
        inner.sort()
        below = Path(place).relative_to(tree)
        folders.append("" if below == Path() else str(below))
        files += [str(below / name) for name in sorted(names)]
        if max(len(files), len(folders)) > _MOST:
            what = "files" if len(files) > _MOST else "directories"
            raise ConfigError(f"{tree} has more than {_MOST} {what}", hint="unarchive brings many files at once")
    return files, folders


def _unread(error: OSError) -> NoReturn:
    raise ConfigError(f"{error.filename} cannot be read: {error.strerror}")
