"""Reads roles in Ansible's layout: tasks, handlers, defaults, vars, templates, files, meta."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from deployer.errors import At, ConfigError
from deployer.fields import alike, nearest
from deployer.gathering import Gathering
from deployer.load import yaml
from deployer.load.inherited import Inherited, Listed, conditions, read_today, tags
from deployer.load.instead import INSTEAD
from deployer.load.keywords import ROLE, ROLE_WORDS, check_words, mapping, sequence
from deployer.load.marked import Map, Text, joined, mark_of
from deployer.load.secrets import Vaults
from deployer.load.tasks import MAX_IMPORTS, Brought, TaskJudge, TaskReader
from deployer.load.varfiles import read_vars, variables
from deployer.model import Mark, Task

_FROM = ("tasks", "defaults", "vars", "handlers")
_META = ("dependencies", "galaxy_info", "allow_duplicates", "collections", "argument_specs")


@dataclass(slots=True)
class RoleReader:
    """Reads the roles of one play; a dependency runs before its role, and only once if the conditions are the same.

    Attributes:
        paths: directories with roles, searched in this order.
        problems: gets the errors of a role, while the others are read.
        judge: returns the errors in a task's arguments.
        handlers: the handlers of all roles read so far.
        listeners: names of handlers by the topic that they listen to.
        seen: the roles whose tasks have been listed already.
    """

    paths: Sequence[Path]
    vaults: Vaults | None
    problems: Gathering
    judge: TaskJudge
    handlers: list[Task] = field(default_factory=list)
    listeners: dict[str, list[str]] = field(default_factory=dict)
    defaults: Map = field(default_factory=Map)
    vars: Map = field(default_factory=Map)
    seen: set[Listed] = field(default_factory=set)
    _open: list[Path] = field(default_factory=list)

    def read(self, entries: Any, where: Mark, inherited: Inherited) -> list[Task]:
        """Return the tasks of the roles listed under ``roles:`` or ``dependencies:``.

        Raises:
            ConfigError: a role does not exist, or one of its files has an error.
        """
        found: list[Task] = []
        items = sequence(entries, "roles", where)
        for i, item in enumerate(items):
            with self.problems.going_on():
                found += self.one(_entry(item, items.at(i)), inherited)
        return found

    def later(self, make: Callable[[], list[Task]], seen: set[Listed]) -> Brought:
        """Return what ``make`` reads for one host, as if only the roles in ``seen`` had been listed; it adds more.

        So the result for one host does not depend on which hosts were resolved before it.
        """
        kept = self.handlers, self.listeners, self.seen, self.defaults, self.vars
        self.handlers, self.listeners, self.seen = [], {}, seen
        try:
            return Brought(tuple(make()), tuple(self.handlers), self.listeners)
        finally:
            self.handlers, self.listeners, self.seen, self.defaults, self.vars = kept

    def imported(self, given: Map, inherited: Inherited, where: Mark) -> list[Task]:
        """Return the tasks of ``import_role: {name: …}`` or ``include_role``."""
        check_words(given, (*ROLE_WORDS, "apply", "rolespec_validate"), "import_role")
        entry = Map({"role": given.get("name")}, where, {"role": given.at("name")})
        main = {folder: str(given.get(f"{folder}_from") or "main") for folder in _FROM}
        return self.one(entry, inherited, once=False, main=main)

    def one(
        self, entry: Map, inherited: Inherited, *, once: bool = True, main: Mapping[str, str] | None = None
    ) -> list[Task]:
        """Return one role's tasks, after those of its dependencies.

        Args:
            entry: the entry of ``roles:``, in its long form.
            inherited: what the role inherits from the play.
            once: leave the role out if it has been listed with the same conditions and tags, and without variables.
            main: the name of the file to read in each of its directories, if it is not ``main``.
        """
        with self.problems.going_on():
            entry = _long(read_today(entry, self.problems))
        with At(entry.at("role")):
            path = self._find(entry["role"])
            if path in self._open or len(self._open) > MAX_IMPORTS:
                circle = " → ".join(one.name for one in (*self._open, path))
                raise ConfigError(f"roles depend on each other in a circle: {circle}")
        weak, strong = variables(entry.get("vars"), entry.mark), variables(entry.get("beside"), entry.mark)
        params, beside = joined(inherited.params, strong), joined(inherited.beside, strong)
        below = replace(inherited.with_words(entry), entry=weak, beside=beside, params=params)
        self._open.append(path)
        try:
            own = self._variables(path, "vars", main or {})
            around = replace(below, around=joined(below.around, weak, own))
            first = [task for dependency in _dependencies(path) for task in self._dependency(dependency, around)]
            serves = once and not (weak or strong)
            at_it = conditions(entry), tags(entry)
            before = sorted({one.tags for one in self.seen if serves and one.serves(path, below, at_it)}, key=sorted)
            if below.tags in before:
                return first
            if serves:
                self.seen.add(Listed(path, frozenset(below.when), below.gated, below.tags, at_it))
            found = self._tasks(path, below, main or {}, own)
            return first + [_behind(task, before, below.tags) if before else task for task in found]
        finally:
            self._open.pop()

    def _dependency(self, entry: Map, inherited: Inherited) -> list[Task]:
        if "engine" in entry:
            hint = "write it on the role in the play, or on the play"
            raise ConfigError("engine is not supported on a role's dependency", where=entry.at("engine"), hint=hint)
        return self.one(entry, inherited)

    def _tasks(self, path: Path, inherited: Inherited, main: Mapping[str, str], own: Map) -> list[Task]:
        where = Mark(str(path))
        defaults = self._variables(path, "defaults", main)
        if not inherited.private:
            self.defaults, self.vars = joined(self.defaults, defaults), joined(self.vars, own)
        its, around = joined(inherited.around, own, inherited.entry), joined(inherited.around, inherited.entry, own)
        below = replace(inherited, role=path.name, role_path=path, defaults=defaults, private=False)
        below = replace(below, role_vars=its, around=around, entry=Map())
        files = {folder: _main(path, folder, main.get(folder, "main")) for folder in ("tasks", "handlers")}
        if main and not files["tasks"]:
            raise ConfigError(f"the role {path.name} has no tasks/{main['tasks']}", where=where)
        heard: dict[str, list[str]] = {}
        reader = TaskReader(self.imported, self.problems, self.judge, self, handlers=True, listeners=heard)
        for file in files["handlers"]:
            with self.problems.going_on():
                mine = reader.read(yaml.read(file), "handlers", Mark(str(file)), below, file.parent)
                names = {handler.name for handler in mine}  # of a role that is listed again the last ones count
                kept = [one for one in self.handlers if one.role_path != path or one.name not in names]
                self.handlers[:] = [*kept, *mine]
        for topic, those in heard.items():
            known = self.listeners.setdefault(topic, [])
            known += [name for name in those if name not in known]
        found: list[Task] = []
        reader = TaskReader(self.imported, self.problems, self.judge, self)
        for file in files["tasks"]:
            with self.problems.going_on():
                found += reader.read(yaml.read(file), "tasks", Mark(str(file)), below, file.parent)
        if not any(_main(path, folder) for folder in ("tasks", "handlers", "defaults", "vars", "meta")):
            raise ConfigError("the role has no tasks/main.yml", where=where)
        return found

    def _variables(self, path: Path, folder: str, main: Mapping[str, str]) -> Map:
        found = Map()
        for file in _main(path, folder, main.get(folder, "main")):
            with self.problems.going_on():
                found = joined(found, read_vars(file, self.vaults))
        return found

    def _find(self, name: Any) -> Path:
        if not isinstance(name, str) or "{{" in name or not name:
            raise ConfigError("a role's name must be text without templates", where=mark_of(name))
        found = [Path(os.path.normpath(directory / name)) for directory in self.paths]
        whole = (path for path in found if any((path / folder).is_dir() for folder in (*_FROM, "meta")))
        empty = (path for path in found if path.is_dir() and ".." not in Path(name).parts)
        if path := next(whole, None) or next(empty, None):
            return path.resolve()
        known = [
            path.name for directory in self.paths if directory.is_dir() for path in directory.iterdir() if path.is_dir()
        ]
        searched = ", ".join(str(path) for path in self.paths)
        hint = f"{nearest(name, known)}\n  searched: {searched}"
        raise ConfigError(f"there is no role {str(name)!r}", hint=hint.strip())


def _behind(task: Task, before: Sequence[frozenset[str]], own: frozenset[str]) -> Task:
    """Return a task of a role that is listed again with other tags: it runs if no earlier listing of it does."""
    return replace(task, twins=tuple(tags | (task.tags - own) for tags in before))


def _entry(item: Any, where: Mark) -> Map:
    """Return an entry of ``roles:`` in its long form."""
    if isinstance(item, str):
        return Map({"role": item}, mark_of(item, where), {"role": mark_of(item, where)})
    entry = mapping(item, "a role's entry", where)
    if "role" in entry:
        return entry
    if isinstance(entry.get("name"), Text):
        return Map({**entry, "role": entry["name"]}, entry.mark, {**entry.marks, "role": entry.at("name")})
    raise ConfigError("the entry names no role", where=entry.mark, hint="write role: NAME")


def _long(entry: Map) -> Map:
    """Return an entry with the variables that are written beside ``role:`` moved below ``beside``.

    Raises:
        ConfigError: a word looks like a misspelt keyword, or cannot be the name of a variable.
    """
    beside = [word for word in entry if word not in ROLE]
    for word in beside:
        if INSTEAD.get(word) or alike(word, ROLE, 0.75):
            check_words(entry, (*ROLE, *(one for one in beside if one != word)), "a role's entry")
    left = Map({word: entry[word] for word in entry if word in ROLE}, entry.mark, entry.marks)
    mine = Map({word: entry[word] for word in beside}, entry.mark, entry.marks)
    return Map({**left, "beside": mine}, entry.mark, entry.marks) if beside else entry


def _dependencies(path: Path) -> Iterator[Map]:
    for file in _main(path, "meta"):
        where = Mark(str(file))
        meta = mapping(yaml.read(file) or Map(), "meta", where)
        check_words(meta, _META, "a role's meta/main.yml")
        items = sequence(meta.get("dependencies") or None, "dependencies", where)
        yield from (_entry(item, items.at(i)) for i, item in enumerate(items))


def _main(path: Path, folder: str, name: str = "main") -> list[Path]:
    """Return the main file of a role's directory, or the one with the given name, if it exists."""
    names = [name] if Path(name).suffix in (".yml", ".yaml") else [f"{name}.yml", f"{name}.yaml", name]
    return [file for file in (path / folder / one for one in names) if file.is_file()][:1]
