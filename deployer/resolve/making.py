"""Makes a validated module instance from a task's templated arguments."""

from __future__ import annotations

import re
import stat
from collections import ChainMap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deployer import modules
from deployer.errors import At, ConfigError
from deployer.fields import alike, build, coerce, complaints, kind
from deployer.load.instead import INSTEAD_OF_MODULES, OF_OTHER_SYSTEMS
from deployer.load.keywords import ACTS, TASK, instead
from deployer.load.marked import OMIT, Map, folder_of, mark_of, marks_of
from deployer.load.secrets import Vaults, fill, read_secret
from deployer.load.sources import Sources
from deployer.load.template import Variables
from deployer.load.unsupported import NotHere
from deployer.model import Blob, Secret, Task
from deployer.modules import Module
from deployer.resolve.homes import ROOTS, at_homes
from deployer.resolve.silent import is_silent, says_none
from deployer.resolve.spelling import spelled
from deployer.syntax import VARIABLE, truth

LONGEST_TIMEOUT = 86_400
_ELSEWHERE = (
    "deployer modules list has ours; ansible-core runs others: engine: ansible at the role or the play, or"
    " --ansible-fallback"
)
_INTO = ("copy", "template")
"""Modules that put their file into ``dest`` if that is a directory."""
_DIGITS = re.compile("0[0-7]{3}")


def module_class(task: Task) -> type[Module]:
    """Return the class of a task's module.

    Raises:
        ConfigError: there is no module of that name; with the nearest name.
    """
    if task.module in OF_OTHER_SYSTEMS:
        hint = f"{instead(task.module)}; a condition may leave it out: when: ansible_os_family == 'RedHat'"
        raise NotHere(f"{task.module!r} is not supported", where=mark_of(task.args, task.mark), hint=hint)
    if not modules.is_module(task.module):
        where = mark_of(task.args, task.mark)
        if hint := INSTEAD_OF_MODULES.get(task.module, ""):
            raise NotHere(f"{task.module!r} is not supported", where=where, hint=hint)
        near = alike(task.module, [*modules.names(), *TASK])
        hint = f"did you mean {near!r}?" if near else _ELSEWHERE
        found = ConfigError if alike(task.module, modules.names(), 0.75) else NotHere
        raise found(f"there is no module {task.module!r}", where=where, hint=hint)
    return modules.class_of(task.module)


def facts_of(task: Task) -> tuple[str, ...]:
    """Return the names of the facts that a task reads, as far as its unrendered arguments show them."""
    return modules.class_of(task.module).facts_of(task.args) if modules.is_module(task.module) else ()


def judge(task: Task) -> Iterator[ConfigError]:
    """Yield the errors in a task's module and arguments that can be found before anything is rendered."""
    if task.module in ACTS:
        from deployer.resolve.acts import wrong_words

        yield from wrong_words(task)
        return
    if task.module in OF_OTHER_SYSTEMS:
        return
    try:
        cls = module_class(task)
    except ConfigError as error:
        yield error
        return
    given = {}
    for key, raw in task.args.items():
        try:
            with At(_at(task.args, key, task)):
                if is_silent(task.module, key, raw):
                    continue
                if key == "mode" and raw == "preserve" and cls.SOURCES:
                    continue
                there = raw if "{" in str(raw) else at_homes(cls, key, raw, ROOTS, task.args)
                given[key] = spelled(task.module, key, _mode(key, there, task.args), task.args)
        except ConfigError as error:
            yield error
    yield from complaints(cls, Map(given, task.mark, marks_of(task.args)), task.mark)


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes module instances from tasks; ``folders``: directories that earlier tasks make, each with its machine."""

    sources: Sources
    vaults: Vaults
    tarballs: Mapping[str, Blob]
    folders: set[tuple[str, str]] = field(default_factory=set)

    def make(self, task: Task, variables: Variables, home: str | None = ROOTS, place: str = "") -> Module:
        """Return the module of a task with its arguments templated, its sources read and everything checked.

        ``home``: the home of the user that it runs as; None if it is not known.

        Raises:
            ConfigError: an argument is wrong; with its place.
        """
        cls, args, given = module_class(task), task.args, dict[str, Any]()
        marks, own, both = marks_of(args), mark_of(args, task.mark), ChainMap(given, dict(args))
        with At() as at:
            for key, raw in sorted(args.items(), key=lambda word: word[0] != cls.ON_HOST):  # it decides where src is
                at.where = where = marks.get(key, own)
                value = variables.render(_mode(key, raw, args), where, key)
                if not (value is OMIT or says_none(cls, key, raw, value) or is_silent(task.module, key, value)):
                    value = at_homes(cls, key, value, home, both)
                    if key == "dest" and task.module in _INTO and (place, str(value)) in self.folders:
                        value = f"{value}/"
                    given[key] = _mode(key, value, given) if isinstance(value, str) else value
        given = {key: spelled(task.module, key, value, given) for key, value in given.items()}
        filled = fill(cls, Map(given, task.mark, marks), "", self._read(task))
        for key, folder in cls.SOURCES.items():
            there = filled.get(cls.ON_HOST) if cls.ON_HOST else False
            if isinstance(filled.get(key), str) and not (there is True or truth(there)):
                found = self._found(task, key, filled[key], folder)
                filled[key] = self._blob(found, folder, variables, filled)
                if filled.get("mode") == "preserve" and isinstance(found, Path):
                    filled["mode"] = f"{stat.S_IMODE(found.stat().st_mode):04o}"
        return build(cls, filled, where=task.mark)

    def _read(self, task: Task) -> Any:
        def read(value: Any, name: str) -> Secret:
            return read_secret(value, name, folder_of(value, task.mark), self.vaults)

        return read

    def _found(self, task: Task, key: str, name: str, folder: str) -> Path | Blob:
        if folder == "tarball" and name in self.tarballs:
            return self.tarballs[name]
        return self.sources.find(name, folder, task, _at(task.args, key, task))

    def _blob(self, found: Path | Blob, folder: str, variables: Variables, args: Mapping[str, Any]) -> Blob:
        if isinstance(found, Blob):
            return found
        if folder != "templates":
            return self.sources.blob(found)
        from deployer.load.dialect import dialect

        return self.sources.rendered(found, variables, dialect(args))


def environment_of(task: Task, variables: Variables) -> dict[str, str]:
    """Return the environment variables of a task.

    Raises:
        ConfigError: a name is not a valid variable name, or a value is a secret or not text.
    """
    found = {}
    for name, raw, where in _environment(task, variables):
        with At(where):
            if not VARIABLE.fullmatch(name):
                raise ConfigError(f"{name!r} is not the name of an environment variable")
            value = variables.render(raw, where, name)
            if isinstance(value, Secret):
                hint = "write it into a file of mode 0600 and give the file's name"
                raise ConfigError(f"environment: {name} is a secret, and others could read it", hint=hint)
            if value is not OMIT:
                found[name] = str(coerce(str, value, f"environment.{name}"))
    return found


def _environment(task: Task, variables: Variables) -> Iterator[tuple[str, Any, Any]]:
    """Yield names, values and places of an environment; a name that is a template is rendered to a mapping."""
    for name, raw in task.environment.items():
        where = _at(task.environment, name, task)
        if "{{" not in name:
            yield name, raw, where
            continue
        with At(where):
            given = variables.render(raw, where, "environment")
            if not isinstance(given, Mapping):
                raise ConfigError(f"environment must be a mapping, not {kind(given)}")
        yield from ((str(key), value, where) for key, value in given.items())


def timeout_of(task: Task, variables: Variables) -> int | None:
    """Return the seconds that a task's command may take; None if it does not set ``timeout``.

    Raises:
        ConfigError: it is not a number of seconds, or the module does not run a command of the user.
    """
    if task.timeout is None:
        return None
    where = mark_of(task.timeout, task.mark)
    with At(where):
        found = coerce(int, variables.render(task.timeout, where, "timeout"), "timeout")
        if not 1 <= found <= LONGEST_TIMEOUT:
            raise ConfigError(f"timeout is {found}", hint=f"seconds, from 1 to {LONGEST_TIMEOUT}")
        if not module_class(task).RUNS_COMMAND:
            hint = "command and shell have it; whatever else runs on hosts has its own deadline"
            raise ConfigError(f"{task.module} has no timeout", hint=hint)
        return int(found)


def _at(values: Mapping[str, Any], key: str, task: Task) -> Any:
    return marks_of(values).get(key, mark_of(values, task.mark))


def _mode(key: str, value: Any, args: Mapping[str, Any]) -> Any:
    """Return an argument; a symbolic mode is turned into digits."""
    if (key != "mode" and not key.endswith("_mode")) or (isinstance(value, str) and _DIGITS.fullmatch(value)):
        return value
    from deployer.resolve.modes import mode_of

    return mode_of(key, value, args)
