"""The External Term Format (ERTS, chapter of that name): terms as bytes; `deployer.beam.etf_reader` reads them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

from deployer.beam.etf_reader import ATOM_LIMIT, VERSION, EtfError, decode_term
from deployer.beam.term import Atom, Bits, Improper, Opaque, Pid, Term

__all__ = ["EtfError", "decode_term", "encode_term"]


def encode_term(term: Term) -> bytes:
    """Return the external form of ``term``, with the version in front. Raises TypeError for anything else."""
    return bytes((VERSION,)) + _encode(term)


def _encode(term: Term) -> bytes:
    write = _WRITERS.get(type(term))
    if write is None:
        raise TypeError(f"{type(term).__name__} has no external form")
    return write(term)


def _atom(atom: Atom) -> bytes:
    raw = atom.name.encode()
    if len(atom.name) > ATOM_LIMIT:
        raise TypeError("an atom has at most 255 characters")
    return (struct.pack("!BB", 119, len(raw)) if len(raw) < 256 else struct.pack("!BH", 118, len(raw))) + raw


def _integer(value: int) -> bytes:
    if 0 <= value < 256:
        return struct.pack("!BB", 97, value)
    if -(1 << 31) <= value < 1 << 31:
        return struct.pack("!Bi", 98, value)
    size = (abs(value).bit_length() + 7) // 8
    head = struct.pack("!BB", 110, size) if size < 256 else struct.pack("!BI", 111, size)
    return head + bytes((value < 0,)) + abs(value).to_bytes(size, "little")


def _pid(pid: Pid) -> bytes:
    return b"X" + _atom(Atom(pid.node)) + struct.pack("!III", pid.id, pid.serial, pid.creation)


def _tuple(items: tuple[Term, ...]) -> bytes:
    head = struct.pack("!BB", 104, len(items)) if len(items) < 256 else struct.pack("!BI", 105, len(items))
    return head + b"".join(map(_encode, items))


def _list(items: list[Term]) -> bytes:
    return _improper(Improper(tuple(items), [])) if items else b"j"


def _improper(cells: Improper) -> bytes:
    tail = b"j" if cells.tail == [] else _encode(cells.tail)
    return struct.pack("!BI", 108, len(cells.items)) + b"".join(map(_encode, cells.items)) + tail


def _map(pairs: dict[Term, Term]) -> bytes:
    return struct.pack("!BI", 116, len(pairs)) + b"".join(_encode(term) for pair in pairs.items() for term in pair)


_WRITERS: Mapping[type, Callable[[Any], bytes]] = {
    bool: lambda value: _atom(Atom("true" if value else "false")),
    int: _integer,
    float: lambda value: struct.pack("!Bd", 70, value),
    bytes: lambda value: struct.pack("!BI", 109, len(value)) + value,
    Atom: _atom,
    Pid: _pid,
    tuple: _tuple,
    list: _list,
    dict: _map,
    Improper: _improper,
    Bits: lambda bits: struct.pack("!BIB", 77, len(bits.data), bits.last) + bits.data,
    Opaque: lambda opaque: opaque.raw,
}
