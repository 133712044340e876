"""``include_tasks`` and ``include_role``: tasks that are there only where the include itself is chosen.

What an include says (``when``, ``tags``) is looked at once, before its tasks, and its tags are not theirs; that is the
difference to an import, which hands its words down. An include whose file is known is read with everything else; one
that depends on variables or goes through a loop is read when its host's variables are known, which is before any host
is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployer.errors import ConfigError
from deployer.gathering import Gathering
from deployer.load.arguments import task_arguments
from deployer.load.inherited import Inherited, Listed, conditions, tags
from deployer.load.keywords import HANDED, ROLE_WORDS, WITH, check_words, mapping, short_word, text
from deployer.load.loops import loop_of
from deployer.load.marked import Map, joined, mark_of
from deployer.load.varfiles import variables
from deployer.model import Gate, Include, Mark, Play, Task

if TYPE_CHECKING:
    from deployer.load.tasks import Brought, TaskReader

_WORDS = ("name", "vars", "tags", "when", "loop", "loop_control", "args", "no_log", "run_once", *WITH)
_APPLY = ("tags", "when", "become", "become_user", "environment", "no_log", *HANDED)
_LATER = ("rolespec_validate",)

Read = Callable[[Map], list[Task]]


def included(reader: TaskReader, given: Map, key: str, inherited: Inherited, directory: Path) -> list[Task]:
    """Return the tasks of an include, or the one that stands for it until variables are known.

    Raises:
        ConfigError: a word of it is wrong, or its file or role is not there.
    """
    word, at = short_word(key), given.at(key)
    check_words(given, (key, *_WORDS), "an include", "write become and other task keywords below apply:")
    args = task_arguments(word, given[key], given.get("args"), at)
    loop, control = loop_of(given)
    own = variables(given.get("vars"), given.mark)
    gate = Gate(inherited.tags | tags(given), () if loop is not None else conditions(given), given.mark)
    below = _applied(args, replace(inherited, depth=inherited.depth + 1, run_once=inherited.with_words(given).run_once))
    below = replace(below, gated=below.gated or "when" in given)
    if word == "include_tasks":
        below = replace(below, params=joined(inherited.params, own))
        make: Read = _tasks(reader, below, directory, at)
    else:
        below = replace(below, params=joined(inherited.params, own, inherited.beside))
        make = _role(reader, below, at)
    if loop is None and not any("{{" in str(args.get(name, "")) for name in ("file", "name", "tasks_from")):
        return [replace(task, gates=(gate, *task.gates)) for task in make(args)]
    late, seen = replace(reader, problems=Gathering()), frozenset(reader.roles.seen)
    make = _tasks(late, below, directory, at) if word == "include_tasks" else _role(late, below, at)
    templated = any("{{" in str(args.get(name)) for name in ("name", "tasks_from"))
    if templated and args.get("public"):
        hint = "write the names of the role and its tasks without templates, or remove public"
        raise ConfigError("public needs a role name without templates", where=args.at("public"), hint=hint)
    become = below.become
    if word == "include_role" and not templated:
        inside = make(args)  # for its handlers, for who becomes root there, and for what is wrong in it
        late.problems.check()
        become = become or any(map(_becomes, inside))
    elif word == "include_tasks" and "{{" not in str(args.get("file")):
        become = become or _becomes_inside(reader, late, args, below, directory, at)
    task = replace(_standing_for(word, given, args, own, inherited), become=become, loop=loop, control=control)
    return [replace(task, include=_reading(reader, late, make, args, seen))]


def _becomes_inside(
    reader: TaskReader, late: TaskReader, args: Map, below: Inherited, directory: Path, at: Mark
) -> bool:
    """Return whether anybody becomes root in a file; nothing else of it counts before it is read in its turn."""
    file, before = (directory, str(args.get("file"))), len(reader.problems.found)
    if file in below.looked:
        return False  # it includes itself
    make = _tasks(late, replace(below, looked=below.looked | {file}), directory, at)
    try:
        with suppress(ConfigError):
            return any(map(_becomes, reader.roles.later(lambda: make(args), set(reader.roles.seen)).tasks))
        return False
    finally:
        late.problems.found.clear()
        del reader.problems.found[before:]


def _becomes(task: Task) -> bool:
    return bool(task.become) or "ansible_become" in task.vars


def _reading(reader: TaskReader, late: TaskReader, make: Read, args: Map, seen: frozenset[Listed]) -> Include:
    """Return what reads the tasks of an include once its arguments are rendered; roles tell ``reader`` their errors.

    Of the roles that are listed before it, ``seen``, and of those that other includes have brought to a host, no
    dependency is listed again.
    """
    around = reader.problems

    def read(rendered: Mapping[str, Any], met: set[Any]) -> tuple[tuple[Task, ...], Callable[[Play], Play]]:
        before, known = len(around.found), {*seen, *met}
        late.problems.found.clear()
        try:
            found = reader.roles.later(lambda: make(Map({**args, **rendered}, args.mark, args.marks)), known)
        finally:
            late.problems.found += around.found[before:]
            del around.found[before:]
        late.problems.check()
        met |= {one._replace(gated=False) for one in known - seen}  # the host has passed the gate
        return found.tasks, partial(_with_brought, found)

    return read


def _with_brought(found: Brought, play: Play) -> Play:
    """Return a play with handlers that an include has brought; those of its own names stay."""
    known = {handler.name for handler in play.handlers}
    more = {one.name: one for one in found.handlers if one.name not in known}
    if not more:
        return play
    topics = {topic: tuple(name for name in names if name in more) for topic, names in found.listeners.items()}
    joined = {topic: (*play.listeners.get(topic, ()), *names) for topic, names in topics.items() if names}
    return replace(play, handlers=(*play.handlers, *more.values()), listeners={**play.listeners, **joined})


def _standing_for(word: str, given: Map, args: Map, own: Map, inherited: Inherited) -> Task:
    """Return the task that stands for those of an include until variables are known."""
    return Task(
        name=text(given, "name") or word,
        module=word,
        args=Map({name: args[name] for name in args if name != "apply"}, args.mark, args.marks),
        mark=given.mark,
        when=(*inherited.when, *conditions(given)),
        tags=inherited.tags | tags(given),
        role=inherited.role,
        role_path=inherited.role_path,
        defaults=inherited.defaults,
        vars=inherited.variables(own),
        params=inherited.params,
        blocks=inherited.blocks,
    )


def _applied(args: Map, below: Inherited) -> Inherited:
    apply = mapping(args.get("apply") or Map(mark=args.mark), "apply", args.at("apply"))
    check_words(apply, _APPLY, "apply")
    return below.with_words(apply)


def _tasks(reader: TaskReader, below: Inherited, directory: Path, at: Mark) -> Read:
    def make(args: Map) -> list[Task]:
        check_words(args, ("file", "apply"), "include_tasks")
        if not isinstance(args.get("file"), str):
            raise ConfigError("include_tasks needs a file name", where=at, hint="include_tasks: more.yml")
        return reader.file(args["file"], mark_of(args["file"], at), below, directory)

    return make


def _role(reader: TaskReader, below: Inherited, at: Mark) -> Read:
    def make(args: Map) -> list[Task]:
        check_words(args, (*ROLE_WORDS, *_LATER, "apply"), "include_role")
        return reader.import_role(args, replace(below, private=not args.get("public")), at)

    return make
