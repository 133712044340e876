"""Ansible's rarer filters and tests under their names: comments, pairs, paths and numbers."""

from __future__ import annotations

import hashlib
import itertools
import math
import posixpath
import urllib.parse
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from jinja2 import TemplateRuntimeError
from jinja2.runtime import Context
from jinja2.utils import pass_context

from deployer.load.keywords import RESULT_TESTS

OWN = "__own"
"""The filter that `deployer.load.altering` puts around what makes a list or a mapping."""
MOST_TUPLES = 100_000
"""So many combinations at most: more are nobody's wish."""
_STYLES: Mapping[str, tuple[str, str, str]] = {
    "plain": ("", "# ", ""),
    "erlang": ("", "% ", ""),
    "c": ("", "// ", ""),
    "cblock": ("/*", " * ", " */"),
    "xml": ("<!--", " - ", "-->"),
}
"""Style of a comment → how it begins, what is before each line, how it ends."""


@pass_context
def own(context: Context, value: Any) -> Any:
    """Return a value; what a template has just made, if it is a list or a mapping, it may alter from here on."""
    if type(value) in (list, dict):
        owned(context)[id(value)] = value  # held, so that its id is no other's
    return value


def owned(context: Context) -> dict[int, Any]:
    """Return the lists and mappings that a rendering has made itself, by their identity."""
    found: dict[int, Any] = vars(context).setdefault("own", {})
    return found


def _to_uuid(value: Any) -> str:
    import uuid  # it loads platform, too: no start is to wait for that

    return str(uuid.uuid5(uuid.UUID("361e6d51-faec-444a-9079-341386da8e2e"), str(value)))  # Ansible's namespace


def _comment(
    text: Any,
    style: str = "plain",
    *,
    decoration: str | None = None,
    prefix: str | None = None,
    postfix: str | None = None,
    prefix_count: int = 1,
    postfix_count: int = 1,
    newline: str = "\n",
    beginning: str | None = None,
    end: str | None = None,
) -> str:
    if style not in _STYLES:
        raise TemplateRuntimeError(f"comment knows the styles {', '.join(_STYLES)}, not {style!r}")
    begins, decorated, ends = _STYLES[style]
    begins, ends = begins if beginning is None else beginning, ends if end is None else end
    mark = decorated if decoration is None else decoration
    before, after = mark.rstrip() if prefix is None else prefix, mark.rstrip() if postfix is None else postfix
    head = (before if before == newline else before + newline) * int(prefix_count) if before else ""
    body = mark + str(text).replace(newline, newline + mark)
    body = body.replace(mark + newline, mark.rstrip() + newline)
    foot, opened = (newline + after) * int(postfix_count), f"{begins}{newline}" if begins else ""
    return f"{opened}{head}{body}{foot}" + (f"{newline}{ends}" if ends else "")


def _some(found: Iterable[Any]) -> list[Any]:
    rows = [list(row) for row in itertools.islice(found, MOST_TUPLES + 1)]
    if len(rows) > MOST_TUPLES:
        raise TemplateRuntimeError(f"these are more than {MOST_TUPLES} combinations")
    return rows


def _product(*lists: Iterable[Any], repeat: int = 1) -> list[Any]:
    return _some(itertools.product(*lists, repeat=repeat))


def _symmetric(one: Iterable[Any], other: Iterable[Any]) -> list[Any]:
    mine, others = list(one), list(other)
    found = [item for item in mine if item not in others] + [item for item in others if item not in mine]
    return [item for i, item in enumerate(found) if item not in found[:i]]


def _subelements(value: Any, path: str | list[str], skip_missing: bool = False) -> list[Any]:
    parts = path.split(".") if isinstance(path, str) else path
    found = []
    for item in value.values() if isinstance(value, Mapping) else value:
        inner = item
        for part in parts:
            if not isinstance(inner, Mapping) or part not in inner:
                if skip_missing:
                    inner = []
                    break
                raise TemplateRuntimeError(f"subelements finds no {part!r} in an item")
            inner = inner[part]
        found += [[item, one] for one in inner]
    return found


def _log(value: Any, base: float = math.e) -> float:
    return math.log10(value) if base == 10 else math.log(value, base)


def _root(value: Any, base: float = 2) -> float:
    return math.sqrt(value) if base == 2 else math.pow(value, 1 / float(base))


def _urlsplit(value: Any, query: str = "") -> Any:
    found = urllib.parse.urlsplit(str(value))
    words = ("scheme", "netloc", "path", "query", "fragment", "hostname", "port", "username", "password")
    parts = {word: getattr(found, word) for word in words}
    if query and query not in parts:
        raise TemplateRuntimeError(f"urlsplit knows no part {query!r}")
    return parts[query] if query else parts


def _joined_path(value: Any) -> str:
    return posixpath.join(*([value] if isinstance(value, str) else list(value)))


RARER_FILTERS: Mapping[str, Callable[..., Any]] = {
    OWN: own,
    "checksum": lambda value: hashlib.sha1(str(value).encode(), usedforsecurity=False).hexdigest(),
    "combinations": lambda value, count: _some(itertools.combinations(value, count)),
    "comment": _comment,
    "commonpath": lambda value: posixpath.commonpath(list(value)),
    "log": _log,
    "md5": lambda value: hashlib.md5(str(value).encode(), usedforsecurity=False).hexdigest(),
    "normpath": lambda value: posixpath.normpath(str(value)),
    "path_join": _joined_path,
    "permutations": lambda value, *count: _some(itertools.permutations(value, *count)),
    "pow": math.pow,
    "product": _product,
    "relpath": lambda value, start: posixpath.relpath(str(value), str(start)),
    "root": _root,
    "sha1": lambda value: hashlib.sha1(str(value).encode(), usedforsecurity=False).hexdigest(),
    "splitext": lambda value: list(posixpath.splitext(str(value))),
    "subelements": _subelements,
    "symmetric_difference": _symmetric,
    "to_uuid": _to_uuid,
    "urlsplit": _urlsplit,
    "zip_longest": lambda *lists, fillvalue=None: _some(itertools.zip_longest(*lists, fillvalue=fillvalue)),
}
"""Filters by name."""


def _of_result(word: str, result: Any) -> bool:
    from deployer.load.results import says

    return says(result, word)


RARER_TESTS: Mapping[str, Callable[..., Any]] = {
    "abs": lambda value: posixpath.isabs(str(value)),
    "all": all,
    "any": any,
    "is_abs": lambda value: posixpath.isabs(str(value)),
    "issubset": lambda one, other: set(one) <= set(other),
    "issuperset": lambda one, other: set(one) >= set(other),
    **{word: partial(_of_result, word) for word in RESULT_TESTS},
}
"""Tests by name."""
