"""The keywords about a task's result (``register``, ``changed_when``, ``until`` …), and partly known results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from deployer.errors import ConfigError, NotYet
from deployer.load.keywords import RESULT_TESTS, boolean, expression, items, text
from deployer.load.marked import Map, Text
from deployer.model import ResultWords
from deployer.syntax import VARIABLE, truth


class Foreseen(Mapping[str, Any]):
    """A result of which only a part, or nothing, is known before its task has run; using the rest raises `NotYet`.

    Args:
        name: the variable under which it is registered.
        reason: what it waits for.
        known: the keys that are known already, such as ``changed``.
        sure: False if it may turn out that the variable is not set, so that ``is defined`` has no answer yet.
    """

    def __init__(self, name: str, reason: str, known: Mapping[str, Any] | None = None, *, sure: bool = True) -> None:
        self.name, self.reason, self.known, self.sure = name, reason, dict(known or {}), sure

    def __getitem__(self, key: str) -> Any:
        return self.known[key] if key in self.known else self.wait()

    def __contains__(self, key: object) -> bool:
        return key in self.known or self.wait()

    def __eq__(self, other: object) -> bool:
        return self is other or self.wait()

    def wait(self) -> NoReturn:
        """Raise NotYet."""
        raise NotYet(self.name, self.reason)

    def _wait(self, *_: Any) -> NoReturn:
        self.wait()

    __iter__ = __len__ = __str__ = __bool__ = _wait
    __hash__ = object.__hash__


def is_known(value: Any) -> bool:
    """Return whether a value is completely known, so that nothing in it waits for a task."""
    if isinstance(value, Mapping):
        return not isinstance(value, Foreseen) and all(map(is_known, value.values()))
    return all(map(is_known, value)) if isinstance(value, list | tuple) else True


def looks(test: Callable[[Any], bool], value: Any) -> bool:
    """Return the answer of a test such as ``is defined``; raises NotYet if it is not known whether the value is set."""
    if isinstance(value, Foreseen) and not value.sure:
        value.wait()
    return test(value)


def says(result: Any, test: str) -> bool:
    """Return whether a result passes a test such as ``is changed``.

    Raises:
        jinja2.TemplateError: it is not a result of a task, or not defined.
    """
    from jinja2 import TemplateRuntimeError, Undefined

    if isinstance(result, Undefined):
        str(result)  # raises, with the name
    if not isinstance(result, Mapping):
        raise TemplateRuntimeError(f"{test!r} asks what is no result of a task (register)")
    word, wanted = RESULT_TESTS[test]
    return bool(result.get(word, word == "finished")) is wanted


def result_words(given: Map, ignores: Any = None) -> ResultWords:
    """Return a task's keywords about its result.

    Args:
        given: the task.
        ignores: the ``ignore_errors`` of the block, role or play around it.

    Raises:
        ConfigError: one of them is wrong.
    """
    name = text(given, "register") or ""
    if name and not VARIABLE.fullmatch(name):
        raise ConfigError(f"register: {name!r} cannot be the name of a variable", where=given.at("register"))
    check_mode = boolean(given, "check_mode")
    if check_mode:
        hint = "deployer plan tells what would change; leave the task out, or say check_mode: false where it only reads"
        raise ConfigError("check_mode: true asks for a task that never runs", where=given.at("check_mode"), hint=hint)
    return ResultWords(
        register=name,
        changed_when=_expressions(given, "changed_when"),
        failed_when=_expressions(given, "failed_when"),
        ignore_errors=given.get("ignore_errors", ignores),
        until=_expressions(given, "until"),
        retries=given.get("retries"),
        delay=given.get("delay", 5),
        check_mode=check_mode,
    )


def _expressions(given: Map, word: str) -> tuple[str, ...] | None:
    """Return the conditions under a keyword; a boolean is one, too."""
    if given.get(word) is None:
        return None
    found = []
    for item, at in items(given, word):
        meant = item if isinstance(item, bool) else truth(item)
        found.append(expression(item, word, at) if meant is None else Text(str(meant).lower(), at))
    return tuple(found)
