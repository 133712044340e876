"""Rung 10: does the release do its work? Asked over HTTP, TCP, or as an Elixir expression on the node itself."""

from __future__ import annotations

from http.client import HTTPException, HTTPResponse
from io import BytesIO
from urllib.parse import urlsplit

from deployer.beam.stream import read_to_end
from deployer.beam.term import Atom, show
from deployer.engine.ladder import asking
from deployer.engine.ladder.target import Target
from deployer.errors import ProbeError
from deployer.transport.base import Transport

_LIMIT = 64 * 1024


def check(transport: Transport, target: Target, port: int | None, *, timeout: float) -> str | None:
    """Return "" when the declared check passes, else what is wrong; None when none is declared.

    Raises:
        ForwardingForbidden: the host's sshd does not open the way.
        ConnectionLost: the connection to the host broke.
    """
    health = target.health
    if health is None:
        return None
    try:
        if health.http:
            return _http(transport, health.http, timeout)
        if health.tcp:
            host, _, number = health.tcp.rpartition(":")
            transport.connect(host, int(number), timeout=timeout).close()
            return ""
        return _expression(transport, target, port, health.expr or "true", timeout)
    except ConnectionRefusedError:
        return f"{target.health_words}: nobody listens"
    except TimeoutError:
        return f"{target.health_words}: no answer in {timeout:g} s"
    except (OSError, HTTPException) as error:
        return f"{target.health_words}: {error or type(error).__name__}"
    except ProbeError as error:
        return f"{target.health_words}: {error.message}"


def _http(transport: Transport, url: str, timeout: float) -> str:
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    stream = transport.connect(parts.hostname or "127.0.0.1", parts.port or 80, timeout=timeout)
    try:
        ask = f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: deployer\r\nConnection: close\r\n\r\n"
        stream.send(ask.encode())
        answer = HTTPResponse(_Answer(read_to_end(stream, _LIMIT)))  # type: ignore[arg-type]
        answer.begin()
    finally:
        stream.close()
    if 200 <= answer.status < 300:
        return ""
    elsewhere = f" and leads to {answer.getheader('Location')}" if 300 <= answer.status < 400 else ""
    return f"GET {url} answers {answer.status} {answer.reason}{elsewhere}, not 2xx"


class _Answer:
    """Bytes that are all there already, as http.client wants its socket."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _mode: str) -> BytesIO:
        return BytesIO(self._data)


def _expression(transport: Transport, target: Target, port: int | None, code: str, timeout: float) -> str:
    if port is None or target.cookie is None:
        return "an expression needs a registered node and a declared cookie"
    stream = transport.connect(target.address, port, timeout=timeout)
    try:
        with asking.converse(stream, target, target.cookie) as peer:
            answer = peer.call("Elixir.Code", "eval_string", [code.encode()])
    finally:
        stream.close()
    value = answer[0] if isinstance(answer, tuple) and answer else answer
    return "" if value == Atom("true") else f"{code} gives {show(value)}, not true"
