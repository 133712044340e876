"""Peers that freeze, drip or flood, at every stage: each is given up in time, with words that are true of it."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deployer.errors import AuthError, ConnectionLost, HostError, ProbeError, Unreachable
from deployer.model import Blob
from deployer.sh import Program, sh
from tests.transport.ssh_kit import HELLO, Reach, Start, answer, notices_soon
from tests.transport.sshd import Sshd, keygen

DRIP = (
    '{ ORIGINAL; } | perl -e \'$|=1; my $all=""; while (sysread STDIN, my $c, 1) { print $c; $all.=$c;'
    " select undef, undef, undef, 0.1 if $all =~ / start\\n/ }'"
)
SHELLS: dict[str, tuple[str, type[HostError], str]] = {
    "waits": ("sleep 20", ConnectionLost, "login shell did not come to our program"),
    "drips": ("while :; do printf x; sleep 0.1; done", ConnectionLost, "login shell did not come to our program"),
    "complains in drops": ("while :; do echo x >&2; sleep 0.1; done", ConnectionLost, "login shell did not come"),
    "complains without end": ("yes >&2", ProbeError, "complains without end"),
    "floods": ("yes", ProbeError, "prints without end"),
    "takes nothing in": ("echo deployer-ready; sleep 20", ConnectionLost, "did not come to our program"),
    "answers in drops": (DRIP.replace("ORIGINAL", 'eval "$SSH_ORIGINAL_COMMAND"'), ConnectionLost, "came in pieces"),
}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployer.transport.conversation.HOST_PATIENCE", 2.0)


@pytest.fixture
def no_greeting(monkeypatch: pytest.MonkeyPatch) -> None:
    """For who never greets: a server that does may take longer on a busy machine."""
    monkeypatch.setattr("deployer.transport.wire.GREETING", 0.5)


@pytest.fixture
def greet() -> Iterator[Callable[[Callable[[socket.socket], object]], tuple[int, list[socket.socket]]]]:
    """Start a listener that treats whoever comes in one way; returns its port and those who came."""
    open_: list[socket.socket] = []

    def start(treat: Callable[[socket.socket], object]) -> tuple[int, list[socket.socket]]:
        server, came = socket.create_server(("127.0.0.1", 0)), []
        open_.append(server)

        def serve() -> None:
            while True:
                try:
                    came.append(server.accept()[0])
                    treat(came[-1])
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        return server.getsockname()[1], came

    yield start
    for server in open_:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


def drops(peer: socket.socket, text: bytes, pause: float) -> None:
    gone = threading.Event()
    while not gone.wait(pause):
        peer.sendall(text)


@pytest.mark.parametrize(
    ("treat", "words"),
    [
        (lambda peer: None, "took the connection and said nothing within"),
        (lambda peer: drops(peer, b"S", 0.1), "sent no SSH banner"),
        (lambda peer: drops(peer, b"welcome\r\n", 0.01), "sent no SSH banner"),
        (lambda peer: drops(peer, b"x" * 65536, 0), "sent no SSH banner"),
    ],
    ids=["silence", "drops", "lines", "flood"],
)
@pytest.mark.usefixtures("no_greeting")
def test_a_listener_that_never_comes_to_the_banner_is_asked_once_and_is_no_ban(
    sshd: Sshd, reach: Reach, greet: Callable[..., tuple[int, list[socket.socket]]], treat: object, words: str
) -> None:
    port, came = greet(treat)
    with pytest.raises(Unreachable, match=words) as caught:
        reach(sshd, port=port)
    assert "ban (" not in str(caught.value)
    assert len(came) == 1
    for peer in came:
        peer.close()


@pytest.mark.usefixtures("no_greeting")
def test_a_frozen_sshd_is_called_frozen(start_sshd: Start, reach: Reach) -> None:
    server = start_sshd()
    os.kill(server.process.pid, signal.SIGSTOP)
    with pytest.raises(Unreachable, match="said nothing") as caught:
        reach(server)
    assert "frozen" in caught.value.hint


def test_a_login_that_is_not_answered_is_no_wrong_key(
    start_sshd: Start, reach: Reach, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployer.transport.wire.LOGIN", 0.5)
    server = start_sshd("AuthorizedKeysCommand /bin/sleep 5", "AuthorizedKeysCommandUser root")
    with pytest.raises(Unreachable, match="did not answer the login of root") as caught:
        reach(server, private_key=keygen(tmp_path / "other"))
    assert not isinstance(caught.value, AuthError)


@pytest.mark.parametrize("kind", SHELLS)
def test_a_login_shell_that(start_sshd: Start, reach: Reach, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    text, error, words = SHELLS[kind]
    if error is ProbeError:  # who says too much is given up for that, however long it takes on a busy machine
        monkeypatch.setattr("deployer.transport.conversation.HOST_PATIENCE", 60.0)
    transport = reach(start_sshd(f"ForceCommand {text}"))
    with pytest.raises(error, match=words):
        list(transport.run(HELLO, timeout=600))


def test_a_host_frozen_in_a_program_or_an_upload_is_called_frozen(start_sshd: Start, reach: Reach) -> None:
    server = start_sshd()
    big = Program((sh("true"),), writes=True, blobs=(Blob.of(b"x" * 8_000_000),))
    for program in (HELLO, big):
        transport = reach(server)
        answer(transport)
        server.signal_sessions(signal.SIGSTOP)
        notices_soon(transport)
        with pytest.raises(ConnectionLost, match=r"answered nothing for \d+ s: it is frozen, or cut off"):
            list(transport.run(program, timeout=600))
        server.signal_sessions(signal.SIGCONT)


def test_a_program_that_only_reads_has_a_deadline_for_all_its_answers(start_sshd: Start, reach: Reach) -> None:
    slow = Program(tuple(sh("sleep 0.4") for _ in range(20)))
    with pytest.raises(ConnectionLost, match="did not answer all that was asked"):
        list(reach(start_sshd()).run(slow, timeout=1))
