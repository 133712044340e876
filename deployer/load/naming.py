"""Templates that only name something, ``{{ release.path }}``: three of four that a host renders, and no work for Jinja.

What comes of one is what `deployer.load.sandbox` makes of it, or nothing: where a secret, something undefined or
anything but plain mappings is met, Jinja has to say what it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NoReturn

from deployer.load.bounds import bounded, made
from deployer.load.marked import Map
from deployer.load.rendering_errors import told_where
from deployer.load.taint import settled
from deployer.model import Mark, Secret
from deployer.syntax import Bare

if TYPE_CHECKING:
    from deployer.load.template import Variables

UNNAMED: Any = object()
"""What stands for an answer that only Jinja can give."""

_WAY = r"([A-Za-z]\w*(?:\.[A-Za-z]\w*)*)"
_NAMED = re.compile(r"\{\{[ \t]*" + _WAY + r"[ \t]*\}\}", re.ASCII)
_CONDITION = re.compile(r"(not +)?" + _WAY, re.ASCII)
_JINJAS = re.compile(r"\{[{%#]|\A\}|\{\Z|\r")
"""Text beside names that is, or may be, more than text to Jinja."""
_WORDS = frozenset({*("true", "false", "none", "True", "False", "None"), *("not", "and", "or", "in", "is"), "self"})
"""What is no variable to Jinja where it stands as one: a template that says ``if`` or ``else`` there is wrong."""
_ATTRIBUTES = frozenset(dir(Map))
"""Names after a dot that are of the mapping itself."""
_MAPPINGS = frozenset({dict, Map})
_PRINTED = frozenset({str, int, float, bool, type(None), Bare})
_Way = tuple[str, ...]


@cache
def text_and_names(text: str) -> tuple[str | _Way, ...]:
    """Return text and names in turn, text first and last; nothing where a template is more than that."""
    parts = _NAMED.split(text)
    ways = [_way(part) for part in parts[1::2]]
    if not all(ways) or parts[-1].endswith("\n") or any(_JINJAS.search(part) for part in parts[::2]):
        return ()
    return tuple(ways[i // 2] if i % 2 else part for i, part in enumerate(parts))


@cache
def name_in(condition: str) -> tuple[_Way, bool]:
    """Return the name that a condition consists of, and what it has to be; no name where a condition is more."""
    found = _CONDITION.fullmatch(condition.strip(" "))
    return (_way(found[2]), not found[1]) if found else ((), True)


def _way(text: str) -> _Way:
    way = tuple(text.split("."))
    return () if way[0] in _WORDS or not _ATTRIBUTES.isdisjoint(way[1:]) else way


def of_names(text: str, variables: Variables, where: Mark) -> Any:
    """Return what a template gives that only names something; a name alone gives a value. Else `UNNAMED`.

    Raises:
        ConfigError: what is named cannot be rendered.
    """
    parts = text_and_names(text)
    return _told(lambda: _put_together(parts, variables), variables, where) if parts else UNNAMED


def truth_of_name(condition: str, variables: Variables, where: Mark) -> Any:
    """Return whether what a condition names is true, or is not where it begins with ``not``. Else `UNNAMED`.

    Raises:
        ConfigError: what is named cannot be rendered.
    """
    way, wanted = name_in(condition)
    found = _told(lambda: _meant(way, variables), variables, where) if way else UNNAMED
    return found is wanted if isinstance(found, bool) else UNNAMED


def _told(run: Callable[[], Any], variables: Variables, where: Mark) -> Any:
    """Run a rendering as `told_where` does, which is asked only once something has gone wrong: it costs as much."""
    try:
        with bounded():
            return run()
    except Exception as error:  # noqa: BLE001
        return told_where(partial(_fail, error), variables, where)


def _fail(error: Exception) -> NoReturn:
    raise error


def _put_together(parts: tuple[str | _Way, ...], variables: Variables) -> Any:
    if len(parts) == 3 and not parts[0] and not parts[2]:
        found = _meant(parts[1], variables)
        return found if found is UNNAMED else settled(found)
    texts = [part if isinstance(part, str) else _printed(_meant(part, variables)) for part in parts]
    return UNNAMED if UNNAMED in texts else "".join(texts)


def _meant(way: _Way | str, variables: Variables) -> Any:
    found = variables.meaning(way[0], UNNAMED)
    for name in way[1:]:
        if type(found) not in _MAPPINGS or name not in found:
            return UNNAMED
        found = found[name]
    return UNNAMED if isinstance(found, Secret) else found


def _printed(value: Any) -> Any:
    if value is None or type(value) not in _PRINTED:
        return "" if value is None else UNNAMED
    return made(str(value))
