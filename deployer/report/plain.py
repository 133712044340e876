"""Words that are safe to print: host output is data, never control sequences; a diff shows what changes."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

from deployer.model import Change

if TYPE_CHECKING:
    from rich.console import Console

Part = tuple[str, str]
"""Text of a line, and its style."""
Line = tuple[Part, ...]
"""Pieces of text, each with its style."""
_VALUE_LIMIT = 100
_DIFF_LIMIT = 400


class Plain:
    """What prints where nothing is drawn: in a pipe, in a file."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def print(self, *parts: Part) -> None:
        """Print a line without its styles."""
        self._out.write("".join(text for text, _ in parts).expandtabs() + "\n")
        self._out.flush()  # a run takes minutes, and somebody may follow it


def safe(text: str) -> str:
    """Return ``text`` with all that could move a cursor, hide or reorder as an escape; newlines and tabs stay."""
    return "".join(char if char in "\n\t" or char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # an undecodable byte, as surrogateescape keeps it
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def by_number(name: str) -> list[tuple[str, int]]:
    """Return what to sort a host's name by, so that web10 comes after web2."""
    return [(text, int(digits or 0)) for text, digits in re.findall(r"([^0-9]*)([0-9]*)", name)]


def short(value: str | None) -> str:
    """Return a value on one line: ``absent`` for None, long ones cut."""
    if value is None:
        return "absent"
    line = safe(value).replace("\n", "\\n")
    return line if len(line) <= _VALUE_LIMIT else f"{line[:_VALUE_LIMIT]}…"


def is_text(change: Change) -> bool:
    """Whether a change is one of a file's content, worth a unified diff."""
    return any("\n" in (value or "") for value in (change.before, change.after))


def summary(change: Change) -> str:
    """Return a change on one line."""
    if is_text(change):
        before, after = (len((value or "").splitlines()) for value in (change.before, change.after))
        return f"{change.key}: {before} → {after} lines"
    return f"{change.key}: {short(change.before)} → {short(change.after)}"


def diff(change: Change) -> Iterator[str]:
    """Yield the unified diff of a content change, at most 400 lines of it."""
    old, new = (safe(value or "").splitlines() for value in (change.before, change.after))
    lines = list(difflib.unified_diff(old, new, "before", "after", lineterm=""))
    yield from lines[:_DIFF_LIMIT]
    if len(lines) > _DIFF_LIMIT:
        yield f"… {len(lines) - _DIFF_LIMIT} more lines"


def problem(console: Console | Plain, message: str) -> None:
    """Print what ended the run before any host was touched: each error a line, and its hint below it."""
    for line in safe(message).splitlines():
        hint = line.startswith(" ")
        print_parts(console, (f"{'  ' if hint else 'error: '}{line}", "cyan" if hint else "bold red"))


def print_parts(console: Console | Plain, *parts: Part) -> None:
    """Print one line, each piece in its style where that can be seen."""
    if isinstance(console, Plain):
        console.print(*parts)
        return
    from rich.text import Text

    console.print(Text.assemble(*parts), soft_wrap=True, highlight=False)
