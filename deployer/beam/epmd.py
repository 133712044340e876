"""The EPMD protocol: which names are registered on a host, and at which distribution port.

Source: OTP's "Distribution Protocol" chapter of ERTS, and captures of real EPMDs under ``tests/data/beam``. A request
has a two-byte length in front, a reply has none and ends with the connection. The text of NAMES is for people: whether
a node is registered is decided by `port_please` alone.

    EpmdError            a ProbeError
    ├── EpmdSilent       closed, or nothing until the deadline: no EPMD, or one that hangs
    └── EpmdGarbled      bytes that no EPMD sends
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from deployer.beam.stream import Stream, read_to_end
from deployer.errors import ConfigError, ProbeError
from deployer.syntax import is_port

NAMES_LIMIT = 1 << 20
REPLY_LIMIT = 12 + 65535 + 2 + 65535
"""The largest PORT2_RESP that its two length fields can describe."""

_NAMES_REQ, _PORT_PLEASE2_REQ, _PORT2_RESP = b"n", b"z", 119
_LINE = re.compile(r"name (\S{1,255}) at port ([0-9]{1,5})", re.ASCII)
_ODD_SHOWN = 20


class EpmdError(ProbeError):
    """EPMD did not answer, or not as EPMD does."""


class EpmdSilent(EpmdError):
    """The connection ended or the deadline passed before a whole answer."""


class EpmdGarbled(EpmdError):
    """The answer cannot be EPMD's."""


@dataclass(frozen=True, slots=True)
class EpmdNames:
    """The answer to NAMES_REQ.

    Attributes:
        port: the port EPMD itself listens on.
        nodes: (name, distribution port) as listed.
        odd: at most 20 lines that are not of the usual form, escaped to printable ASCII.
    """

    port: int
    nodes: tuple[tuple[str, int], ...]
    odd: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Registration:
    """The answer to PORT_PLEASE2_REQ for a registered name.

    Attributes:
        name: the part of the node name before ``@``.
        port: where the node listens for distribution.
        node_type: 77 (``M``) for a node, also one started with ``-hidden``; 72 (``H``) for a C node.
        protocol: 0 for TCP over IPv4.
        highest: highest distribution protocol version; 6 since OTP 23.
        lowest: lowest distribution protocol version; 5 or 6.
        extra: bytes the node registered beside its name; empty so far.
    """

    name: str
    port: int
    node_type: int
    protocol: int
    highest: int
    lowest: int
    extra: bytes = b""


def epmd_names(stream: Stream) -> EpmdNames:
    """Ask for everything that is registered; raises EpmdError, and OSError when the connection breaks."""
    return decode_names(_exchange(stream, encode_names(), NAMES_LIMIT))


def port_please(stream: Stream, name: str) -> Registration | None:
    """Ask for one name; None when it is not registered. Raises EpmdError, and OSError when the connection breaks."""
    return decode_port_please(_exchange(stream, encode_port_please(name), REPLY_LIMIT), name)


def encode_names() -> bytes:
    """Return NAMES_REQ."""
    return _request(_NAMES_REQ)


def encode_port_please(name: str) -> bytes:
    """Return PORT_PLEASE2_REQ; raises ConfigError for a name that EPMD could not hold."""
    raw = name.encode()
    if not 1 <= len(raw) <= 255 or not name.isprintable():
        raise ConfigError("a name in EPMD has 1 to 255 printable characters", hint="give the part before the @")
    return _request(_PORT_PLEASE2_REQ + raw)


def decode_names(reply: bytes) -> EpmdNames:
    """Read a whole NAMES_RESP; raises EpmdError."""
    if len(reply) < 4:
        raise _too_short(reply)
    if len(reply) > NAMES_LIMIT:
        raise EpmdGarbled(f"EPMD sent more than {NAMES_LIMIT} bytes of names")
    port = int.from_bytes(reply[:4], "big")
    if not is_port(port):
        raise EpmdGarbled(f"EPMD says that it listens on port {port}")
    found: dict[str, int] = {}
    odd: list[str] = []
    for line in reply[4:].decode("utf-8", "replace").split("\n"):
        match = _LINE.fullmatch(line)
        if match and match[1] not in found and match[1].isprintable() and is_port(int(match[2])):
            found[match[1]] = int(match[2])
        elif line and len(odd) < _ODD_SHOWN:
            odd.append(ascii(line[:120])[1:-1])
    return EpmdNames(port, tuple(found.items()), tuple(odd))


def decode_port_please(reply: bytes, name: str) -> Registration | None:
    """Read a whole PORT2_RESP to the question for ``name``; None when it is not registered. Raises EpmdError."""
    if len(reply) < 2:
        raise _too_short(reply)
    if reply[0] != _PORT2_RESP:
        raise EpmdGarbled(f"EPMD answered with opcode {reply[0]}, not {_PORT2_RESP}")
    if reply[1] != 0:
        if len(reply) > 2:
            raise EpmdGarbled("EPMD sent more than a refusal has")
        return None
    return _decode_registration(reply[2:], name)


def _decode_registration(body: bytes, asked: str) -> Registration:
    try:
        port, node_type, protocol, highest, lowest, name_size = struct.unpack_from("!HBBHHH", body)
        (extra_size,) = struct.unpack_from("!H", body, 10 + name_size)
    except struct.error:
        raise EpmdSilent("EPMD's answer ends in the middle") from None
    raw, extra = body[10 : 10 + name_size], body[12 + name_size :]
    if len(extra) != extra_size:
        raise EpmdGarbled(f"EPMD announced {extra_size} bytes of extra data and sent {len(extra)}")
    if raw != asked.encode():
        answered = raw[:80].decode("utf-8", "replace")
        raise EpmdGarbled(f"EPMD was asked for {asked} and answered for {answered!a}")
    if port == 0:
        raise EpmdGarbled(f"EPMD says that {asked} listens on port 0")
    return Registration(asked, port, node_type, protocol, highest, lowest, extra)


def _request(body: bytes) -> bytes:
    return struct.pack("!H", len(body)) + body


def _exchange(stream: Stream, request: bytes, limit: int) -> bytes:
    try:
        stream.send(request)
        return read_to_end(stream, limit)
    except TimeoutError:
        raise EpmdSilent("EPMD did not finish its answer before the deadline") from None


def _too_short(reply: bytes) -> EpmdSilent:
    return EpmdSilent(f"EPMD closed the connection after {len(reply)} bytes of its answer")


# A distribution may fix a fault and keep the number, so a number alone refuses nothing: it explains what has failed.
# https://github.com/erlang/otp/issues/11402, fixed as OTP-20275: https://www.erlang.org/patches/OTP-27.3.4.16
_EPMD_WANTS_IPV6: Mapping[str, str] = {
    "15.2.7.11": "OTP 27.3.4.16 (ERTS 15.2.7.12)",
    "16.4.0.4": "OTP 28.5.0.5 (ERTS 16.4.0.5)",
    "17.0.4": "OTP 29.0.5 (ERTS 17.0.5)",
}


def epmd_fault(erts: str) -> str:
    """Return why EPMD of this version may not start, and what to do; empty when nothing is known."""
    fixed = _EPMD_WANTS_IPV6.get(erts)
    if fixed is None:
        return ""
    return (
        f"epmd of ERTS {erts} ends on a host where IPv6 is off (OTP-20275; a distribution may have fixed it under the"
        f" same number): build the release with {fixed}, or turn IPv6 on for loopback:"
        " sysctl net.ipv6.conf.lo.disable_ipv6=0"
    )
