"""Inventories in Ansible's INI form → the mapping of groups that the same inventory would be in YAML."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from typing import Any

from deployer.errors import At, ConfigError
from deployer.fields import nearest
from deployer.load.marked import Map, Seq, Text
from deployer.model import Mark

_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?")
_HEADING = re.compile(r"\[[^\[\],:'\"{}]+(?::[\w ]*)?\]")
"""What is meant as a section, although it is none."""
_CHILD = re.compile(r"([^:\]\s]+)\s*(?:#.*)?")
_KINDS = ("hosts", "vars", "children")
_LONGEST = 16 * 1024


def is_ini(text: str, suffix: str) -> bool:
    """Return whether an inventory file is INI rather than YAML or JSON, by its sections, else by its first line."""
    lines = [line.strip() for line in text.splitlines()]
    significant = [line for line in lines if line and line[0] not in "#;"]
    if any(_SECTION.fullmatch(line) for line in significant) or _HEADING.fullmatch(
        significant[0] if significant else ""
    ):
        return True
    first = significant[0] if significant else ""
    yaml = suffix in (".yml", ".yaml", ".json") or not first or first[0] in "{[-%" or first.split(" #")[0].endswith(":")
    return not yaml and not re.match(r"[\w.-]+:(\s|$)", first)


def sections(text: str, file: str, known: set[str]) -> Iterator[tuple[str, Map]]:
    """Yield groups with their body, as YAML would have them, in the order of the file; a group may come again.

    Values are what they look like as Python literals, as in Ansible, where printing them gives the same text back;
    ``0644``, ``1.10`` and ``yes`` stay text.

    Args:
        text: the file's content.
        file: its name, for marks.
        known: groups that other files have declared.

    Raises:
        ConfigError: a line is not understood, or a group is used and nowhere declared.
    """
    declared, used = set(known) | {"all", "ungrouped"}, dict[str, Mark]()
    group, state = "ungrouped", "hosts"
    for number, raw in enumerate(text.splitlines(), 1):
        line, where = raw.strip(), Mark(file, number, len(raw) - len(raw.lstrip()) + 1)
        if not line or line[0] in "#;":
            continue
        with At(where):
            section = _section(line)
            found = Map() if section else _LINES[state](line, where)
        if section:
            group, state = section
            if state == "vars":
                used.setdefault(group, where)
            else:
                declared.add(group)
            yield _named(group), Map(mark=where)
            continue
        if state == "children":
            used.setdefault(next(iter(found)), where)
        yield _named(group), Map({state: found}, where, {state: where})
    for name, where in used.items():
        if name not in declared:
            raise ConfigError(f"the group {name!r} is not declared", where=where, hint=nearest(name, declared))


def _section(line: str) -> tuple[str, str] | None:
    """Return the group and the kind of a line that begins a section; None for any other line."""
    if not (match := _SECTION.fullmatch(line)):
        if _HEADING.fullmatch(line):
            raise ConfigError(f"{line} is no section", hint="no blanks: [web], [web:vars] or [web:children]")
        return None
    group, state = match[1], match[2] or "hosts"
    if state not in _KINDS:
        hint = f"write [{group}], [{group}:vars] or [{group}:children]"
        raise ConfigError(f"[{group}:{state}] is no section", hint=hint)
    return group, state


def _named(group: str) -> str:
    return "all" if group == "ungrouped" else group


def _host(line: str, where: Mark) -> Map:
    try:
        words = shlex.split(line, comments=True)
    except ValueError as error:
        raise ConfigError(f"the line cannot be read: {error}", hint="close the quotes") from None
    given = Map(mark=where)
    name = words[0]
    for word in words[1:]:
        key, equals, value = word.partition("=")
        if not equals:
            hint = "write HOST NAME=VALUE NAME='A VALUE WITH SPACES', without spaces around ="
            raise ConfigError(f"{word!r} is not NAME=VALUE", hint=hint)
        given[key], given.marks[key] = _value(value, where), where
    return Map({name: given}, where, {name: where})


def _variable(line: str, where: Mark) -> Map:
    key, equals, value = (part.strip() for part in line.partition("="))
    if not equals:
        raise ConfigError(f"{line[:60]!r} is not NAME=VALUE")
    return Map({key: _value(value, where)}, where, {key: where})


def _child(line: str, where: Mark) -> Map:
    match = _CHILD.fullmatch(line)
    if not match:
        raise ConfigError(f"{line[:60]!r} is not the name of a group")
    return Map({match[1]: None}, where, {match[1]: where})


_LINES = {"hosts": _host, "vars": _variable, "children": _child}


def _value(text: str, where: Mark) -> Any:
    if len(text) > _LONGEST:
        raise ConfigError(f"a value is longer than {_LONGEST} characters")
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return Text(text, where)
    return _marked(found, text, where)


def _marked(found: Any, text: str, where: Mark) -> Any:
    """Return a literal in the types that YAML has; what it has not, or would print otherwise, is the text."""
    if found is None or isinstance(found, bool):
        return found
    if isinstance(found, str):
        return Text(found, where)
    if isinstance(found, int | float):
        return found if repr(found) == text else Text(text, where, plain=True)
    if isinstance(found, list | tuple):
        return Seq((_marked(item, repr(item), where) for item in found), where)
    if isinstance(found, dict) and all(isinstance(key, str) for key in found):
        return Map({key: _marked(item, repr(item), where) for key, item in found.items()}, where)
    return Text(text, where)
