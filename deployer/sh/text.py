"""Shell text as a type of its own: the only way from a value to a program is a quoted placeholder."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from math import inf
from pathlib import Path, PurePath

Word = str | int | PurePath
_REMARK = re.compile(r"^ *#(?! shellcheck ).*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Sh:
    """A piece of POSIX sh. It is not a `str`, so that an f-string can never become a program."""

    text: str

    def __str__(self) -> str:
        return self.text


def sh(template: str, *values: Word | Sh | Iterable[Word | Sh]) -> Sh:
    """Return ``template`` with each ``{}`` (or ``{0}``, ``{1}`` …) replaced by one value as one literal shell word.

    An `Sh` is inserted as it is; an iterable becomes its words, each quoted, separated by spaces. Braces of the shell
    itself are written ``{{`` and ``}}``.

    Raises:
        TypeError: a value is not text, a number, a path, `Sh` or an iterable of these (a `Secret` is none of them).
        ValueError: a value holds a NUL byte, which no shell word can carry; or there are more values than ``{}``.
        IndexError: there are fewer.
    """
    if _places(template) < len(values):
        raise ValueError(f"more values than places for them: {template[:60]!r}")
    return Sh(template.format(*(_quoted(value) for value in values)))


@lru_cache(1024)
def _places(template: str) -> float:
    """Return how many values a template has places for; no end of them where it numbers them."""
    return inf if "{0}" in template else template.replace("{{", "").count("{}")


def lines(*parts: Sh) -> Sh:
    """Join pieces, one a line."""
    return Sh("\n".join(part.text for part in parts))


@cache
def script(name: str, package: str = "deployer.modules") -> Sh:
    """Return text that is kept in a file of its own, where shellcheck sees it whole; such as ``sockets.sh``.

    What sh says there to a reader alone, on lines of its own, no host is sent.
    """
    spec = find_spec(package)  # importlib.resources would bring zipfile with it, at every start
    places = (spec and spec.submodule_search_locations) or ()
    text = next(Path(place, name) for place in places).read_text(encoding="utf-8")
    return Sh((_REMARK.sub("", text) if name.endswith(".sh") else text).rstrip())


_libraries: list[str] = []


@cache
def library(name: str, package: str) -> Sh:
    """Return a `script` that only defines functions and what they read; see `told_once`."""
    found = script(name, package)
    _libraries.append(found.text)
    return found


def told_once(bodies: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the libraries that several of these texts bring, and the texts without them.

    Each has a single quote in it, so that one within a quoted word of another text is none of them.
    """
    left, shared = list(bodies), []
    for one in _libraries:
        bring = [i for i, body in enumerate(left) if one in body]
        if len(bring) > 1:
            shared.append(one)
            for i in bring:
                left[i] = left[i].replace(one, ":")
    return shared, left


def _quoted(value: object) -> str:
    if isinstance(value, Sh):
        return value.text
    if type(value) is str and "\0" not in value:  # nearly all are
        return shlex.quote(value)
    if isinstance(value, bool | bytes) or not isinstance(value, str | int | PurePath | Iterable):
        raise TypeError(f"{type(value).__name__} cannot become a shell word")
    if isinstance(value, str | int | PurePath):
        word = str(value)
        if "\0" in word:
            raise ValueError("a shell word cannot hold a NUL byte")
        return shlex.quote(word)
    return " ".join(_quoted(item) for item in value)
