"""A key that this machine keeps for one person: what it has vouched for, nobody else can have written.

It lies in a directory under ``$XDG_STATE_HOME/deployer`` (``~/.local/state``), for its owner only.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

_KEY = "key"
_LENGTH = 32


def state_home() -> Path | None:
    """Return where this person's state of deployer lies; None for somebody without a home."""
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    with suppress(RuntimeError):
        state = state if state.is_absolute() else Path("~/.local/state").expanduser()
    return state / "deployer" if state.is_absolute() else None


def machine_key(place: Path) -> bytes:
    """Return the key of a directory, made when there is none; whoever comes at the same moment gets the same one.

    Raises:
        OSError: it cannot be made or read, is not this person's, or others may read it.
    """
    file = place / _KEY
    with suppress(FileNotFoundError):
        return _read(file)
    place.mkdir(0o700, parents=True, exist_ok=True)
    beside = place / f".{_KEY}.{os.getpid()}.{secrets.token_hex(4)}"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as new:
            os.fchmod(new.fileno(), 0o600)  # a umask may have taken our own right away
            new.write(secrets.token_bytes(_LENGTH))
            new.flush()
            os.fsync(new.fileno())
        with suppress(FileExistsError):
            os.link(beside, file)  # whole, or not there: nobody reads half of it
    finally:
        beside.unlink()
    return _read(file)


def _read(file: Path) -> bytes:
    with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as kept:
        found = os.fstat(kept.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise OSError(errno.EPERM, "it is not a file that only its owner, this person, may read", str(file))
        key = kept.read(_LENGTH + 1)
    if len(key) != _LENGTH:
        raise OSError(errno.EINVAL, f"it is no key of {_LENGTH} bytes", str(file))
    return key
