"""What the tests of SSH share: a program that says hello, and what a server wrote down of a refused client."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from deployer.sh import Program, sh
from deployer.transport import Transport
from deployer.transport.base import Stream
from deployer.transport.paramiko import SshTransport
from tests.transport.sshd import Sshd, wait_for

HELLO = Program((sh("echo hello"),))
Start = Callable[..., Sshd]
Reach = Callable[..., Transport]


def answer(transport: Transport) -> str:
    return "".join(frame.out for frame in transport.run(HELLO, timeout=20))


def notices_soon(transport: Transport, keepalive: float = 0.3) -> None:
    """From now on a dead peer is noticed in less than a second; one that lives may take longer on a busy machine."""
    assert isinstance(transport, SshTransport)
    transport._link.client.watch(keepalive)


def silent_stream(transport: Transport, port: int, timeout: float) -> Stream:
    """A way to a port with a deadline so near that on a busy machine it may be over before the way is open."""
    for _ in range(20):
        with suppress(TimeoutError):
            return transport.connect("127.0.0.1", port, timeout=timeout)
    pytest.fail(f"no way to port {port} was open within {timeout} s, 20 times")


def no_login_was_tried(server: Sshd) -> bool:
    wait_for(lambda: "preauth" in server.log)
    return "authenticating user" not in server.log and "publickey" not in server.log
