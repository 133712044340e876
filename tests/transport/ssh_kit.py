"""What the tests of SSH share: a program that says hello, and what a server wrote down of a refused client."""

from __future__ import annotations

from collections.abc import Callable

from deployer.sh import Program, sh
from deployer.transport import Transport
from tests.transport.sshd import Sshd, wait_for

HELLO = Program((sh("echo hello"),))
Start = Callable[..., Sshd]
Reach = Callable[..., Transport]


def answer(transport: Transport) -> str:
    return "".join(frame.out for frame in transport.run(HELLO, timeout=20))


def no_login_was_tried(server: Sshd) -> bool:
    wait_for(lambda: "preauth" in server.log)
    return "authenticating user" not in server.log and "publickey" not in server.log
