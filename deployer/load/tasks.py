"""Turns one task as written into a `Task`: keywords, module, arguments, and what it inherits from play and role."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from deployer.errors import At, ConfigError
from deployer.gathering import Gathering
from deployer.load import keywords, yaml
from deployer.load.inherited import Inherited, Listed, read_today
from deployer.load.keywords import (
    boolean,
    check_accepted,
    check_words,
    mapping,
    sequence,
    short_name,
    short_word,
    text,
    words,
)
from deployer.load.marked import Map, joined
from deployer.load.rarely import arguments_of, looped, result_of
from deployer.load.renamed import RENAMED, called_here
from deployer.load.turns import as_node, local, local_connection
from deployer.load.unsupported import conditional, refused_here, standing
from deployer.load.varfiles import variables
from deployer.model import LoopControl, Mark, ResultWords, Task

_IMPORTS = ("import_tasks", "import_role")
MAX_IMPORTS = 16
"""The depth to which imports may be nested."""

ImportRole = Callable[[Map, Inherited, Mark], list[Task]]
TaskJudge = Callable[[Task], Iterable[ConfigError]]
"""Returns the errors in a task's module and arguments that can be found before anything is rendered."""

_PARTS = frozenset(("block", "rescue", "always"))


class Brought(NamedTuple):
    """Tasks that were read late, the handlers of their roles, and the handlers' names by topic."""

    tasks: tuple[Task, ...]
    handlers: tuple[Task, ...] = ()
    listeners: Mapping[str, Sequence[str]] = {}


class Roles(Protocol):
    """Reads the roles of a play: `deployer.load.roles.RoleReader`."""

    seen: set[Listed]

    def later(self, make: Callable[[], list[Task]], seen: set[Listed]) -> Brought:
        """Return what ``make`` reads, as if only the roles in ``seen`` had been listed; it adds more to them."""
        ...


class _Said(NamedTuple):
    """The keywords of a task that it does not share with blocks."""

    loop: Any
    control: LoopControl
    no_log: bool
    result: ResultWords
    delegate_to: str | None


@dataclass(frozen=True, slots=True)
class TaskReader:
    """Turns lists of tasks into `Task`s; ``import_role`` reads a role.

    The errors of a task go to ``problems``, and the other tasks are read all the same.
    """

    import_role: ImportRole
    problems: Gathering
    judge: TaskJudge
    roles: Roles
    handlers: bool = False
    hooks: bool = False
    listeners: dict[str, list[str]] = field(default_factory=dict)

    def read(self, value: Any, what: str, where: Mark, inherited: Inherited, directory: Path) -> list[Task]:
        """Return the tasks of one list, imports resolved.

        Args:
            value: the list.
            what: the list's keyword, for errors.
            where: the place to report if there is none better.
            inherited: what the tasks inherit from play and role.
            directory: the base for ``import_tasks``.

        Raises:
            ConfigError: it is not a list.
            SecretError: a file of variables cannot be decrypted.
        """
        found: list[Task] = []
        items = sequence(value, what, where)
        for i, item in enumerate(items):
            with self.problems.going_on():
                found += self._one(mapping(item, "a task", items.at(i)), inherited, directory)
        return found

    def _one(self, given: Map, inherited: Inherited, directory: Path) -> list[Task]:
        if "action" in given or "local_action" in given:
            from deployer.load.arguments import without_action

            given = without_action(given)
        if not self.hooks:
            given = read_today(given, self.problems)
        if not self.hooks and (old := next((word for word in given if short_word(word) == "include"), "")):
            from deployer.load.outdated import as_written_today

            given = as_written_today(given, old)
            self.problems.outdated.append(("include", str(given.mark)))
        if not (self.hooks or _PARTS.isdisjoint(given)):
            return self._block(given, inherited, directory)
        known = keywords.HANDLER if self.handlers else keywords.HOOK if self.hooks else keywords.TASK
        under = conditional(given, inherited, self.problems)
        key = keywords.module_key(given, known, self.problems, under)
        if short_word(key) in _IMPORTS:
            return self._imported(given, key, inherited, directory)
        if short_word(key) in keywords.INCLUDES and not (self.hooks or self.handlers):
            from deployer.load.includes import included

            return included(self, given, key, inherited, directory)
        if not key or refused_here(key, under):
            return []
        task = self._task(given, key, inherited)
        if task is None:
            return []
        for word in words(given, "listen"):
            self.listeners.setdefault(str(word), []).append(task.name)
        return [task]

    def _block(self, given: Map, inherited: Inherited, directory: Path) -> list[Task]:
        below = replace(inherited, depth=inherited.depth + 1)
        if below.depth > MAX_IMPORTS:
            raise ConfigError(f"blocks and imports are nested deeper than {MAX_IMPORTS}", where=given.mark)
        from deployer.load.blocks import block_tasks

        return block_tasks(self, given, below, directory)

    def _imported(self, given: Map, key: str, inherited: Inherited, directory: Path) -> list[Task]:
        check_words(given, (key, *keywords.SHARED, *keywords.HANDED, "run_once"), "an import")
        below = inherited.with_words(given)
        below = replace(below, block_vars=joined(below.block_vars, variables(given.get("vars"), given.mark)))
        if short_word(key) == "import_role":
            given_to = arguments_of(short_word(key), given[key], None, given.at(key))
            return self.import_role(given_to, below, given.mark)
        return self._import(given, key, below, directory)

    def _task(self, given: Map, key: str, inherited: Inherited) -> Task | None:
        """Return the task; None if it has an error, which goes to ``problems``."""
        before, wrong, all_of, own = len(self.problems.found), Gathering(), inherited, Map()
        module, args = self._called(given, key, wrong)
        if len(self.problems.found) > before:
            return None
        with self.problems.going_on():
            all_of = inherited.with_words(given)
        with self.problems.going_on():
            own = variables(given.get("vars"), given.mark)
        said = self._said(given, inherited)
        task = Task(
            name=text(given, "name") or module,
            module=module,
            args=args,
            mark=given.mark,
            when=all_of.when,
            loop=said.loop,
            control=said.control,
            no_log=said.no_log,
            blocks=inherited.blocks,
            notify=inherited.notify + words(given, "notify"),
            tags=all_of.tags,
            become=all_of.become,
            become_user=all_of.become_user,
            become_around=all_of.become_around,
            environment=all_of.environment,
            role=inherited.role,
            role_path=inherited.role_path,
            defaults=inherited.defaults,
            vars=inherited.variables(own),
            params=inherited.params,
            run_once=bool(boolean(given, "run_once")) if self.hooks else all_of.run_once,
            local=self.hooks and local(given),
            delegate_to=None if self.hooks and local(given) else said.delegate_to,
            as_node=self.hooks and as_node(given),
            timeout=given.get("timeout"),
            confirm=given.get("confirm"),
            result=said.result,
        )
        under = conditional(given, inherited, self.problems)
        self.problems.found += standing(list(self.judge(task)) or wrong.found, under)
        return task if len(self.problems.found) == before else None

    def _called(self, given: Map, key: str, wrong: Gathering) -> tuple[str, Map]:
        """Return the module and its arguments under our names; errors in the written arguments go to ``wrong``."""
        module, where, args = short_name(key), given.at(key), Map(mark=given.at(key))
        with wrong.going_on():
            args = arguments_of(module, given[key], given.get("args"), where)
        if module in RENAMED and not wrong.found:
            with self.problems.going_on():
                return called_here(module, args)
        return module, args

    def _said(self, given: Map, inherited: Inherited) -> _Said:
        loop, control, no_log, result, delegate = None, LoopControl(), inherited.no_log, ResultWords(), None
        with self.problems.going_on():
            check_accepted(given)
            loop, control = looped(given)
            no_log = inherited.hides(given)
            result = result_of(given, inherited.ignore_errors)
        with self.problems.going_on():
            delegate = text(given, "delegate_to", "localhost" if local_connection(given) else inherited.delegate_to)
        return _Said(loop, control, no_log, result, delegate)

    def _import(self, given: Map, key: str, below: Inherited, directory: Path) -> list[Task]:
        value, at = given[key], given.at(key)
        with At(at):
            if isinstance(value, Map):
                value = value.get("file")
            if not isinstance(value, str) or "{{" in value:
                hint = "include_tasks accepts templates"
                raise ConfigError("import_tasks needs a file name without templates", hint=hint)
        return self.file(value, at, replace(below, depth=below.depth + 1), directory)

    def file(self, name: str, at: Mark, below: Inherited, directory: Path) -> list[Task]:
        """Return the tasks of one file, which is beside the file that names it, or in its role's ``tasks/``.

        Raises:
            ConfigError: there is no such file, or files include each other without end.
        """
        with At(at):
            if below.depth > MAX_IMPORTS:
                raise ConfigError(f"imports are nested deeper than {MAX_IMPORTS}")
            places = [directory, *([below.role_path / "tasks"] if below.role_path else [])]
            path = next((place / name for place in places if (place / name).is_file()), None)
            if path is None:
                raise ConfigError(f"there is no file {directory / name}")
            content = yaml.read(path)
        return self.read(content, "tasks", Mark(str(path)), below, path.parent)
