"""One stream becomes many answers, and nothing that a host sends can make it more than that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from deployer.errors import ConnectionLost, Locked, ProbeError, StepError
from deployer.sh.frame import Frame, Program

BODY_LIMIT = 8 * 1024 * 1024
"""Bytes of one answer, and of the noise before the first; more means a hostile or broken host."""
TOTAL_LIMIT = 4 * BODY_LIMIT
"""Bytes of all answers of one program, so that no host can fill the controller's memory with many large ones."""
_CHUNK = 64 * 1024


def decode(program: Program, chunks: Iterator[bytes], whole: Callable[[], None] = lambda: None) -> Iterator[Frame]:
    """Yield the answers as they arrive; noise before the first marker (a talkative login shell) is skipped.

    Args:
        program: what was asked.
        chunks: what the host says.
        whole: is told when the program has started, and when an answer, or what is said before one, is whole.

    Raises:
        ProbeError: a frame is malformed, out of order or larger than `BODY_LIMIT`, or answers are missing.
        StepError: the host refused the program before its first fragment (no room for an upload).
        Locked: another run has the host, or this one has lost its lease of it.
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
            raise ProbeError("the host's answers are too large")
        body = buffer.take(size).decode("utf-8", "surrogateescape")
        if last and rc == Locked.exit_code:
            hint = "" if program.lease else "this run changed nothing: start it again when the other run has ended"
            raise Locked(body, hint=hint)
        if last and rc:
            raise StepError(body or "the host refused the program")
        if last != (failed or expected == asked):
            raise ProbeError(f"the host gave {'fewer' if last else 'more'} answers than expected")
        if last:
            return
        failed = program.writes and rc != 0
        whole()
        yield Frame(expected, rc, body)


def _after_said(program: Program, buffer: _Buffer, marker: bytes, whole: Callable[[], None]) -> bytes:
    """Pass on messages that come before the next answer, and return that answer's first line."""
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
        raise ProbeError(
            "the host's answer does not have the expected form", hint="a program on the host prints into it"
        )
    last = words[1] == b"end"
    index, rc, size = _numbers((b"%d" % expected if last else words[1], *words[2:]))
    if index != expected or not 0 <= rc <= 255 or not 0 <= size <= BODY_LIMIT:
        raise ProbeError(f"the host's answer {expected} is out of order or too large ({size} bytes)")
    return last, rc, size


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
                raise ProbeError("the host prints without end before deployer's program starts")
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
