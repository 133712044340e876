"""Erlang terms in Python: integers, floats, bytes, tuples, lists and dicts stand for themselves, the rest is here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

_SHOWN = 400


@dataclass(frozen=True, slots=True, order=True)
class Atom:
    """An atom; never equal to a str."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Pid:
    """A process identifier; ``node`` is the name of its node."""

    node: str
    id: int
    serial: int
    creation: int


@dataclass(frozen=True, slots=True)
class Bits:
    """A bitstring: of the last byte of ``data`` only the ``last`` highest bits count."""

    data: bytes
    last: int


@dataclass(frozen=True, slots=True)
class Improper:
    """A list whose last tail is no list: ``[1, 2 | 3]``."""

    items: tuple[Term, ...]
    tail: Term


@dataclass(frozen=True, slots=True)
class Opaque:
    """A reference, a port or a fun, or a map key that Python cannot hash: kept as its external form."""

    kind: str
    raw: bytes


Scalar: TypeAlias = int | float | bytes | Atom | Pid | Bits | Opaque
Term: TypeAlias = "Scalar | Improper | tuple[Term, ...] | list[Term] | dict[Term, Term]"
"""What `deployer.beam.etf` reads and writes: true and false are atoms, text is bytes or a list of code points."""


def term_text(term: Term) -> str | None:
    """Return the text of a binary, a charlist or an atom; None when the term is no text."""
    if isinstance(term, Atom):
        return term.name
    if isinstance(term, bytes):
        return term.decode("utf-8", "replace")
    if isinstance(term, list) and all(type(code) is int and 0 <= code < 0x110000 for code in term):
        return "".join(chr(code) for code in term if isinstance(code, int))
    return None


def show_term(term: Term) -> str:
    """Return the term about as Erlang's shell prints it, for messages: printable ASCII, at most 400 characters."""
    shown = "".join(_Printer().of(term))
    return shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "..."


class _Printer:
    """Prints until enough is there: a term may be far larger than what a message shows."""

    def __init__(self) -> None:
        self._room = _SHOWN

    def of(self, term: Term) -> list[str]:
        if self._room < 0:
            return []
        match term:
            case list():
                return self._list(term)
            case tuple():
                return self._between("{", term, "}")
            case dict():
                return self._between("#{", [end for pair in term.items() for end in pair], "}")
            case Improper(items, tail):
                return self._between("[", items, "|") + self.of(tail) + self._spend("]")
        return self._spend(_scalar(term))

    def _list(self, items: list[Term]) -> list[str]:
        charlist = term_text(items[:_SHOWN])
        if charlist and min(charlist) >= " ":
            return self._spend('"' + ascii(charlist)[1:-1] + '"')
        return self._between("[", items, "]")

    def _between(self, opening: str, items: Sequence[Term], closing: str) -> list[str]:
        parts = self._spend(opening)
        for at, item in enumerate(items):
            if self._room < 0:
                break
            parts += self._spend("," if at else "") + self.of(item)
        return parts + self._spend(closing)

    def _spend(self, piece: str) -> list[str]:
        self._room -= len(piece)
        return [piece]


def _scalar(term: Scalar) -> str:
    match term:
        case Atom(name):
            plain = name[:1].islower() and name.isascii() and name.replace("_", "").replace("@", "").isalnum()
            return name if plain else f"'{ascii(name)[1:-1]}'"
        case bytes():
            return '<<"' + ascii(term[:_SHOWN].decode("utf-8", "replace"))[1:-1] + '">>'
        case Pid(node, number, serial, _):
            return f"<{ascii(node)[1:-1]}.{number}.{serial}>"
        case Bits(data, _):
            return f"#Bits<{len(data)}>"
        case Opaque(kind, _):
            return f"#{kind}<>"
    return str(term)
