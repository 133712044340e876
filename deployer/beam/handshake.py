"""The distribution handshake, version 6 (OTP 23 and later), as the side that connects and stays hidden.

Source: ERTS, "Distribution Protocol", and captures of real nodes under ``tests/data/beam``. Both sides prove that they
know the cookie; we must do it first, so whoever holds the port can try to guess a cookie from one answer.

    DistributionError       a ProbeError
    ├── NobodyAnswers       closed before any answer: no node, or none that understands us
    ├── DemandsTls          a node with TLS distribution
    ├── NotAlive            a node that does not go on: it is silent, said nok, or went away in the middle
    ├── NotAllowed          the node refuses our name, or lacks what we speak
    ├── WrongNode           the port belongs to another node
    ├── WrongCookie         the node rejects our cookie
    ├── Impostor            the peer takes our cookie and cannot prove that it knows it
    ├── ProtocolError       bytes that no node sends
    └── CallFailed          the call was answered with badrpc
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from deployer.beam.names import NodeName
from deployer.beam.stream import Stream, read_exactly
from deployer.errors import ProbeError
from deployer.model import Secret

FrameWidth = Literal[2, 4]
"""Bytes of a frame's length during the handshake: 2 over TCP, 4 over TLS."""

# What every OTP from 25 to 29 demands and what we can decode; without PUBLISHED we stay hidden, without FRAGMENTS and
# DIST_HDR_ATOM_CACHE terms come whole, and without UNICODE_IO what a call prints would come as Latin-1 where that can
# hold it, and as UTF-8 else. dist.hrl has MANDATORY_25_DIGEST at bit 26, where OTP's document says 36.
_FLAGS = {
    "EXTENDED_REFERENCES": 1 << 2, "FUN_TAGS": 1 << 4, "NEW_FUN_TAGS": 1 << 7, "EXTENDED_PIDS_PORTS": 1 << 8,
    "EXPORT_PTR_TAG": 1 << 9, "BIT_BINARIES": 1 << 10, "NEW_FLOATS": 1 << 11, "UNICODE_IO": 1 << 12,
    "SMALL_ATOM_TAGS": 1 << 14, "UTF8_ATOMS": 1 << 16, "MAP_TAG": 1 << 17, "BIG_CREATION": 1 << 18,
    "HANDSHAKE_23": 1 << 24, "UNLINK_ID": 1 << 25, "MANDATORY_25_DIGEST": 1 << 26, "V4_NC": 1 << 34,
}  # fmt: skip
FLAGS = sum(_FLAGS.values())

_STATUS_LIMIT, _CHALLENGE_LIMIT, _ACK_SIZE = 512, 1024, 17
_CHALLENGE = struct.Struct("!cQIIH")
_TLS_ALERT = b"\x15\x03"


class DistributionError(ProbeError):
    """The distribution port did not lead to the node, or the node did not do what was asked."""


class NobodyAnswers(DistributionError):
    """The connection was closed before any status."""


class DemandsTls(DistributionError):
    """The port answers in TLS, and we spoke plain text."""


class NotAlive(DistributionError):
    """A node is there, but it says nothing, or does not go on."""


class NotAllowed(DistributionError):
    """The node does not let our name in (``net_kernel:allow``), or cannot talk with our flags."""


class WrongNode(DistributionError):
    """Another node listens on this port."""


class WrongCookie(DistributionError):
    """The node closed the connection after our digest: its cookie is another one."""


class Impostor(DistributionError):
    """The peer accepted us, but its own digest is wrong: it does not know the cookie."""


class ProtocolError(DistributionError):
    """The peer sent what no node sends."""


class CallFailed(DistributionError):
    """The node answered a call with ``badrpc``; the message holds the reason, shortened."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """The node's side of the handshake: what it can, who it is, what our digest must answer."""

    flags: int
    challenge: int
    creation: int
    name: str


def encode_send_name(me: NodeName, creation: int) -> bytes:
    """Return the body of ``send_name``."""
    raw = str(me).encode()
    return struct.pack("!cQIH", b"N", FLAGS, creation, len(raw)) + raw


def encode_challenge_reply(cookie: Secret, theirs: int, ours: int) -> bytes:
    """Return the body of ``send_challenge_reply``: our challenge, and the digest that answers theirs."""
    return struct.pack("!cI", b"r", ours) + digest(cookie, theirs)


def digest(cookie: Secret, challenge: int) -> bytes:
    """Return MD5 of the cookie and the challenge in decimal; the protocol has no other digest."""
    return hashlib.md5(f"{cookie.reveal()}{challenge}".encode(), usedforsecurity=False).digest()


def decode_status(body: bytes) -> str:
    """Return the status word; raises ProtocolError."""
    if body[:1] != b"s" or not body[1:].isascii():
        raise ProtocolError("the peer did not answer with a status: it is no Erlang node")
    return body[1:].decode()


def decode_challenge(body: bytes) -> Challenge:
    """Read ``send_challenge``; bytes behind the name are ignored, as the protocol demands. Raises ProtocolError."""
    if body[:1] == b"n":
        raise ProtocolError("the node is older than OTP 23")
    if len(body) < _CHALLENGE.size or body[:1] != b"N":
        raise ProtocolError("the node did not send a challenge")
    _, flags, challenge, creation, size = _CHALLENGE.unpack_from(body)
    raw = body[_CHALLENGE.size : _CHALLENGE.size + size]
    if len(raw) != size:
        raise ProtocolError("the node's challenge is cut off")
    return Challenge(flags, challenge, creation, raw.decode("utf-8", "replace"))


def shake_hands(
    stream: Stream, node: NodeName, cookie: Secret, me: NodeName, *, creation: int, challenge: int, width: FrameWidth,
    behind: bytes = b"",
) -> Challenge:  # fmt: skip
    """Do the whole handshake with ``node``; raises a DistributionError that says which step failed and why.

    ``behind``: goes right behind our last word, so that it costs no round trip of its own. Whoever has not proven yet
    that it knows the cookie may read it.
    """
    wire = _Wire(stream, width)
    hint = "check that the port is the node's, and whether the node demands TLS (cluster.tls)"
    with _told(NobodyAnswers(f"nobody answers as {node}: the connection was closed", hint=hint), _timed_out(node)):
        wire.send(encode_send_name(me, creation))
        status = decode_status(wire.receive(_STATUS_LIMIT))
    _check_status(wire, status, node, me)
    with _told(_left(node, "after its status"), _hangs(node)):
        theirs = decode_challenge(wire.receive(_CHALLENGE_LIMIT))
    if theirs.name != str(node):
        raise WrongNode(
            f"the port belongs to {theirs.name[:255]!a}, not to {node}", hint="see which node EPMD has there"
        )
    hint = "the node runs with another cookie; deploy the cookie and restart the node"
    with _told(WrongCookie(f"{node} rejects the declared cookie", hint=hint), _hangs(node)):
        wire.send(encode_challenge_reply(cookie, theirs.challenge, challenge), behind)
        ack = wire.receive(_ACK_SIZE)
    if len(ack) != _ACK_SIZE or ack[:1] != b"a":
        raise ProtocolError(f"{node} did not acknowledge the challenge")
    if not hmac.compare_digest(ack[1:], digest(cookie, challenge)):
        hint = "treat the host as compromised: this may be a trap that collects digests; rotate the cookie"
        raise Impostor(f"the peer on the port of {node} cannot prove that it knows the cookie", hint=hint)
    return theirs


def greets_back(stream: Stream, me: NodeName, *, creation: int) -> bool:
    """Return whether what listens there answers our name in plain text, as a node without TLS does; proves nothing."""
    wire = _Wire(stream, 2)
    try:
        wire.send(encode_send_name(me, creation))
        return bool(decode_status(wire.receive(_STATUS_LIMIT)))
    except (ProbeError, EOFError, OSError):
        return False


def _check_status(wire: _Wire, status: str, node: NodeName, me: NodeName) -> None:
    if status in ("ok", "ok_simultaneous"):
        return
    if status == "alive":  # the node still holds a dead connection of this name; true: take ours instead
        with _told(_left(node, "after its status"), _hangs(node)):
            wire.send(b"strue")
        return
    if status == "nok":
        raise NotAlive(f"{node} does not go on: it is connecting to {me} itself", hint="try again")
    if status == "not_allowed":
        raise NotAllowed(f"{node} does not let {me} in", hint="look for net_kernel:allow in the release")
    raise ProtocolError(f"{node} answered with the unknown status {status[:60]!a}")


def _left(node: NodeName, when: str) -> NotAlive:
    return NotAlive(f"{node} closed the connection {when}", hint="see whether the node is going down")


def _timed_out(node: NodeName) -> NotAlive:
    what = f"{node} is not alive: its port is open, but not a byte came until the deadline"
    return NotAlive(what, hint="see whether the node hangs")


def _hangs(node: NodeName) -> NotAlive:
    return NotAlive(f"{node} stopped answering in the middle of the handshake", hint="see whether the node hangs")


@contextmanager
def _told(closed: DistributionError, silent: DistributionError) -> Iterator[None]:
    """Say what it means at this step that the peer closes the connection, or says nothing until the deadline."""
    try:
        yield
    except TimeoutError:
        raise silent from None
    except (EOFError, OSError):
        raise closed from None


class _Wire:
    """Frames of the handshake."""

    def __init__(self, stream: Stream, width: FrameWidth) -> None:
        self._stream = stream
        self._width = width

    def send(self, body: bytes, behind: bytes = b"") -> None:
        self._stream.send(len(body).to_bytes(self._width, "big") + body + behind)

    def receive(self, limit: int) -> bytes:
        head = read_exactly(self._stream, self._width)
        size = int.from_bytes(head, "big")
        if head.startswith(_TLS_ALERT):
            raise DemandsTls("the port demands TLS, and the cluster is declared without", hint="cluster.tls: true")
        if not 1 <= size <= limit:
            raise ProtocolError(f"the peer announces {size} bytes: it is no Erlang node, or speaks another protocol")
        return read_exactly(self._stream, size)
