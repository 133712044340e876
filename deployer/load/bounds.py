"""Limits for one rendering: seconds, and bytes that it makes. They protect against mistakes in templates."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from jinja2 import TemplateRuntimeError

SECONDS = 10.0
"""The time limit of one rendering, including all variables that it uses."""
BYTES = 64 * 1024 * 1024
"""The limit for text made in one rendering, including intermediate values."""
NUMBER = 1_000_000
"""The largest width, count or number of bits that a template may ask for."""

_WIDTHS = frozenset({"center", "expandtabs", "ljust", "rjust", "zfill"})
_FILTERS = _WIDTHS | {
    *("batch", "format", "indent", "round", "slice", "to_json", "to_nice_json", "to_nice_yaml", "to_yaml", "tojson"),
    *("truncate", "wordwrap"),
}
_LONG = re.compile(r"\d{7,}")
_NESTED = re.compile(r":[^{}]*\{[^{}.\[]*([.\[])?")
"""A width that is one of what is given; with a group, where it is a part of that."""


class _Budget:
    __slots__ = ("depth", "left", "until")

    def __init__(self) -> None:
        self.depth, self.left, self.until = 0, 0, 0.0


class _Here(threading.local):
    """This thread's budget: looked up once for each value, of which a rendering sees many."""

    def __init__(self) -> None:
        self.budget = _Budget()


_here = _Here()


class _Counting:
    """Counts what is made in here. Without a state of its own, for every template is rendered inside of it."""

    __slots__ = ()

    def __enter__(self) -> None:
        budget = _here.budget
        if not budget.depth:
            budget.until, budget.left = time.monotonic() + SECONDS, BYTES
        budget.depth += 1

    def __exit__(self, *_: object) -> None:
        _here.budget.depth -= 1


_counting = _Counting()


def bounded() -> AbstractContextManager[None]:
    """Limit everything that is made inside the ``with`` block, including renderings of the variables it uses."""
    return _counting


def made(value: Any) -> Any:
    """Count a value that a template has made, and return it; raises if that is too much, or too late."""
    if isinstance(value, str | bytes | bytearray):
        spent(len(value))
    elif isinstance(value, list | tuple | dict | set):
        spent(8 * len(value))
    elif isinstance(value, int) and value.bit_length() > NUMBER:
        raise TemplateRuntimeError("a number becomes too large")
    else:
        spent(0)
    return value


def check_operation(operator: str, left: Any, right: Any) -> None:
    """Refuse an operation whose result would be too large, before it is computed."""
    if operator == "*":
        for many, count in ((left, right), (right, left)):
            if isinstance(count, int) and isinstance(many, str | bytes | list | tuple):
                spent(len(many) * max(count, 0))
        if isinstance(left, int) and isinstance(right, int):
            _number(left.bit_length() + right.bit_length())
    elif operator == "**" and isinstance(left, int) and isinstance(right, int):
        _number(left.bit_length() * max(right, 0))
    elif operator == "%" and isinstance(left, str | bytes):
        _format(left, right)
    elif operator == "+" and hasattr(left, "__len__") and hasattr(right, "__len__"):
        spent(len(left) + len(right))


def check_filter(name: str, args: list[Any], named: dict[str, Any]) -> None:
    """Refuse a filter's arguments that ask for too much."""
    if name in _FILTERS:
        _widths([*args[1:], *named.values()])
    if name == "format":
        _format(args[0], [*args[1:], *named.values()])
    elif name in ("join", "replace"):
        _text_method(
            name, args[1] if name == "join" and len(args) > 1 else args[0], args[:1] if name == "join" else args[1:]
        )


def check_call(function: Any, args: tuple[Any, ...], named: Mapping[str, Any]) -> None:
    """Refuse a method of text that would make too much."""
    method = getattr(function, "__wrapped__", function)  # the sandbox puts its own format in the place of text's
    owner, name = getattr(method, "__self__", None), getattr(method, "__name__", "")
    if isinstance(owner, str | bytes):
        if name in _WIDTHS:
            _widths(args)
        elif name in ("format", "format_map"):
            _format(owner, args)
            nested = _NESTED.search(owner if isinstance(owner, str) else "")
            if nested and nested[1]:
                raise TemplateRuntimeError(
                    "a width within a format is written there, or is a whole value that is given"
                )
            if nested:
                _widths([*args, *named.values(), *(v for a in args if isinstance(a, dict) for v in a.values())])
        elif name in ("join", "replace"):
            _text_method(name, owner, list(args))


def _text_method(name: str, text: Any, args: list[Any]) -> None:
    if name == "join" and args and isinstance(args[0], list | tuple):
        gaps = len(text) if isinstance(text, str | bytes) else 0
        spent(sum(gaps + (len(item) if isinstance(item, str | bytes) else 8) for item in args[0]))
    elif (
        name == "replace" and len(args) > 1 and isinstance(text, str) and all(isinstance(arg, str) for arg in args[:2])
    ):
        spent(text.count(args[0]) * len(args[1]))


def _format(text: Any, given: Any) -> None:
    if isinstance(text, str | bytes) and _LONG.search(text if isinstance(text, str) else text.decode("latin-1")):
        raise TemplateRuntimeError(f"a format asks for more than {NUMBER} characters")
    _widths(given if isinstance(given, list | tuple) and "*" in str(text) else ())


def _widths(values: Any) -> None:
    for value in values:
        if isinstance(value, int) and abs(value) > NUMBER:
            raise TemplateRuntimeError(f"{value:.6g} is too much: at most {NUMBER}")


def _number(bits: int) -> None:
    if bits > NUMBER:
        raise TemplateRuntimeError("a number becomes too large")


def spent(count: int) -> None:
    """Count so many bytes as made; raises TemplateRuntimeError when that is too much, or too late."""
    budget = _here.budget
    budget.left -= count
    if not budget.depth:
        return
    if budget.left < 0:
        raise TemplateRuntimeError(f"it becomes too large: more than {BYTES >> 20} MiB are made of it")
    if time.monotonic() > budget.until:
        raise TemplateRuntimeError(f"it takes longer than {SECONDS:g} s")
