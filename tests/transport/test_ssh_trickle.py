"""A line that carries a byte now and then, from some stage on: given up in the time of a dead peer, each way."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from deployer.errors import ConnectionLost, Unreachable
from deployer.model import Blob
from deployer.sh import Program, sh
from tests.transport.ssh_kit import HELLO, Reach, Start, answer, notices_soon
from tests.transport.sshd import Sshd

BIG = Program((sh("true"),), writes=True, blobs=(Blob.of(b"x" * 8_000_000),))


class Trickle:
    """A road to a server; from when a direction is slow it carries one byte in ``pause`` seconds."""

    def __init__(self, port: int, pause: float) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port, self.pause, self.leads_to = self.server.getsockname()[1], pause, port
        self.open: list[socket.socket] = []
        self.down, self.up, self.first, self.over = threading.Event(), threading.Event(), 0, threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                near = self.server.accept()[0]
                near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                far = socket.create_connection(("127.0.0.1", self.leads_to))
                self.open += [near, far]
                threading.Thread(target=self._carry, args=(near, far, self.up, 0), daemon=True).start()
                threading.Thread(target=self._carry, args=(far, near, self.down, self.first), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, slow: threading.Event, first: int) -> None:
        gone = 0
        with suppress(OSError):
            while not self.over.is_set():
                limit = 1 if slow.is_set() else min(65536, first - gone) if first > gone else 65536
                if not (data := source.recv(limit)):
                    break
                sink.sendall(data)
                gone += len(data)
                if first and gone >= first:
                    slow.set()
                if slow.is_set():
                    time.sleep(self.pause)
            sink.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Let nothing more through."""
        self.over.set()
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        for one in self.open:
            one.close()


@pytest.fixture
def trickle() -> Iterator[Callable[[Sshd], Trickle]]:
    """Make a road to a server that knows its key."""
    made: list[Trickle] = []

    def make(server: Sshd) -> Trickle:
        made.append(Trickle(server.port, 0.2))
        server.known_hosts.write_text(server.host_line.replace(str(server.port), str(made[-1].port)) + "\n")
        return made[-1]

    yield make
    for road in made:
        road.close()


def test_a_handshake_that_trickles_is_given_up(
    start_sshd: Start, reach: Reach, trickle: Callable[[Sshd], Trickle], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployer.transport.wire.HANDSHAKE", 1.5)
    monkeypatch.setattr("deployer.transport.connect._HANDSHAKE", 3.0)
    server = start_sshd()
    road = trickle(server)
    road.first = 60
    with pytest.raises(Unreachable, match="handshake"):
        reach(server, port=road.port)


@pytest.mark.parametrize(("way", "program"), [("down", HELLO), ("up", HELLO), ("up", BIG)])
def test_an_open_connection_that_trickles_is_given_up_by_the_keepalive(
    start_sshd: Start, reach: Reach, trickle: Callable[[Sshd], Trickle], way: str, program: Program
) -> None:
    server = start_sshd()
    road = trickle(server)
    transport = reach(server, port=road.port)
    answer(transport)
    getattr(road, way).set()
    notices_soon(transport, 0.5)
    with pytest.raises(ConnectionLost, match=r"answered nothing|broke|gone"):
        list(transport.run(program, timeout=600))
