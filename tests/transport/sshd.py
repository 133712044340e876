"""A private, real sshd on a high port of 127.0.0.1, with keys made for it; never the system's service."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from deployer.model import Connection
from deployer.transport import SshOptions

DEADLINE = 60.0
T = TypeVar("T")


def wait_for(condition: Callable[[], T]) -> T:
    until = time.monotonic() + DEADLINE
    while not (found := condition()):
        assert time.monotonic() < until, "the condition did not come true in time"
        time.sleep(0.02)
    return found


def keygen(path: Path, passphrase: str = "") -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", path], check=True)
    return path


def public(path: Path) -> str:
    return " ".join(path.with_suffix(".pub").read_text().split()[:2])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Sshd:
    home: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> str:
        return (self.home / "log").read_text()

    @property
    def key(self) -> Path:
        return self.home / "user"

    @property
    def known_hosts(self) -> Path:
        return self.home / "known_hosts"

    @property
    def host_line(self) -> str:
        return f"[127.0.0.1]:{self.port} {public(self.home / 'host')}"

    def connection(self, **changes: object) -> Connection:
        options = {"userknownhostsfile": str(self.known_hosts)}
        return replace(Connection("127.0.0.1", self.port, "root", self.key, ssh_options=options), **changes)

    def options(self, **changes: object) -> SshOptions:
        return replace(SshOptions(ssh_config=None, home=self.home), **changes)

    def sessions(self) -> list[int]:
        """Processes of sshd that serve a connection; what they run is not among them."""
        return [pid for pid in _children(self.process.pid) if _read(f"/proc/{pid}/comm").strip() == "sshd"]

    def signal_sessions(self, number: signal.Signals) -> None:
        for pid in self.sessions():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def start(home: Path, *lines: str) -> Sshd:
    """Start one, and wait until it listens; a port that somebody else took meanwhile is left to them."""
    assert os.geteuid() == 0, "these tests start an sshd that logs root in: run them as root"
    assert Path("/usr/sbin/sshd").exists(), "install openssh-server; its service need not run"
    home.mkdir(parents=True, exist_ok=True)
    Path("/run/sshd").mkdir(exist_ok=True)
    keygen(home / "host")
    (home / "authorized_keys").write_text(public(keygen(home / "user")) + "\n")
    settings = (
        "ListenAddress 127.0.0.1",
        f"HostKey {home / 'host'}",
        "PidFile none",
        "StrictModes no",
        "UsePAM no",
        f"AuthorizedKeysFile {home / 'authorized_keys'}",
        "PermitRootLogin yes",
        "LogLevel VERBOSE",
        f"SetEnv HOME={home}",
    )  # not the start-up files of whoever runs the tests
    (home / "conf").write_text("\n".join((*lines, *settings)) + "\n")
    while True:
        sshd = _begun(home, free_port())
        wait_for(lambda: sshd.process.poll() is not None or "Server listening" in sshd.log)  # noqa: B023 - now
        if "Server listening" in sshd.log:
            sshd.known_hosts.write_text(sshd.host_line + "\n")
            return sshd
        assert "Address already in use" in sshd.log, sshd.log


def _begun(home: Path, port: int) -> Sshd:
    (home / "log").write_text("")
    argv = ["/usr/sbin/sshd", "-D", "-f", home / "conf", "-p", str(port), "-E", home / "log"]
    return Sshd(home, port, subprocess.Popen(argv))


def stop(sshd: Sshd) -> None:
    sshd.signal_sessions(signal.SIGKILL)
    sshd.process.kill()
    sshd.process.wait()


def _children(parent: int) -> list[int]:
    found = []
    for child in map(int, _read(f"/proc/{parent}/task/{parent}/children").split()):
        found += [child, *_children(child)]
    return found


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
