"""The protocol around one program: sudo's prompt, the password, the ready line, the payload, and all timeouts.

It is the same over an SSH channel and over the pipes of a local process; both are a `Pipe`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Protocol

from deployer.errors import At, AuthError, ConnectionLost, HostError, ProbeError
from deployer.sh import Frame, Program, decode, payload
from deployer.sh.answers import BODY_LIMIT
from deployer.sh.frame import READY
from deployer.transport.sudo import Sudo, refusal

COMPLAINTS_KEPT = 16 * 1024
"""Bytes of each stream that are kept, for the error message of a program that never started."""
SUDO_PATIENCE = 45.0
"""Seconds that sudo may take to ask or to start: PAM stacks that wait 25 s for a directory server are common."""
HOST_PATIENCE = 40.0
"""Seconds for a login shell to start our program, for a host to receive it, and to complete an answer it has begun."""
WORDS_SHOWN = 8
"""Lines of a host's complaint that a message shows, the last ones."""
SLOWEST = 1000
"""Bytes per second that a connection needs (9600 baud is enough); a slower one is given up."""


class Pipe(Protocol):
    """A started command: its three streams and its exit status."""

    progress: float
    """`time.monotonic` of the last byte that was sent."""

    def read(self, wait: float) -> tuple[bytes, bytes] | None:
        """Return new data of both streams, waiting up to ``wait`` seconds for a first byte; None at their end."""

    def send(self, chunks: Iterator[bytes], size: int) -> None:
        """Send ``chunks`` (about ``size`` bytes in all) without waiting for the reader, then a line every `BEAT` s."""

    def write(self, data: bytes) -> None:
        """Send a few bytes and leave the input open."""

    def broke(self) -> str:
        """Return how the connection ended if there is no status, in words."""

    def status(self) -> int | None:
        """Return the exit status after the end; None when the connection broke before one came."""


class Conversation:
    """Runs one program over a `Pipe`.

    Args:
        name: the host, for messages.
        timeout: seconds for each answer, counted from the previous answer or from the last byte of an upload. A program
            that only reads has twice that for all answers.
    """

    def __init__(self, name: str, pipe: Pipe, program: Program, sudo: Sudo | None, timeout: float) -> None:
        self._name, self._pipe, self._program, self._sudo, self._timeout = name, pipe, program, sudo, timeout
        self._noise = self._complaint = b""
        self._complained = 0
        self._ready = self._answered = self._started = self._echoes = False
        self._begun = self._whole_at = time.monotonic()
        self._part_at, self._part = 0.0, 0

    def frames(self) -> Iterator[Frame]:
        """Yield each answer as soon as it is complete; raises as `deployer.transport.base.Transport.run`."""
        return decode(self._program, self.chunks(), self._whole)

    def chunks(self) -> Iterator[bytes]:
        """Yield the program's output. It ends only by an error, because the reader stops at the closing frame.

        Raises:
            ConnectionLost: nothing came in time, or too slowly, or the connection broke.
            AuthError: sudo or the login shell refused.
            ProbeError: the program ended before its last answer, or prints too much on standard error.
        """
        with At(self._name):
            if not self._asks:
                self._start()
            while True:
                came = self._pipe.read(max(0.0, self._until() - time.monotonic()))
                if came is None:
                    raise self._ended()
                self._hear(*came)
                if came[0]:
                    yield came[0]
                if time.monotonic() >= self._until() and (self._part_at or not came[0]):
                    raise self._overdue()

    def _whole(self) -> None:
        """Start the time for the next answer: the program has started, or an answer is complete."""
        self._started = True
        self._whole_at, self._part_at, self._part = time.monotonic(), 0.0, 0

    def _until(self) -> float:
        """Return the deadline for what is awaited now, by `time.monotonic`."""
        if not self._ready:
            return self._begun + (SUDO_PATIENCE if self._sudo else min(self._timeout, HOST_PATIENCE))
        if not self._started:
            text = sum(len(fragment.text) for fragment in self._program.fragments)
            text += sum(blob.size for blob in self._program.blobs if isinstance(blob.text, bytes))  # may be in the text
            return self._whole_at + HOST_PATIENCE + text / SLOWEST
        if self._part_at:
            return self._part_at + HOST_PATIENCE + self._part / SLOWEST
        sent = min(self._pipe.progress, self._begun + HOST_PATIENCE + self._size / SLOWEST)
        until = max(self._whole_at, sent) + self._timeout
        return until if self._program.writes else min(until, sent + 2 * self._timeout)

    @property
    def _asks(self) -> bool:
        return self._sudo is not None and self._sudo.password is not None

    @property
    def _size(self) -> int:
        return sum(blob.size for blob in self._program.blobs)

    def _start(self) -> None:
        self._pipe.send(payload(self._program, watched=True), self._size)

    def _hear(self, out: bytes, err: bytes) -> None:
        if not self._ready:
            self._echoes = self._echoes or self._program.marker.encode() in self._complaint + err
        self._complaint = (self._complaint + err)[-COMPLAINTS_KEPT:]
        self._complained += len(err)
        if self._complained > BODY_LIMIT:
            raise ProbeError("the host complains without end, on standard error", hint=self._said())
        if out:
            self._part_at, self._part = self._part_at or time.monotonic(), self._part + len(out)
        if not self._ready:
            self._noise += out
            if READY in self._noise:
                self._ready, self._whole_at = True, time.monotonic()
            elif self._program.marker.encode() in self._noise:
                self._echoes = True
            self._noise = self._noise[-COMPLAINTS_KEPT:]
            if self._ready and self._asks:
                self._start()
        if not self._ready and self._asks:
            self._answer()

    def _answer(self) -> None:
        assert self._sudo and self._sudo.password  # noqa: S101
        prompts = self._complaint.count(self._sudo.prompt.encode())
        if prompts and not self._answered:
            self._answered = True
            self._pipe.write(self._sudo.password.reveal().encode() + b"\n")
        elif prompts > 1:
            raise self._refused()

    def _refused(self) -> AuthError:
        assert self._sudo  # noqa: S101
        self._sudo.refuse()
        return AuthError(
            "sudo did not take the become password; it was tried once and will not be tried again",
            hint=f"check -K or ansible_become_password{self._said()}",
        )

    def _ended(self) -> HostError:
        status = self._pipe.status()
        if status is None:
            return ConnectionLost(
                self._pipe.broke(),
                hint="a step that had begun runs to its end on the host; run again to see its state",
            )
        if self._ready and not self._started and status == 1:
            return ProbeError(
                "what was sent did not come to our program whole: something on the host read it first",
                hint=f"do the start-up files of the login (~/.bashrc, ~/.ssh/rc) read standard input?{self._said()}",
            )
        if self._ready:
            barred = self._sudo and not self._started and status in (126, 127)
            hint = "sudo lets it find or start no program: see secure_path and noexec in sudoers" if barred else ""
            return ProbeError(
                f"the program ended on the host before its last answer (status {status})",
                hint=f"{hint}{self._said()}".strip(),
            )
        if self._answered:
            return self._refused()
        problem, hint = refusal(status, self._noise + self._complaint, sudo=bool(self._sudo))
        return AuthError(problem, hint=hint + self._said())

    def _overdue(self) -> HostError:
        now = time.monotonic()
        waited, since = now - self._begun, now - max(self._whole_at, self._pipe.progress)
        if self._sudo and not self._ready:
            return AuthError(
                f"sudo neither asked nor answered within {waited:.0f} s",
                hint=f"try `sudo -v` on the host; or its ~/.bashrc waits for standard input{self._said()}",
            )
        if not self._started:
            said = f"the login shell did not come to our program within {waited:.0f} s"
            hint = "its start-up files wait for something or print without end, or the line is too slow"
        elif self._part_at:
            said = f"an answer came in pieces and was not whole after {now - self._part_at:.0f} s ({self._part} bytes)"
            hint = f"the host or the line is too slow: {SLOWEST} bytes a second are needed"
        elif since < self._timeout:
            said = f"the host did not answer all that was asked within {waited:.0f} s"
            hint = "it is overloaded, or something that was asked does not answer (a dead file server?)"
        else:
            said = f"no byte came or went for {since:.0f} s"
            hint = "what runs there takes longer than its deadline; the connection itself is alive"
        return ConnectionLost(said, hint=hint + self._said())

    def _said(self) -> str:
        if self._echoes:  # all of it: what follows our program are its files, and secrets are among them
            return "\n  the host sends back what it was sent: do the start-up files of the login read standard input?"
        text = self._complaint or (b"" if self._ready else self._noise)
        if self._sudo:
            text = text.replace(self._sudo.prompt.encode(), b"")
        return host_says(text)


def host_says(text: bytes) -> str:
    """Return the last lines of what a host has said, to be added to a hint; empty when it has said nothing."""
    words = text.decode("utf-8", "backslashreplace").strip().split("\n")
    shown = [line.encode("unicode_escape").decode() for line in words[-WORDS_SHOWN:]]
    left = ["…"] if len(words) > WORDS_SHOWN else []
    return "\n  the host says: " + "\n    ".join(left + shown) if any(words) else ""
