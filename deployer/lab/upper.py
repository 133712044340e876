"""What a host has written: its overlay's upper directory, read from outside, entry by entry.

Two readings that are equal prove that nothing changed on the host's disk in between, byte for byte. Logging in changes
nothing, the image sees to that. Left out is the journal alone; /run and /tmp are in memory.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from deployer.lab.state import LabHost

IGNORED = ("var/log/journal",)
"""Trees that a host writes to by itself at any time."""


def upper_state(host: LabHost) -> dict[str, str]:
    """Each path that the host has written → type, mode, owner, time of change (ns), and size and SHA-256 or target."""
    found: dict[str, str] = {}
    for place, directories, files in os.walk(host.upper):
        inside = Path(place).relative_to(host.upper)
        directories[:] = [name for name in directories if str(inside / name) not in IGNORED]
        for name in (*directories, *files):
            found[str(inside / name)] = _describe(Path(place) / name)
    return found


def _describe(path: Path) -> str:
    told = path.lstat()
    facts = f"{stat.filemode(told.st_mode)} {told.st_uid}:{told.st_gid} {told.st_mtime_ns}"
    if stat.S_ISLNK(told.st_mode):
        return f"{facts} -> {path.readlink()}"
    if stat.S_ISREG(told.st_mode):
        return f"{facts} {told.st_size} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    return facts  # a directory's size is the file system's business; device 0:0 is the overlay's mark of a removal
