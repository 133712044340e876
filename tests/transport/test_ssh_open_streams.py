"""Commands with open streams against a real sshd: input, both outputs, a terminal's size, the true exit status."""

from __future__ import annotations

import pytest

from deployer.errors import AuthError, ConnectionLost
from deployer.sh import sh
from deployer.transport.paramiko import SshTransport
from deployer.transport.session import Session, Terminal
from tests.transport.ssh_kit import Reach, Start

NOISE = 'echo Welcome; eval "$SSH_ORIGINAL_COMMAND"'


def talk(session: Session) -> tuple[int, bytes, bytes]:
    out, err = bytearray(), bytearray()
    return session.pump(out.extend, err.extend), bytes(out), bytes(err)


def session_of(transport: object) -> Session:
    assert isinstance(transport, SshTransport)
    return transport.session(become=False)


def test_a_program_has_our_input_and_its_own_outputs_and_status(start_sshd: Start, reach: Reach) -> None:
    session = session_of(reach(start_sshd(f"ForceCommand {NOISE}")))
    session.open(sh("cat; echo {} >&2; exit 7", "it's"), None)
    session.send(b"from here\n")
    session.end_input()
    assert talk(session) == (7, b"from here\n", b"it's\n")


def test_a_terminal_has_our_size_and_what_a_login_shell_says_is_not_shown(start_sshd: Start, reach: Reach) -> None:
    session = session_of(reach(start_sshd(f"ForceCommand {NOISE}")))
    session.open(
        sh("/bin/sh -c {}", 'stty size; read -r line; stty size; echo "$line"; exit 3'), Terminal("xterm", 80, 24)
    )
    assert session.read(20) == (b"24 80\r\n", b"")
    session.resize(132, 40)
    session.send(b"typed\n")
    code, out, _ = talk(session)
    assert (code, out.endswith(b"40 132\r\ntyped\r\n")) == (3, True), out


@pytest.mark.parametrize(("name", "status"), [("INT", 130), ("TERM", 143), ("KILL", 137)])
def test_a_command_that_a_signal_ends_has_the_status_that_a_shell_gives(
    start_sshd: Start, reach: Reach, name: str, status: int
) -> None:
    session = session_of(reach(start_sshd()))
    session.run_plainly(f"exec sh -c 'kill -{name} $$'", None)
    assert talk(session)[0] == status


def test_what_cannot_begin_or_breaks_is_said(start_sshd: Start, reach: Reach) -> None:
    session = session_of(reach(start_sshd("ForceCommand echo not available; exit 1")))
    with pytest.raises(AuthError, match="without our program"):
        session.open(sh("true"), None)
    transport = reach(start_sshd())
    session = session_of(transport)
    session.open(sh("sleep 60"), None)
    transport.close()
    with pytest.raises(ConnectionLost):
        talk(session)
