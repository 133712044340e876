"""Changes to paramiko's connections: only modern algorithms, and a timeout for every wait.

paramiko never checks whether its peer is alive: with a frozen server its callers wait for ever. Its packet reader wakes
up each tenth of a second without data; there we send keepalives, count the silence, and end the connection. This needs
no further thread.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any

import paramiko
from paramiko.common import cMSG_CHANNEL_REQUEST, cMSG_GLOBAL_REQUEST
from paramiko.packet import Packetizer

from deployer.transport.asked_channel import AskingTransport

KEX = (
    "curve25519-sha256@libssh.org",
    "mlkem768x25519-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group-exchange-sha256",
)
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes256-ctr", "aes192-ctr", "aes128-ctr")
MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com")
HOST_KEYS = ("ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256")
"""The algorithms that we offer: a subset of ssh-audit's client policy, the cheapest first. ECDSA host keys are
requested only if known_hosts has one, and RSA is used with SHA-2 only."""
_SAME_KEY = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}

SEND_BUFFER = 256 * 1024
"""Bytes of the kernel's send buffer: small enough that a slow line sends them before the keepalive gives up."""
_ASKS = 3
_PERIOD = 0.7
"""Three requests, and the same time again for the last answer, take 2.8 keepalive intervals: 28 s by default."""
GREETING = 15.0
"""Seconds for everything a server sends before SSH begins, including its version line (RFC 4253, section 4.2)."""
_WORDS = 256
_PENALTY = b"Not allowed at this time"
"""What OpenSSH sends before it disconnects an address with a penalty (PerSourcePenalties; 9.8 and later)."""
HANDSHAKE = 15.0
LOGIN = 30.0
"""Seconds for the answer to one key: a login that needs a slow directory server takes long."""

logging.getLogger("paramiko").addHandler(logging.NullHandler())


class PeerSilent(EOFError):
    """The peer has answered none of our keepalive requests."""


class _Watch(Packetizer):
    """paramiko's packet layer, with a timer that runs while the peer is silent."""

    def __init__(self, sock: Any) -> None:
        super().__init__(sock)
        self._sock = sock
        self._heard = time.monotonic()
        self._asked = 0
        self._period = 0.0
        self._ask: Callable[[], None] = lambda: None
        self._handshake_until = float("inf")
        self.silence = 0.0
        self._greeting_until = time.monotonic() + GREETING
        self.greeting = b""
        self.hung_up = False

    def watch(self, keepalive: float, ask: Callable[[], None]) -> None:
        """Call ``ask`` from now on when the peer is silent, and give up after 2.8 × ``keepalive`` seconds."""
        self._ask, self._period, self._heard = ask, keepalive * _PERIOD, time.monotonic()

    def _read_timeout(self, timeout: float) -> bytes:
        """Return new data of the greeting, with one deadline for all of it; paramiko's starts again with each byte."""
        del timeout
        if (left := self._greeting_until - time.monotonic()) <= 0:
            raise TimeoutError
        try:
            came: bytes = super()._read_timeout(left)  # type: ignore[misc]
        except (EOFError, ConnectionResetError):
            self.hung_up = True
            raise
        self.greeting = (self.greeting + came)[:_WORDS]
        return came

    def read_message(self) -> Any:
        message = super().read_message()
        self._heard, self._asked = time.monotonic(), 0
        return message

    def write_all(self, out: Any) -> None:
        waited = False
        while out:
            try:
                sent = self._sock.send(out)
            except TimeoutError:
                waited = True
                self._overdue()
                continue
            except OSError:
                raise EOFError from None
            if sent <= 0:
                raise EOFError
            if waited:
                self._heard = time.monotonic()  # the peer took bytes from a full buffer, so it is alive
            out = out[sent:]

    def _overdue(self) -> int:
        """Return how many periods of silence have passed; raises PeerSilent when they are too many."""
        periods = int((time.monotonic() - self._heard) / self._period) if self._period else 0
        if periods > _ASKS:
            self.silence = time.monotonic() - self._heard
            raise PeerSilent
        return periods

    def _check_keepalive(self) -> None:
        if self._overdue() > self._asked:
            self._asked += 1
            self._ask()

    # paramiko starts a timer thread for each handshake; comparing times is enough.
    def start_handshake(self, timeout: float) -> None:
        self._handshake_until = time.monotonic() + timeout

    def handshake_timed_out(self) -> bool:
        return time.monotonic() > self._handshake_until

    def complete_handshake(self) -> None:
        self._handshake_until = float("inf")


class Client(AskingTransport):
    """One SSH connection. `start_client` and the authentication methods are paramiko's.

    Args:
        sock: a connected socket, or a channel of a jump host.
        known: key types that known_hosts has for this host; they are requested first.
        session: whether a session will be needed; it is then requested together with the login.
    """

    def __init__(self, sock: Any, known: Iterable[str], *, session: bool = False) -> None:
        super().__init__(sock, packetizer_class=_Watch)
        self.wants_session = session
        options = self.get_security_options()
        options.kex, options.ciphers, options.digests = KEX, CIPHERS, MACS
        first = tuple(name for kind in known for name in _SAME_KEY.get(kind, (kind,)))
        offered = tuple(dict.fromkeys((*(name for name in first if name in options.key_types), *HOST_KEYS)))
        options.key_types = offered
        self.handshake_timeout, self.auth_timeout = HANDSHAKE, LOGIN

    @property
    def greeting(self) -> str:
        """What the server did before SSH began: ``penalty``, ``hung up``, ``silent`` or ``strange``."""
        watch: Any = self.packetizer
        if watch.hung_up:
            return "penalty" if watch.greeting.startswith(_PENALTY) else "hung up"
        return "strange" if watch.greeting else "silent"

    @property
    def silence(self) -> float:
        """Seconds of silence after which the peer was given up; 0 if it was not given up."""
        return self.packetizer.silence  # type: ignore[attr-defined, no-any-return]

    def watch(self, keepalive: float) -> None:
        """Start to send keepalives to a silent peer; any answer counts, even a refusal."""
        self.packetizer.watch(keepalive, self._ask)  # type: ignore[attr-defined]

    def exec(self, channel: paramiko.Channel, command: str) -> None:
        """Start a command without waiting for the answer: a refusal closes the channel, which its reader notices.

        This saves a round trip, and paramiko's own wait has no timeout.
        """
        self._request(channel, "exec", command)

    def terminal(self, channel: paramiko.Channel, kind: str, columns: int, rows: int) -> None:
        """Request a terminal, in the same way as `exec`."""
        self._request(channel, "pty-req", kind, columns, rows, 0, 0, "")

    def _request(self, channel: paramiko.Channel, what: str, *words: str | int) -> None:
        message = paramiko.Message()
        message.add_byte(cMSG_CHANNEL_REQUEST)
        message.add_int(channel.remote_chanid)
        message.add_string(what)
        message.add_boolean(True)
        for word in words:
            message.add_int(word) if isinstance(word, int) else message.add_string(word)
        self._send_user_message(message)  # type: ignore[attr-defined]

    def hang_up(self) -> None:
        """Close at once: shut the socket down, so that the reading thread wakes up."""
        with contextlib.suppress(OSError, EOFError):
            self.sock.shutdown(socket.SHUT_RDWR)
        if self.ident is not None:
            self.join(1)
        self.close()
        self.sock.close()

    def _ask(self) -> None:
        if not self.clear_to_send.is_set():
            return  # during a key exchange, waiting here would block the thread that reads the answer
        message = paramiko.Message()
        message.add_byte(cMSG_GLOBAL_REQUEST)
        message.add_string("keepalive@openssh.com")
        message.add_boolean(True)
        self._send_user_message(message)  # type: ignore[attr-defined]
