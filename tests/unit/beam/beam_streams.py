"""Streams for the tests: one that replays a capture and demands our very bytes, one that plays any peer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CAPTURES = Path(__file__).parents[2] / "data" / "beam"
RELEASES = sorted(path.name for path in CAPTURES.glob("otp*"))


def capture(otp: str, title: str) -> dict[str, Any]:
    return json.loads((CAPTURES / otp / f"{title}.json").read_text())  # type: ignore[no-any-return]


def received(otp: str, title: str) -> bytes:
    """All that the peer sent in a capture."""
    return b"".join(bytes.fromhex(data) for way, data in capture(otp, title)["log"] if way == "<")


class Replay:
    """Plays the peer of a capture; what we send must be what was sent then, byte for byte."""

    def __init__(self, log: Sequence[Sequence[str]]) -> None:
        self.left = [(way, bytes.fromhex(data)) for way, data in log]

    def send(self, data: bytes, /) -> None:
        way, expected = self.left.pop(0)
        assert (way, data) == (">", expected)

    def recv(self, n: int, /) -> bytes:
        way, data = self.left.pop(0)
        assert way == "<"
        if len(data) > n:
            self.left.insert(0, ("<", data[n:]))
        return data[:n]

    def close(self) -> None:
        pass


@dataclass
class Peer:
    """Says what it was told to, in pieces of ``step`` bytes, then ends: with EOF or with the error given."""

    says: bytes
    end: Exception | None = None
    step: int = 1 << 20
    sent: bytearray = field(default_factory=bytearray)
    closed: bool = False

    def send(self, data: bytes, /) -> None:
        self.sent += data

    def recv(self, n: int, /) -> bytes:
        size = min(n, self.step)
        piece, self.says = self.says[:size], self.says[size:]
        if not piece and self.end:
            raise self.end
        return piece

    def close(self) -> None:
        self.closed = True


class Endless:
    """Sends zeros, or whatever it is given, as long as anybody reads."""

    def __init__(self, head: bytes = b"", filler: bytes = b"\0") -> None:
        self.head = head
        self.filler = filler
        self.given = 0

    def send(self, data: bytes, /) -> None:
        pass

    def recv(self, n: int, /) -> bytes:
        piece, self.head = self.head[:n], self.head[n:]
        piece = piece or (self.filler * n)[:n]
        self.given += len(piece)
        return piece

    def close(self) -> None:
        pass
