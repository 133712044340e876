"""A command on a host with open streams: on the user's terminal, or over pipes.

Output of a login shell or sudo before the command is not shown: the command first prints `READY`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deployer.errors import At, AuthError, ConnectionLost, HostError
from deployer.sh import Sh, sh
from deployer.sh.frame import READY
from deployer.transport.channel_pipe import ChannelPipe
from deployer.transport.conversation import COMPLAINTS_KEPT, HOST_PATIENCE, SUDO_PATIENCE, host_says
from deployer.transport.sudo import Sudo, command, refusal

if TYPE_CHECKING:
    from paramiko import Channel

    from deployer.transport.wire import Client

_SILENT = 365 * 86400.0
"""Seconds without a byte that are no error: the user may think; keepalives check whether the host is alive."""
_BEGIN = Sh('echo deployer-ready; exec "$@"')


@dataclass(frozen=True, slots=True)
class Terminal:
    """The user's terminal.

    Attributes:
        kind: the value of ``TERM``.
        columns, rows: its size in characters.
    """

    kind: str
    columns: int
    rows: int


class Session:
    """A command that runs on a host; `open` starts it, and `read` has to be called until it returns None.

    Args:
        name: the host's name, for messages.
        sudo: how the command becomes root; None if it need not.
    """

    def __init__(self, name: str, channel: Channel, client: Client, sudo: Sudo | None) -> None:
        self._name, self._channel, self._client, self._sudo = name, channel, client, sudo
        self._pipe = ChannelPipe(channel, _SILENT, client)
        self._rest = b"", b""

    def open(self, text: Sh | None, terminal: Terminal | None) -> None:
        """Start a command.

        Args:
            text: with a terminal, its words, which other users of the host can read; without one, an sh program, which
                is sent on standard input, before the data of `send`. None: the login shell.
            terminal: the user's terminal, if the command shall have one.

        Raises:
            AuthError: sudo refused.
            ConnectionLost: the connection was lost, or the command did not start.
        """
        with At(self._name):
            if terminal:
                self._client.terminal(self._channel, terminal.kind, terminal.columns, terminal.rows)
            if text is None:
                return self._channel.invoke_shell()
            if terminal:
                self._client.exec(self._channel, _at_terminal(self._sudo, text))
            else:
                self._client.exec(self._channel, command(self._sudo))
            self._await_ready(on_terminal=terminal is not None)
            if not terminal:
                raw = text.text.encode("utf-8", "surrogateescape")
                self.send(b"%d\n%b" % (len(raw), raw))
            return None

    def run_plainly(self, line: str, terminal: Terminal | None) -> None:
        """Let the login shell run a line, as OpenSSH does."""
        if terminal:
            self._client.terminal(self._channel, terminal.kind, terminal.columns, terminal.rows)
        self._client.exec(self._channel, line)

    def read(self, wait: float) -> tuple[bytes, bytes] | None:
        """Return new data of standard output and error, waiting up to ``wait`` seconds; None at the end."""
        came, self._rest = self._rest, (b"", b"")
        return came if any(came) else self._pipe.read(wait)

    def send(self, data: bytes) -> None:
        """Send all of ``data`` to the command; what it no longer accepts is dropped."""
        with suppress(OSError, EOFError):
            self._pipe.write(data)

    def end_input(self) -> None:
        """End the command's input."""
        with suppress(OSError, EOFError):
            self._channel.shutdown_write()

    def resize(self, columns: int, rows: int) -> None:
        """Tell the command the new size of the terminal."""
        from paramiko.ssh_exception import SSHException

        with suppress(OSError, EOFError, SSHException):
            self._channel.resize_pty(columns, rows)

    def pump(self, out: Callable[[bytes], object], err: Callable[[bytes], object]) -> int:
        """Pass on both outputs until the command ends, and return its exit status; raises ConnectionLost."""
        while (came := self.read(3600)) is not None:
            if came[0]:
                out(came[0])
            if came[1]:
                err(came[1])
        return self.status()

    def status(self) -> int:
        """Return the exit status after the end; raises ConnectionLost when the connection broke before that."""
        found = self._pipe.status()
        if found is None or not self._client.is_active():
            raise ConnectionLost(self._pipe.broke(), where=self._name, hint="what ran there may still run")
        return found if found >= 0 else 128  # some servers do not say how it ended: it counts as failed

    def close(self) -> None:
        """Close the channel: sshd then hangs up the command."""
        self._pipe.close()

    def _await_ready(self, *, on_terminal: bool) -> None:
        """Answer sudo's prompt, and wait until the command begins."""
        heard, said, answered = b"", b"", False
        until = time.monotonic() + (SUDO_PATIENCE if self._sudo else HOST_PATIENCE)
        while True:
            came = self.read(max(0.0, until - time.monotonic()))
            if came is None:
                raise self._refused(heard + said, answered=answered)
            heard, said = heard + came[0], said + came[1]
            before, begun, rest = heard.partition(READY.replace(b"\n", b"\r\n") if on_terminal else READY)
            if begun:
                self._rest = rest, b""
                return
            if self._sudo and self._sudo.password:
                prompts = (before if on_terminal else said).count(self._sudo.prompt.encode())
                if prompts > 1:
                    raise self._refused(b"", answered=True)
                if prompts and not answered:
                    answered = True
                    self.send(self._sudo.password.reveal().encode() + b"\n")
            if time.monotonic() >= until:
                raise ConnectionLost("the host did not come to our command in time")
            heard, said = heard[-COMPLAINTS_KEPT:], said[-COMPLAINTS_KEPT:]

    def _refused(self, said: bytes, *, answered: bool) -> HostError:
        status = self._pipe.status()
        if self._sudo and answered:
            self._sudo.refuse()
            hint = "check -K or ansible_become_password"
            return AuthError("sudo did not take the become password", hint=hint)
        if status is None:
            return ConnectionLost(self._pipe.broke())
        problem, hint = refusal(status, said, sudo=bool(self._sudo))
        return AuthError(problem, hint=hint + host_says(said))


def _at_terminal(sudo: Sudo | None, words: Sh) -> str:
    """Return the line for the login shell; on a terminal, sudo asks there, and does not echo the password."""
    if sudo is None:
        return sh("exec /bin/sh -c {} deployer {}", _BEGIN.text, words).text
    asks = sh("-n") if sudo.password is None else sh("-p {}", sudo.prompt)
    return sh("exec sudo {} -- /bin/sh -c {} deployer {}", asks, _BEGIN.text, words).text
