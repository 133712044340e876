"""Ansible's most used filters and tests under their names; Jinja's own come with Jinja."""

from __future__ import annotations

import base64
import hashlib
import json
import posixpath
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import yaml as pyyaml
from jinja2 import Environment, TemplateRuntimeError, Undefined, pass_environment

from deployer.load import regexes, yaml
from deployer.load.versions import version
from deployer.syntax import Bare


def plain(value: Any) -> Any:
    """Return ``value`` in Python's own types, without marks."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


def _to_json(value: Any, **options: Any) -> str:
    return json.dumps(plain(value), **options)


def _to_nice_json(value: Any, indent: int = 4, *, sort_keys: bool = True) -> str:
    return json.dumps(plain(value), indent=indent, sort_keys=sort_keys, separators=(",", ": "))


def _to_yaml(value: Any, **options: Any) -> str:
    return str(pyyaml.safe_dump(plain(value), allow_unicode=True, default_flow_style=None, **options))


def _to_nice_yaml(value: Any, indent: int = 4, **options: Any) -> str:
    return str(pyyaml.safe_dump(plain(value), indent=indent, allow_unicode=True, default_flow_style=False, **options))


def _b64encode(value: Any, encoding: str = "utf-8") -> str:
    return base64.b64encode(str(value).encode(encoding)).decode()


def _b64decode(value: Any, encoding: str = "utf-8") -> str:
    return base64.b64decode(str(value)).decode(encoding)


def _hash(value: Any, kind: str = "sha1") -> str:
    return hashlib.new(kind, str(value).encode(), usedforsecurity=False).hexdigest()


def _combine(*maps: Any, recursive: bool = False) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for one in maps:
        for part in one if isinstance(one, list | tuple) else [one]:
            if not isinstance(part, Mapping):
                raise TemplateRuntimeError("combine takes mappings only")
            for key, value in part.items():
                both = recursive and isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
                merged[key] = _combine(merged[key], value, recursive=True) if both else value
    return merged


def _flags(ignorecase: bool, multiline: bool) -> int:
    return (re.IGNORECASE if ignorecase else 0) | (re.MULTILINE if multiline else 0)


def _regex_replace(
    value: Any,
    pattern: str,
    replacement: str = "",
    *,
    ignorecase: bool = False,
    multiline: bool = False,
    count: int = 0,
) -> str:
    return str(regexes.run_match("sub", pattern, _flags(ignorecase, multiline), str(value), replacement, count))


def _regex_search(
    value: Any, pattern: str, *groups: str, ignorecase: bool = False, multiline: bool = False
) -> str | list[str] | None:
    names = [group.removeprefix("\\g<").rstrip(">").removeprefix("\\") for group in groups]
    asked = [int(name) if name.isdecimal() else name for name in names]
    found: str | list[str] | None = regexes.run_match(
        "search", pattern, _flags(ignorecase, multiline), str(value), *asked
    )
    return found


def _regex_findall(value: Any, pattern: str, *, ignorecase: bool = False, multiline: bool = False) -> list[Any]:
    return list(regexes.run_match("findall", pattern, _flags(ignorecase, multiline), str(value)))


def _ternary(value: Any, yes: Any, no: Any, none: Any = None) -> Any:
    return none if value is None and none is not None else yes if value else no


def _mandatory(value: Any, message: str = "a mandatory value is not defined") -> Any:
    if isinstance(value, Undefined):
        raise TemplateRuntimeError(message)
    return value


def _bool(value: Any) -> bool:
    return (
        value is True
        or value == 1
        or (isinstance(value, str) and value.lower() in ("yes", "on", "1", "true", "t", "y"))
    )


def _dict2items(value: Any, key_name: str = "key", value_name: str = "value") -> list[dict[str, Any]]:
    if not isinstance(value, Mapping):
        raise TemplateRuntimeError("dict2items takes a mapping")
    return [{key_name: key, value_name: item} for key, item in value.items()]


def _items2dict(value: Iterable[Any], key_name: str = "key", value_name: str = "value") -> dict[str, Any]:
    return {item[key_name]: item[value_name] for item in value}


def _distinct(items: Iterable[Any]) -> list[Any]:
    given, found = list(items), list[Any]()
    try:
        return list(dict.fromkeys(given))
    except TypeError:  # a mapping or a list has no hash, and is compared with each
        found.extend(item for item in given if item not in found)
        return found


def _union(one: Iterable[Any], other: Iterable[Any]) -> list[Any]:
    return _distinct([*one, *other])


def _difference(one: Iterable[Any], other: Iterable[Any]) -> list[Any]:
    without = list(other)
    return _distinct(item for item in one if item not in without)


def _intersect(one: Iterable[Any], other: Iterable[Any]) -> list[Any]:
    within = list(other)
    return _distinct(item for item in one if item in within)


def _flatten(value: Any, levels: int | None = None) -> list[Any]:
    flat: list[Any] = []
    for item in value:
        if isinstance(item, list | tuple) and (levels is None or levels > 0):
            flat.extend(_flatten(item, None if levels is None else levels - 1))
        elif item is not None:
            flat.append(item)
    return flat


@pass_environment
def _extract(environment: Environment, key: Any, container: Any, more: Any = None) -> Any:
    value = environment.getitem(container, key)
    for part in [more] if isinstance(more, str | int) else more or []:
        value = environment.getitem(value, part)
    return value


def _found(value: Any, pattern: str, *, ignorecase: bool = False, multiline: bool = False) -> bool:
    return regexes.run_match("search", pattern, _flags(ignorecase, multiline), str(value)) is not None


def _match(value: Any, pattern: str, *, ignorecase: bool = False, multiline: bool = False) -> bool:
    return regexes.run_match("match", pattern, _flags(ignorecase, multiline), str(value)) is not None


FILTERS: Mapping[str, Callable[..., Any]] = {
    "b64decode": _b64decode,
    "b64encode": _b64encode,
    "basename": lambda value: posixpath.basename(str(value)),
    "bool": _bool,
    "combine": _combine,
    "dict2items": _dict2items,
    "difference": _difference,
    "dirname": lambda value: posixpath.dirname(str(value)),
    "extract": _extract,
    "flatten": _flatten,
    "from_json": lambda value: json.loads(str(value)),
    "from_yaml": lambda value: plain(yaml.parse(str(value), "from_yaml")),
    "hash": _hash,
    "intersect": _intersect,
    "items2dict": _items2dict,
    "mandatory": _mandatory,
    "quote": lambda value: shlex.quote(str(value)),
    "regex_escape": lambda value: re.escape(str(value)),
    "regex_findall": _regex_findall,
    "regex_replace": _regex_replace,
    "regex_search": _regex_search,
    "split": lambda value, separator=None, limit=-1: str(value).split(separator, limit),
    "ternary": _ternary,
    "to_json": _to_json,
    "to_nice_json": _to_nice_json,
    "to_nice_yaml": _to_nice_yaml,
    "to_yaml": _to_yaml,
    "union": _union,
    "unique": _distinct,
    "zip": lambda *lists: [list(row) for row in zip(*lists, strict=False)],
}
"""Filters by name."""

MOVING_FILTERS: frozenset[str] = frozenset(
    {
        "combine",
        "d",
        "default",
        "dict2items",
        "extract",
        "first",
        "flatten",
        "items",
        "items2dict",
        "last",
        "list",
        "mandatory",
        "zip",
    }
)
"""Filters that only move values about, so that a secret passing through them need not be revealed."""


TESTS: Mapping[str, Callable[..., Any]] = {
    "contains": lambda value, item: item in value,
    "match": _match,
    "regex": _found,
    "search": _found,
    "subset": lambda one, other: set(one) <= set(other),
    "superset": lambda one, other: set(one) >= set(other),
    "true": lambda value: value is True or (isinstance(value, Bare) and bool(value)),
    "false": lambda value: value is False or (isinstance(value, Bare) and not value),
    "boolean": lambda value: isinstance(value, bool | Bare),
    "truthy": bool,
    "falsy": lambda value: not value,
    "version": version,
    "version_compare": version,
}
"""Tests by name."""
