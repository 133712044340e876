"""Reading the External Term Format: everything that nodes of OTP 25 to 29 send to a peer with our flags.

Source: ERTS, "External Term Format". Compressed terms, atom cache references and local terms are refused: a node sends
them only to peers that ask for them. Everything read is bounded in size, number and depth.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable

from deployer.beam.term import Atom, Bits, Improper, Opaque, Pid, Term
from deployer.errors import ProbeError

VERSION = 131
SIZE_LIMIT = 16 << 20
TERMS_LIMIT = 200_000
DEPTH_LIMIT = 100
INTEGER_LIMIT = 1024
"""Bytes of one integer; 8192 bits are more than any key or counter has."""

ATOM_LIMIT = 255


class EtfError(ProbeError):
    """The bytes are not the external form of a term, or of one larger than anybody needs here."""


def decode_term(data: bytes, at: int = 0) -> tuple[Term, int]:
    """Read the term that begins with its version byte at ``at``; return it and where the next byte is.

    Raises:
        EtfError: cut off, unknown, or beyond the limits of this module.
    """
    if len(data) > SIZE_LIMIT:
        raise EtfError(f"a message of {len(data)} bytes is too large")
    reader = _Reader(data, at)
    if reader.number(1) != VERSION:
        raise EtfError("a term does not begin with the version of the external format")
    return reader.term(), reader.at


class _Reader:
    """One pass over the bytes; ``at`` is the next one."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at
        self._terms = TERMS_LIMIT
        self._depth = DEPTH_LIMIT

    def term(self) -> Term:
        self._terms -= 1
        self._depth -= 1
        if self._terms < 0 or self._depth < 0:
            raise EtfError("a term is nested too deeply, or too large")
        tag = self.number(1)
        read = _READERS.get(tag)
        if read is None:
            raise EtfError(f"a term has the unknown tag {tag}")
        value = read(self)
        self._depth += 1
        return value

    def take(self, size: int) -> bytes:
        piece = self.data[self.at : self.at + size]
        if len(piece) != size:
            raise EtfError("a term is cut off")
        self.at += size
        return piece

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width), "big")

    def atom(self, width: int, encoding: str) -> Atom:
        try:
            name = self.take(self.number(width)).decode(encoding)
        except UnicodeDecodeError:
            raise EtfError("an atom is not in UTF-8") from None
        if len(name) > ATOM_LIMIT:
            raise EtfError("an atom is too long")
        return Atom(name)

    def node(self) -> str:
        name = self.term()
        if not isinstance(name, Atom):
            raise EtfError("an identifier has no node")
        return name.name

    def integer(self, width: int) -> int:
        size = self.number(width)
        if size > INTEGER_LIMIT:
            raise EtfError("an integer is too large")
        negative = self.number(1)
        value = int.from_bytes(self.take(size), "little")
        return -value if negative else value

    def floating(self) -> float:
        (value,) = struct.unpack("!d", self.take(8))
        return self._finite(value)

    def old_float(self) -> float:
        raw = self.take(31).rstrip(b"\0")
        try:
            return self._finite(float(raw))
        except ValueError:
            raise EtfError("a float cannot be read") from None

    def items(self, width: int) -> list[Term]:
        count = self.number(width)
        if count > len(self.data) - self.at:
            raise EtfError("a term is cut off")
        return [self.term() for _ in range(count)]

    def linked(self) -> list[Term] | Improper:
        items, tail = self.items(4), self.term()
        if isinstance(tail, list):
            return items + tail
        return Improper(tuple(items), tail)

    def nil(self) -> list[Term]:
        return []

    def string(self) -> list[Term]:
        return list(self.take(self.number(2)))

    def bits(self) -> Bits:
        size, last = self.number(4), self.number(1)
        if not 1 <= last <= 8:
            raise EtfError("a bitstring has a wrong number of bits")
        return Bits(self.take(size), last)

    def mapping(self) -> dict[Term, Term]:
        count = self.number(4)
        if 2 * count > len(self.data) - self.at:
            raise EtfError("a term is cut off")
        pairs: dict[Term, Term] = {}
        for _ in range(count):
            begin = self.at
            key = self.term()
            if not _hashable(key):
                key = Opaque("Key", self.data[begin : self.at])
            pairs[key] = self.term()
        if len(pairs) != count:
            raise EtfError("a map has a key twice")
        return pairs

    def pid(self, creation: int) -> Pid:
        return Pid(self.node(), self.number(4), self.number(4), self.number(creation))

    def port(self, number: int, creation: int) -> Opaque:
        begin = self.at - 1
        self.node()
        self.take(number + creation)
        return Opaque("Port", self.data[begin : self.at])

    def reference(self, creation: int, *, counted: bool = True) -> Opaque:
        begin = self.at - 1
        words = self.number(2) if counted else 1
        self.node()
        self.take(creation + 4 * words)
        return Opaque("Ref", self.data[begin : self.at])

    def fun(self) -> Opaque:
        begin = self.at - 1
        size = self.number(4)  # counts itself
        if size < 4:
            raise EtfError("a fun has a wrong size")
        self.take(size - 4)
        return Opaque("Fun", self.data[begin : self.at])

    def export(self) -> Opaque:
        begin = self.at - 1
        if not (isinstance(self.term(), Atom) and isinstance(self.term(), Atom) and isinstance(self.term(), int)):
            raise EtfError("an exported fun cannot be read")
        return Opaque("Fun", self.data[begin : self.at])

    def _finite(self, value: float) -> float:
        if not math.isfinite(value):
            raise EtfError("a float is not a number")
        return value


def _hashable(key: Term) -> bool:
    """1 and 1.0 are two keys in Erlang and one in Python, so a float does not pass either."""
    if isinstance(key, tuple):
        return all(map(_hashable, key))
    return isinstance(key, (int, bytes, Atom, Pid, Bits, Opaque))


_READERS: dict[int, Callable[[_Reader], Term]] = {
    70: _Reader.floating,
    77: _Reader.bits,
    88: lambda reader: reader.pid(4),
    89: lambda reader: reader.port(4, 4),
    90: lambda reader: reader.reference(4),
    97: lambda reader: reader.number(1),
    98: lambda reader: int.from_bytes(reader.take(4), "big", signed=True),
    99: _Reader.old_float,
    100: lambda reader: reader.atom(2, "latin-1"),
    101: lambda reader: reader.reference(1, counted=False),
    102: lambda reader: reader.port(4, 1),
    103: lambda reader: reader.pid(1),
    104: lambda reader: tuple(reader.items(1)),
    105: lambda reader: tuple(reader.items(4)),
    106: _Reader.nil,
    107: _Reader.string,
    108: _Reader.linked,
    109: lambda reader: reader.take(reader.number(4)),
    110: lambda reader: reader.integer(1),
    111: lambda reader: reader.integer(4),
    112: _Reader.fun,
    113: _Reader.export,
    114: lambda reader: reader.reference(1),
    115: lambda reader: reader.atom(1, "latin-1"),
    116: _Reader.mapping,
    118: lambda reader: reader.atom(2, "utf-8"),
    119: lambda reader: reader.atom(1, "utf-8"),
    120: lambda reader: reader.port(8, 4),
}
