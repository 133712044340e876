"""This machine as a host (``ansible_connection: local``): the same programs, over pipes instead of an SSH channel."""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress

from deployer.beam.stream import Stream
from deployer.errors import AuthError, HostError
from deployer.model import Secret
from deployer.sh import Frame, Program
from deployer.sh.frame import BEAT
from deployer.transport.conversation import Conversation
from deployer.transport.stream import SocketStream
from deployer.transport.sudo import Sudo, check_password, command

_GULP = 256 * 1024
NO_HOST_KEY = "local"
"""Stands for the host key of this machine."""


class LocalTransport:
    """The machine on which deployer runs.

    Args:
        name: the inventory name.
        become_password: the password for sudo; None: sudo must not ask for one.
    """

    def __init__(self, name: str, become_password: Secret | None = None) -> None:
        check_password(become_password)
        self.name = name
        self.host_key = NO_HOST_KEY
        self._password = become_password
        self._refused = False

    def run(self, program: Program, *, timeout: float) -> Iterator[Frame]:
        """Run a program; see `deployer.transport.base.Transport.run`."""
        sudo = Sudo(self._password, self._refuse) if program.become and os.geteuid() != 0 else None
        if sudo and self._refused:
            raise AuthError("sudo did not take this become password before; it is not tried again", where=self.name)
        with closing(_ProcessPipe(command(sudo))) as pipe:
            yield from Conversation(self.name, pipe, program, sudo, timeout).frames()

    def connect(self, address: str, port: int, *, timeout: float) -> Stream:
        """Open a TCP connection; see `deployer.transport.base.Transport.connect`."""
        try:
            peer = socket.create_connection((address, port), timeout=timeout)
        except (TimeoutError, ConnectionRefusedError):
            raise
        except OSError as error:
            raise HostError(f"{address}:{port}: {error.strerror or error}", where=self.name) from None
        return SocketStream(peer, timeout)

    def knock(self, port: int, *, timeout: float) -> str | None:  # noqa: ARG002
        """Return None: a connection from this machine to itself does not come from outside."""
        return None

    def another(self) -> LocalTransport:
        """Return a second one; there is no connection to this machine that could be cut off."""
        return LocalTransport(self.name, self._password)

    def prove_ways(self) -> None:
        """Do nothing: there are no other ways."""

    def reopen(self) -> None:
        """Do nothing: there is no connection."""

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def _refuse(self) -> None:
        self._refused = True


class _ProcessPipe:
    """The three streams of a child process as a `Pipe`. It has its own session, so Ctrl-C does not reach a step."""

    def __init__(self, line: str) -> None:
        self._child = subprocess.Popen(
            ["/bin/sh", "-c", line],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            env={**os.environ, "SSH_CONNECTION": ""},
        )
        pipes = (self._child.stdin, self._child.stdout, self._child.stderr)
        self._in, self._out, self._err = (pipe.fileno() for pipe in pipes if pipe)
        self._selector = selectors.DefaultSelector()
        for fd in (self._out, self._err):
            self._selector.register(fd, selectors.EVENT_READ)
        os.set_blocking(self._in, False)
        self._chunks: Iterator[bytes] | None = None
        self._pending = memoryview(b"")
        self._writing, self._over = threading.Lock(), threading.Event()
        self.progress = time.monotonic()

    def read(self, wait: float) -> tuple[bytes, bytes] | None:
        came = {self._out: b"", self._err: b""}
        if not self._reading:
            return None
        for key, _ in self._selector.select(wait):
            if key.fd == self._in:
                self._pour()
            elif data := os.read(key.fd, _GULP):
                came[key.fd] += data
            else:
                self._selector.unregister(key.fd)
        return came[self._out], came[self._err]

    @property
    def _reading(self) -> bool:
        return any(key.fd != self._in for key in self._selector.get_map().values())

    def send(self, chunks: Iterator[bytes], size: int) -> None:  # noqa: ARG002
        self._chunks = chunks
        self._selector.register(self._in, selectors.EVENT_WRITE)

    def write(self, data: bytes) -> None:
        os.write(self._in, data)

    def _pour(self) -> None:
        """Write as much as the pipe accepts now; after the last byte, start the heartbeat."""
        whole = False
        try:
            if not self._pending and self._chunks is not None:
                self._pending = memoryview(next(self._chunks, b""))
                whole = not self._pending
            sent = os.write(self._in, self._pending)
        except BlockingIOError:
            return
        except (BrokenPipeError, EOFError):
            sent, self._pending = 0, memoryview(b"")
        self._pending = self._pending[sent:]
        self.progress = time.monotonic()
        if not sent:
            self._selector.unregister(self._in)
            if whole:
                threading.Thread(target=self._beat, daemon=True).start()
            elif self._child.stdin:
                self._child.stdin.close()

    def _beat(self) -> None:
        while not self._over.wait(BEAT):
            with self._writing, suppress(OSError):
                if not self._over.is_set():
                    os.write(self._in, b"\n")

    def broke(self) -> str:
        return "the program was lost in the middle"

    def status(self) -> int | None:
        try:
            return self._child.wait(2)
        except subprocess.TimeoutExpired:
            return -1

    def close(self) -> None:
        """Close the streams; a step that still runs goes on, and its output is lost.

        While the interpreter shuts down, no thread can be started or waited for.
        """
        self._over.set()
        self._selector.close()
        if sys.is_finalizing():
            self._close_all()
            return
        with self._writing:
            self._close_all()
        if self._child.poll() is None:
            threading.Thread(target=self._child.wait, daemon=True).start()

    def _close_all(self) -> None:
        for pipe in (self._child.stdin, self._child.stdout, self._child.stderr):
            if pipe:
                pipe.close()
