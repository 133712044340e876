"""Reads the user's ssh configuration as lines, blocks and includes; leniently, because it is another program's file."""

from __future__ import annotations

import glob
import logging
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deployer.errors import ConfigError
from deployer.model import Mark
from deployer.regular import read_regular

SSH_WORDS = (
    *("hostname", "user", "port", "identityfile", "identitiesonly", "identityagent", "proxyjump", "proxycommand"),
    *("userknownhostsfile", "globalknownhostsfile", "hostkeyalias", "connecttimeout", "stricthostkeychecking"),
    *("canonicalizehostname", "canonicaldomains", "canonicalizemaxdots", "tag"),
)
"""The supported keywords; a file without any of them does not matter."""
_RAW = ("proxycommand",)
_LINE = re.compile(r'\s*"?(\w+)"?(?:\s*=\s*|\s+|$)(.*?)\s*')
_DEEPEST = 16
_LOG = logging.getLogger(__name__)
_told: set[str] = set()


def warn(mark: Mark, problem: str) -> None:
    """Log a warning about a place in the file, once."""
    text = f"{mark}: {problem}"
    if text not in _told:
        _told.add(text)
        _LOG.warning("%s", text)


@dataclass(frozen=True, slots=True)
class SshLine:
    """One line.

    Attributes:
        word: the keyword in lower case.
        args: the words after it, without quotes and comment; for ``Match`` and commands, one text.
        files: the lines of each file that it includes.
    """

    word: str
    args: tuple[str, ...]
    mark: Mark
    files: tuple[tuple[SshLine, ...], ...] = ()


def read_ssh_config(file: Path, home: Path, base: Path) -> tuple[SshLine, ...]:
    """Return the lines of a file and of the files it includes; a missing file has none.

    Args:
        file: the file.
        home: the directory for ``~``.
        base: the directory for a relative Include.

    Raises:
        ConfigError: the file itself exists and cannot be read.
    """
    return tuple(_read(file, home, base, ()))


def everywhere(lines: tuple[SshLine, ...]) -> Iterator[SshLine]:
    """Yield all lines, including those of included files."""
    for line in lines:
        yield line
        for inner in line.files:
            yield from everywhere(inner)


def _read(file: Path, home: Path, base: Path, above: tuple[Path, ...]) -> Iterator[SshLine]:
    try:
        text = read_regular(file).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return
    except OSError as error:
        if not above:
            raise ConfigError(f"cannot be read: {error.strerror}", where=file) from None
        warn(Mark(str(file)), f"left out: {error.strerror}")
        return
    for number, raw in enumerate(text.splitlines(), 1):
        mark = Mark(str(file), number)
        if not raw.strip() or raw.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(raw)
        word, rest = (match[1].lower(), match[2]) if match else ("", "")
        try:
            args = (rest,) if word == "match" or word in _RAW else _split(rest)
        except ValueError:
            word = ""
        if not word or not args or not args[0]:
            # A block with an unreadable first line matches no host; the lines after it belong to it.
            warn(mark, "left out: it is not a word and a value")
            if raw.split()[0].lower() in ("host", "match"):
                yield SshLine("host", (), mark)
            continue
        files = _included(args, mark, home, base, (*above, file)) if word == "include" else ()
        yield SshLine(word, args, mark, files)


def _split(text: str) -> tuple[str, ...]:
    """Return words without their quotes; a ``#`` at the start of a word begins a comment."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters = True, ""
    words = []
    for word in lexer:
        if word.startswith("#"):
            break
        words.append(word)
    return tuple(words)


def _included(
    args: tuple[str, ...], mark: Mark, home: Path, base: Path, above: tuple[Path, ...]
) -> tuple[tuple[SshLine, ...], ...]:
    found = []
    for word in args:
        path = home / word[2:] if word.startswith("~/") else base / word
        for file in map(Path, sorted(glob.glob(str(path)))):  # noqa: PTH207
            if file in above or len(above) > _DEEPEST:
                warn(mark, "left out: it includes itself, or too deep")
            else:
                found.append(tuple(_read(file, home, base, above)))
    return tuple(found)
