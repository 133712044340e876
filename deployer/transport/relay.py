"""A connection to a port of a host whose sshd forbids forwarding: a command on the host copies in both directions.

It costs a session and two processes on the host for each stream, so it is used only after sshd has refused.
"""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

from deployer.errors import ProbeError
from deployer.sh import Sh, sh
from deployer.transport.base import ForwardingForbidden
from deployer.transport.stream import SocketStream

if TYPE_CHECKING:
    from paramiko import Channel

_PLACE = re.compile(r"[A-Za-z0-9._:-]{1,255}", re.ASCII)
_NOISE_LIMIT = 64 * 1024

# It ends when our input ends, or by its own timer at the latest: each kills the whole process group, which sshd made
# for it. When the peer ends its output, ours ends, as no other process holds it open. The text has no single quote,
# exclamation mark or line break, so that any login shell passes it on unchanged.
_RELAY = Sh(
    '{ sleep "$4"; kill -9 0; } </dev/null >/dev/null 2>&1 & '
    'exec 3<>"/dev/tcp/$1/$2" 2>/dev/null || { printf "\\n%s no\\n" "$3"; kill -9 0; }; printf "\\n%s ok\\n" "$3"; '
    "cat <&3 & exec 1>&-; cat >&3; kill -9 0"
)


def relay_command(address: str, port: int, token: str, timeout: float) -> str:
    """Return the command; the host ends it by itself a little after ``timeout`` seconds.

    Raises:
        ProbeError: the address is neither an IP address nor a host name.
    """
    if not _PLACE.fullmatch(address) or not 0 < port < 65536:
        raise ProbeError(f"{address[:60]!a}:{port} is no place to connect to")
    words = (_RELAY.text, address, port, token, math.ceil(timeout) + 1)
    return sh("exec bash -c {} deployer {} {} {} {}", *words).text


class Relay(SocketStream):
    """A stream over a session channel on which `relay_command` runs.

    Args:
        start: starts the command on the channel.
        alive: see `SocketStream`.
        release: is called when the channel is no longer used, though its command may need a moment to end.
        forbidden: why a relay is needed; raised again if the host cannot relay either.

    Raises:
        ConnectionRefusedError: nothing listens there.
        TimeoutError: no answer in ``timeout`` seconds.
        ForwardingForbidden: the host cannot relay either: it has no bash, or its login shell runs no commands.
    """

    def __init__(
        self,
        channel: Channel,
        address: str,
        port: int,
        timeout: float,
        *,
        start: Callable[[str], None],
        alive: Callable[[], bool],
        release: Callable[[], None],
        forbidden: ForwardingForbidden,
    ) -> None:
        super().__init__(channel, timeout, alive)
        self._channel, self._release, self._rest = channel, release, b""
        token = secrets.token_hex(16)
        start(relay_command(address, port, token, timeout))
        try:
            answer = self._await(f"\n{token} ".encode())
        except TimeoutError:
            self.close()
            raise TimeoutError(f"no answer from {address}:{port} within {timeout:g} s") from None
        if answer != b"ok\n":
            self.close()
        if answer == b"no\n":
            raise ConnectionRefusedError(f"connection refused at {address}:{port}")
        if answer != b"ok\n":
            why = f"{forbidden.message}, and the host has no bash to go around it"
            raise ForwardingForbidden(why, where=forbidden.where, hint=forbidden.hint)

    def recv(self, n: int, /) -> bytes:
        """Return 1 to ``n`` bytes, or ``b""`` at end of stream; raises OSError, TimeoutError at the deadline."""
        if self._rest:
            data, self._rest = self._rest[:n], self._rest[n:]
            return data
        return super().recv(n)

    def close(self) -> None:
        """End the command by ending its input; closing twice is harmless."""
        if not self._channel.closed:
            self._channel.shutdown_write()
        self._release()

    def _await(self, token: bytes) -> bytes:
        """Return the relay's result, without what a login shell prints before it; empty if there is none."""
        heard = b""
        while len(heard.partition(token)[2]) < len(b"ok\n"):
            more = super().recv(4096)
            heard += more
            if not more or len(heard) > _NOISE_LIMIT:
                return b""
        said = heard.partition(token)[2]
        self._rest = said[3:]
        return said[:3]
