"""One task as written → a `Task`: keywords, module, arguments, and what play and role hand down."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from deployer.errors import ConfigError
from deployer.fields import kind
from deployer.load import yaml
from deployer.load.keywords import (
    HANDLER,
    HOOK,
    INSTEAD,
    TASK,
    boolean,
    check_words,
    mapping,
    sequence,
    short_name,
    text,
    words,
)
from deployer.load.marked import Map, Seq, Text, mark_of
from deployer.load.turns import local
from deployer.load.varfiles import variables
from deployer.model import Mark, Task

_PAIR = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_PAIRS_ONLY = re.compile(r"\s*[A-Za-z_][A-Za-z0-9_]*=\S.*")
_IMPORTS = ("import_tasks", "import_role")
FREE_FORM = ("command", "shell")
"""Modules that may be given as one text: the command itself."""

MAX_DEPTH = 16
"""How deep imports may nest."""


@dataclass(frozen=True, slots=True)
class Inherited:
    """What a play or a role hands down to its tasks; `with_words` adds what a role or import says itself.

    Attributes:
        params: variables of a role's entry in ``roles:``, stronger than those of its tasks.
        files: directories whose ``files/`` and ``templates/`` are looked in; see `deployer.load.sources`.
    """

    when: tuple[str, ...] = ()
    tags: frozenset[str] = frozenset()
    become: bool | None = None
    become_user: str | None = None
    environment: Mapping[str, Any] = field(default_factory=Map)
    role: str = ""
    role_path: Path | None = None
    defaults: Map = field(default_factory=Map)
    role_vars: Map = field(default_factory=Map)
    params: Map = field(default_factory=Map)
    depth: int = 0

    def with_words(self, given: Map) -> Inherited:
        """Return what is handed down below ``given``, which may say when, tags, become, become_user, environment."""
        where = given.mark
        become = boolean(given, "become")
        return replace(
            self,
            when=self.when + conditions(given),
            tags=self.tags | tags(given),
            become=self.become if become is None else become,
            become_user=text(given, "become_user", self.become_user),
            environment=joined(
                self.environment, mapping(given.get("environment") or Map(mark=where), "environment", where)
            ),
        )


def joined(*maps: Mapping[str, Any]) -> Map:
    """Return one mapping of several, the last one winning, with the marks of all."""
    found = Map()
    for one in maps:
        found.update(one)
        found.marks.update(getattr(one, "marks", {}))
    return found


def conditions(given: Map) -> tuple[str, ...]:
    """Return the conditions under ``when``.

    Raises:
        ConfigError: one is not text or has braces.
    """
    value = given.get("when")
    if value is None:
        return ()
    found = []
    for i, item in enumerate(value if isinstance(value, Seq) else [value]):
        at = mark_of(item, value.at(i) if isinstance(value, Seq) else given.at("when"))
        if isinstance(item, bool):
            item = Text(str(item).lower(), at)  # noqa: PLW2901
        if not isinstance(item, str) or not item.strip():
            raise ConfigError(f"when must be an expression, not {kind(item)}", where=at)
        if "{{" in item or "{%" in item:
            raise ConfigError("when is an expression already", where=at, hint="write it without {{ }}")
        found.append(item)
    return tuple(found)


def tags(given: Map) -> frozenset[str]:
    """Return the tags under ``tags``; commas separate, as in Ansible."""
    return frozenset(tag.strip() for word in words(given, "tags") for tag in word.split(",") if tag.strip())


ImportRole = Callable[[Map, Inherited, Mark], list[Task]]


@dataclass(frozen=True, slots=True)
class TaskReader:
    """Turns lists of tasks into `Task`s; ``import_role`` is how the caller reads a role."""

    import_role: ImportRole
    handlers: bool = False
    hooks: bool = False
    listeners: dict[str, list[str]] = field(default_factory=dict)

    def read(self, value: Any, what: str, where: Mark, inherited: Inherited, directory: Path) -> list[Task]:
        """Return the tasks of one list, imports resolved.

        Args:
            value: the list.
            what: the list's word, for errors.
            where: the place to name when there is none better.
            inherited: what play and role hand down.
            directory: where ``import_tasks`` starts.

        Raises:
            ConfigError: with file, line, column and what to write instead.
        """
        found: list[Task] = []
        items = sequence(value, what, where)
        for i, item in enumerate(items):
            found += self._one(mapping(item, "a task", items.at(i)), inherited, directory)
        return found

    def _one(self, given: Map, inherited: Inherited, directory: Path) -> list[Task]:
        name = self._module(given)
        if name in _IMPORTS:
            check_words(
                given, (name, *("name", "vars", "tags", "when", "become", "become_user", "environment")), "an import"
            )
            below = inherited.with_words(given)
            below = replace(below, params=joined(below.params, variables(given.get("vars"), given.mark)))
            if name == "import_role":
                return self.import_role(mapping(given[name], name, given.at(name)), below, given.mark)
            return self._import(given, below, directory)
        task = self._task(given, name, inherited)
        for word in words(given, "listen"):
            self.listeners.setdefault(str(word), []).append(task.name)
        return [task]

    def _module(self, given: Map) -> str:
        """Return the one key that is no keyword."""
        keywords = HANDLER if self.handlers else HOOK if self.hooks else TASK
        left = [key for key in given if key not in keywords]
        for key in left:
            if key in INSTEAD or key.startswith("with_"):
                hint = INSTEAD.get(key, "loop:")
                raise ConfigError(f"{key!r} is not supported in a task", where=given.at(key), hint=hint)
        if len(left) == 1:
            return left[0]
        if not left:
            raise ConfigError("the task names no module", where=given.mark, hint="write MODULE: {ARGUMENT: VALUE}")
        for key in left:
            for close in get_close_matches(key, keywords, n=1, cutoff=0.7):
                raise ConfigError(
                    f"unknown word {key!r} in a task", where=given.at(key), hint=f"did you mean {close!r}?"
                )
        raise ConfigError(f"a task has one module, not {' and '.join(left)}", where=given.at(left[1]))

    def _task(self, given: Map, key: str, inherited: Inherited) -> Task:
        module, where = short_name(key), given.at(key)
        all_of = inherited.with_words(given)
        own = variables(given.get("vars"), given.mark)
        own_loop = given.get("loop")
        if "loop" in given and not isinstance(own_loop, Seq | str):
            raise ConfigError(f"loop must be a list or a template, not {kind(own_loop)}", where=given.at("loop"))
        return Task(
            name=text(given, "name") or module,
            module=module,
            args=_arguments(module, given[key], where),
            mark=given.mark,
            when=all_of.when,
            loop=own_loop,
            notify=words(given, "notify"),
            tags=all_of.tags,
            become=all_of.become,
            become_user=all_of.become_user,
            environment=all_of.environment,
            role=inherited.role,
            role_path=inherited.role_path,
            defaults=inherited.defaults,
            vars=joined(inherited.role_vars, own, inherited.params) if own or inherited.params else inherited.role_vars,
            run_once=bool(boolean(given, "run_once")),
            local=local(given),
        )

    def _import(self, given: Map, below: Inherited, directory: Path) -> list[Task]:
        value = given["import_tasks"]
        if isinstance(value, Map):
            value = value.get("file")
        at = given.at("import_tasks")
        if not isinstance(value, str) or "{{" in value:
            raise ConfigError("import_tasks takes the name of a file, without templates", where=at)
        if below.depth >= MAX_DEPTH:
            raise ConfigError(f"imports are nested deeper than {MAX_DEPTH}", where=at)
        path = directory / value
        if not path.is_file():
            raise ConfigError(f"there is no file {path}", where=at)
        content = yaml.read(path)
        return self.read(content, "tasks", Mark(str(path)), replace(below, depth=below.depth + 1), path.parent)


def _arguments(module: str, value: Any, where: Mark) -> Map:
    """Return a module's arguments as a mapping."""
    if value is None:
        return Map(mark=where)
    if isinstance(value, Map):
        return value
    if isinstance(value, str) and module in FREE_FORM and value.strip():
        if re.search(r"(?:^|\s)(?:creates|removes|chdir)=", value):
            hint = f"{module}: {{cmd: …, creates: …}}"
            raise ConfigError("arguments are not written as KEY=VALUE", where=mark_of(value, where), hint=hint)
        return Map({"cmd": value}, where, {"cmd": mark_of(value, where)})
    if isinstance(value, str) and _PAIRS_ONLY.fullmatch(value):
        pairs = [part.split("=", 1) for part in value.split() if _PAIR.match(part)]
        form = ", ".join(f"{key}: {item}" for key, item in pairs)
        raise ConfigError(
            "arguments are not written as KEY=VALUE", where=mark_of(value, where), hint=f"{module}: {{{form}}}"
        )
    hint = f"{module}: {{ARGUMENT: VALUE}}"
    raise ConfigError(
        f"the arguments of {module} must be a mapping, not {kind(value)}", where=mark_of(value, where), hint=hint
    )
