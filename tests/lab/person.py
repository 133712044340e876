"""Somebody at a terminal: a program on a pseudo-terminal of its own, where Ctrl-C is a key."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from deployer import lab as labs
from deployer.lab import LabHost
from tests.lab.fleet import Fleet

CTRL_C = "\x03"
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Person:
    """Starts a program, reads what it shows, and types."""

    def __init__(self, argv: Sequence[str], *, environ: Mapping[str, str], directory: Path) -> None:
        self._shown, self._read = b"", 0
        self._terminal, theirs = pty.openpty()
        self._process = subprocess.Popen(
            ["setsid", "--ctty", *argv], stdin=theirs, stdout=theirs, stderr=theirs, cwd=directory,
            env={**environ, "PYTHONFAULTHANDLER": "1"},
        )  # fmt: skip
        os.close(theirs)

    @property
    def seen(self) -> str:
        """All that was shown so far, without colours and moves of the cursor."""
        return _CONTROL.sub("", self._shown.decode(errors="replace").replace("\r\n", "\n"))

    def waits_for(self, words: str, patience: float = 120) -> None:
        """Look at the terminal until these words are there, behind those that were waited for before."""
        end = time.monotonic() + patience
        while (found := self.seen.find(words, self._read)) < 0:
            assert self._look(end), f"{words!r} never came:\n{self.seen}"
        self._read = found + len(words)

    def shows(self, pattern: str, patience: float = 120) -> None:
        """Look at the terminal until this is anywhere among all that it has shown."""
        end = time.monotonic() + patience
        while not re.search(pattern, self.seen):
            assert self._look(end), f"{pattern!r} never came:\n{self.seen}"

    def types(self, keys: str) -> None:
        """Press some keys."""
        os.write(self._terminal, keys.encode())

    def is_killed(self) -> None:
        """End the program at once, as kill -9 does."""
        self._process.kill()
        self._process.wait(timeout=60)
        os.close(self._terminal)

    def leaves(self, patience: float = 120) -> int:
        """Close the terminal while the program runs; returns its exit code."""
        os.close(self._terminal)
        return self._process.wait(timeout=patience)

    def is_done(self, patience: float = 120) -> int:
        """Look on until the program ends; returns its exit code."""
        end = time.monotonic() + patience
        while self._look(end):
            pass
        late = time.monotonic() >= end
        os.close(self._terminal)
        code = self._process.wait(timeout=patience)
        assert not late, f"it has not ended within {patience:g} s:\n{self.seen}"
        return code

    def _look(self, end: float) -> bool:
        """Read once; False when the program has closed the terminal, or time is up."""
        if not select.select([self._terminal], [], [], max(0.0, end - time.monotonic()))[0]:
            self._gives_up()
            return False
        try:
            shown = os.read(self._terminal, 65536)
        except OSError:  # how Linux says that nobody holds the other end
            return False
        self._shown += shown
        return bool(shown)

    def _gives_up(self) -> None:
        """Kill a program that does not go on, after it has said where each of its threads is if it is one in Python."""
        self._process.send_signal(signal.SIGABRT)
        with suppress(OSError):
            while select.select([self._terminal], [], [], 5)[0]:
                self._shown += os.read(self._terminal, 65536)
        self._process.kill()


def logged_in(fleet: Fleet, host: LabHost, command: str) -> Person:
    """Root at a terminal of a host, with a command that has begun there."""
    program, *rest = labs.ssh_arguments(fleet.lab, host)
    return Person([program, "-tt", *rest, command], environ=fleet.environment(), directory=fleet.directory)
