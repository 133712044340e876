"""How a template file is written: words of the task, or a first line ``#jinja2: trim_blocks: False``, say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deployer.errors import ConfigError
from deployer.model import Mark
from deployer.syntax import truth

HEADER = "#jinja2:"
BLANKS = ("trim_blocks", "lstrip_blocks")
MARKERS = tuple(f"{part}_{end}_string" for part in ("block", "variable", "comment") for end in ("start", "end"))
_BEGINS = {"variable": "{{", "block": "{%", "comment": "{#"}
Dialect = tuple[tuple[str, Any], ...]
"""Jinja's options and their values."""


def dialect(given: Mapping[str, Any]) -> Dialect:
    """Return what a task's arguments say of it; what is wrong there is refused by the module."""
    blanks = {word: given[word] is True or bool(truth(given[word])) for word in BLANKS if word in given}
    return (*blanks.items(), *((word, str(given[word])) for word in MARKERS if given.get(word)))


def headed(text: str, file: str, said: Dialect) -> tuple[str, Dialect, int]:
    """Return a template without its header, what holds for it (the header is stronger), and how many lines are gone.

    Raises:
        ConfigError: the header says something else.
    """
    if not text.startswith(HEADER):
        _apart(dict(said), file)
        return text, said, 0
    line, _, rest = text.partition("\n")
    found = dict(said)
    for word, _, value in (pair.partition(":") for pair in line.removeprefix(HEADER).split(",")):
        name = word.strip()
        meant = truth(value.strip()) if name in BLANKS else _text(value) if name in MARKERS else None
        if meant is None:
            hint = f"known: {', '.join((*BLANKS, *MARKERS))}; as in {HEADER} trim_blocks: False"
            raise ConfigError(f"the header says {name}:{value}", where=Mark(file, 1, 1), hint=hint)
        found[name] = meant
    _apart(found, file)
    return rest, tuple(found.items()), 1


def _apart(found: Mapping[str, Any], file: str) -> None:
    begins = [found.get(f"{part}_start_string", mark) for part, mark in _BEGINS.items()]
    if len(set(begins)) < len(begins):
        hint = f"they are {', '.join(begins)}: give each its own"
        raise ConfigError("variables, blocks and comments must begin differently", where=Mark(file, 1, 1), hint=hint)


def _text(value: str) -> str | None:
    import ast

    try:
        found = ast.literal_eval(value.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return found if isinstance(found, str) and found else None
