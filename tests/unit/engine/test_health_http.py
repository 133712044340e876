"""Rung 10 over http: who has sent the headers has answered, whether it hangs up or keeps the connection."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deployer.engine.ladder import health
from deployer.fleet.words import Health
from tests.unit.engine.ladder_kit import target


class Kept:
    """A server that sends these pieces and then says nothing more, and never hangs up."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)

    def connect(self, address: str, port: int, *, timeout: float) -> Kept:
        return self

    def send(self, data: bytes) -> None:
        assert data.startswith(b"GET /health HTTP/1.1\r\n")

    def recv(self, n: int) -> bytes:
        if not self.pieces:
            raise TimeoutError
        return self.pieces.pop(0)

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        ([b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"], ""),
        ([b"HTTP/1.1 204 No Content\r\n", b"\r\n"], ""),
        ([b"HTTP/1.0 200 OK\n\n"], ""),
        ([b"HTTP/1.1 500 Internal Server Error\r\n\r", b"\n"], "answers 500 Internal Server Error, not 2xx"),
        ([b"HTTP/1.1 302 Found\r\nLocation: /in\r\n\r\n"], "answers 302 Found and leads to /in, not 2xx"),
        ([b"HTTP/1.1 200 OK\r\n"], "no answer in 5 s"),
        ([], "no answer in 5 s"),
        ([b""], "http://127.0.0.1:4000/health: it hung up without an answer"),
        ([b"SSH-2.0-x\r\n\r\n"], "what answers is no HTTP/1: b'SSH-2.0-x'"),
        ([b"HTTP/1.1 2000 OK\r\n\r\n"], "what answers is no HTTP/1"),
        ([b"HTTP/1.1 200\r\n\r\n"], ""),
        ([b"HTTP/1.1 307 \r\nlocation: /a\r\n\r\nLocation: /b\r\n"], "answers 307 and leads to /a, not 2xx"),
        ([b"HTTP/1.1 100 Continue\r\n\r", b"\nHTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"], ""),
        ([b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 500 No\r\n\r\n"], "answers 500 No, not 2xx"),
        ([b"HTTP/1.1 100 Continue\r\n\r\n"] * 4000, "it hung up without an answer"),
        ([b"HTTP/1.1 101 Switching Protocols\r\n\r\n"], "answers 101 Switching Protocols, not 2xx"),
        ([b"HTTP/1.1 301 Moved\n\nLocation: /b\n"], "answers 301 Moved, not 2xx"),
    ],
)
def test_a_server_that_keeps_the_connection_has_answered(pieces: list[bytes], said: str) -> None:
    asked = replace(target(), health=Health(http="http://127.0.0.1:4000/health"))
    found = health.check_health(Kept(*pieces), asked, timeout=5)  # type: ignore[arg-type]
    assert found is not None
    assert (said in found) if said else found == "", found
