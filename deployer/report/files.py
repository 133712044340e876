"""Checks and writes the files of a report; a file that cannot be written is refused before any host is asked."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from deployer.errors import ConfigError
from deployer.fields import nearest


def check_formats(paths: Iterable[str], known: Collection[str]) -> None:
    """Refuse a file with an unknown extension, or in a directory that does not exist.

    Raises:
        ConfigError: with the supported extensions.
    """
    for path in map(Path, paths):
        if path.suffix not in known:
            raise ConfigError(f"{path}: {path.suffix!r} is no format", hint=nearest(path.suffix, known))
        check_directory(path)


def check_directory(path: Path) -> None:
    """Refuse a file in a directory that does not exist; raises ConfigError."""
    if not path.parent.is_dir():
        raise ConfigError("there is no such directory", where=path.parent)


def write_text(path: Path, text: str) -> None:
    """Write a file; raises ConfigError if that fails."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", where=path) from None
