"""Streams to a port of a host, each with one deadline for its whole life, so that a slow peer cannot prolong it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paramiko import Channel


class SocketStream:
    """A stream over a socket, or over an SSH channel, which looks like one.

    Args:
        peer: connected.
        timeout: seconds until every operation raises TimeoutError.
        alive: whether the SSH connection of a channel is alive; the end of the stream on a dead one is an error.
    """

    def __init__(self, peer: socket.socket | Channel, timeout: float, alive: Callable[[], bool] = lambda: True) -> None:
        self._peer, self._alive = peer, alive
        self._deadline = time.monotonic() + timeout

    def send(self, data: bytes, /) -> None:
        """Send all of ``data``. Raises OSError when the peer is gone, TimeoutError at the deadline."""
        self._arm()
        self._peer.sendall(data)

    def recv(self, n: int, /) -> bytes:
        """Return 1 to ``n`` bytes, or ``b""`` at end of stream; raises OSError, TimeoutError at the deadline."""
        self._arm()
        data = self._peer.recv(n)
        if not data and not self._alive():
            raise ConnectionResetError("the connection to the host broke")
        return data

    def close(self) -> None:
        """Close both directions; closing twice is harmless."""
        self._peer.close()

    def _arm(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline of this stream has passed")
        self._peer.settimeout(left)


def dialled(address: str) -> Any:
    """Return an address as bytes if it is ASCII: for a str, socket loads the IDNA codec, even for an IP address."""
    return address.encode() if address.isascii() else address


def plainly(address: str, port: int, timeout: float) -> str:
    """Return "" when a TCP connection can be made from this machine, else why not."""
    try:
        socket.create_connection((dialled(address), port), timeout=timeout).close()
    except TimeoutError:
        return f"no answer in {timeout:g} s"
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return ""
