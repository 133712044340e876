"""TLS over a stream, against Python's own server over a socket pair, and against bytes that no node sends."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deployer.beam import tls
from deployer.beam.authority import Authority
from deployer.beam.handshake import DistributionError, NobodyAnswers, NotAlive
from deployer.beam.identity import Identity
from deployer.beam.stream import read_exactly
from tests.unit.beam.beam_streams import Endless, Peer

NOW = datetime.now(UTC)
HOST = "10.0.0.2"
OURS, OTHERS = Authority.make("shop", NOW), Authority.make("shop", NOW)
NODE = OURS.issue(HOST, 90, NOW)
US = OURS.issue("deployer", 1, NOW)
OLD = OURS.issue(HOST, 1, NOW - timedelta(days=9))


class Sock:
    """A socket as a stream."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def send(self, data: bytes, /) -> None:
        self.sock.sendall(data)

    def recv(self, n: int, /) -> bytes:
        return self.sock.recv(n)

    def close(self) -> None:
        self.sock.close()


Serve = Callable[..., Sock]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start a server with an identity, and give the stream to it; it echoes what it gets, in upper case."""
    threads: list[threading.Thread] = []
    ends: list[socket.socket] = []

    def start(identity: Identity, *, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> Sock:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.maximum_version, made.verify_mode = newest, ssl.CERT_REQUIRED
        (tmp_path / "chain").write_text(identity.chain)
        (tmp_path / "key").write_text(identity.key.reveal())
        made.load_cert_chain(tmp_path / "chain", tmp_path / "key")
        made.load_verify_locations(cadata=identity.authority)
        mine, theirs = socket.socketpair()
        mine.settimeout(10)
        theirs.settimeout(10)
        ends.extend((mine, theirs))
        threads.append(threading.Thread(target=echo, args=(made, theirs)))
        threads[-1].start()
        return Sock(mine)

    yield start
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join()
    for end in ends:
        end.close()


def echo(made: ssl.SSLContext, sock: socket.socket) -> None:
    with contextlib.suppress(OSError), made.wrap_socket(sock, server_side=True) as wrapped:
        while data := wrapped.recv(65536):
            wrapped.sendall(data.upper())


def test_what_is_sent_arrives_and_comes_back_whole(serve: Serve) -> None:
    stream = tls.secure(serve(NODE), US, HOST)
    stream.send(b"hello")
    assert read_exactly(stream, 5) == b"HELLO"
    large = os.urandom(1).hex().encode() * 40_000
    stream.send(large)
    assert read_exactly(stream, len(large)) == large.upper()
    stream.close()


@pytest.mark.parametrize(
    ("node", "host", "kind", "words"),
    [
        (OTHERS.issue(HOST, 90, NOW), HOST, tls.ForeignCertificate, "signed by another authority"),
        (OLD, HOST, tls.ExpiredCertificate, "not valid today"),
        (OURS.issue(HOST, 90, NOW + timedelta(days=9)), HOST, tls.ExpiredCertificate, "not valid today"),
        (NODE, "10.0.0.3", tls.OtherHost, "names another host"),
        (NODE, "web1.example.net", tls.OtherHost, "names another host"),
        (replace(NODE, authority=OTHERS.pem), HOST, tls.OurCertificate, "does not take our certificate: unknown ca"),
    ],
)
def test_each_way_of_not_trusting_has_its_own_name(
    serve: Serve, node: Identity, host: str, kind: type[DistributionError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        ask(serve(node), US, host)


def test_a_node_that_finds_our_certificate_too_old_says_so(serve: Serve) -> None:
    with pytest.raises(tls.OurCertificate, match="certificate expired"):
        ask(serve(NODE), OLD, HOST)


def test_a_node_that_speaks_only_an_older_tls_is_told(serve: Serve) -> None:
    with pytest.raises(tls.NotTls, match="protocol version"):
        ask(serve(NODE, newest=ssl.TLSVersion.TLSv1_2), US, HOST)


def ask(sock: Sock, identity: Identity, host: str) -> bytes:
    stream = tls.secure(sock, identity, host)
    stream.send(b"hello")
    return read_exactly(stream, 5)


@pytest.mark.parametrize(
    "said", [b"\0\x03sok", b"HTTP/1.0 400 Bad Request\r\n", b"\x16\x03\x03\xff\xff" + b"x" * 9, b"\0" * 99]
)
@pytest.mark.parametrize("step", [1, 1 << 20])
def test_bytes_that_are_no_tls_are_a_typed_error(said: bytes, step: int) -> None:
    with pytest.raises((tls.NotTls, NobodyAnswers)):
        tls.secure(Peer(said, step=step), US, HOST)


@pytest.mark.parametrize(
    ("end", "kind"),
    [(None, NobodyAnswers), (TimeoutError(), NotAlive), (ConnectionResetError(), NobodyAnswers)],
)
def test_silence_and_a_closed_connection_are_told_apart(end: Exception | None, kind: type[DistributionError]) -> None:
    with pytest.raises(kind):
        tls.secure(Peer(b"", end), US, HOST)


@pytest.mark.parametrize(
    "filler", [b"\0", b"\x14\x03\x03\0\x01\x01", b"\x16\x03\x03\0\x01\x02", b"\x15\x03\x03\0\x02\x01\x5a"]
)
def test_a_peer_that_never_ends_is_bounded(filler: bytes) -> None:
    peer = Endless(filler=filler)
    with pytest.raises(DistributionError):
        tls.secure(peer, US, HOST)
    assert peer.given <= 32 << 20


def test_a_key_reaches_openssl_without_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(Path("/dev/fd").iterdir())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    tls.context(US)
    assert list(tmp_path.iterdir()) == []
    assert set(Path("/dev/fd").iterdir()) <= before
