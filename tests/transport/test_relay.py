"""Where sshd forbids forwarding, a command on the host carries the stream: same promises, one session at a time."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deployer.errors import ProbeError
from deployer.sh import Program, sh
from deployer.transport import ForwardingForbidden
from deployer.transport.relay import relay_command
from tests.transport.ssh_kit import Reach, Start, silent_stream
from tests.transport.sshd import Sshd, wait_for

FORBIDDING = ["AllowTcpForwarding no", "DisableForwarding yes", "PermitOpen 127.0.0.1:9"]
CLOSED = ("AllowTcpForwarding no", "MaxSessions 1")


@contextmanager
def echo(keep_open: bool = False) -> Iterator[int]:
    """A server that sends back what one client sends, and closes unless told otherwise; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = threading.Event()

        def serve() -> None:
            peer, _ = server.accept()
            with peer:
                peer.sendall(peer.recv(1 << 20))
                if keep_open:
                    done.wait(20)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        done.set()
        thread.join(20)


def relays(server: Sshd) -> list[int]:
    """Processes of relays that run below this sshd."""
    mine = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes()
            environ = (place / "environ").read_bytes()
        except OSError:
            continue
        if b"/dev/tcp/" in words and f"HOME={server.home}".encode() in environ:
            mine.append(int(place.name))
    return mine


@pytest.mark.parametrize("setting", FORBIDDING)
def test_forbidden_forwarding_is_gone_around(start_sshd: Start, reach: Reach, setting: str) -> None:
    with echo() as port:
        stream = reach(start_sshd(setting)).connect("127.0.0.1", port, timeout=20)
        stream.send(bytes(range(256)))
        heard = b""
        while more := stream.recv(100):
            heard += more
        stream.close()
    assert heard == bytes(range(256))


def test_a_refused_port_is_told_from_forbidden_forwarding(start_sshd: Start, reach: Reach) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            reach(start_sshd(CLOSED[0])).connect("127.0.0.1", closed.getsockname()[1], timeout=20)


def test_one_session_is_enough_for_relays_and_programs_in_turn(start_sshd: Start, reach: Reach) -> None:
    server = start_sshd(*CLOSED)
    transport = reach(server)
    for _ in range(3):
        with echo() as port:
            stream = transport.connect("127.0.0.1", port, timeout=20)
            stream.send(b"hello")
            assert stream.recv(5) == b"hello"
            stream.close()
        (frame,) = transport.run(Program((sh("echo between"),)), timeout=20)
        assert frame.out == "between"


def test_a_closed_relay_leaves_no_process_although_its_peer_stays(start_sshd: Start, reach: Reach) -> None:
    server = start_sshd(CLOSED[0])
    with echo(keep_open=True) as port:
        stream = reach(server).connect("127.0.0.1", port, timeout=20)
        stream.send(b"x")
        assert stream.recv(1) == b"x"
        assert relays(server)
        stream.close()
        wait_for(lambda: not relays(server))


def test_a_relay_dies_with_its_connection(start_sshd: Start, reach: Reach) -> None:
    server = start_sshd(CLOSED[0])
    transport = reach(server)
    with echo(keep_open=True) as port:
        stream = transport.connect("127.0.0.1", port, timeout=20)
        stream.send(b"x")
        assert stream.recv(1) == b"x"
        transport.close()
        wait_for(lambda: not relays(server))


def test_a_silent_peer_ends_at_the_deadline(start_sshd: Start, reach: Reach) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        stream = silent_stream(reach(start_sshd(CLOSED[0])), server.getsockname()[1], 1.5)
        with pytest.raises(TimeoutError):
            stream.recv(1)
        stream.close()


def test_a_talkative_login_shell_is_not_taken_for_the_peer(start_sshd: Start, reach: Reach) -> None:
    server = start_sshd(CLOSED[0], 'ForceCommand echo Welcome; printf noise; eval "$SSH_ORIGINAL_COMMAND"')
    with echo() as port:
        stream = reach(server).connect("127.0.0.1", port, timeout=20)
        stream.send(b"hello")
        assert stream.recv(5) == b"hello"
        stream.close()


def test_a_host_that_cannot_relay_says_what_sshd_forbids_and_what_is_missing(start_sshd: Start, reach: Reach) -> None:
    server = start_sshd(CLOSED[0], 'ForceCommand PATH=/nowhere; eval "$SSH_ORIGINAL_COMMAND"')
    with pytest.raises(ForwardingForbidden, match="no bash") as caught:
        reach(server).connect("127.0.0.1", 9, timeout=20)
    assert "AllowTcpForwarding" in caught.value.hint


@pytest.mark.parametrize("address", ["", "a b", "$(id)", "x;id", "a'b", "x\ny", "-oX" + "x" * 300])
def test_a_place_that_is_none_never_reaches_a_shell(address: str) -> None:
    with pytest.raises(ProbeError):
        relay_command(address, 80, "0" * 32, 5)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_is_none_never_reaches_a_shell(port: int) -> None:
    with pytest.raises(ProbeError):
        relay_command("127.0.0.1", port, "0" * 32, 5)


def test_only_place_and_token_differ_from_relay_to_relay() -> None:
    one, other = relay_command("10.0.0.1", 80, "a" * 32, 5), relay_command("10.0.0.2", 90, "b" * 32, 5)
    assert one.replace("10.0.0.1 80 " + "a" * 32, "") == other.replace("10.0.0.2 90 " + "b" * 32, "")
    assert os.linesep not in one
