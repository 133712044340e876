"""Files that a report is written to: refused before any host is asked where they could not be written."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from deployer.errors import ConfigError
from deployer.fields import nearest


def check_formats(paths: Iterable[str], known: Collection[str]) -> None:
    """Refuse a file whose ending is no format, or whose directory is not there.

    Raises:
        ConfigError: with the endings that there are.
    """
    for path in map(Path, paths):
        if path.suffix not in known:
            raise ConfigError(f"{path}: {path.suffix!r} is no format", hint=nearest(path.suffix, known))
        check_directory(path)


def check_directory(path: Path) -> None:
    """Refuse a file whose directory is not there; raises ConfigError."""
    if not path.parent.is_dir():
        raise ConfigError("there is no such directory", where=path.parent)


def write_text(path: Path, text: str) -> None:
    """Write a file; raises ConfigError where that cannot be."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", where=path) from None
