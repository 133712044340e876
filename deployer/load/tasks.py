"""One task as written → a `Task`: keywords, module, arguments, and what play and role hand down."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from deployer.errors import At, ConfigError
from deployer.fields import kind
from deployer.gathering import Gathering
from deployer.load import yaml
from deployer.load.inherited import Inherited, joined
from deployer.load.keywords import (
    HANDLER,
    HOOK,
    TASK,
    boolean,
    check_words,
    instead,
    mapping,
    sequence,
    short_name,
    short_word,
    text,
    words,
)
from deployer.load.marked import Map, Seq, mark_of
from deployer.load.turns import as_node, local
from deployer.load.varfiles import variables
from deployer.model import Mark, Task

_PAIR = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_PAIRS_ONLY = re.compile(r"\s*[A-Za-z_][A-Za-z0-9_]*=\S.*")
_IMPORTS = ("import_tasks", "import_role")
_READ_ON = ("block", "include_tasks")
FREE_FORM = ("command", "shell")
"""Modules that may be given as one text: the command itself."""

MAX_IMPORTS = 16
"""How deep imports may nest."""


ImportRole = Callable[[Map, Inherited, Mark], list[Task]]
TaskJudge = Callable[[Task], Iterable[ConfigError]]
"""Tells what is wrong with a task's module and its arguments, as far as it shows before anything is rendered."""

_BLOCK = ("block", "rescue", "always")
_IMPORT_WORDS = ("name", "vars", "tags", "when", "become", "become_user", "environment")


@dataclass(frozen=True, slots=True)
class TaskReader:
    """Turns lists of tasks into `Task`s; ``import_role`` is how the caller reads a role.

    What is wrong in one task goes to ``problems``, and the others are read.
    """

    import_role: ImportRole
    problems: Gathering
    judge: TaskJudge = lambda _task: ()
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
            ConfigError: it is no list.
            SecretError: a file of variables cannot be decrypted.
        """
        found: list[Task] = []
        items = sequence(value, what, where)
        for i, item in enumerate(items):
            with self.problems.going_on():
                found += self._one(mapping(item, "a task", items.at(i)), inherited, directory)
        return found

    def _one(self, given: Map, inherited: Inherited, directory: Path) -> list[Task]:
        key = self._module(given)
        if short_word(key) in _IMPORTS:
            return self._imported(given, key, inherited, directory)
        if short_word(key) in _READ_ON:
            self._read_on(given, key, inherited, directory)
        if not key or instead(key):
            return []
        task = self._task(given, key, inherited)
        if task is None:
            return []
        for word in words(given, "listen"):
            self.listeners.setdefault(str(word), []).append(task.name)
        return [task]

    def _imported(self, given: Map, key: str, inherited: Inherited, directory: Path) -> list[Task]:
        check_words(given, (key, *_IMPORT_WORDS), "an import")
        below = inherited.with_words(given)
        below = replace(below, params=joined(below.params, variables(given.get("vars"), given.mark)))
        if short_word(key) == "import_role":
            return self.import_role(mapping(given[key], key, given.at(key)), below, given.mark)
        return self._import(given, key, below, directory)

    def _read_on(self, given: Map, key: str, inherited: Inherited, directory: Path) -> None:
        """Look for what is wrong inside of what is refused already."""
        bare = replace(inherited, depth=inherited.depth + 1)
        for word in _BLOCK if bare.depth <= MAX_IMPORTS else ():
            if isinstance(given.get(word), Seq):
                self.read(given[word], word, given.at(word), bare, directory)
        name = given[key]
        if short_word(key) == "include_tasks" and isinstance(name, str) and (directory / name).is_file():
            self._import(given, key, inherited, directory)

    def _module(self, given: Map) -> str:
        """Return the one key that is no keyword; empty when only keywords that are refused are left."""
        keywords = HANDLER if self.handlers else HOOK if self.hooks else TASK
        left = [key for key in given if key not in keywords]
        refused = [key for key in left if instead(key)]
        self.problems.found += (
            ConfigError(f"{key!r} is not supported in a task", where=given.at(key), hint=instead(key))
            for key in refused
        )
        left = [key for key in left if key not in refused]
        if len(left) == 1:
            return left[0]
        if not left:
            if refused:
                return next((key for key in refused if short_word(key) in _READ_ON), refused[0])
            raise ConfigError("the task names no module", where=given.mark, hint="write MODULE: {ARGUMENT: VALUE}")
        for key in left:
            for close in get_close_matches(key, keywords, n=1, cutoff=0.7):
                raise ConfigError(
                    f"unknown word {key!r} in a task", where=given.at(key), hint=f"did you mean {close!r}?"
                )
        raise ConfigError(f"a task has one module, not {' and '.join(left)}", where=given.at(left[1]))

    def _task(self, given: Map, key: str, inherited: Inherited) -> Task | None:
        """Return the task; None when a word of it is wrong, which is noted."""
        before, module, where = len(self.problems.found), short_name(key), given.at(key)
        all_of, own, arguments, wrong = inherited, Map(), Map(mark=where), Gathering()
        with wrong.going_on():
            arguments = _arguments(module, given[key], where)
        with self.problems.going_on():
            all_of = inherited.with_words(given)
        with self.problems.going_on():
            own = variables(given.get("vars"), given.mark)
        own_loop = given.get("loop")
        if "loop" in given and not isinstance(own_loop, Seq | str):
            raise ConfigError(f"loop must be a list or a template, not {kind(own_loop)}", where=given.at("loop"))
        task = Task(
            name=text(given, "name") or module,
            module=module,
            args=arguments,
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
            run_once=self.hooks and bool(boolean(given, "run_once")),
            local=self.hooks and local(given),
            as_node=self.hooks and as_node(given),
            timeout=given.get("timeout"),
        )
        self.problems.found += list(self.judge(task)) or wrong.found
        return task if len(self.problems.found) == before else None

    def _import(self, given: Map, key: str, below: Inherited, directory: Path) -> list[Task]:
        value, at = given[key], given.at(key)
        with At(at):
            if isinstance(value, Map):
                value = value.get("file")
            if not isinstance(value, str) or "{{" in value:
                raise ConfigError("import_tasks takes the name of a file, without templates")
            if below.depth >= MAX_IMPORTS:
                raise ConfigError(f"imports are nested deeper than {MAX_IMPORTS}")
            path = directory / value
            if not path.is_file():
                raise ConfigError(f"there is no file {path}")
            content = yaml.read(path)
            return self.read(content, "tasks", Mark(str(path)), replace(below, depth=below.depth + 1), path.parent)


def _arguments(module: str, value: Any, where: Mark) -> Map:
    """Return a module's arguments as a mapping."""
    with At(mark_of(value, where)):
        if value is None:
            return Map(mark=where)
        if isinstance(value, Map):
            return value
        if isinstance(value, str) and module in FREE_FORM and value.strip():
            if re.search(r"(?:^|\s)(?:creates|removes|chdir)=", value):
                hint = f"{module}: {{cmd: …, creates: …}}"
                raise ConfigError("arguments are not written as KEY=VALUE", hint=hint)
            return Map({"cmd": value}, where, {"cmd": mark_of(value, where)})
        if isinstance(value, str) and _PAIRS_ONLY.fullmatch(value):
            pairs = [part.split("=", 1) for part in value.split() if _PAIR.match(part)]
            form = ", ".join(f"{key}: {item}" for key, item in pairs)
            raise ConfigError("arguments are not written as KEY=VALUE", hint=f"{module}: {{{form}}}")
        hint = f"{module}: {{ARGUMENT: VALUE}}"
        raise ConfigError(f"the arguments of {module} must be a mapping, not {kind(value)}", hint=hint)
