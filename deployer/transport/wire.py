"""Our hold on paramiko's wire: modern algorithms, and an end to every wait.

paramiko never asks whether its peer still lives: a frozen server blocks its callers for ever. Its packet reader wakes
every tenth of a second without a byte, and there we ask, count the silence, and end the connection. No thread is added.
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
"""What we offer: a subset of ssh-audit's client policy, the cheapest first. ECDSA host keys are asked for only where
known_hosts holds one, and RSA signs with SHA-2 only."""
_SAME_KEY = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}

SEND_BUFFER = 256 * 1024
"""Bytes the kernel may hold for a host: small enough that a slow line drains them before the keepalive gives up."""
_ASKS = 3
_PERIOD = 0.7
"""Three requests, and as long again for the last answer, fit into 2.8 keepalive intervals: 28 s by default."""
GREETING = 15.0
"""Seconds for all that a server says before SSH begins, its version line included (RFC 4253, section 4.2)."""
_WORDS = 256
_PENALTY = b"Not allowed at this time"
"""What OpenSSH says before it hangs up on an address with a penalty (PerSourcePenalties; 9.8 and later)."""
HANDSHAKE = 15.0
LOGIN = 30.0
"""Seconds for the answer to one key: a login that asks a slow directory server takes long."""

logging.getLogger("paramiko").addHandler(logging.NullHandler())


class PeerSilent(EOFError):
    """The peer answered none of our keepalive requests."""


class _Watch(Packetizer):
    """paramiko's packets, with a clock that runs while the peer is silent."""

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
        """From now on call ``ask`` when the peer is silent, and give up after 2.8 × ``keepalive`` seconds."""
        self._ask, self._period, self._heard = ask, keepalive * _PERIOD, time.monotonic()

    def _read_timeout(self, timeout: float) -> bytes:
        """Return what came of the greeting; paramiko's clock begins anew with each byte and line, ours does not."""
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
                self._heard = time.monotonic()  # the peer took bytes from a full buffer: it lives
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

    # paramiko starts a timer thread for each handshake; a comparison does.
    def start_handshake(self, timeout: float) -> None:
        self._handshake_until = time.monotonic() + timeout

    def handshake_timed_out(self) -> bool:
        return time.monotonic() > self._handshake_until

    def complete_handshake(self) -> None:
        self._handshake_until = float("inf")


class Client(AskingTransport):
    """One SSH connection. `start_client` and the methods of authentication are paramiko's.

    Args:
        sock: connected; a socket or a channel of a jump host.
        known: key types that known_hosts holds for this host; they are asked for first.
        session: whether a session will be needed, which is then asked for with the login.
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
        """How far the server came before SSH began: ``penalty``, ``hung up``, ``silent`` or ``strange``."""
        watch: Any = self.packetizer
        if watch.hung_up:
            return "penalty" if watch.greeting.startswith(_PENALTY) else "hung up"
        return "strange" if watch.greeting else "silent"

    @property
    def silence(self) -> float:
        """For how many seconds the peer had said nothing when it was given up; 0 when it was not."""
        return self.packetizer.silence  # type: ignore[attr-defined, no-any-return]

    def watch(self, keepalive: float) -> None:
        """Start to ask a silent peer whether it lives; any answer counts, a refusal too."""
        self.packetizer.watch(keepalive, self._ask)  # type: ignore[attr-defined]

    def exec(self, channel: paramiko.Channel, command: str) -> None:
        """Ask for a command without waiting for consent: a refusal closes the channel, which its reader sees.

        It saves a round trip, and paramiko's own wait has no deadline.
        """
        self._request(channel, "exec", command)

    def terminal(self, channel: paramiko.Channel, kind: str, columns: int, rows: int) -> None:
        """Ask for a terminal, as `exec` asks."""
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
        """Close at once: the reading thread is woken instead of waited for."""
        with contextlib.suppress(OSError, EOFError):
            self.sock.shutdown(socket.SHUT_RDWR)
        if self.ident is not None:
            self.join(1)
        self.close()
        self.sock.close()

    def _ask(self) -> None:
        if not self.clear_to_send.is_set():
            return  # keys are being exchanged: waiting here would block the thread that reads the answer
        message = paramiko.Message()
        message.add_byte(cMSG_GLOBAL_REQUEST)
        message.add_string("keepalive@openssh.com")
        message.add_boolean(True)
        self._send_user_message(message)  # type: ignore[attr-defined]
