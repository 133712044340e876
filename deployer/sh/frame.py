r"""Many fragments become one program; one stream becomes many answers.

A program travels as ``LENGTH\nTEXT`` on the standard input of a constant command (`BOOTSTRAP`), followed by its blobs.
The text is complete in memory before its first line runs, so a cut transfer runs nothing, and since every fragment has
``/dev/null`` for input, no child can eat what follows. Answers come back as ``MARKER INDEX RC LENGTH\nBODY``.
"""

from __future__ import annotations

import getpass
import re
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from deployer.errors import ConnectionLost, Locked, ProbeError, StepError
from deployer.model import Blob, Secret
from deployer.regular import open_regular
from deployer.sh.text import Sh, lines, script, sh

READY = b"deployer-ready\n"
BOOTSTRAP = (
    'LC_ALL=C; export LC_ALL; echo deployer-ready; IFS= read -r n && p=$(head -c "$n") && '
    '[ "${#p}" -eq "$n" ] && eval "$p"'
)
"""Runs as ``/bin/sh -c BOOTSTRAP deployer "$SSH_CONNECTION"``: constant, so nothing of ours is ever in argv."""

BODY_LIMIT = 8 * 1024 * 1024
"""Bytes of one answer, and of the noise before the first; more means a hostile or broken host (reliability F19)."""
TOTAL_LIMIT = 4 * BODY_LIMIT
"""Bytes of all answers of one program, so that no host can fill the controller's memory with many large ones."""
_CHUNK = 64 * 1024
_STRANGE = re.compile(r"[^A-Za-z0-9@._-]")


@dataclass(frozen=True, slots=True)
class Frame:
    """One fragment's answer.

    Attributes:
        index: which fragment, counted from 0.
        rc: its exit status; 3 means "cannot know yet" by convention of the probes.
        out: what it printed to standard output (for a step: to both streams); undecodable bytes are surrogates.
    """

    index: int
    rc: int
    out: str


@cache
def this_run() -> str:
    """Return what hosts note beside everything this run does: ``TIME-DIGITS PERSON@MACHINE``, printable, no tabs."""
    try:
        who = f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):
        who = "somebody"
    return f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(3)} {_STRANGE.sub('?', who)[:100]}"


@dataclass(frozen=True, slots=True)
class Program:
    """Fragments to run in order on one host.

    Attributes:
        fragments: one answer is framed for each.
        writes: True for a program of steps: it may change the host, waits until no other such program does, stops at
            the first failure, and each step ignores HUP and PIPE so that a lost connection cannot leave it half done.
            A probe's program runs all fragments.
        blobs: files put on the host before the first fragment; a fragment finds blob I at ``"$blobs/I"``.
        become: run as root through sudo when the login is not root.
        units: what systemd is asked about in one go; ``unit_show`` in a fragment answers from it, or asks by itself.
        users: fragment index → the user it runs as, where that is not the program's own.
        run: which run this is, and whose; a step that notes what it does finds it as ``$run``.
        hear: is told what a step says (``say TEXT``) while it runs; what it raises ends the listening, not the step.
    """

    fragments: tuple[Sh, ...]
    writes: bool = False
    blobs: tuple[Blob, ...] = ()
    become: bool = False
    units: tuple[str, ...] = ()
    users: Mapping[int, str] = field(default_factory=dict)
    marker: str = field(default_factory=lambda: f"@{secrets.token_hex(8)}")
    run: str = field(default_factory=this_run)
    hear: Callable[[str], None] | None = None


def prelude() -> str:
    """Return the functions that every program starts with (``prelude.sh``, ``files.sh``)."""
    return lines(script("prelude.sh", "deployer.sh"), script("files.sh", "deployer.sh")).text


def encode(program: Program) -> str:
    """Return the whole text of a program, ready for sh or shellcheck. It holds no secret: those are blobs."""
    head = sh("marker={} run={} hears={}", program.marker, program.run, "yes" if program.hear else "")
    parts = ["#!/bin/sh", head.text, prelude(), "start"]
    parts += [_function(i, fragment, program.users.get(i)) for i, fragment in enumerate(program.fragments)]
    if program.blobs:
        parts += ["blobs_open || refuse"]
        parts += [
            f"blob {i} {blob.size} {_proof(blob)} {blob.offset} || refuse" for i, blob in enumerate(program.blobs)
        ]
    if program.writes:
        parts += ["steps_open || refuse"]
    if program.units:
        parts += [sh("units_read {}", program.units).text]
    call = '  step {}\n  [ "$failed" -eq 0 ] || return 0' if program.writes else "  ask {}"
    calls = [call.format(i) for i in range(len(program.fragments))]
    parts += ["main() {\n" + "\n".join(calls or ["  :"]) + "\n}", "main </dev/null", "finish"]
    return "\n".join(parts)


def payload(program: Program) -> Iterator[bytes]:
    """Yield what goes to standard input: length, text, blobs. The one place where a secret blob is revealed."""
    text = encode(program).encode("utf-8", "surrogateescape")
    yield b"%d\n%b" % (len(text), text)
    for blob in program.blobs:
        if blob.path:
            with open_regular(blob.path) as file:
                file.seek(blob.offset)
                yield from iter(lambda file=file: file.read(_CHUNK), b"")  # type: ignore[misc]
        elif blob.text is not None:
            yield blob.text.reveal().encode() if isinstance(blob.text, Secret) else blob.text


def decode(program: Program, chunks: Iterator[bytes], whole: Callable[[], None] = lambda: None) -> Iterator[Frame]:
    """Yield the answers as they arrive; noise before the first marker (a talkative login shell) is skipped.

    Args:
        program: what was asked.
        chunks: what the host says.
        whole: is told when the program has started, and when an answer, or what is said before one, is whole.

    Raises:
        ProbeError: a frame is malformed, out of order or larger than `BODY_LIMIT`, or answers are missing.
        StepError: the host refused the program before its first fragment (no room for an upload).
        Locked: another run changes the host, and did not end in time.
        ConnectionLost: the stream ended before the closing frame.
    """
    buffer = _Buffer(chunks)
    marker = program.marker.encode()
    buffer.skip_past(b"\n" + marker + b" start\n", limit=BODY_LIMIT)
    whole()
    asked, left, failed = len(program.fragments), TOTAL_LIMIT, False
    for expected in range(asked + 1):
        last, rc, size = _head(_after_said(program, buffer, marker, whole), marker, expected)
        left -= size
        if left < 0:
            raise ProbeError("the host's answers are too large together")
        body = buffer.take(size).decode("utf-8", "surrogateescape")
        if last and rc == Locked.exit_code:
            raise Locked(body, hint="nothing was changed by this one: run it again when the other has ended")
        if last and rc:
            raise StepError(body or "the host refused the program")
        if last != (failed or expected == asked):
            raise ProbeError(f"the host gave {'fewer' if last else 'more'} answers than it was asked for")
        if last:
            return
        failed = program.writes and rc != 0
        whole()
        yield Frame(expected, rc, body)


def _after_said(program: Program, buffer: _Buffer, marker: bytes, whole: Callable[[], None]) -> bytes:
    """Hand on what is said before the next answer, and return that answer's first line."""
    line = buffer.line()
    while program.hear and line.split()[:2] == [marker, b"said"]:
        *_, size = _head(line.replace(b"said", b"0", 1), marker, 0)
        text = buffer.take(size).decode("utf-8", "surrogateescape")
        whole()
        program.hear(text)
        line = buffer.line()
    return line


def _head(line: bytes, marker: bytes, expected: int) -> tuple[bool, int, int]:
    words = line.split()
    if len(words) != 4 or words[0] != marker:
        raise ProbeError("the host's answer is not framed as it should be", hint="something else prints into it")
    last = words[1] == b"end"
    index, rc, size = _numbers((b"%d" % expected if last else words[1], *words[2:]))
    if index != expected or not 0 <= rc <= 255 or not 0 <= size <= BODY_LIMIT:
        raise ProbeError(f"the host's answer {expected} is out of order or too large ({size} bytes)")
    return last, rc, size


def _function(index: int, fragment: Sh, user: str | None) -> str:
    body = sh("as {} {}", user, f"main() {{\n{fragment}\n}}\nmain </dev/null") if user else fragment
    return f"fragment_{index}() {{\n{body}\n}}"


def _proof(blob: Blob) -> str:
    """Return what a blob is compared with on the host; a secret's digest would give a weak secret away."""
    return "-" if isinstance(blob.text, Secret) else blob.sha256


def _numbers(words: Sequence[bytes]) -> tuple[int, int, int]:
    try:
        index, rc, size = (int(word) for word in words)
    except ValueError:
        raise ProbeError("the host's answer has a damaged frame") from None
    return index, rc, size


class _Buffer:
    """Bytes of a stream, taken by line or by count."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._data = b"\n"

    def _more(self) -> None:
        chunk = next(self._chunks, b"")
        if not chunk:
            raise ConnectionLost("the host stopped answering in the middle of a program")
        self._data += chunk

    def skip_past(self, needle: bytes, limit: int) -> None:
        skipped = 0
        while (at := self._data.find(needle)) < 0:
            keep = self._data[1 - len(needle) :]
            skipped += len(self._data) - len(keep)
            if skipped > limit:
                raise ProbeError("the host prints without end before our program starts")
            self._data = keep
            self._more()
        self._data = self._data[at + len(needle) :]

    def line(self) -> bytes:
        while (at := self._data.find(b"\n")) < 0:
            if len(self._data) > _CHUNK * 2:
                raise ProbeError("the host's answer has a damaged frame")
            self._more()
        line, self._data = self._data[:at], self._data[at + 1 :]
        return line

    def take(self, size: int) -> bytes:
        parts, have = [self._data], len(self._data)
        while have < size:
            self._data = b""
            self._more()
            parts.append(self._data)
            have += len(self._data)
        whole = b"".join(parts)
        self._data = whole[size:]
        return whole[:size]
