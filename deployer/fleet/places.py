"""Where a word of the fleet is written: a problem names it by its path, such as ``nodes[0].port``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deployer.model import Mark

_PATH = re.compile(r"^([a-z]+)\b|\b([a-z]+)(?=\[|\.[a-z])")
_STEP = re.compile(r"\[([0-9]+)\]|\.([a-z_]+)")


@dataclass(frozen=True, slots=True)
class Places:
    """The marks of one host's words.

    Attributes:
        words: as they were read; mappings and lists that have ``marks`` know the places of what is in them.
        where: the place to name when nothing closer is known.
    """

    words: Mapping[str, Any]
    where: Mark | None

    def of(self, problem: str) -> Mark | None:
        """Return where the first word that ``problem`` names by its path is written, as closely as it is known."""
        for found in _PATH.finditer(problem):
            name = found[1] or found[2]
            if name in self.words:
                return self._within(name, problem[found.end() :])
        return self.where

    def _within(self, name: str, rest: str) -> Mark | None:
        at, value = _mark(self.words, name, self.where), self.words[name]
        while step := _STEP.match(rest):
            key, rest = int(step[1]) if step[1] else step[2], rest[step.end() :]
            at = _mark(value, key, at)
            try:
                value = value[key]
            except (LookupError, TypeError):
                break
        return at


def _mark(owner: Any, key: str | int, default: Mark | None) -> Mark | None:
    try:
        return getattr(owner, "marks", {})[key] or default
    except LookupError:
        return default
