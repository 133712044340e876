"""What is said around one program: sudo's prompt, the password, readiness, the payload, and silence as an end.

The same words go over an SSH channel and over the pipes of a local process; both are a `Pipe`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from deployer.errors import AuthError, ConfigError, ConnectionLost, HostError, ProbeError
from deployer.model import Secret
from deployer.sh import Program, Sh, payload, sh
from deployer.sh.frame import BOOTSTRAP, READY

KEPT = 16 * 1024
"""Bytes of complaint kept from each stream for the message of a program that never started."""
SUDO_PATIENCE = 60.0
"""Seconds sudo may take to ask or to start: PAM stacks that wait 25 s for a directory server are common (F17)."""


class Pipe(Protocol):
    """A started command: its three streams and its end."""

    progress: float
    """`time.monotonic` of the last byte that went out."""

    def read(self, wait: float) -> tuple[bytes, bytes] | None:
        """Return what came on both streams, waiting up to ``wait`` seconds for a first byte; None at their end."""

    def send(self, chunks: Iterator[bytes], size: int) -> None:
        """Send ``chunks`` (about ``size`` bytes in all) and then the end of input, without waiting for the reader."""

    def write(self, data: bytes) -> None:
        """Send a few bytes and leave the input open."""

    def status(self) -> int | None:
        """Return the exit status after the end; None when the connection broke before one came."""


@dataclass(slots=True)
class Sudo:
    """How a command becomes root: without a question, or with one password for one prompt.

    Attributes:
        password: what to answer; None asks sudo not to ask.
        prompt: a random word, so that nothing else on the host can be taken for the question.
        refuse: remembers that the host did not take the password.
    """

    password: Secret | None
    refuse: Callable[[], None]
    prompt: str = field(default_factory=lambda: f"[{secrets.token_hex(16)}]")


def command(sudo: Sudo | None) -> str:
    """Return the one command line a login shell of any kind (bash, dash, zsh, fish, csh) is given; it is constant.

    `BOOTSTRAP` holds no single quote, ``!`` or newline, so that all of these shells read the quotes alike.
    """
    words = (BOOTSTRAP, Sh('"$SSH_CONNECTION"'))
    if sudo is None:
        return sh("exec /bin/sh -c {} deployer {}", *words).text
    if sudo.password is None:
        return sh("exec sudo -n -- /bin/sh -c {} deployer {}", *words).text
    return sh("exec sudo -S -p {} -- /bin/sh -c {} deployer {}", sudo.prompt, *words).text


def check_password(password: Secret | None) -> None:
    """Refuse a sudo password that one line cannot carry; raises ConfigError."""
    if password is not None and any(c in password.reveal() for c in "\n\r\0"):
        raise ConfigError("the become password holds a line break or a NUL byte", hint="check the file it comes from")


class Conversation:
    """One program's way through a `Pipe`.

    Args:
        name: the host, for messages.
        timeout: seconds of silence in both directions that count as a loss.
    """

    def __init__(self, name: str, pipe: Pipe, program: Program, sudo: Sudo | None, timeout: float) -> None:
        self._name, self._pipe, self._program, self._sudo, self._timeout = name, pipe, program, sudo, timeout
        self._noise = self._complaint = b""
        self._ready = self._answered = False

    def chunks(self) -> Iterator[bytes]:
        """Yield what the program prints; ends only by an error, since the reader stops at the closing frame.

        Raises:
            ConnectionLost: silence, or the connection broke.
            AuthError: sudo or the login shell refused.
            ProbeError: the program ended before its last answer.
        """
        if not self._asks:
            self._start()
        heard = time.monotonic()
        while True:
            patience = self._timeout if self._ready or not self._sudo else max(self._timeout, SUDO_PATIENCE)
            came = self._pipe.read(max(0.0, max(heard, self._pipe.progress) + patience - time.monotonic()))
            if came is None:
                raise self._ended()
            out, err = came
            if not out and not err:
                if time.monotonic() < max(heard, self._pipe.progress) + patience:
                    continue
                raise self._silent(patience)
            self._hear(out, err)
            if out:
                yield out
            heard = time.monotonic()

    @property
    def _asks(self) -> bool:
        return self._sudo is not None and self._sudo.password is not None

    def _start(self) -> None:
        size = sum(blob.size for blob in self._program.blobs)
        self._pipe.send(payload(self._program), size)

    def _hear(self, out: bytes, err: bytes) -> None:
        self._complaint = (self._complaint + err)[-KEPT:]
        if not self._ready:
            self._noise += out
            self._ready = READY in self._noise
            self._noise = self._noise[-KEPT:]
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
            where=self._name,
            hint=f"check -K or ansible_become_password{self._said()}",
        )

    def _ended(self) -> HostError:
        status = self._pipe.status()
        if status is None:
            return ConnectionLost(
                "the connection broke in the middle of a program",
                where=self._name,
                hint="a step that had begun runs to its end on the host; run again to see its state",
            )
        if self._ready:
            return ProbeError(
                f"the program ended on the host before its last answer (status {status})",
                where=self._name,
                hint=self._said().strip(),
            )
        if self._answered:
            return self._refused()
        if self._sudo:
            return AuthError(
                f"sudo refused to run /bin/sh (status {status})",
                where=self._name,
                hint=f"let it in without a password (NOPASSWD), or give one with -K{self._said()}",
            )
        return AuthError(
            f"the login shell refused to run /bin/sh (status {status})",
            where=self._name,
            hint=f"the user needs a working login shell{self._said()}",
        )

    def _silent(self, patience: float) -> HostError:
        if self._sudo and not self._ready:
            return AuthError(
                f"sudo neither asked nor answered within {patience:.0f} s",
                where=self._name,
                hint=f"try `sudo -v` on the host{self._said()}",
            )
        return ConnectionLost(
            f"no byte came or went for {patience:.0f} s",
            where=self._name,
            hint=f"the host is frozen, or a step takes longer than its deadline{self._said()}",
        )

    def _said(self) -> str:
        text = self._complaint or (b"" if self._ready else self._noise)
        if self._sudo:
            text = text.replace(self._sudo.prompt.encode(), b"")
        words = text.decode("utf-8", "backslashreplace").strip()
        return "\n  the host says: " + words.encode("unicode_escape").decode().replace("\\n", "\n    ") if words else ""
