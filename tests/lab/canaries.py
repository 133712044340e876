"""A fleet whose secrets are canaries, and every place where one of them could turn up."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from deployer.lab import LabHost
from tests.lab.conftest import Ssh
from tests.lab.fleet import PROGRAM, Fleet
from tests.lab.sampler import Seen

NOBODY = 65534
LEDGER = "/opt/demo/ledger/config/ID"
GENERATION = "/etc/beam/generations.d/opt/demo/ID"
DECLARED = {
    f"{LEDGER}/etc/beam/demo/private/demo.env",
    "/etc/beam/demo/private/cookie",
    f"{GENERATION}/etc/beam/demo/private/demo.env",
    "/run/beam/demo/.erlang.cookie",
    "/run/credentials/demo.service/cookie",
}
"""Where a secret may lie on a host: what was declared, systemd's credential of it, the node's own copy, the
environment of the current generation, and the one that a good release goes back to (of the release's ID there is one
here)."""


@dataclass
class Canaries:
    """A fleet whose every kind of secret is a canary, each from another kind of source.

    Attributes:
        output: everything that any command printed, by its name.
    """

    fleet: Fleet
    values: Mapping[str, str]
    output: dict[str, str] = field(default_factory=dict)

    @property
    def needles(self) -> dict[str, str]:
        """Every canary in every form it could leak in."""
        found = {}
        for name, value in self.values.items():
            raw = value.encode()
            forms = {value, base64.b64encode(raw).decode(), raw.hex(), quote(value, safe="")}
            found |= {f"{name} {number}": form for number, form in enumerate(sorted(forms))}
        return found

    def show(self, command: str, *flags: str) -> int:
        done = self.fleet.show(command, *flags)
        self.output[" ".join((command, *flags))] = done.out + done.err
        return done.code

    def inventory(self) -> int:
        argv = [str(PROGRAM), "inventory", "-i", str(self.fleet.write()), "--list"]
        done = subprocess.run(
            argv, env=self.fleet.environment(), cwd=self.fleet.directory, capture_output=True, text=True
        )
        self.output["inventory --list"] = done.stdout + done.stderr
        return done.returncode

    def lines(self) -> bytes:
        return "".join(f"{needle}\n" for needle in self.needles.values()).encode()


def set_sudo_password(host: LabHost, password: str, ssh: Ssh) -> None:
    assert ssh(host, "chpasswd", stdin=f"deploy:{password}\n".encode())[0] == 0


@dataclass
class Watched:
    """What was seen while everything happened."""

    arguments: Seen
    environments: Seen
    wide: set[str]


@contextmanager
def modes(host: LabHost) -> Iterator[set[str]]:
    """Look all the time at the modes of what lies where secrets arrive; yields what others could have opened."""
    init = next(
        pid
        for pid in Path(f"/proc/{host.pid}/task/{host.pid}/children").read_text().split()
        if Path(f"/proc/{pid}/comm").read_text() == "systemd\n"
    )
    root = Path(f"/proc/{init}/root")
    places = [root / "run/deployer", root / "etc/beam/demo/private", root / "run/beam/demo", root / "var/lib/deployer"]
    found: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            for place in places:
                for directory, _, files in os.walk(place):
                    note(Path(directory), *(Path(directory, name) for name in files))
            time.sleep(0.001)

    def note(directory: Path, *files: Path) -> None:
        try:
            open_to_others = directory.stat().st_mode & 0o077
            for file in files:
                if file.lstat().st_mode & 0o077 and open_to_others:
                    found.add(str(file.relative_to(root)))
        except OSError:
            return

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:  # or a set-up that fails would keep pytest from ending
        over.set()
        thread.join()


def secret_files(host: LabHost, ssh: Ssh, canaries: Canaries) -> set[str]:
    """Every file of a host's whole file system, memory included, that holds a secret."""
    look = "grep -rlaF -f - --exclude-dir=proc --exclude-dir=sys / 2>/dev/null"
    found = ssh(host, look, stdin=canaries.lines())[1].split("\n")
    return {
        re.sub(r"^(/opt/demo/ledger/config|/etc/beam/generations.d/opt/demo)/[^/]+", r"\1/ID", path) for path in found
    } - {""}


def leaked_here(canaries: Canaries) -> set[str]:
    """Files of this machine, where the program may write, that hold a secret and are no source of one."""
    directory = canaries.fleet.directory
    needles = [needle.encode() for needle in canaries.needles.values()]
    files = [path for path in directory.rglob("*") if path.is_file() and path.name not in canaries.values]
    return {str(path) for path in files if any(needle in path.read_bytes() for needle in needles)}
