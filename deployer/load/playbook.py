"""Playbooks: plays with their roles, tasks and handlers, everything read and checked before any host is touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from deployer.errors import ConfigError
from deployer.fields import nearest
from deployer.load import yaml
from deployer.load.keywords import PLAY, boolean, check_words, mapping, sequence, text, words
from deployer.load.marked import Map, mark_of
from deployer.load.roles import RoleReader
from deployer.load.secrets import Vaults
from deployer.load.shipped import shipped_playbooks, shipped_roles
from deployer.load.tasks import MAX_DEPTH, Inherited, TaskReader, joined
from deployer.load.turns import turns
from deployer.load.varfiles import read_vars, variables
from deployer.model import Mark, Play, Task

__all__ = ["find_playbook", "load_playbook"]


def find_playbook(path: Path) -> Path:
    """Return the file that a playbook argument means: itself, or the one of that name that comes with the program.

    Raises:
        ConfigError: there is neither.
    """
    if path.is_file():
        return path
    if path.parent in (Path(), Path("playbooks")) and (shipped_playbooks() / path.name).is_file():
        return shipped_playbooks() / path.name
    known = [file.name for file in sorted(shipped_playbooks().glob("*.yml"))]
    hint = f"these come with deployer: {', '.join(known)}" if known else ""
    raise ConfigError("there is no such playbook", where=path, hint=hint)


def load_playbook(path: Path, *, role_paths: Sequence[Path] = (), vaults: Vaults | None = None) -> tuple[Play, ...]:
    """Read a playbook with everything it uses.

    Roles are searched in ``roles/`` of the playbook's directory, of that one's parent, of the working directory, then
    in ``role_paths``, then among those that come with the program.

    Args:
        path: a file, or the name of a playbook that comes with the program.
        role_paths: more directories that hold roles.
        vaults: opens encrypted ``vars_files``; None leaves their variables out.

    Raises:
        ConfigError: with file, line, column, what is wrong and what to write instead.
    """
    return tuple(_plays(find_playbook(path), role_paths, vaults, 0))


def _plays(path: Path, role_paths: Sequence[Path], vaults: Vaults | None, depth: int) -> list[Play]:
    where = Mark(str(path))
    items = sequence(yaml.read(path), "a playbook", where)
    if not items:
        raise ConfigError("the playbook is empty", where=where, hint="write - hosts: …, then roles: or tasks:")
    found: list[Play] = []
    for i, item in enumerate(items):
        given = mapping(item, "a play", items.at(i))
        if "import_playbook" in given or "ansible.builtin.import_playbook" in given:
            found += _imported(given, path, role_paths, vaults, depth)
        else:
            found.append(_PlayReader(given, path, role_paths, vaults).play())
    return found


def _imported(given: Map, path: Path, role_paths: Sequence[Path], vaults: Vaults | None, depth: int) -> list[Play]:
    word = next(iter(key for key in given if key.endswith("import_playbook")))
    check_words(given, (word, "name"), "an import of a playbook")
    name = given[word]
    if not isinstance(name, str) or "{{" in name:
        raise ConfigError("import_playbook takes the name of a file, without templates", where=given.at(word))
    if depth >= MAX_DEPTH:
        raise ConfigError(f"imports are nested deeper than {MAX_DEPTH}", where=given.at(word))
    beside = path.parent / name
    try:
        file = beside if beside.is_file() else find_playbook(Path(name))
    except ConfigError:
        raise ConfigError(f"there is no playbook {beside}", where=given.at(word)) from None
    return _plays(file, role_paths, vaults, depth + 1)


class _PlayReader:
    def __init__(self, given: Map, path: Path, role_paths: Sequence[Path], vaults: Vaults | None) -> None:
        if "roles" not in given and not any(word in given for word in ("hosts", "tasks")):
            hint = "a playbook is a list of plays: - hosts: …; lists of tasks belong in a role's tasks/main.yml"
            raise ConfigError("this is not a play: it has no hosts:", where=given.mark, hint=hint)
        check_words(given, PLAY, "a play")
        self.given, self.directory, self.vaults = given, path.parent, vaults
        own = [self.directory / "roles", self.directory.parent / "roles", Path("roles")]
        paths = dict.fromkeys(one.resolve() for one in (*own, *role_paths, shipped_roles()))
        self.roles = RoleReader(list(paths), vaults)
        self.inherited = Inherited().with_words(given)

    def play(self) -> Play:
        given, mark = self.given, self.given.mark
        tasks = [
            *self._tasks("pre_tasks"),
            *self.roles.read(given.get("roles"), mark, self.inherited),
            *self._tasks("tasks"),
            *self._tasks("post_tasks"),
        ]
        reader = TaskReader(self.roles.imported, handlers=True, listeners=self.roles.listeners)
        own = reader.read(given.get("handlers"), "handlers", mark, self.inherited, self.directory)
        handlers = {task.name: task for task in (*self.roles.handlers, *own)}  # the last of a name wins, as in Ansible
        tasks, left = self._exposed(tasks), self._exposed(list(handlers.values()))
        notifying = [replace(task, notify=self._notified(task, handlers)) for task in tasks]
        hosts = self._hosts()
        return Play(
            name=text(given, "name") or hosts,
            hosts=hosts,
            mark=mark,
            tasks=tuple(notifying),
            handlers=tuple(replace(task, notify=self._notified(task, handlers)) for task in left),
            vars=self._vars(),
            become=self.inherited.become,
            become_user=self.inherited.become_user,
            environment=self.inherited.environment,
            gather_facts=boolean(given, "gather_facts"),
            any_errors_fatal=bool(boolean(given, "any_errors_fatal")),
            directory=self.directory,
            turns=turns(given, self._hooks),
        )

    def _hooks(self, value: Any, what: str, where: Mark) -> tuple[Task, ...]:
        reader = TaskReader(self.roles.imported, hooks=True)
        return tuple(self._exposed(reader.read(value, what, where, self.inherited, self.directory)))

    def _tasks(self, word: str) -> list[Task]:
        reader = TaskReader(self.roles.imported)
        return reader.read(self.given.get(word), word, self.given.at(word), self.inherited, self.directory)

    def _hosts(self) -> str:
        given = self.given
        patterns = [pattern.strip() for pattern in words(given, "hosts")]
        if not any(patterns):
            raise ConfigError(
                "the play has no hosts", where=given.at("hosts"), hint="write hosts: all, a group or a host"
            )
        return ",".join(pattern for pattern in patterns if pattern)

    def _vars(self) -> Map:
        layers: list[Mapping[str, Any]] = [variables(self.given.get("vars"), self.given.at("vars"))]
        for name in words(self.given, "vars_files"):
            path = self.directory / name
            if "{{" in name:
                raise ConfigError("vars_files are named without templates", where=name.mark, hint="use group_vars/")
            if not path.is_file():
                raise ConfigError(f"there is no file {path}", where=name.mark)
            layers.append(read_vars(path, self.vaults))
        return joined(*layers)

    def _exposed(self, tasks: list[Task]) -> list[Task]:
        """Return the tasks with the variables of all the play's roles below their own role's, as in Ansible."""
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
        """Return the names of the handlers that a task's ``notify`` means, topics resolved."""
        found: dict[str, None] = {}
        listeners = self.roles.listeners
        for word in task.notify:
            if word in handlers or "{{" in word:
                found[str(word)] = None
            elif word not in listeners:
                hint = nearest(word, [*handlers, *listeners]) or "handlers: of the play, handlers/main.yml of the role"
                raise ConfigError(f"there is no handler {str(word)!r}", where=mark_of(word, task.mark), hint=hint)
            found |= dict.fromkeys(listeners.get(word, ()))
        return tuple(found)
