"""SSH to servers that drop, freeze or throttle new connections."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from deployer.errors import Unreachable
from tests.transport.ssh_kit import Reach, Start, answer
from tests.transport.sshd import Sshd


class Listener:
    """Accepts connections and treats the first ``drops`` of them badly; later ones are led to a real server."""

    def __init__(self, drops: int, words: bytes = b"", leads_to: int = 0) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.drops, self.words, self.leads_to, self.accepted = drops, words, leads_to, 0
        self.open: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self.server.accept()
            except OSError:
                return
            self.accepted += 1
            self.open.append(peer)
            if self.accepted > self.drops:
                other = socket.create_connection(("127.0.0.1", self.leads_to))
                self.open.append(other)
                for a, b in ((peer, other), (other, peer)):
                    threading.Thread(target=_copy, args=(a, b), daemon=True).start()
            else:
                peer.sendall(self.words)
                peer.shutdown(socket.SHUT_WR) if not self.words.startswith(b"SSH") else None

    def close(self) -> None:
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        for peer in self.open:
            peer.close()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@pytest.fixture
def listen() -> Iterator[Callable[..., Listener]]:
    made: list[Listener] = []

    def make(*args: object, **kwargs: object) -> Listener:
        made.append(Listener(*args, **kwargs))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for listener in made:
        listener.close()


def test_a_drop_before_the_banner_is_tried_again(sshd: Sshd, reach: Reach, listen: Callable[..., Listener]) -> None:
    listener = listen(2, b"Exceeded MaxStartups\r\n", leads_to=sshd.port)
    sshd.known_hosts.write_text(f"{sshd.host_line}\n{sshd.host_line.replace(str(sshd.port), str(listener.port))}\n")
    assert answer(reach(sshd, port=listener.port)) == "hello"
    assert listener.accepted == 3


def test_a_server_that_always_drops_is_left_alone_after_three(
    sshd: Sshd, reach: Reach, listen: Callable[..., Listener]
) -> None:
    listener = listen(99)
    with pytest.raises(Unreachable, match="before the SSH banner"):
        reach(sshd, port=listener.port)
    assert listener.accepted == 3


REFUSED = b"Not allowed at this time\r\n"
"""What OpenSSH says for a penalty."""


def test_a_penalty_is_waited_out_and_named_when_it_lasts(
    sshd: Sshd, reach: Reach, listen: Callable[..., Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda *_: 0.01)
    listener = listen(5, REFUSED, leads_to=sshd.port)
    sshd.known_hosts.write_text(f"{sshd.host_line}\n{sshd.host_line.replace(str(sshd.port), str(listener.port))}\n")
    assert answer(reach(sshd, port=listener.port)) == "hello"
    assert listener.accepted == 6
    monkeypatch.setattr("deployer.transport.connect._PENALTY", 0.5)
    with pytest.raises(Unreachable, match="too many logins have failed") as raised:
        reach(sshd, port=listen(999, REFUSED).port)
    assert "PerSourcePenaltyExemptList" in raised.value.hint


def test_a_server_that_freezes_after_its_banner_is_no_hang(
    sshd: Sshd, reach: Reach, listen: Callable[..., Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployer.transport.connect._HANDSHAKE", 0.5)
    listener = listen(99, b"SSH-2.0-frozen\r\n")
    with pytest.raises(Unreachable, match="did not finish"):
        reach(sshd, port=listener.port)
    assert listener.accepted == 1


def test_an_address_nobody_has_is_unreachable(sshd: Sshd, reach: Reach) -> None:
    with pytest.raises(Unreachable, match="sshd running"):
        reach(sshd, port=1)
    with pytest.raises(Unreachable, match="resolved"):
        reach(sshd, address="no-such-host.invalid")


def test_more_hosts_than_openings_all_come_through(start_sshd: Start, reach: Reach) -> None:
    server = start_sshd("MaxStartups 16:30:100")  # a loaded sshd learns late which of its openings are logged in
    options = server.options()
    with ThreadPoolExecutor(24) as pool:
        transports = list(pool.map(lambda _: reach(server, options), range(24)))
        assert set(pool.map(answer, transports)) == {"hello"}
    assert "MaxStartups throttling" not in server.log
