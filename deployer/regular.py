"""Files that a person names are opened here, so that none of them can keep a run waiting: a FIFO would, for ever."""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

_KINDS = (
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file, or a link to one, to read its bytes.

    Raises:
        OSError: as `open` does; for what is no regular file ``strerror`` says what it is, and nothing was waited for.
    """
    _refuse_other(path.stat().st_mode, path)  # before it is opened: that alone can do something to a device
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _refuse_other(os.fstat(descriptor).st_mode, path)
    except OSError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def read_regular(path: Path) -> bytes:
    """Return all bytes of a regular file; raises OSError as `open_regular` does."""
    with open_regular(path) as file:
        return file.read()


def _refuse_other(mode: int, path: Path) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    for holds, kind in _KINDS:
        if holds(mode):
            raise OSError(errno.EINVAL, f"it is {kind}, not a file", str(path))
