"""What was learnt of a tarball, kept for the next command, so that a file that did not change is not read again.

The notes lie in ``$XDG_CACHE_HOME/deployer/tarballs`` (``~/.cache``), a file for each tarball, for their owner alone.
A note counts for one path, device, inode, size, mtime and ctime (both in nanoseconds) and for the code that judged.
What cannot be read, is damaged, is not this person's or could be written by others counts as not there.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from deployer.beam.clashes import Clash
from deployer.beam.tarball import LibraryNeed, Tarball, inspect

NOTES_KEPT = 64
"""Notes that stay; the oldest go first."""
SETTLED = 2.0
"""Seconds since a file's last change from which its time tells it from the next one: file systems count coarsely."""
_LIMIT = 1 << 20


def learn(
    path: Path,
    *,
    name: str | None = None,
    version: str | None = None,
    place: Path | None = None,
    clock: Callable[[], float] = time.time,
) -> Tarball:
    """Return what `inspect` says of a tarball, read again only when it is another file than it was.

    Args:
        path: the ``.tar.gz`` on the controller.
        name: the release name declared; None takes the one inside.
        version: the version declared; None takes the one inside.
        place: the directory of the notes; default: this person's.
        clock: seconds since 1970.

    Raises:
        ConfigError: as `inspect` does; an error is never kept.
    """
    place = place or _home()
    before = _identity(path)
    if place is None or before is None:
        return inspect(path, name=name, version=version)
    key = [str(path.absolute()), name, version, before, _code()]
    note = place / f"{hashlib.sha256(json.dumps(key[:3]).encode()).hexdigest()[:32]}.json"
    with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
        return _read(note, path, key)
    found = inspect(path, name=name, version=version)
    if before == _identity(path) and clock() - before[-1] / 1e9 > SETTLED:
        with suppress(OSError):
            _write(note, {"of": key, "held": asdict(found) | {"path": ""}})
    return found


def _identity(path: Path) -> list[int] | None:
    """Return what tells a file from another one; the moment of its last change is last."""
    try:
        told = path.stat()
    except OSError:
        return None  # whoever opens it says why
    return [told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns, told.st_ctime_ns]


def _code() -> str:
    """Return what changes when a tarball may be judged in another way."""
    files = sorted((file.name, *(_identity(file) or ())[2:4]) for file in Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()


def _read(note: Path, path: Path, key: list[Any]) -> Tarball:
    _check_own(note.parent.lstat(), stat.S_ISDIR)
    with os.fdopen(os.open(note, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        _check_own(os.fstat(file.fileno()), stat.S_ISREG)
        digest, _, data = file.read(_LIMIT).partition(b"\n")
    if digest.decode("ascii") != hashlib.sha256(data).hexdigest():
        raise ValueError("damaged")
    found = json.loads(data)
    if found["of"] != key:
        raise ValueError("of another file")
    return _restored(found["held"], path)


def _check_own(told: os.stat_result, kind: Callable[[int], bool]) -> None:
    if not kind(told.st_mode) or told.st_uid != os.geteuid() or told.st_mode & 0o077:
        raise ValueError("not this person's alone")


def _restored(held: Mapping[str, Any], path: Path) -> Tarball:
    needs = (LibraryNeed(one["library"], tuple(one["versions"]), tuple(one["files"])) for one in held["needs"])
    clashes = (Clash(**one) for one in held["clashes"])
    unreadable = tuple(held["unreadable"])
    return Tarball(**{**held, "path": path, "needs": tuple(needs), "clashes": tuple(clashes), "unreadable": unreadable})


def _write(note: Path, told: Mapping[str, Any]) -> None:
    place = note.parent
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.mkdir(mode=0o700, exist_ok=True)
    data = json.dumps(told).encode()
    if len(data) >= _LIMIT - 100:
        return
    handle, beside = tempfile.mkstemp(prefix=".", dir=place)  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(data).hexdigest().encode() + b"\n" + data)
        Path(beside).replace(note)
    except OSError:
        Path(beside).unlink(missing_ok=True)
        raise
    notes = sorted((one for one in place.iterdir() if one.is_file()), key=lambda one: one.stat().st_mtime_ns)
    for old in notes[:-NOTES_KEPT]:
        old.unlink(missing_ok=True)


def _home() -> Path | None:
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    with suppress(RuntimeError):  # somebody without a home
        cache = cache if cache.is_absolute() else Path("~/.cache").expanduser()
    return cache / "deployer" / "tarballs" if cache.is_absolute() else None


@lru_cache(maxsize=64)
def learn_once(path: Path, _mtime_ns: int, _size: int, name: str, version: str | None) -> Tarball:
    """A fleet of many hosts reads its tarball once; a file that changed is another key."""
    return learn(path, name=name, version=version)
