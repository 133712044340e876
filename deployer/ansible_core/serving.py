"""What ansible-core asks for while it runs: inventory, vault passwords, variables. It gets them through a socket.

Nothing of a secret is written anywhere: programs without any text of their own ask this process, which answers its own
user alone. ansible-core's temporary files, into which it renders templates, lie in memory where the system has such a
place (``/dev/shm``).
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import struct
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployer.model import Secret

_MEMORY = Path("/dev/shm")  # noqa: S108 - made there with mkdtemp
_LONGEST = 64 * 1024 * 1024
_CLIENT = """\
import socket, sys
with socket.socket(socket.AF_UNIX) as asked:
    asked.connect(sys.argv[1])
    asked.sendall(sys.argv[2].encode() + b"\\n")
    while data := asked.recv(65536):
        sys.stdout.buffer.write(data)
"""

Hear = Callable[[Mapping[str, Any]], None]
"""Is told each record of ansible-core's, in its order."""


@dataclass(frozen=True, slots=True)
class Served:
    """Where ansible-core finds what it asks for.

    Attributes:
        directory: of programs that ask, for nobody else; no secret lies in it.
        memory: for temporary files that may hold one.
        socket: where this process answers.
        password: of this run alone, for files that hold secrets.
    """

    directory: Path
    memory: Path
    socket: Path
    password: Secret

    def write(self, name: str, text: str) -> Path:
        """Write a file that is gone with the directory, and return it."""
        path = self.directory / name
        path.write_text(text)
        return path

    def program(self, name: str) -> Path:
        """Return a program that prints the answer of this name."""
        path = self.directory / name
        words = (sys.executable, "-I", str(self.directory / "ask.py"), str(self.socket), name)
        path.write_text(f"#!/bin/sh\nexec {shlex.join(words)}\n")
        path.chmod(0o700)
        return path


@contextmanager
def serving(answers: Mapping[str, Callable[[], bytes]], hear: Hear, password: Secret) -> Iterator[Served]:
    """Answer ansible-core until the end of the block; all that was made for it is gone then.

    Args:
        answers: by name, what is printed for it.
        hear: is told each record of the callback `deployer_events`, one at a time.
        password: of this run alone.
    """
    directory = Path(tempfile.mkdtemp(prefix="deployer-ansible-"))
    fits = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK | os.X_OK)
    memory = Path(tempfile.mkdtemp(prefix="deployer-ansible-", dir=_MEMORY)) if fits else directory / "memory"
    memory.mkdir(mode=0o700, exist_ok=True)
    (directory / "ask.py").write_text(_CLIENT)
    place = directory / "socket"
    lock = threading.Lock()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))
        listening.listen(16)
        threads: list[threading.Thread] = []

        def accept() -> None:
            while True:
                try:
                    asked, _ = listening.accept()
                except OSError:
                    return
                threads.append(threading.Thread(target=_answer, args=(asked, answers, hear, lock), daemon=True))
                threads[-1].start()

        server = threading.Thread(target=accept, name="ansible", daemon=True)
        server.start()
        try:
            yield Served(directory, memory, place, password)
        finally:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            server.join()
            for thread in threads:
                thread.join(10)
            shutil.rmtree(directory, ignore_errors=True)
            shutil.rmtree(memory, ignore_errors=True)


def _answer(asked: socket.socket, answers: Mapping[str, Callable[[], bytes]], hear: Hear, lock: threading.Lock) -> None:
    with asked, suppress(OSError), asked.makefile("rb") as lines:
        if not _is_mine(asked):
            return
        name = lines.readline(256).decode(errors="replace").strip()
        if name in answers:
            asked.sendall(answers[name]())
        elif name == "events":
            for line in iter(lambda: lines.readline(_LONGEST), b""):
                with lock, suppress(ValueError):
                    hear(json.loads(line.decode("utf-8", "surrogateescape")))


def _is_mine(asked: socket.socket) -> bool:
    """Whether who asks is this user; the directory lets in nobody else anyway."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    _, user, _ = struct.unpack("3i", asked.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return bool(user == os.getuid())
