"""A connection to a running node as a hidden node: prove the cookie, then ask the node itself, without booting a BEAM.

Source: ERTS, "Distribution Protocol": after the handshake a frame is a 4-byte length and, unless it is an empty tick,
``p``, a control term and a message. Calls go to the process registered as ``rex``, in the form it keeps for C nodes.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from deployer.beam import etf, handshake
from deployer.beam.etf_reader import SIZE_LIMIT
from deployer.beam.handshake import (
    CallFailed,
    DemandsTls,
    DistributionError,
    FrameWidth,
    Impostor,
    NobodyAnswers,
    NotAlive,
    NotAllowed,
    ProtocolError,
    WrongCookie,
    WrongNode,
    shake_hands,
)
from deployer.beam.messages import PASS_THROUGH, addressed, decode_answer
from deployer.beam.names import NodeName
from deployer.beam.stream import Stream, read_exactly
from deployer.beam.term import Atom, Pid, Term, show_term
from deployer.model import Secret

__all__ = [
    "Call", "CallFailed", "DemandsTls", "DistributionError", "Impostor", "NobodyAnswers", "NotAlive", "NotAllowed",
    "Peer", "ProtocolError", "WrongCookie", "WrongNode", "connect", "decode_answer", "own_name",
]  # fmt: skip

_SEND, _REG_SEND = 2, 6
_TICK = bytes(4)
_FRAMES_LIMIT = 10_000  # that a node may send beside the answers; it has no reason for any but ticks


@dataclass(frozen=True, slots=True)
class Call:
    """One function call on a node; its value must be a term, and its arguments are ones."""

    module: str
    function: str
    args: Sequence[Term] = ()

    def __str__(self) -> str:
        return f"{self.module}:{self.function}/{len(self.args)}"


class Peer:
    """A node that knows our cookie, as we know its.

    Not for several threads. The connection must be read at least every ``net_ticktime``, or the node drops it.

    Attributes:
        node: its name.
        flags: its capabilities, as in ``dist.hrl``.
        creation: tells one life of the node from the next.
    """

    def __init__(self, stream: Stream, node: NodeName, me: NodeName, creation: int) -> None:
        self.node = node
        self.flags = self.creation = 0
        self._stream = stream
        self._me = me
        self._creation = creation
        self._last = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the node logs nothing."""
        self._stream.close()

    def call(self, module: str, function: str, args: Sequence[Term] = ()) -> Term:
        """Call one function and return its value.

        Raises:
            CallFailed: the function raised, or does not exist.
            NotAlive: the node went away or did not answer before the stream's deadline.
            ProtocolError, EtfError: the answer cannot be read.
        """
        (answer,) = self.calls([Call(module, function, args)])
        if isinstance(answer, CallFailed):
            raise answer
        return answer

    def calls(self, calls: Sequence[Call]) -> list[Term | CallFailed]:
        """Send all calls at once and return their values in the same order; one that failed is a `CallFailed` there.

        Each call has a process identifier of its own as the sender, so answers may come in any order: the node runs
        them side by side. Raises as `call` does.
        """
        return self.answers(calls, self.requests(calls))

    def requests(self, calls: Sequence[Call]) -> bytes:
        """Return what asks a node for these calls, which are then waited for with `answers`."""
        self._last += len(calls)
        return b"".join(self._request(at, call) for at, call in enumerate(calls, self._last + 1 - len(calls)))

    def answers(self, calls: Sequence[Call], requests: bytes = b"") -> list[Term | CallFailed]:
        """Return the values of the calls that were asked for last, or are with these requests; see `calls`."""
        first = self._last + 1 - len(calls)
        answers: dict[int, Term | CallFailed] = {}
        try:
            if requests:
                self._stream.send(requests)
            for _ in range(_FRAMES_LIMIT + len(calls)):
                if len(answers) == len(calls):
                    return [answers[number] for number in sorted(answers)]
                number, value = self._receive()
                if first <= number <= self._last:
                    answers.setdefault(number, _judge(calls[number - first], value))
        except TimeoutError:
            raise NotAlive(f"{self.node} left {len(calls) - len(answers)} of {len(calls)} calls unanswered") from None
        except (EOFError, OSError):
            raise NotAlive(f"{self.node} closed the connection before all calls were answered") from None
        raise ProtocolError(f"{self.node} sends messages nobody asked for")

    def begin(self, call: Call, *, leader: Pid | None = None) -> int:
        """Send a call without waiting, and return its number, by which `receive` gives its answer ``(rex, Value)``.

        Args:
            call: what to run.
            leader: one of our own identifiers (`pid`), which is then asked to print what the call prints; by default
                the node's ``user`` prints it, into its log.
        """
        self._last += 1
        self._stream.send(self._request(self._last, call, leader))
        return self._last

    def pid(self) -> Pid:
        """Return a new identifier of ours; what is sent to it comes from `receive` with its number, ``id``."""
        self._last += 1
        return Pid(str(self._me), self._last, 0, self._creation)

    def send(self, to: Pid, message: Term) -> None:
        """Send a message to a process of the node; raises OSError."""
        body = PASS_THROUGH + etf.encode_term((_SEND, Atom(""), to)) + etf.encode_term(message)
        self._stream.send(len(body).to_bytes(4, "big") + body)

    def receive(self) -> tuple[int, Term]:
        """Return the next message to any of our identifiers: its number, and what was sent.

        Raises:
            NotAlive: the node went away, or sent nothing before the stream's deadline.
            ProtocolError, EtfError: it cannot be read.
        """
        try:
            while True:
                number, message = addressed(self._frame(), str(self._me))
                if number:
                    return number, message
        except TimeoutError:
            raise NotAlive(f"{self.node} has not answered in time") from None
        except (EOFError, OSError):
            raise NotAlive(f"{self.node} closed the connection") from None

    def _request(self, number: int, call: Call, leader: Pid | None = None) -> bytes:
        sender = Pid(str(self._me), number, 0, self._creation)
        target = (Atom("call"), Atom(call.module), Atom(call.function), list(call.args), leader or Atom("user"))
        body = (
            PASS_THROUGH
            + etf.encode_term((_REG_SEND, sender, Atom(""), Atom("rex")))
            + etf.encode_term((sender, target))
        )
        return len(body).to_bytes(4, "big") + body

    def _receive(self) -> tuple[int, Term]:
        """Return the number of the call that the next frame answers, and its value; 0 when it answers none."""
        return decode_answer(frame, str(self._me)) if (frame := self._frame()) else (0, 0)

    def _frame(self) -> bytes:
        """Return the next frame; empty for a tick, which is answered."""
        size = int.from_bytes(read_exactly(self._stream, 4), "big")
        if size == 0:
            self._stream.send(_TICK)
            return b""
        if size > SIZE_LIMIT:
            raise ProtocolError(f"{self.node} announces a message of {size} bytes")
        return read_exactly(self._stream, size)


def own_name(node: NodeName, token: str | None = None) -> NodeName:
    """Return a name to connect with: new each time, and of the same kind, long or short, as the node's."""
    return NodeName(f"deployer-{secrets.token_hex(4) if token is None else token}", node.host)


def connect(
    stream: Stream,
    node: NodeName,
    cookie: Secret,
    *,
    me: NodeName | None = None,
    creation: int | None = None,
    challenge: int | None = None,
    width: FrameWidth = 2,
    calls: Sequence[Call] = (),
) -> Peer:
    """Prove over ``stream``, which leads to a distribution port, that ``node`` is there and shares ``cookie``.

    Args:
        stream: connected; the caller closes it when this raises, else `Peer.close` does.
        node: who must answer.
        cookie: revealed only into the digest; in no message and no attribute.
        me: the name to connect with; by default a fresh one.
        creation: 4 to 2**32 - 1; by default random.
        challenge: 0 to 2**32 - 1; by default random.
        width: see `FrameWidth`.
        calls: sent right behind our proof, for `Peer.answers`; nothing in them may be secret.

    Raises:
        DistributionError: one of its kinds, which tell apart why the node could not be reached.
    """
    me = me or own_name(node)
    creation = secrets.choice(range(4, 1 << 32)) if creation is None else creation
    challenge = secrets.randbits(32) if challenge is None else challenge
    peer = Peer(stream, node, me, creation)
    behind = peer.requests(calls)
    theirs = shake_hands(stream, node, cookie, me, creation=creation, challenge=challenge, width=width, behind=behind)
    peer.flags, peer.creation = theirs.flags, theirs.creation
    return peer


def greets(stream: Stream, node: NodeName) -> bool:
    """Return whether a node answers in plain text; no cookie is used."""
    return handshake.greets_back(stream, own_name(node), creation=secrets.choice(range(4, 1 << 32)))


def _judge(call: Call, value: Term) -> Term | CallFailed:
    match value:
        case (Atom("badrpc"), reason):
            return CallFailed(f"{call} failed on the node: {show_term(reason)}")
    return value
