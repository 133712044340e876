"""What nodes say, on this terminal: one alone as it is, several line by line with their names in front."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from typing import TextIO

from deployer.report.plain import safe

COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "bright_cyan", "bright_green", "bright_yellow")
"""A node's colour is its place among those that are chosen."""
_CODES = {name: 30 + at for at, name in enumerate(("", "red", "green", "yellow", "blue", "magenta", "cyan"))}
_LONGEST = 1 << 20


def painted(text: str, colour: str) -> str:
    """Return text in a colour of the terminal."""
    code = _CODES.get(colour.removeprefix("bright_"), 37) + (60 if colour.startswith("bright_") else 0)
    return f"\x1b[{code}m{text}\x1b[0m"


class Voices:
    """Prints what nodes say. May be used from several threads.

    Args:
        names: all who may speak.
        colour: names are painted.
    """

    def __init__(self, names: Sequence[str], *, colour: bool = False) -> None:
        self._alone = len(names) < 2
        width = max(map(len, names), default=0)
        self._heads = {
            name: painted(f"{name:<{width}} | ", COLOURS[at % len(COLOURS)]) if colour else f"{name:<{width}} | "
            for at, name in enumerate(names)
        }
        self._rest: dict[tuple[str, TextIO], str] = {}
        self._lock = threading.Lock()

    def say(self, name: str, text: str, stream: TextIO | None = None) -> None:
        """Print a piece of what a node says; with several nodes whole lines, the last one when `end` is called."""
        to = stream or sys.stdout
        with self._lock:
            if self._alone:
                to.write(text if not to.isatty() else safe(text))
                to.flush()
                return
            *whole, rest = (self._rest.get((name, to), "") + text).split("\n")
            if len(rest) > _LONGEST:
                whole, rest = [*whole, rest], ""
            self._rest[name, to] = rest
            to.writelines(f"{self._heads[name]}{safe(line)}\n" for line in whole)
            to.flush()

    def end(self, name: str) -> None:
        """A node says no more: what has no line's end yet is printed."""
        for stream in (sys.stdout, sys.stderr):
            if self._rest.get((name, stream)):
                self.say(name, "\n", stream)
