"""Commands of a window to nodes, typed on a fleet, and by a person at a terminal."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import struct
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

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


@dataclass(frozen=True)
class Display:
    """One that nobody sees: its name, and the file in which Xvfb keeps its picture, as xwd(1) would write it."""

    name: str
    frame: Path

    @property
    def windows(self) -> str:
        """The titles of all windows, as X itself has them."""
        argv = ["xwininfo", "-display", self.name, "-root", "-tree"]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout

    def lines_of_text(self, title: str) -> list[int]:
        """Return how many lines of dark text the left half and the right half of a window show now."""
        found = re.search(rf'"{re.escape(title)}".*? (\d+)x(\d+)\S+ +\+(\d+)\+(\d+)', self.windows)
        assert found, self.windows
        width, height, left, top = map(int, found.groups())
        picture = self.frame.read_bytes()
        head = struct.unpack(">25I", picture[:100])
        begin, bits, row, colours = head[0], head[11], head[12], head[19]
        assert bits == 32, "four bytes a pixel"
        begin += colours * 12 + top * row + left * 4
        rows = [picture[at : at + width * 4] for at in range(begin, begin + height * row, row)]
        halves = [[half[1::4] for half in (one[: width * 2], one[width * 2 :])] for one in rows]
        inked = [[sum(green < 96 for green in half) > 1 for half in one] for one in halves]
        return [sum(now and not was for was, now in pairwise(half)) for half in zip(*inked, strict=True)]


@contextmanager
def a_display(directory: Path) -> Iterator[Display]:
    """Yield a display that nobody sees; the test is skipped where none can be, or where there is no observer."""
    if missing := [one for one in ("Xvfb", "xwininfo", "erl") if not shutil.which(one)]:
        pytest.skip(f"no {', '.join(missing)} on this machine: make lab-test gets them")
    answer, theirs = os.pipe()
    # Without -noreset it starts anew when its last client has gone, and whoever comes just then is turned away.
    argv = ["Xvfb", "-noreset", "-displayfd", str(theirs), "-screen", "0", "1024x768x24", "-nolisten", "tcp"]
    with subprocess.Popen([*argv, "-fbdir", directory], pass_fds=(theirs,), stderr=subprocess.DEVNULL) as server:
        try:
            os.close(theirs)
            yield Display(f":{os.read(answer, 64).decode().strip()}", directory / "Xvfb_screen0")
        finally:
            server.terminate()
            os.close(answer)


def journal(ssh: Ssh, host: LabHost) -> str:
    """Return what deployer has noted in a host's journal."""
    return ssh(host, "journalctl -q -t deployer -o cat")[1]
