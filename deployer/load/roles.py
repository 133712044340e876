"""Role folders as Ansible lays them out: tasks, handlers, defaults, vars, templates, files, meta."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from deployer.errors import ConfigError
from deployer.fields import nearest
from deployer.gathering import Gathering
from deployer.load import yaml
from deployer.load.inherited import Inherited, joined
from deployer.load.keywords import ROLE, check_words, mapping, sequence
from deployer.load.marked import Map, Text, mark_of
from deployer.load.secrets import Vaults
from deployer.load.tasks import MAX_IMPORTS, TaskJudge, TaskReader
from deployer.load.varfiles import read_vars, variables
from deployer.model import Mark, Task

_META = ("dependencies", "galaxy_info", "allow_duplicates", "collections", "argument_specs")


@dataclass(slots=True)
class RoleReader:
    """Reads the roles of one play; a dependency runs before the role that asks for it, and once.

    Attributes:
        paths: directories that hold roles, searched in this order.
        problems: where everything goes that is wrong in one role, while the others are read.
        judge: tells what is wrong with a task's arguments.
        handlers: the handlers of all roles read so far.
        listeners: names of handlers by the topic they listen to.
        seen: folders of the roles whose tasks have been listed already.
    """

    paths: Sequence[Path]
    vaults: Vaults | None
    problems: Gathering
    judge: TaskJudge
    handlers: list[Task] = field(default_factory=list)
    listeners: dict[str, list[str]] = field(default_factory=dict)
    defaults: Map = field(default_factory=Map)
    vars: Map = field(default_factory=Map)
    seen: set[Path] = field(default_factory=set)
    _open: list[Path] = field(default_factory=list)

    def read(self, entries: Any, where: Mark, inherited: Inherited) -> list[Task]:
        """Return the tasks of the roles listed under ``roles:`` or ``dependencies:``.

        Raises:
            ConfigError: a role is not there, or a file of it is wrong.
        """
        found: list[Task] = []
        items = sequence(entries, "roles", where)
        for i, item in enumerate(items):
            with self.problems.going_on():
                found += self.one(_entry(item, items.at(i)), inherited)
        return found

    def imported(self, given: Map, inherited: Inherited, where: Mark) -> list[Task]:
        """Return the tasks of ``import_role: {name: …}``."""
        check_words(given, ("name",), "import_role")
        entry = Map({"role": given.get("name")}, where, {"role": given.at("name")})
        return self.one(entry, inherited, once=False)

    def one(self, entry: Map, inherited: Inherited, *, once: bool = True) -> list[Task]:
        """Return one role's tasks, those of its dependencies first."""
        with self.problems.going_on():
            check_words(entry, ROLE, "a role's entry", "a variable of the role goes below vars:")
        path = self._find(entry["role"], entry.at("role"))
        if path in self._open or len(self._open) > MAX_IMPORTS:
            circle = " → ".join(one.name for one in (*self._open, path))
            raise ConfigError(f"roles depend on each other in a circle: {circle}", where=entry.at("role"))
        params = variables(entry.get("vars"), entry.mark)
        below = replace(inherited.with_words(entry), params=joined(inherited.params, params))
        self._open.append(path)
        try:
            first = [task for dependency in _dependencies(path) for task in self._dependency(dependency, below)]
            again = once and not params and path in self.seen
            return first if again else first + self._tasks(path, below)
        finally:
            self._open.pop()

    def _dependency(self, entry: Map, inherited: Inherited) -> list[Task]:
        return self.one(entry, replace(inherited, params=Map()))

    def _tasks(self, path: Path, inherited: Inherited) -> list[Task]:
        where = Mark(str(path))
        defaults, own = (self._variables(path, folder) for folder in ("defaults", "vars"))
        self.defaults, self.vars = joined(self.defaults, defaults), joined(self.vars, own)
        below = replace(inherited, role=path.name, role_path=path, defaults=defaults, role_vars=own)
        files = {folder: _main(path, folder) for folder in ("tasks", "handlers")}
        if path not in self.seen:
            self.seen.add(path)
            reader = TaskReader(self.imported, self.problems, self.judge, handlers=True, listeners=self.listeners)
            for file in files["handlers"]:
                with self.problems.going_on():
                    self.handlers += reader.read(yaml.read(file), "handlers", Mark(str(file)), below, file.parent)
        found: list[Task] = []
        reader = TaskReader(self.imported, self.problems, self.judge)
        for file in files["tasks"]:
            with self.problems.going_on():
                found += reader.read(yaml.read(file), "tasks", Mark(str(file)), below, file.parent)
        if not any(_main(path, folder) for folder in ("tasks", "handlers", "defaults", "vars", "meta")):
            raise ConfigError("the role has no tasks/main.yml", where=where)
        return found

    def _variables(self, path: Path, folder: str) -> Map:
        found = Map()
        for file in _main(path, folder):
            with self.problems.going_on():
                found = joined(found, read_vars(file, self.vaults))
        return found

    def _find(self, name: Any, where: Mark) -> Path:
        if not isinstance(name, str) or "{{" in name or not name:
            raise ConfigError("a role is named by text without templates", where=mark_of(name, where))
        for directory in self.paths:
            path = directory / name
            if path.is_dir() and ".." not in Path(name).parts:
                return path.resolve()
        known = [
            path.name for directory in self.paths if directory.is_dir() for path in directory.iterdir() if path.is_dir()
        ]
        searched = ", ".join(str(path) for path in self.paths)
        hint = f"{nearest(name, known)}\n  searched: {searched}"
        raise ConfigError(f"there is no role {str(name)!r}", where=where, hint=hint.strip())


def _entry(item: Any, where: Mark) -> Map:
    """Return an entry of ``roles:`` in its long form."""
    if isinstance(item, str):
        return Map({"role": item}, mark_of(item, where), {"role": mark_of(item, where)})
    entry = mapping(item, "a role's entry", where)
    if "role" in entry:
        return entry
    if isinstance(entry.get("name"), Text) and not any(key not in ROLE for key in entry):
        return Map({**entry, "role": entry["name"]}, entry.mark, {**entry.marks, "role": entry.at("name")})
    raise ConfigError("the entry names no role", where=entry.mark, hint="write role: NAME")


def _dependencies(path: Path) -> Iterator[Map]:
    for file in _main(path, "meta"):
        where = Mark(str(file))
        meta = mapping(yaml.read(file) or Map(), "meta", where)
        check_words(meta, _META, "a role's meta/main.yml")
        items = sequence(meta.get("dependencies"), "dependencies", where)
        yield from (_entry(item, items.at(i)) for i, item in enumerate(items))


def _main(path: Path, folder: str) -> list[Path]:
    """Return the main file of a folder of the role, if there is one."""
    return [file for file in (path / folder / "main.yml", path / folder / "main.yaml") if file.is_file()][:1]
