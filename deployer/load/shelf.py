"""Compiled templates of the roles and playbooks that come with the program, kept as Python keeps its own bytecode.

They lie in ``__pycache__`` beside this file: who can write there can alter the program itself. Where this person may
not write, or Python is told not to, each run compiles anew. Nobody else's template is kept: it may hold a secret.
"""

from __future__ import annotations

import atexit
import hashlib
import marshal
import os
import sys
import tempfile
from contextlib import suppress
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path
from types import CodeType
from typing import NamedTuple

from deployer.load.shipped import shipped_playbooks, shipped_roles
from deployer.model import Mark


class StoredTemplate(NamedTuple):
    """A template's code, and what `deployer.load.sandbox.Compiled` wants to know of it beside that."""

    code: CodeType
    single: bool
    newlines: int


class Shelf:
    """The templates that are kept.

    Args:
        place: the file.
        key: what they are good for; others count as not there.
    """

    def __init__(self, place: Path, key: str) -> None:
        self._place, self._key, self._new = place, key, False
        self._held: dict[str, tuple[CodeType, bool, int]] = {}
        with suppress(OSError, ValueError, EOFError, TypeError):
            told, held = marshal.loads(place.read_bytes())  # noqa: S302 - as Python's own bytecode
            self._held = held if told == key else {}

    def find(self, kind: str, source: str) -> StoredTemplate | None:
        """Return a template of a kind; None when it is not there."""
        held = self._held.get(f"{kind} {source}")
        return held and StoredTemplate(*held)

    def put(self, kind: str, source: str, made: StoredTemplate) -> None:
        """Keep a template, from the end of this run on."""
        if not self._new:
            atexit.register(self.write)
        self._new = True
        self._held[f"{kind} {source}"] = (made.code, made.single, made.newlines)

    def write(self) -> None:
        """Write all; a place that cannot be written stays as it is."""
        if sys.dont_write_bytecode:
            return
        with suppress(OSError):
            handle, beside = tempfile.mkstemp(prefix=".", dir=self._place.parent)
            with os.fdopen(handle, "wb") as file:
                file.write(marshal.dumps((self._key, self._held)))
            Path(beside).chmod(0o644)
            Path(beside).replace(self._place)


@cache
def shelf() -> Shelf:
    """Return this program's. What is in it was compiled by this Python, this Jinja and this `deployer.load`."""
    from jinja2 import __file__ as jinja

    code = [Path(jinja), *sorted(Path(__file__).parent.glob("*.py"))]
    told = [(str(file), (at := file.stat()).st_mtime_ns, at.st_size) for file in code]
    place = Path(cache_from_source(__file__)).with_name(f"templates.{sys.implementation.cache_tag}")
    return Shelf(place, hashlib.sha256(repr(told).encode()).hexdigest())


@cache
def _shipped() -> tuple[str, ...]:
    return tuple(f"{place}{os.sep}" for place in (shipped_roles(), shipped_playbooks()))


def is_shipped(where: Mark | None) -> bool:
    """Return whether a text stands in a file that comes with the program."""
    return where is not None and where.file.startswith(_shipped())
