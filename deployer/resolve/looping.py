"""The items of a loop after its templates are rendered, for ``loop`` and Ansible's ``with_…`` forms."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deployer.errors import At, ConfigError
from deployer.fields import kind
from deployer.load.marked import mark_of
from deployer.load.sources import Sources, at_home
from deployer.load.template import Layer, Variables
from deployer.model import Task

MOST = 10_000
"""The most rounds that one loop may have."""
_SHORT = re.compile(r"(?:(0?x?[0-9a-f]+)-)?(0?x?[0-9a-f]+)(?:/(\d+))?(?::(.+))?", re.IGNORECASE)


def items_of(task: Task, variables: Variables, sources: Sources) -> Sequence[Any]:
    """Return the items of a task's loop.

    Raises:
        ConfigError: the value does not fit the form of the loop.
    """
    form = task.control.form
    value = variables.render(task.loop, task.mark, "loop")
    if hasattr(value, "wait"):  # a result that is not known yet
        value.wait()
    with At(mark_of(task.loop, task.mark)):
        if form == "loop":
            if not isinstance(value, list | tuple):
                raise ConfigError(f"loop needs a list, not {kind(value)}")
            return value
        if form in ("fileglob", "first_found"):
            found = (_globbed if form == "fileglob" else _first)(value, task, sources)
        else:
            found = list(itertools.islice(_FORMS[form](value), MOST + 1))
        if len(found) > MOST:
            raise ConfigError(f"the loop has more than {MOST} rounds")
        return found


def rounds(task: Task, items: Sequence[Any]) -> Iterator[tuple[Any, Layer]]:
    """Yield each item with the variables of its round: item, index, and ``ansible_loop`` if ``extended`` is set."""
    control = task.control
    for i, item in enumerate(items):
        values = {control.var: item, "ansible_loop_var": control.var}
        if control.index:
            values |= {control.index: i, "ansible_index_var": control.index}
        if control.extended:
            more = {"first": i == 0, "last": i == len(items) - 1, "length": len(items), "allitems": list(items)}
            more |= {"index": i + 1, "index0": i, "revindex": len(items) - i, "revindex0": len(items) - i - 1}
            more |= {"previtem": items[i - 1]} if i else {}
            more |= {"nextitem": items[i + 1]} if i + 1 < len(items) else {}
            values["ansible_loop"] = more
        yield item, Layer(values, final=True)


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _items(value: Any) -> list[Any]:
    """Return a list, flattened by one level."""
    return [inner for item in _list(value) for inner in _list(item)]


def _flattened(value: Any) -> Iterator[Any]:
    for item in _list(value):
        yield from _flattened(item) if isinstance(item, list | tuple) else [item]


def _dict(value: Any) -> Iterator[Any]:
    for one in _list(value):
        if not isinstance(one, Mapping):
            raise ConfigError(f"with_dict needs a mapping, not {kind(one)}")
        yield from ({"key": key, "value": item} for key, item in one.items())


def _nested(value: Any) -> Iterator[Any]:
    first, *rest = [_list(part) for part in _list(value)]
    for part in rest:  # flattened at each step, and once more at the end, as in Ansible
        first = [_items([one, other]) for one in first for other in part][: MOST + 1]
    yield from (_items(one) for one in first)


def _together(value: Any) -> Iterator[Any]:
    parts = [_list(part) for part in _list(value)]
    for one in itertools.zip_longest(*parts):
        yield _items(list(one))


def _indexed(value: Any) -> Iterator[Any]:
    yield from ([i, item] for i, item in enumerate(_items(value)))


def _subelements(value: Any) -> Iterator[Any]:
    match value:
        case [list() | dict() as outer, str() as path]:
            skip = False
        case [list() | dict() as outer, str() as path, {"skip_missing": bool() | str() as said}]:
            skip = bool(said)
        case _:
            raise ConfigError("with_subelements needs a list and the name of a list inside")
    for item in outer.values() if isinstance(outer, Mapping) else outer:
        inner: Any = item
        for name in path.split("."):
            inner = inner.get(name) if isinstance(inner, Mapping) else None
        if inner is None and skip:
            continue
        if not isinstance(inner, list | tuple):
            hint = "skip_missing: true as a third part passes over items without it"
            raise ConfigError(f"an item has no list {path!r}", hint=hint)
        left = _without(item, path.split("."))
        yield from ([left, one] for one in inner)


def _without(item: Mapping[str, Any], path: Sequence[str]) -> dict[str, Any]:
    """Return an item without the list of its subelements, as Ansible does."""
    name, *rest = path
    if not rest:
        return {key: value for key, value in item.items() if key != name}
    return {**item, name: _without(item[name], rest)}


def _sequence(value: Any) -> Iterator[Any]:
    for text in _list(value):
        yield from _numbers(str(text))


def _numbers(text: str) -> Iterator[str]:
    hint = "write start=1 end=5 stride=1 format=web%02d, or count=5"
    words = dict(word.partition("=")[::2] for word in text.split()) if "=" in text else {}
    if match := None if words else _SHORT.fullmatch(text.strip()):
        words = {"start": match[1] or "1", "end": match[2], "stride": match[3] or "1", "format": match[4] or "%d"}
    form = words.pop("format", "%d")
    wrong: object = False
    try:
        given = {name: int(number, 0) for name, number in words.items()}
        start, count = given.get("start", 1), given.get("count")
        stride = given.get("stride", 1)
        end = given["end"] if count is None else start + (count - 1) * stride if count else start - 1
        wrong = set(given) - {"start", "end", "stride", "count"} or ("end" in given) == (count is not None)
        if count == 0 and not wrong:
            return
        if wrong or not stride or (end - start) * stride < 0:
            raise ConfigError(f"with_sequence {text!r} is not understood", hint=hint)
        numbers = range(start, end + (1 if stride > 0 else -1), stride)
        yield from (form % number for number in itertools.islice(numbers, MOST + 1))
    except (KeyError, ValueError, TypeError):
        raise ConfigError(f"with_sequence {text!r} is not understood", hint=hint) from None


_FORMS: Mapping[str, Callable[[Any], Any]] = {
    "list": _list,
    "items": _items,
    "flattened": _flattened,
    "dict": _dict,
    "nested": _nested,
    "cartesian": _nested,
    "together": _together,
    "indexed_items": _indexed,
    "subelements": _subelements,
    "sequence": _sequence,
}


def _globbed(value: Any, task: Task, sources: Sources) -> list[str]:
    """Return the files on this machine that match patterns; those of each pattern are sorted by name."""
    from deployer.load.lookups import files_matching

    places = sources.places("files", task)
    return [found for pattern in _list(value) for found in files_matching(str(pattern), places)]


def _first(value: Any, task: Task, sources: Sources) -> list[str]:
    """Return the first of the files that exists on this machine."""
    folder = {"template": "templates", "include_vars": "vars", "include_tasks": "tasks"}.get(task.module, "files")
    names: list[str] = []
    skip = False
    for one in _list(value):
        if not isinstance(one, Mapping):
            names.append(str(one))
            continue
        skip = skip or bool(one.get("skip"))
        below = [path for given in _list(one.get("paths") or [""]) for path in re.split("[,:;]", str(given))]
        files = [file for given in _list(one.get("files") or []) for file in re.split("[,;]", str(given))]
        names += [str(Path(path) / file) for path in below for file in files]
    for name in names:
        given = at_home(name)
        tried = [given] if given.is_absolute() else [place / given for place in sources.places(folder, task)]
        if there := next((path for path in tried if path.is_file()), None):
            return [str(there)]
    if skip:
        return []
    problem = f"with_first_found: none of these files is there: {', '.join(names)}"
    raise ConfigError(problem, hint="skip: true beside files: passes over the task")
