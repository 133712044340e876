"""The interface to a host: run a program, open a stream, close. Wrappers have the same type, so they compose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from deployer.beam.stream import Stream
from deployer.errors import HostError
from deployer.sh import Frame, Program


class ForwardingForbidden(HostError):
    """The host's sshd forbids TCP forwarding for us (AllowTcpForwarding, PermitOpen, DisableForwarding)."""


class Transport(Protocol):
    """One connection to one host, held for the whole run."""

    name: str
    """The host's inventory name, for messages."""

    host_key: str
    """``SHA256:…`` of the host's key, equal for two inventory names of one host; ``local`` for this machine."""

    def run(self, program: Program, *, timeout: float) -> Iterator[Frame]:
        """Run a program and yield each answer as soon as it is complete.

        Args:
            program: fragments and blobs.
            timeout: seconds for each answer, counted from the previous answer or from the last byte of an upload; a
                program that only reads has twice that for all answers. Only complete answers count, not other output.

        Raises:
            ConnectionLost: the connection broke, or the host gave no whole answer in time.
            AuthError: sudo refused.
            ProbeError: the answer is malformed.
            StepError: the host refused the program before its first fragment.
        """
        ...

    def connect(self, address: str, port: int, *, timeout: float) -> Stream:
        """Open a TCP stream from the host to ``address:port`` through the connection that is already open.

        Raises:
            ConnectionRefusedError: nothing listens there, or the other side rejects the connection.
            TimeoutError: no answer in ``timeout`` seconds.
            ForwardingForbidden: the host's sshd forbids it (AllowTcpForwarding, PermitOpen).
            ConnectionLost: the connection itself broke.
        """
        ...

    def knock(self, port: int, *, timeout: float) -> str | None:
        """Return "" when a port of the host accepts a direct TCP connection from this machine, else why not.

        None: this machine has no direct way to the host (a jump host, a proxy, or the host is this machine).
        """
        ...

    def another(self) -> Transport:
        """Return a second connection to the same host, with a TCP connection, handshake and login of its own.

        Raises:
            Unreachable, HostKeyError, AuthError: as for the first connection.
        """
        ...

    def prove_ways(self) -> None:
        """Log in by every further way to the host that is declared (`Connection.ways`), and log out again.

        Raises:
            Unreachable, HostKeyError, AuthError: the login by one way failed; the message begins with that way.
        """
        ...

    def reopen(self) -> None:
        """Open the connection again after `ConnectionLost`, to the same host.

        Raises:
            Unreachable, HostKeyError, AuthError: as for the first connection; ``run`` may still be called after that,
                and raises ConnectionLost again.
        """
        ...

    def close(self) -> None:
        """Close the connection; safe to call twice."""
        ...
