"""What is wrong with a word of the fleet, and where that word is written, by its path such as ``nodes[0].port``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from deployer.model import Mark

_STEP = re.compile(r"([a-z_]+)|\[([0-9]+)\]")


class Problem(NamedTuple):
    """One thing that is wrong.

    Attributes:
        path: the word that it is about, such as ``cluster.ports`` or ``nodes[0].port``.
        text: what is wrong, in one sentence.
        hint: what to write instead.
    """

    path: str
    text: str
    hint: str


@dataclass(frozen=True, slots=True)
class Places:
    """The marks of one host's words.

    Attributes:
        words: as they were read; mappings and lists that have ``marks`` know the places of what is in them.
        where: the place to name when nothing closer is known.
    """

    words: Mapping[str, Any]
    where: Mark | None

    def of(self, path: str) -> Mark | None:
        """Return where the word of a path is written, as closely as it is known."""
        at: Mark | None = self.where
        value: Any = self.words
        for step in _STEP.finditer(path):
            key: Any = step[1] or int(step[2])
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
