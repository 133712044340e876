"""Rung 10: does the release do its work? Checked over HTTP, TCP, or by an expression on the node itself."""

from __future__ import annotations

import re
import ssl
from urllib.parse import urlsplit

from deployer.beam.distribution import Peer
from deployer.beam.stream import Stream
from deployer.beam.term import Atom, Term, show_term
from deployer.beam.tls import TlsStream
from deployer.engine.ladder.target import Target
from deployer.errors import ProbeError, StepError
from deployer.fleet import Health
from deployer.transport.base import Transport

_LIMIT = 64 * 1024
# Python's http.client would read no more of the answer than this, but its import takes 15 ms, mostly for email.
_ANSWER = re.compile(rb"HTTP/1\.[0-9]+ +([1-9][0-9][0-9])(?![0-9])([^\r\n]*)")
# Any number of these may come before the answer (RFC 9110, 15.2); 101 is one itself.
_EARLIER = re.compile(rb"\A(?:HTTP/1\.[0-9]+ +1(?!01)[0-9][0-9](?![0-9])[^\r\n]*\r?\n(?:[^\r\n]+\r?\n)*\r?\n)+")
_LOCATION = re.compile(rb"^location:([^\r\n]*)", re.IGNORECASE | re.MULTILINE)


def check_health(transport: Transport, target: Target, *, timeout: float) -> str | None:
    """Return "" when the declared check over HTTP or TCP passes, else what is wrong; None when none is declared.

    Raises:
        ForwardingForbidden: the host's sshd forbids forwarding.
        ConnectionLost: the connection to the host broke.
    """
    health = target.health
    if health is None or not (health.http or health.tcp):
        return None
    try:
        if health.http:
            return _http(transport, health, health.http, timeout)
        host, _, number = (health.tcp or "").rpartition(":")
        transport.connect(host, int(number), timeout=timeout).close()
    except (OSError, EOFError, ProbeError) as error:
        return f"{target.health_words}: {_why(error, timeout)}"
    return ""


def check_expression(peer: Peer, target: Target, *, timeout: float) -> str:
    """Return "" when the declared expression is true on a node that has accepted us, else what is wrong."""
    code = (target.health and target.health.expr) or "true"
    try:
        value = _value(peer, code)
    except StepError as error:
        return f"{target.health_words}: {error.message}"
    except (OSError, EOFError, ProbeError) as error:
        return f"{target.health_words}: {_why(error, timeout)}"
    return "" if value == Atom("true") else f"{code} gives {show_term(value)}, not true"


def _value(peer: Peer, code: str) -> Term:
    """Return the value of an expression: in Elixir, or in Erlang on a node without Elixir."""
    from deployer.beam.forms import has_module, parsed, run_forms  # only health.expr needs it

    if not has_module(peer, "Elixir.Code"):
        return run_forms(peer, parsed(peer, code), {})
    answer = peer.call("Elixir.Code", "eval_string", [code.encode()])
    return answer[0] if isinstance(answer, tuple) and answer else answer


def _why(error: Exception, timeout: float) -> str:
    match error:
        case ConnectionRefusedError():
            return "nobody listens"
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted: {error.verify_message.rstrip('.')}"
        case ssl.SSLError():
            return f"no TLS is spoken there: {(error.reason or 'no reason given').lower().replace('_', ' ')}"
        case TimeoutError():
            return f"no answer in {timeout:g} s"
        case ProbeError():
            return error.message
    return str(error) or type(error).__name__


def _http(transport: Transport, health: Health, url: str, timeout: float) -> str:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    stream = transport.connect(parts.hostname or "127.0.0.1", parts.port or (443 if secure else 80), timeout=timeout)
    try:
        asked = _secured(stream, health, health.server_name or parts.hostname or "") if secure else stream
        ask = f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: deployer\r\nConnection: close\r\n\r\n"
        asked.send(ask.encode())
        head = _head(asked)
    finally:
        stream.close()
    if not head:
        raise ProbeError("it hung up without an answer")
    answer = _ANSWER.match(head)
    if not answer:
        raise ProbeError(f"what answers is no HTTP/1: {head.splitlines()[0][:80]!r}")
    status, reason = int(answer[1]), answer[2].decode("latin-1").strip()
    if 200 <= status < 300:
        return ""
    place = _LOCATION.search(re.split(rb"\r?\n\r?\n", head)[0])
    elsewhere = f" and leads to {place[1].decode('latin-1').strip()}" if place and 300 <= status < 400 else ""
    said = f"{status} {reason}".strip()
    return f"GET {url} answers {said}{elsewhere}, not 2xx"


def _head(stream: Stream) -> bytes:
    """Return an answer up to the end of its headers: that is enough, even if the server keeps the connection open."""
    read, came = b"", 0
    while came <= _LIMIT and b"\r\n\r\n" not in read and b"\n\n" not in read:
        if not (chunk := stream.recv(_LIMIT)):
            break
        read, came = _EARLIER.sub(b"", read + chunk), came + len(chunk)
    return read


def _secured(stream: Stream, health: Health, name: str) -> Stream:
    """Return the stream inside TLS 1.2 or newer; the peer's certificate is verified as declared."""
    context = ssl.create_default_context(cadata=health.ca)
    if not health.verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    made = TlsStream(stream, context, name)
    made.shake_hands()
    return made
