"""A road to sshd that takes its time, and counts how often a conversation has to go there and back.

Seconds are not compared with anything: what is counted is causes. What a side says can only follow from what it has
been handed; a side's words have the depth of the deepest that it had been handed, and the server's are one round trip
deeper than the client's they follow. The delay only keeps side by side what was sent side by side; a machine that is
too busy to send it within that time counts one trip more.
"""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from deployer.lab import LabHost

DELAY = 0.3
"""Seconds each way: far more than a busy machine takes to answer what needs no work."""


@dataclass
class _Way:
    """One connection: how deep each side has been handed words, and whether the client has hung up."""

    there: int = 0
    back: int = 0
    over: bool = False
    sent: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    told: list[str] = field(default_factory=list)


class SlowRoad:
    """Listens on 127.0.0.1 in front of one host's sshd."""

    def __init__(self, host: LabHost, delay: float = DELAY) -> None:
        self.host, self._delay = host, delay
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._ways: list[_Way] = []
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listening = threading.Thread(target=self._accept, daemon=True)
        self._listening.start()

    @property
    def trips(self) -> int:
        """Round trips of the longest conversation so far; a TCP connection is one."""
        return max((way.back + 1 for way in self._ways), default=0)

    @property
    def sent(self) -> int:
        """Bytes that went to the host."""
        return sum(way.sent for way in self._ways)

    @property
    def trace(self) -> str:
        """What went over the road, for a person."""
        return "\n".join(line for way in self._ways for line in way.told)

    @property
    def ssh_config(self) -> str:
        """What a person writes to go this way."""
        address = self.host.address
        return f"Host {address}\n  HostName 127.0.0.1\n  Port {self.port}\n  HostKeyAlias {address}"

    def close(self) -> None:
        """Hang up on both sides."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listening.join()
        self._listener.close()
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for end in self._ends:
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection((self.host.address, 22))
                for one in (client, server):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                way = _Way()
                self._ways.append(way)
                self._ends += [client, server]
                self._threads += self._pumps(client, server, way)

    def _pumps(self, client: socket.socket, server: socket.socket, way: _Way) -> list[threading.Thread]:
        there = _pump(client, server, way, self._delay, outward=True)
        return there + _pump(server, client, way, self._delay, outward=False)


@contextmanager
def slow_roads(home: Path, hosts: Iterable[LabHost], delay: float = DELAY) -> Iterator[dict[str, SlowRoad]]:
    """A slow road to each host, which the ssh configuration of a person with this home leads over."""
    roads = {host.name: SlowRoad(host, delay) for host in hosts}
    config = home / ".ssh" / "config"
    config.parent.mkdir(mode=0o700, exist_ok=True)
    config.write_text("\n".join(road.ssh_config for road in roads.values()))
    try:
        yield roads
    finally:
        config.unlink()
        for road in roads.values():
            road.close()


def _pump(
    source: socket.socket, sink: socket.socket, way: _Way, delay: float, *, outward: bool
) -> list[threading.Thread]:
    line: queue.SimpleQueue[tuple[float, int, bytes]] = queue.SimpleQueue()

    def read() -> None:
        data = b"."
        while data:
            try:
                data = source.recv(65536)
            except OSError:
                data = b""
            with way.lock:
                depth = way.back if outward else way.there + 1
                way.over = way.over or (outward and not data)
                way.sent += len(data) if outward else 0
                way.told.append(f"{time.monotonic():.3f} {'>' if outward else '<'} {depth} {len(data)}")
            line.put((time.monotonic() + delay, depth, data))

    def write() -> None:
        with suppress(OSError):
            while True:
                due, depth, data = line.get()
                time.sleep(max(0.0, due - time.monotonic()))
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
                sink.sendall(data)
                with way.lock:
                    if outward:
                        way.there = max(way.there, depth)
                    elif not way.over:
                        way.back = max(way.back, depth)

    threads = [threading.Thread(target=work, daemon=True) for work in (read, write)]
    for thread in threads:
        thread.start()
    return threads
