"""A control group for each host, so that the hosts' systemds do not fight over one tree.

A group carries the host's name and holds every process of it, so it is also the surest list of what is left of a host
after a killed run: membership cannot be inherited by a stranger, as a process id can.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from deployer.errors import ConfigError, DeployerError

_TOP = Path("/sys/fs/cgroup")


def trees() -> tuple[Path, ...]:
    """The hierarchies that systemd uses: two on a hybrid machine, one on a pure cgroup v2.

    Raises:
        ConfigError: neither is there.
    """
    hybrid = tuple(tree for tree in (_TOP / "systemd", _TOP / "unified") if (tree / "cgroup.procs").exists())
    if hybrid:
        return hybrid
    if (_TOP / "cgroup.procs").exists():
        return (_TOP,)
    raise ConfigError("no control groups for systemd", hint="/sys/fs/cgroup needs cgroup2 or a name=systemd hierarchy")


def make_cgroup(group: str) -> list[Path]:
    """Make a group in every hierarchy; returns the files a process writes ``0`` to in order to enter it.

    Raises:
        ConfigError: the hierarchy is read-only, as in a container without privileges.
    """
    files = []
    for tree in trees():
        try:
            (tree / group).mkdir(exist_ok=True)
        except OSError as error:
            raise ConfigError(f"cannot make a control group in {tree}: {error.strerror}") from error
        files.append(tree / group / "cgroup.procs")
    return files


def cgroup_named(pattern: str) -> set[str]:
    """The groups whose names match a glob."""
    return {place.name for tree in trees() for place in tree.glob(pattern)}


def processes(group: str) -> set[int]:
    """Every process in the group and below it."""
    found: set[int] = set()
    for tree in trees():
        for place, _, files in os.walk(tree / group):
            if "cgroup.procs" in files:
                found.update(_members(Path(place)))
    return found


def _members(place: Path) -> list[int]:
    try:
        return [int(line) for line in (place / "cgroup.procs").read_text().split()]
    except OSError:  # the group went away, or holds a kind of process that cannot be listed
        return []


def empty(group: str, *, deadline: float = 60.0) -> None:
    """Kill everything in the group and remove it; nothing happens when there is no such group.

    Raises:
        DeployerError: a process outlived SIGKILL for ``deadline`` seconds.
    """
    end = time.monotonic() + deadline
    while True:
        left = processes(group)
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if not left and _remove(group):
            return
        if time.monotonic() > end:
            raise DeployerError(f"the control group {group} cannot be emptied; left: {sorted(left)}")
        time.sleep(0.05)


def _remove(group: str) -> bool:
    """Remove the group's directories from the bottom; False while the kernel still counts a dying process in one."""
    for tree in trees():
        for place, _, _ in os.walk(tree / group, topdown=False):
            try:
                Path(place).rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                return False
    return True
