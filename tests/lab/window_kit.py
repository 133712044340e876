"""Commands of a window to nodes, typed on a fleet, and by a person at a terminal."""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deployer.lab import LabHost
from tests.lab.conftest import Ssh
from tests.lab.fleet import PATIENCE, PROGRAM, Fleet, Ran
from tests.lab.person import Person

PROFILES = ("no-forwarding", "closed", "sudo-password", "one-session")
ALL = len(PROFILES)
CANARY = "canary-5b1f0c"
DUMP = "/var/lib/beam/demo/dumps.of/its own"


class Window:
    """A fleet whose hosts are called web1, web2, …, as the page calls them."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet, self.hosts = fleet, {f"web{at}": host for at, host in enumerate(fleet.hosts, 1)}
        text = fleet.write().read_text()
        for name, host in self.hosts.items():
            text = text.replace(f"{host.name}:", f"{name}:")
        self.inventory = fleet.directory / "window.yml"
        self.inventory.write_text(text)

    def node(self, host: str) -> str:
        declared = self.fleet.of.get(self.hosts[host].name, {})
        return f"demo@{declared.get('ansible_host', self.hosts[host].address)}"

    def argv(self, *words: str) -> list[str]:
        at = words.index("--") if "--" in words else len(words)
        return [str(PROGRAM), *words[:at], "-i", str(self.inventory), *words[at:]]

    def __call__(self, *words: str, stdin: str = "") -> Ran:
        done = subprocess.run(
            self.argv(*words), env=self.fleet.environment(), cwd=self.fleet.directory, input=stdin,
            capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout, done.stderr)

    def person(self, *words: str) -> Person:
        made = Person(
            self.argv(*words), environ={**self.fleet.environment(), "TERM": "xterm"}, directory=self.fleet.directory
        )
        resize(made, 80, 24)
        return made


def resize(person: Person, columns: int, rows: int) -> None:
    fcntl.ioctl(person._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


@contextmanager
def a_display() -> Iterator[str]:
    """Yield a display that nobody sees; the test is skipped where none can be, or where there is no observer."""
    if missing := [one for one in ("Xvfb", "xwininfo", "erl") if not shutil.which(one)]:
        pytest.skip(f"no {', '.join(missing)} on this machine: make lab-test gets them")
    answer, theirs = os.pipe()
    argv = ["Xvfb", "-displayfd", str(theirs), "-screen", "0", "1024x768x24", "-nolisten", "tcp"]
    with subprocess.Popen(argv, pass_fds=(theirs,), stderr=subprocess.DEVNULL) as server:
        try:
            os.close(theirs)
            yield f":{os.read(answer, 64).decode().strip()}"
        finally:
            server.terminate()
            os.close(answer)


def windows(display: str) -> str:
    """Return the titles of all windows of a display, as X itself has them."""
    argv = ["xwininfo", "-display", display, "-root", "-tree"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def journal(ssh: Ssh, host: LabHost) -> str:
    """Return what deployer has noted in a host's journal."""
    return ssh(host, "journalctl -q -t deployer -o cat")[1]
