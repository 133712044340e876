"""Our side of a handshake, and a node's answers as bytes."""

from __future__ import annotations

import struct

from deployer.beam import distribution, handshake
from deployer.beam.distribution import connect
from deployer.beam.handshake import FrameWidth
from deployer.beam.names import NodeName
from deployer.beam.stream import Stream
from deployer.model import Secret

COOKIE = Secret("q7Xk2ZbW9mTfJ4sLr8VyHd3NcPg6AaEu5RiKo1tQzMw", "cluster.cookie")
NODE, ME = NodeName("shop", "127.0.0.1"), NodeName("deployer-0badcafe", "127.0.0.1")
OURS, THEIRS = 0x0A0B0C0D, 0x01020304


def frame(body: bytes, width: int = 2) -> bytes:
    return len(body).to_bytes(width, "big") + body


def challenge(name: bytes = b"shop@127.0.0.1", size: int | None = None, tag: bytes = b"N") -> bytes:
    return struct.pack("!cQIIH", tag, handshake.FLAGS, THEIRS, 7, len(name) if size is None else size) + name


def ack(cookie: Secret = COOKIE) -> bytes:
    return b"a" + handshake.digest(cookie, OURS)


def node_says(status: bytes = b"sok", *rest: bytes, width: int = 2) -> bytes:
    return b"".join(frame(body, width) for body in (status, *(rest or (challenge(), ack()))))


def shake(stream: Stream, width: FrameWidth = 2) -> distribution.Peer:
    return connect(stream, NODE, COOKIE, me=ME, creation=5, challenge=OURS, width=width)
