"""Frames of a distribution connection after its handshake: for whom of ours one is, and what is in it.

Source: ERTS, "Distribution Protocol": ``p``, a control term and, with some, a message.
"""

from __future__ import annotations

from deployer.beam import etf
from deployer.beam.handshake import ProtocolError
from deployer.beam.term import Atom, Pid, Term

PASS_THROUGH = b"p"
_TO_PID = (2, 12, 22)  # SEND, SEND_TT, SEND_SENDER


def decode_answer(body: bytes, me: str) -> tuple[int, Term]:
    """Return the number of the call that a frame answers, and its value; 0 when it answers none of ``me``.

    Raises:
        ProtocolError: not a frame that a node sends to us.
        EtfError: the terms in it cannot be read.
    """
    number, message = addressed(body, me)
    match message:
        case (Atom("rex"), value):
            return number, value
    return 0, 0


def addressed(body: bytes, me: str) -> tuple[int, Term]:
    """Return whom of ours a frame is for, and the message in it; 0 when it has none. Raises as `decode_answer`."""
    if not body:
        return 0, 0
    if body[:1] != PASS_THROUGH:
        raise ProtocolError("a message begins with a header that was not agreed on")
    control, at = etf.decode_term(body, 1)
    match control:
        case (int(kind), _, Pid(node, number, _, _)) if kind in _TO_PID and node == me and at < len(body):
            return number, etf.decode_term(body, at)[0]
    return 0, 0
