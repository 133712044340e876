"""Turns one play as written into a `Play`: roles, tasks, handlers, variables, and resolved ``notify``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from deployer.errors import At, ConfigError
from deployer.fields import nearest
from deployer.gathering import Gathering
from deployer.load.inherited import Inherited, read_today
from deployer.load.keywords import PLAY, boolean, check_accepted, check_words, text, words
from deployer.load.marked import Map, joined, mark_of
from deployer.load.roles import RoleReader
from deployer.load.secrets import Vaults
from deployer.load.shipped import shipped_roles
from deployer.load.tasks import TaskJudge, TaskReader
from deployer.load.turns import local_connection, prompts, turns
from deployer.load.varfiles import read_vars, variables
from deployer.model import Mark, Play, Task

_TEMPLATE = re.compile(r"\{[{%].*?[%}]\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ReadWith:
    """What is needed to read plays: role directories, vaults, the judge of tasks, and the list of errors."""

    role_paths: Sequence[Path]
    vaults: Vaults | None
    judge: TaskJudge
    problems: Gathering = field(default_factory=Gathering)


class PlayReader:
    """Reads one play; `play` returns it, and its errors go to ``problems``."""

    def __init__(self, given: Map, path: Path, above: ReadWith, inherited: Inherited) -> None:
        if "roles" not in given and not any(word in given for word in ("hosts", "tasks")):
            hint = "a playbook is a list of plays: - hosts: …; lists of tasks belong in a role's tasks/main.yml"
            raise ConfigError("this is not a play: it has no hosts:", where=given.mark, hint=hint)
        self.directory, self.above, self.problems = path.parent, above, above.problems
        self.given = given = read_today(given, self.problems)
        with self.problems.going_on():
            check_words(given, PLAY, "a play")
        with self.problems.going_on():
            check_accepted(given)
        own = [self.directory / "roles", self.directory.parent / "roles", Path("roles"), self.directory]
        paths = dict.fromkeys(one.resolve() for one in (*own, *above.role_paths, shipped_roles()))
        self.roles = RoleReader(list(paths), above.vaults, self.problems, above.judge)
        self.inherited = inherited
        with self.problems.going_on():
            self.inherited = replace(self.inherited.with_words(given), no_log=self.inherited.hides(given))

    def play(self) -> Play:
        """Return the play."""
        given, mark = self.given, self.given.mark
        before, tasks = self._tasks("pre_tasks"), list[Task]()
        with self.problems.going_on():
            tasks += self.roles.read(given.get("roles"), mark, self.inherited)
        tasks += self._tasks("tasks")
        tasks = self._in_sections(before, tasks, self._tasks("post_tasks"))
        own = self._tasks("handlers", handlers=True, listeners=self.roles.listeners)
        handlers = _by_name((*self.roles.handlers, *own))
        tasks, left = self._exposed(tasks), self._exposed(list(handlers.values()))
        notifying = [replace(task, notify=self._notified(task, handlers)) for task in tasks]
        told = tuple(replace(task, notify=self._notified(task, handlers)) for task in left)
        for task in told:
            with self.problems.going_on():
                _check_results(task, told, notifying)
        hosts = self._hosts()
        return Play(
            name=text(given, "name") or hosts,
            hosts=hosts,
            mark=mark,
            tasks=tuple(notifying),
            handlers=told,
            vars=self._vars(),
            become=self.inherited.become,
            become_user=self.inherited.become_user,
            environment=self.inherited.environment,
            gather_facts=boolean(given, "gather_facts"),
            any_errors_fatal=bool(boolean(given, "any_errors_fatal")),
            directory=self.directory,
            turns=turns(given, self._hooks),
            tags=self.inherited.tags,
            prompts=prompts(given),
            vars_files=tuple(name for name in words(given, "vars_files") if "{{" in name),
            listeners={topic: tuple(names) for topic, names in self.roles.listeners.items()},
            remote_user=text(given, "remote_user") or text(given, "user"),
            local=local_connection(given),
        )

    def _reader(self, **kind: Any) -> TaskReader:
        return TaskReader(self.roles.imported, self.problems, self.above.judge, self.roles, **kind)

    def _hooks(self, value: Any, what: str, where: Mark) -> tuple[Task, ...]:
        reader = self._reader(hooks=True)
        handed = replace(self.inherited, ignore_errors=None)  # a hook that fails stops the switch, whatever tasks may
        return tuple(self._exposed(reader.read(value, what, where, handed, self.directory)))

    def _tasks(self, word: str, **kind: Any) -> list[Task]:
        found, where = list[Task](), self.given.at(word)
        with self.problems.going_on():
            found += self._reader(**kind).read(self.given.get(word), word, where, self.inherited, self.directory)
        return found

    def _in_sections(self, *sections: list[Task]) -> list[Task]:
        """Join ``pre_tasks``, roles and tasks, and ``post_tasks``; handlers run after each section, as in Ansible."""
        words, tags = {"action": "flush_handlers"}, frozenset({"always"})
        flush = Task("flush_handlers", "meta", words, self.given.mark, tags=tags, implicit=True)
        found = list[Task]()
        for section in filter(None, sections):
            if any(task.notify or task.include for task in found):
                found.append(flush)
            found += section
        return found

    def _hosts(self) -> str:
        given = self.given
        with At(given.at("hosts")):
            patterns = [pattern.strip() for pattern in words(given, "hosts")]
            if not any(patterns):
                raise ConfigError("the play has no hosts", hint="write hosts: all, a group or a host")
            return ",".join(pattern for pattern in patterns if pattern)

    def _vars(self) -> Map:
        layers: list[Mapping[str, Any]] = [variables(self.given.get("vars"), self.given.at("vars"))]
        for name in words(self.given, "vars_files"):
            path = self.directory / name
            if "{{" in name:
                continue  # read when -e is known, by deployer.asked
            if not path.is_file():
                raise ConfigError(f"there is no file {path}", where=name.mark)
            layers.append(read_vars(path, self.above.vaults))
        return joined(*layers)

    def _exposed(self, tasks: list[Task]) -> list[Task]:
        """Return the tasks with the variables of all roles of the play added; their own role's win, as in Ansible."""
        below: dict[tuple[int, int], tuple[Map, Map]] = {}
        found = []
        for task in tasks:
            key = (id(task.defaults), id(task.vars))
            if key not in below:
                below[key] = joined(self.roles.defaults, task.defaults), joined(self.roles.vars, task.vars)
            defaults, own = below[key]
            found.append(replace(task, defaults=defaults, vars=own))
        return found

    def _notified(self, task: Task, handlers: Mapping[str, Task]) -> tuple[str, ...]:
        """Return the names of the handlers in a task's ``notify``, with topics (``listen``) resolved."""
        found: dict[str, None] = {}
        listeners = self.roles.listeners
        for word in task.notify:
            role, _, own = word.rpartition(" : ")
            if role and (one := handlers.get(own)) and one.role_path and one.role_path.name == role:
                found[str(own)] = None
            elif word in handlers or "{{" in word:
                found[str(word)] = None
            elif word not in listeners and not self.problems.found:  # it may be in what could not be read
                hint = nearest(word, [*handlers, *listeners]) or "handlers: of the play, handlers/main.yml of the role"
                raise ConfigError(f"there is no handler {str(word)!r}", where=mark_of(word, task.mark), hint=hint)
            found |= dict.fromkeys(listeners.get(word, ()))
        return tuple(found)


def _check_results(task: Task, handlers: Sequence[Task], tasks: Sequence[Task]) -> None:
    """Refuse a handler that uses a variable which another one registers in a loop, or more than once in a flush."""
    said = " ".join((*task.when, *_TEMPLATE.findall(f"{task.args} {task.loop}")))
    for i, other in enumerate(handlers):
        again = next((one for one in handlers[i:] if other.name in one.notify), None)
        if other is task or not other.result.register or (other.loop is None and not again):
            continue
        used = re.search(rf"\b{re.escape(other.result.register)}\b", said)
        if used and any(task.name in one.notify for one in (*tasks, *handlers)):
            how = f", and runs again when {again.name!r} notifies it" if again else " in a loop"
            problem = f"a handler cannot use {other.result.register!r}, which {other.name!r} registers{how}"
            hint = "command: {cmd: …, onlyif: test -e FILE} looks on the host when it runs; or engine: ansible"
            raise ConfigError(problem, where=task.mark, hint=hint)


def _by_name(handlers: Iterable[Task]) -> dict[str, Task]:
    """Return handlers by name: in one list the first one wins, and the play's win over a role's, as in Ansible."""
    found: dict[str, Task] = {}
    for task in handlers:
        if task.name not in found or found[task.name].role_path != task.role_path:
            found[task.name] = task
    return found
