"""A session channel as a `Pipe`."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from deployer.sh.frame import BEAT

if TYPE_CHECKING:
    from paramiko import Channel

    from deployer.transport.wire import Client

_GULP = 4 * 1024 * 1024


def gone(client: Client, otherwise: str) -> str:
    """Return how a connection ended, in words."""
    silence = client.silence
    return f"the host answered nothing for {silence:.0f} s: it is frozen, or cut off" if silence else otherwise


class _Wake(threading.Event):
    """An event set by both buffers of a channel; only the reader clears it, so that no buffer hides the other one."""

    def clear(self) -> None:
        """Do nothing: an empty buffer calls this, but the other one may have data."""

    def rearm(self) -> None:
        """Clear the event, before looking at the buffers."""
        super().clear()


class ChannelPipe:
    """A session channel as a `Pipe`: reads both streams, and sends input in a thread if it may not fit at once."""

    def __init__(self, channel: Channel, timeout: float, client: Client) -> None:
        channel.settimeout(timeout)
        self._client = client
        self._channel = channel
        self._wake = _Wake()
        self._failure: Exception | None = None
        self.progress = time.monotonic()
        self.finished = False
        self._over = threading.Event()
        channel.in_buffer.set_event(self._wake)
        channel.in_stderr_buffer.set_event(self._wake)

    def read(self, wait: float) -> tuple[bytes, bytes] | None:
        """See `Pipe.read`."""
        self._wake.rearm()
        came = self._drain()
        if came is None or any(came) or not self._wake.wait(wait):
            return came
        return self._drain()

    def _drain(self) -> tuple[bytes, bytes] | None:
        channel = self._channel
        ended = channel.eof_received or channel.closed
        out = channel.recv(_GULP) if channel.recv_ready() else b""
        err = channel.recv_stderr(_GULP) if channel.recv_stderr_ready() else b""
        if self._failure:
            raise self._failure
        return None if ended and not out and not err else (out, err)

    def send(self, chunks: Iterator[bytes], size: int) -> None:
        """See `Pipe.send`."""
        first = next(chunks)
        if size + len(first) < self._channel.out_window_size:
            if self._pour(first, chunks):
                threading.Thread(target=self._beat, daemon=True).start()
        else:
            threading.Thread(target=self._pour_and_beat, args=(first, chunks), daemon=True).start()

    def write(self, data: bytes) -> None:
        """See `Pipe.write`."""
        self._push(data)

    def broke(self) -> str:
        """See `Pipe.broke`."""
        return gone(self._client, "the connection broke in the middle of a program")

    def status(self) -> int | None:
        """See `Pipe.status`."""
        channel = self._channel
        if not channel.eof_received and channel.exit_status == -1:
            return None
        channel.status_event.wait(2)
        return channel.exit_status

    def close(self) -> None:
        """End the heartbeat; close the channel if it is not ``finished``."""
        self._over.set()
        if not self.finished:
            self._channel.close()

    def _pour(self, first: bytes, rest: Iterator[bytes]) -> bool:
        """Send everything; if that fails, end the input, so that the program notices."""
        try:
            self._push(first)
            for chunk in rest:
                self._push(chunk)
        except (OSError, EOFError) as error:
            self._stopped(error)
            with suppress(OSError, EOFError):
                self._channel.shutdown_write()
            return False
        return True

    def _pour_and_beat(self, first: bytes, rest: Iterator[bytes]) -> None:
        if self._pour(first, rest):
            self._beat()

    def _beat(self) -> None:
        with suppress(OSError, EOFError):
            while not self._over.wait(BEAT):
                self._channel.sendall(b"\n")

    def _push(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            sent = self._channel.send(bytes(view[:32768]))
            if not sent:
                raise EOFError
            self.progress = time.monotonic()
            view = view[sent:]

    def _stopped(self, error: Exception) -> None:
        """Pass on the error of a local file that could not be read; other errors are reported by the reader."""
        if isinstance(error, OSError) and error.filename:
            self._failure = error
            self._wake.set()
