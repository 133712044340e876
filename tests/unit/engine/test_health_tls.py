"""Rung 10 over https: what is declared is what is done, and each way of failing has its own words."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deployer.beam.authority import Authority
from deployer.engine.ladder import health
from deployer.fleet.words import Health
from tests.unit.engine.ladder_kit import target

NOW = datetime.now(UTC)
OURS, FOREIGN = Authority.make("ours", NOW), Authority.make("foreign", NOW)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Wire:
    """A stream to a real server; of a transport, what is asked here."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    def connect(self, address: str, port: int, *, timeout: float) -> Wire:
        self.asked.append((address, port))
        self._socket = socket.create_connection((address, port), timeout)
        self.send, self.recv, self.close = self._socket.sendall, self._socket.recv, self._socket.close
        return self


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """A server with a certificate for shop.example."""
    made = OURS.issue("shop.example", 1, NOW)
    (tmp_path / "pem").write_text(made.key.reveal() + made.chain)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pem")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener, context))
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def serve(listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            peer, _ = listener.accept()
        except OSError:
            return
        try:
            with context.wrap_socket(peer, server_side=True) as secure:
                said = secure.recv(4096)
                secure.sendall(
                    ANSWER if said.startswith(b"GET /health?x=1 HTTP/1.1\r\n") else b"HTTP/1.1 404 No\r\n\r\n"
                )
        except OSError:
            peer.close()


def said(words: Health, wire: Wire | None = None) -> str | None:
    return health.check_health(wire or Wire(), replace(target(), health=words), timeout=10)  # type: ignore[arg-type]


def asks(port: int, **words: object) -> Health:
    return Health(http=f"https://127.0.0.1:{port}/health?x=1", **words)  # type: ignore[arg-type]


def test_a_certificate_of_the_declared_authority_for_the_declared_name_is_believed(port: int) -> None:
    assert said(asks(port, ca=OURS.pem, server_name="shop.example")) == ""


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"ca": OURS.pem}, "IP address mismatch, certificate is not valid for '127.0.0.1'"),
        ({"ca": OURS.pem, "server_name": "other.example"}, "certificate is not valid for 'other.example'"),
        ({"ca": FOREIGN.pem, "server_name": "shop.example"}, "unable to get local issuer certificate"),
        ({"server_name": "shop.example"}, "self-signed certificate|unable to get local issuer"),
    ],
)
def test_one_that_is_not_to_be_believed_is_unhealthy(port: int, words: dict[str, str], why: str) -> None:
    found = said(asks(port, **words))
    assert found
    assert found.startswith(f"https://127.0.0.1:{port}/health?x=1: its certificate is not trusted: ")
    assert any(each in found for each in why.split("|")), found


def test_any_certificate_will_do_where_that_is_declared(port: int) -> None:
    assert said(asks(port, verify=False)) == ""


def test_what_speaks_no_tls_is_told_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def plain() -> None:
            peer, _ = listener.accept()
            peer.recv(4096)
            peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            peer.close()

        thread = threading.Thread(target=plain)
        thread.start()
        found = said(asks(port, verify=False)) or ""
        assert found.endswith("/health?x=1: no TLS is spoken there: wrong version number")
        thread.join()


def test_one_that_ends_the_handshake_is_told_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def hang_up() -> None:
            listener.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        found = said(asks(port, verify=False)) or ""
        thread.join()
    assert "in the middle of the TLS handshake" in found or "reset" in found.lower()


def test_without_a_port_it_is_that_of_https() -> None:
    class Nobody(Wire):
        def connect(self, address: str, port: int, *, timeout: float) -> Wire:
            self.asked.append((address, port))
            raise ConnectionRefusedError

    wire = Nobody()
    assert said(Health(http="https://127.0.0.1/"), wire) == "https://127.0.0.1/: nobody listens"
    assert wire.asked == [("127.0.0.1", 443)]
