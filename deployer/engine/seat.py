"""Identifies the process of a run, so that a later run of the same user on the same machine knows if it is dead."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")


def seat() -> str:
    """Return this process as a word: ``PID/START/BOOT/NAMESPACE/UID``, or only the PID if the rest is not known."""
    pid = os.getpid()
    with suppress(OSError, IndexError):
        return f"{pid}/{_life(pid)[1]}/{_boot()}/{_namespace()}/{os.getuid()}"
    return str(pid)


def is_dead(told: str) -> bool:
    """Whether the process of another run is known to be dead: only for the same boot, PID namespace and user."""
    with suppress(OSError, IndexError, ValueError):
        pid, start, *place = told.split("/")
        if place != [_boot(), _namespace(), str(os.getuid())]:  # another user's may be hidden (hidepid)
            return False
        try:
            state, began = _life(int(pid))
        except (FileNotFoundError, ProcessLookupError):
            return True
        return began != start or state in "ZX"
    return False


def _life(pid: int) -> tuple[str, str]:
    """Return a process's state and its start time, in ticks since boot (proc(5))."""
    fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return fields[0], fields[19]


def _boot() -> str:
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()


def _namespace() -> str:
    return str((_PROC / "self/ns/pid").readlink()).strip("pid:[]")
