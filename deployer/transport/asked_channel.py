"""paramiko's transport, with requests separated from waiting for their answers, for channels and for the login.

A request that does not depend on the previous answer is sent at once, which saves a round trip each time: the login
right after the request for the authentication service, the first session right after the login. RFC 4252 and 4254
allow both. Servers other than OpenSSH get one request after the other, because this was not tested with them.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import paramiko
from paramiko.auth_handler import AuthHandler
from paramiko.common import CONNECTION_FAILED_CODE, MSG_CHANNEL_REQUEST, MSG_SERVICE_ACCEPT, cMSG_CHANNEL_OPEN
from paramiko.ssh_exception import ChannelException, SSHException

_LOOK = 1.0
"""Seconds after which a waiting thread checks whether the connection is still there; an answer wakes it at once."""


class AskedChannel(NamedTuple):
    """A channel that was requested."""

    channel: paramiko.Channel
    number: int
    answered: threading.Event


def _requested(channel: Any, message: paramiko.Message) -> None:
    """Handle a request of the peer; exit-signal (RFC 4254, 6.10), ignored by paramiko, sets the status 128 + N."""
    if message.get_text() == "exit-signal":
        message.get_boolean()
        number: int = getattr(signal, f"SIG{message.get_text()}", 0)
        channel.exit_status = 128 + number
        channel.status_event.set()
    else:
        message.rewind()
        message.get_int()  # the channel
        channel._handle_request(message)


class AskingTransport(paramiko.Transport):
    """A connection that can request several channels at the same time: each refusal is kept for its channel.

    Attributes:
        early: the session that was requested with the login, for the first that needs one.
        wants_session: whether to request a session with the login.
    """

    early: AskedChannel | None = None
    wants_session = False
    _channel_handler_table: ClassVar = {
        **paramiko.Transport._channel_handler_table,  # type: ignore[attr-defined]
        MSG_CHANNEL_REQUEST: _requested,
    }

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._refusals: dict[int, ChannelException] = {}

    def ask_channel(self, kind: str, to: tuple[str, int] | None = None) -> AskedChannel:
        """Request a channel without waiting for it; ``to``: the destination of a ``direct-tcpip`` channel.

        Raises:
            SSHException, EOFError, OSError: the connection is lost.
        """
        if not self.is_active():
            raise SSHException("the connection is gone")
        with self.lock:
            number = self._next_channel()  # type: ignore[attr-defined]
            made = AskedChannel(paramiko.Channel(number), number, threading.Event())
            self._channels.put(number, made.channel)  # type: ignore[attr-defined]
            self.channel_events[number] = made.answered
            self.channels_seen[number] = True
            made.channel._set_transport(self)  # type: ignore[attr-defined]
            window, packet = self.default_window_size, self.default_max_packet_size
            made.channel._set_window(window, packet)  # type: ignore[attr-defined]
        message = paramiko.Message()
        message.add_byte(cMSG_CHANNEL_OPEN)
        message.add_string(kind)
        for value in (number, window, packet):
            message.add_int(value)
        for address, port in (to, ("127.0.0.1", 0)) if to else ():
            message.add_string(address)
            message.add_int(port)
        self._send_user_message(message)  # type: ignore[attr-defined]
        return made

    def given(self, asked: AskedChannel, timeout: float) -> paramiko.Channel:
        """Wait for a channel that was requested, and return it.

        Raises:
            ChannelException: the peer refused it.
            SSHException: no answer in ``timeout`` seconds, or the connection is lost.
        """
        until = time.monotonic() + timeout
        while not asked.answered.wait(max(0.0, min(_LOOK, until - time.monotonic()))):
            if not self.is_active() or time.monotonic() >= until:
                break
        refusal = self._refusals.pop(asked.number, None)
        if refusal:
            raise refusal
        if not self.is_active() or not asked.answered.is_set():
            raise SSHException("no channel was opened in time")
        return asked.channel

    def auth_publickey(self, username: str, key: paramiko.PKey, event: threading.Event | None = None) -> list[str]:
        """Log in by a key, without waiting for the authentication service if the peer is OpenSSH; see paramiko.

        An RSA key waits, because its algorithm depends on what the peer reports to accept.
        """
        if event or "OpenSSH_" not in self.remote_version or "rsa" in key.get_name():
            return super().auth_publickey(username, key, event)
        answered = threading.Event()
        self.auth_handler: Any = _EagerLogin(self)
        self.auth_handler.auth_publickey(username, key, answered)
        wanted, self.wants_session = self.wants_session, False
        self.early = self.ask_channel("session") if wanted else None
        try:
            more: list[str] = self.auth_handler.wait_for_response(answered)
        except Exception:
            self.early = None
            raise
        return more

    def _parse_channel_open_failure(self, message: paramiko.Message) -> None:
        number, code = message.get_int(), message.get_int()
        with self.lock:
            self._refusals[number] = ChannelException(code, CONNECTION_FAILED_CODE.get(code, "(unknown code)"))
            self._channels.delete(number)  # type: ignore[attr-defined]
            answered = self.channel_events.pop(number, None)
        if answered:
            answered.set()


class _EagerLogin(AuthHandler):
    """Does not wait for the answer to the service request; if that is refused, the login fails, too."""

    def _request_auth(self) -> None:
        super()._request_auth()  # type: ignore[misc]
        allowed = paramiko.Message()
        allowed.add_string("ssh-userauth")
        allowed.rewind()
        self._parse_service_accept(allowed)  # type: ignore[attr-defined]

    @property
    def _client_handler_table(self) -> dict[int, Callable[[paramiko.Message], None]]:
        table: dict[int, Callable[[paramiko.Message], None]] = super()._client_handler_table  # type: ignore[misc]
        return {**table, MSG_SERVICE_ACCEPT: lambda _: None}
