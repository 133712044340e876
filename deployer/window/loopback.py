"""A port of this machine's loopback that leads to somewhere else, for a program here that only knows sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

from deployer.beam.stream import Stream
from deployer.errors import DeployerError

_GULP = 65536
_LOST = OSError, EOFError, DeployerError


class Loopback:
    """Hands every connection to a port of 127.0.0.1 on, until it is closed.

    Args:
        way: opens a stream to where it leads.
        tell: is told why one could not be opened.

    Attributes:
        port: where it listens.
    """

    def __init__(self, way: Callable[[], Stream], tell: Callable[[str], object]) -> None:
        self._way, self._tell = way, tell
        self._ends = list[socket.socket | Stream]()
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def shut(self) -> None:
        """Take no more connections; those that are there stay."""
        with suppress(OSError):  # what wakes the thread that waits for one
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()

    def close(self) -> None:
        """End all of it."""
        self.shut()
        for end in self._ends:
            _hang_up(end)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._door.accept()
            except OSError:
                return
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                far = self._way()
            except _LOST as error:
                self._tell(str(error))
                near.close()
                continue
            self._ends += [near, far]
            threading.Thread(target=_carry, args=(near.recv, far.send, near, far), daemon=True).start()
            threading.Thread(target=_carry, args=(far.recv, near.sendall, near, far), daemon=True).start()


def _carry(read: Callable[[int], bytes], write: Callable[[bytes], object], near: socket.socket, far: Stream) -> None:
    """Carry one direction to its end, which ends the other: nodes never half close."""
    with suppress(*_LOST):
        while data := read(_GULP):
            write(data)
    _hang_up(near)
    _hang_up(far)


def _hang_up(end: socket.socket | Stream) -> None:
    with suppress(*_LOST):
        if isinstance(end, socket.socket):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
