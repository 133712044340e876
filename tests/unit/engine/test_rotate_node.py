"""A rotation talking to a node in miniature; the lab rotates real clusters."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from deployer.beam import etf
from deployer.beam.handshake import FLAGS
from deployer.beam.term import Atom, Term
from deployer.engine.rotate import node as rotate_node
from deployer.engine.rotate.node import Accepted
from deployer.errors import DeployerError, NotConverged, StepError
from deployer.model import Secret
from deployer.sh import Frame, Program
from tests.unit.engine.ladder_kit import epmd_says, target
from tests.unit.engine.rotate_kit import NEW, OLD, OTHER


class Node:
    """A node in miniature: the handshake as ERTS describes it, and ``erlang:set_cookie/2``."""

    def __init__(self, cookie: Secret, *, sees: tuple[str, ...] = (), obeys: bool = True) -> None:
        self.cookie, self.sees, self.obeys = cookie.reveal(), sees, obeys

    def stream(self) -> Conversation:
        return Conversation(self)

    def answer(self, call: tuple[Any, ...]) -> Term:
        match call[2].name, call[3]:
            case "set_cookie", [Atom("shop@10.0.0.1"), Atom(cookie)] if self.obeys:
                self.cookie = cookie
                return Atom("true")
            case "set_cookie", args:
                return (
                    Atom("badrpc"),
                    (Atom("EXIT"), (Atom("undef"), [(Atom("erlang"), Atom("set_cookie"), args, [])])),
                )
            case "get_status", _:
                return (Atom("started"), Atom("started"))
            case "nodes", _:
                return [Atom(name) for name in self.sees]
        return []


class Conversation:
    """One connection to a node: what is sent is consumed at once, what it says waits to be read."""

    def __init__(self, node: Node) -> None:
        self.node, self.asked, self.says, self.ended = node, b"", b"", False
        self.steps = self.script()
        self.want = next(self.steps)

    def send(self, data: bytes, /) -> None:
        self.asked += data
        while not self.ended and len(self.asked) >= self.want:
            self.want = next(self.steps, 1 << 30)

    def recv(self, n: int, /) -> bytes:
        piece, self.says = self.says[:n], self.says[n:]
        return piece

    def close(self) -> None:
        self.ended = True

    def script(self) -> Iterator[int]:
        """Yields how many bytes it waits for."""
        yield from self.take(2)
        yield from self.take(int.from_bytes(self.taken))
        name = b"shop@10.0.0.1"
        challenge = b"N" + struct.pack("!QIIH", FLAGS, 77, 9, len(name)) + name
        self.says += b"\0\3sok" + len(challenge).to_bytes(2) + challenge
        yield from self.take(23)
        theirs, proof = self.taken[3:7], self.taken[7:]
        if proof != self.digest(77):
            self.ended = True
            return
        self.says += b"\0\x11a" + self.digest(int.from_bytes(theirs))
        while True:
            yield from self.take(4)
            yield from self.take(int.from_bytes(self.taken))
            _, at = etf.decode_term(self.taken, 1)
            (sender, call), _ = etf.decode_term(self.taken, at)  # type: ignore[misc]
            value = self.node.answer(call)  # type: ignore[arg-type]
            body = b"p" + etf.encode_term((2, Atom(""), sender)) + etf.encode_term((Atom("rex"), value))
            self.says += len(body).to_bytes(4) + body

    def take(self, size: int) -> Iterator[int]:
        if len(self.asked) < size:
            yield size
        self.taken, self.asked = self.asked[:size], self.asked[size:]

    def digest(self, challenge: int) -> bytes:
        return hashlib.md5(f"{self.node.cookie}{challenge}".encode(), usedforsecurity=False).digest()


class Way:
    """A connection to the host of one node; with no node, EPMD does not know the name."""

    name, host_key = "web1", "SHA256:way"

    def __init__(self, node: Node | None) -> None:
        self.node = node

    def connect(self, address: str, port: int, *, timeout: float) -> Any:
        if port == 4369:
            return epmd_says(9100 if self.node else None)
        assert self.node
        return self.node.stream()

    def run(self, program: Program, *, timeout: float) -> Iterator[Frame]:
        raise AssertionError("a node is asked over its port only")

    def close(self) -> None:
        pass


def test_a_node_says_which_cookie_it_accepts_and_whom_it_sees() -> None:
    node = Node(OLD, sees=("shop@10.0.0.2",))
    assert rotate_node.accepted(Way(node), target(), [NEW, OLD]) == Accepted(OLD, frozenset({"shop@10.0.0.2"}))


@pytest.mark.parametrize(
    ("node", "says"),
    [
        (Node(OTHER), r"shop@10\.0\.0\.1 accepts neither"),
        (None, r"shop@10\.0\.0\.1 is not registered in EPMD at 10\.0\.0\.1:4369"),
    ],
)
def test_a_node_that_is_down_or_has_a_third_cookie_is_refused_by_name(node: Node | None, says: str) -> None:
    with pytest.raises(NotConverged, match=says):
        rotate_node.accepted(Way(node), target(), [NEW, OLD])


def test_a_node_is_switched_with_the_cookie_it_has_and_also_when_it_has_restarted_since() -> None:
    node = Node(OLD, sees=("shop@10.0.0.2",))
    for _ in range(2):
        rotate_node.switch(Way(node), target(), OLD, NEW)
        assert node.cookie == NEW.reveal()
    rotate_node.prove(Way(node), target(), NEW, OLD, frozenset({"shop@10.0.0.2"}))


@pytest.mark.parametrize("node", [Node(OLD, obeys=False), Node(OTHER)])
def test_a_node_that_cannot_be_switched_is_told_without_any_cookie(node: Node) -> None:
    with pytest.raises(StepError) as caught:
        rotate_node.switch(Way(node), target(), OLD, NEW)
    error: BaseException | None = caught.value
    assert "shop@10.0.0.1" in str(error)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert not any(secret.reveal() in str(error) for secret in (NEW, OLD, OTHER))


@pytest.mark.parametrize(
    ("node", "old", "saw", "says"),
    [
        (Node(OLD), OLD, frozenset(), "accepts neither"),
        (Node(NEW), NEW, frozenset(), "still accepts the old cookie"),
        (Node(NEW, sees=("a@h",)), OLD, frozenset({"a@h", "b@h"}), "no longer sees b@h"),
    ],
)
def test_what_is_not_so_is_not_proven(node: Node, old: Secret, saw: frozenset[str], says: str) -> None:
    with pytest.raises(DeployerError, match=says):
        rotate_node.prove(Way(node), target(), NEW, old, saw)
