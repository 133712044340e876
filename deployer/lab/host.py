"""One host: a Debian with its own systemd, carried by a systemd-nspawn that outlives the program that started it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from deployer.errors import HostError
from deployer.lab import cgroup, identity, mounts, network
from deployer.lab.state import Lab, LabHost

BOOT_DEADLINE = 180.0
"""Seconds a host has to come up: one takes a few, ten on a machine that is busy anyway take more."""

PROPAGATED = Path("/run/systemd/nspawn/propagate")
"""Where nspawn hands mounts to running hosts; one that is killed leaves its directory behind."""

# The subshell enters its control groups by itself ("0" is the writer) and becomes nspawn; its parent prints its id and
# ends, so that nobody has to wait for it: it belongs to the machine, not to the program that made it.
_LAUNCH = """\
console=$1; shift
(
  while [ "$1" != -- ]; do echo 0 >"$1" || exit 1; shift; done
  shift
  exec "$@"
) </dev/null >"$console" 2>&1 &
echo $!
"""


def group(lab: str, index: int) -> str:
    """The name of a host's control group."""
    return network.lab_port(lab, index)


def boot(lab: Lab, host: LabHost, net: int, image: Path) -> None:
    """Bring a host up from what is on its disk, or from the image when nothing is, and wait until it serves.

    Raises:
        HostError: it did not come up within `BOOT_DEADLINE` seconds; the message ends with its console.
    """
    halt(lab.name, host)
    _lay(lab, host, image)
    network.plug(lab.name, net, host.index, ipv6=bool(host.address6))
    files = cgroup.make_cgroup(group(lab.name, host.index))
    argv = ["sh", "-c", _LAUNCH, "sh", str(host.console), *map(str, files), "--", *_nspawn(host)]
    # The lock would only leave a file behind in /run; the lab's own lock does its work.
    quiet = {**os.environ, "SYSTEMD_NSPAWN_LOCK": "0"}
    started = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True, start_new_session=True, env=quiet)
    pid = int(started.stdout)
    (host.home / "pid").write_text(f"{pid} {_started(pid)}\n")
    _await(host, pid)


def _nspawn(host: LabHost) -> list[str]:
    return [
        "systemd-nspawn", "-q", "-D", str(host.root), f"--machine={host.netns}", f"--hostname={host.name}",
        f"--network-namespace-path=/run/netns/{host.netns}", "--capability=CAP_NET_ADMIN,CAP_NET_RAW",
        "--register=no", "--keep-unit", "--console=pipe",
        # What nspawn would otherwise write into the host, or read from a file of that machine's name.
        "--resolv-conf=off", "--timezone=off", "--link-journal=no", "--settings=no",
        "--boot",
    ]  # fmt: skip


def _lay(lab: Lab, host: LabHost, image: Path) -> None:
    """Mount the host's root; a disk that a killed run left half prepared starts again from the image."""
    prepared = host.home / "prepared"
    if not prepared.exists():
        wipe(host)
    if not mounts.is_mounted(host.root):
        mounts.overlay(image, host.upper, host.home / "work", host.root)
    if not prepared.exists():
        identity.write_identity(lab, host)
        prepared.touch()


def wipe(host: LabHost) -> None:
    """Forget everything a halted host has written."""
    (host.home / "prepared").unlink(missing_ok=True)
    mounts.unmount_below(host.root)
    for place in (host.upper, host.home / "work"):
        if place.exists():
            shutil.rmtree(place)


def halt(lab: str, host: LabHost) -> None:
    """Take a host's power away: its processes end at once, its network goes; its disk stays."""
    cgroup.empty(group(lab, host.index))
    network.unplug(lab, host.index)
    (host.home / "pid").unlink(missing_ok=True)
    shutil.rmtree(PROPAGATED / host.netns, ignore_errors=True)


def shut_down(host: LabHost, *, deadline: float = 20.0) -> None:
    """Ask a host's systemd to stop everything in order; returns when it has, or after ``deadline`` seconds."""
    if host.pid is None:
        return
    os.kill(host.pid, signal.SIGTERM)  # nspawn hands it on as the signal systemd knows for "power off"
    end = time.monotonic() + deadline
    while running(host.home) is not None and time.monotonic() < end:
        time.sleep(0.02)


def running(home: Path) -> int | None:
    """The process that carries the host, or None; a process that merely has the same id does not count."""
    try:
        pid, started = (home / "pid").read_text().split()
    except (FileNotFoundError, ValueError):
        return None
    return int(pid) if _started(int(pid)) == started else None


def _started(pid: int) -> str:
    """When a process began, in clock ticks since this machine's boot; empty when it is gone or a zombie (proc(5))."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def _await(host: LabHost, pid: int) -> None:
    end = time.monotonic() + BOOT_DEADLINE
    # In this order, for each greeting counts: sshd's penalties (PerSourcePenalties) include whoever does not log in.
    while not (_settled(pid) and _greets(host.address)):
        if time.monotonic() > end or not _started(pid):
            what = "did not come up in time" if _started(pid) else "stopped while it booted"
            said = host.console.read_text(errors="replace") + _inside(pid, "journalctl", "-n", "15", "--no-pager")
            raise HostError(f"{what}; it said last:\n" + "\n".join(said.splitlines()[-25:]), where=host.name)
        time.sleep(0.02)


def _greets(address: str) -> bool:
    """Whether an SSH server shows its banner there."""
    try:
        with socket.create_connection((address, 22), timeout=10.0) as connection:
            return connection.recv(8).startswith(b"SSH-")
    except OSError:
        return False


def _settled(pid: int) -> bool:
    """Whether the host's systemd has finished its start-up; waits for that once systemd can be asked."""
    return _inside(pid, "systemctl", "is-system-running", "--wait").strip() in {"running", "degraded"}


def _inside(pid: int, *command: str) -> str:
    """What a command prints that runs inside the host; empty when it cannot run there, or not to its end."""
    leader = _leader(pid)
    if leader is None:
        return ""
    argv = ["nsenter", "-t", str(leader), "-a", "-r", "-w", "--", *command]
    try:
        return subprocess.run(argv, capture_output=True, text=True, errors="replace", timeout=BOOT_DEADLINE).stdout
    except subprocess.TimeoutExpired:
        return ""


def _leader(pid: int) -> int | None:
    """The host's own process 1, as this machine numbers it."""
    try:
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            status = Path(f"/proc/{child}/status").read_text()
            if status.partition("\nNSpid:")[2].partition("\n")[0].split()[-1:] == ["1"]:
                return int(child)
    except OSError:
        return None
    return None
