"""What a call prints comes to whoever asked, in each form of Erlang's I/O protocol; nothing can be read there."""

from __future__ import annotations

import pytest

from deployer.beam import etf
from deployer.beam.distribution import Call, CallFailed, NotAlive
from deployer.beam.leader import call_aloud
from deployer.beam.term import Atom, Pid, Term
from tests.unit.beam.distribution_kit import ME, node_says, shake

THEIR = Pid("shop@127.0.0.1", 77, 0, 7)
MARK = Atom("mark")
LEADER, CALL = 1, 2
"""Numbers that a fresh peer gives: to its leader, and to the call."""


class Node:
    """Says what it is told to say, and keeps what it hears."""

    def __init__(self, *said: tuple[int, Term]) -> None:
        self._left = node_says() + b"".join(_frame(to, message) for to, message in said)
        self.heard = b""

    def send(self, data: bytes, /) -> None:
        self.heard += data

    def recv(self, n: int, /) -> bytes:
        now, self._left = self._left[:n], self._left[n:]
        return now

    def close(self) -> None:
        pass


def _frame(to: int, message: Term) -> bytes:
    body = b"p" + etf.encode_term((2, Atom(""), Pid(str(ME), to, 0, 5))) + etf.encode_term(message)
    return len(body).to_bytes(4, "big") + body


def request(*words: Term) -> tuple[int, Term]:
    return LEADER, (Atom("io_request"), THEIR, MARK, words if len(words) > 1 else words[0])


DONE = (CALL, (Atom("rex"), Atom("ok")))


@pytest.mark.parametrize(
    ("asked", "printed", "answer"),
    [
        ((Atom("put_chars"), Atom("unicode"), ["grüße".encode(), 10]), "grüße\n", Atom("ok")),
        ((Atom("put_chars"), [b"as to an old node", [0x2603]]), "as to an old node☃", Atom("ok")),
        ((Atom("put_chars"), Atom("latin1"), b"\xe9"), "é", Atom("ok")),
        ((Atom("requests"), [(Atom("put_chars"), b"a"), (Atom("put_chars"), b"b")]), "ab", Atom("ok")),
        ((Atom("put_chars"), [1 << 30]), "", (Atom("error"), Atom("put_chars"))),
        ((Atom("get_line"), b"name? "), "", Atom("eof")),
        ((Atom("get_geometry"), Atom("columns")), "", (Atom("error"), Atom("enotsup"))),
    ],
)
def test_what_is_printed_is_written_and_answered(asked: tuple[Term, ...], printed: str, answer: Term) -> None:
    written: list[str] = []
    node = Node(request(*asked), DONE)
    with shake(node) as peer:
        assert call_aloud(peer, Call("m", "f"), written.append) == Atom("ok")
    assert "".join(written) == printed
    assert etf.encode_term((Atom("io_reply"), MARK, answer)) in node.heard


def test_text_that_only_the_node_can_make_is_made_there() -> None:
    written: list[str] = []
    made = (3, (Atom("rex"), [b"made", [32, b"there"]]))
    node = Node(request(Atom("put_chars"), Atom("io_lib"), Atom("format"), [b"~p", [1]]), made, DONE)
    with shake(node) as peer:
        call_aloud(peer, Call("m", "f"), written.append)
    assert written == ["made there"]
    assert etf.encode_term(Atom("io_lib"))[1:] in node.heard


def test_a_call_that_fails_says_so_and_a_node_that_goes_away_does_not_hang_us() -> None:
    with shake(Node((CALL, (Atom("rex"), (Atom("badrpc"), Atom("undef")))))) as peer, pytest.raises(CallFailed):
        call_aloud(peer, Call("m", "f"), print)
    with shake(Node()) as peer, pytest.raises(NotAlive, match="closed the connection"):
        call_aloud(peer, Call("m", "f"), print)
