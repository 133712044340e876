"""``-e NAME.KEY=VALUE``: one value inside of a variable, put into its place when the variable is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from deployer.errors import ConfigError
from deployer.fields import kind
from deployer.load.marked import Map, mark_of, marks_of

Pieces = Mapping[str, Mapping[str, Any]]
"""By the variable's name: what is put into it, by dotted path such as ``env.GREETING``."""


def apart(extra: Mapping[str, Any]) -> tuple[Map, Pieces]:
    """Return the variables of ``-e`` that stand for themselves, and the pieces of others."""
    whole = Map((name for name in extra.items() if "." not in name[0]), marks=marks_of(extra))
    pieces: dict[str, dict[str, Any]] = {}
    for path, value in extra.items():
        if "." in path:
            pieces.setdefault(path.partition(".")[0], {})[path] = value
    return whole, pieces


def put(value: Any, path: str, new: Any) -> Any:
    """Return ``value`` with what the path names inside of it replaced, or added.

    Raises:
        ConfigError: the path leads through something that has no names in it.
    """
    return _put(value, path.split(".")[1:], new, path)


def _put(value: Any, keys: Sequence[str], new: Any, path: str) -> Any:
    if not keys:
        return new
    if value is None:
        value = Map()
    if not isinstance(value, Mapping):
        name = path.rsplit(".", len(keys))[0]
        hint = f"give it whole: -e '{{{path.partition('.')[0]}: …}}'"
        raise ConfigError(f"-e {path}: {name} is {kind(value)}, and a part of it has no name", hint=hint)
    key, *rest = keys
    inner = _put(value.get(key), rest, new, path)
    return Map({**value, key: inner}, mark_of(value), {**marks_of(value), key: mark_of(new)})
