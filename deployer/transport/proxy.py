"""A command whose standard streams are the connection (ProxyCommand), and its error output if it fails."""

from __future__ import annotations

import socket
import subprocess
import tempfile
from typing import IO

from deployer.errors import Unreachable

_SHOWN = 2000
_PATIENCE = 2.0


class ProxyCommand:
    """A running command; ``road`` is our end of a socket pair, the other end is its standard input and output."""

    def __init__(self, command: str, name: str) -> None:
        self._command, self._name = command, name
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - `end` closes it
        self.road, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {command}"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=self._said,
                start_new_session=True,
            )

    def failure(self) -> Unreachable | None:
        """Return the error for a command that has ended by itself; None if it still runs."""
        try:
            status = self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            return None
        self._said.seek(0)
        words = self._said.read()[-_SHOWN:].decode("utf-8", "backslashreplace").strip()
        said = "\n  it says: " + words.encode("unicode_escape").decode().replace("\\n", "\n    ") if words else ""
        hint = f"try it by hand: {self._command}{said}"
        return Unreachable(f"the ProxyCommand ended with status {status}", where=self._name, hint=hint)

    def end(self) -> None:
        """Stop it."""
        self.road.close()
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._said.close()
