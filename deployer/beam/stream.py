"""The byte stream every protocol of this package is spoken over; the transport makes one, the package never does."""

from __future__ import annotations

from typing import Protocol


class Stream(Protocol):
    """A connected, bidirectional byte stream with a deadline of its own."""

    def send(self, data: bytes, /) -> None:
        """Send all of ``data``. Raises OSError when the peer is gone, TimeoutError at the deadline."""

    def recv(self, n: int, /) -> bytes:
        """Return 1 to ``n`` bytes, or ``b""`` at end of stream.

        Raises OSError when the connection breaks, TimeoutError at the deadline.
        """

    def close(self) -> None:
        """Close both directions; closing twice is harmless."""


def read_exactly(stream: Stream, size: int) -> bytes:
    """Return ``size`` bytes; raises EOFError when the stream ends before."""
    parts = bytearray()
    while len(parts) < size:
        chunk = stream.recv(min(size - len(parts), 65536))
        if not chunk:
            raise EOFError(f"the stream ended {size - len(parts)} bytes early")
        parts += chunk
    return bytes(parts)


def read_to_end(stream: Stream, limit: int) -> bytes:
    """Return everything until the peer closes; at most one byte more than ``limit``, so that excess can be seen."""
    parts = bytearray()
    while len(parts) <= limit:
        chunk = stream.recv(min(limit + 1 - len(parts), 65536))
        if not chunk:
            break
        parts += chunk
    return bytes(parts)
