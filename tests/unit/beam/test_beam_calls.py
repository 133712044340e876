"""Calls on a connected node: their answers, and everything else that it may say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.beam import distribution, etf
from deployer.beam.distribution import Call
from deployer.beam.names import NodeName
from deployer.beam.term import Atom, Pid, Term
from deployer.errors import ProbeError
from tests.unit.beam.beam_streams import Peer
from tests.unit.beam.distribution_kit import COOKIE, ME, NODE, frame, node_says, shake


def answer(number: int, value: Term, tag: str = "rex", kind: int = 2, to: NodeName = ME) -> bytes:
    control = etf.encode_term((kind, Atom(""), Pid(str(to), number, 0, 5)))
    return frame(b"p" + control + etf.encode_term((Atom(tag), value)), 4)


def connected(says: bytes, end: Exception | None = None) -> tuple[distribution.Peer, Peer]:
    stream = Peer(node_says() + says, end=end)
    return shake(stream), stream


def test_answers_are_matched_to_their_calls_in_any_order() -> None:
    failed = (Atom("badrpc"), Atom("nodedown"))
    peer, _ = connected(answer(3, b"three") + answer(1, b"one") + answer(2, failed))
    one, two, three = peer.calls([Call("m", "a"), Call("m", "b"), Call("m", "c")])
    assert (one, three) == (b"one", b"three")
    assert isinstance(two, distribution.CallFailed)
    assert two.message == "m:b/0 failed on the node: nodedown"


def test_a_failed_single_call_is_raised() -> None:
    peer, _ = connected(answer(1, (Atom("badrpc"), Atom("timeout"))))
    with pytest.raises(distribution.CallFailed, match="timeout"):
        peer.call("m", "f", [1])


def test_a_late_answer_to_an_earlier_call_is_not_taken_for_a_new_one() -> None:
    peer, stream = connected(answer(1, b"first"))
    assert peer.call("m", "f") == b"first"
    stream.says = answer(1, b"again") + answer(2, b"second")
    assert peer.call("m", "f") == b"second"


def test_ticks_are_answered_and_everything_that_is_not_ours_is_skipped() -> None:
    strange = frame(b"p" + etf.encode_term((4, Atom("x"))), 4)
    others = answer(1, b"x", to=NODE) + answer(1, b"x", tag="other") + answer(1, b"x", kind=6) + answer(9, b"x")
    peer, stream = connected(bytes(4) + strange + others + bytes(4) + answer(1, b"mine", kind=22))
    before = len(stream.sent)
    assert peer.call("m", "f") == b"mine"
    assert stream.sent[before:].endswith(bytes(8))


@pytest.mark.parametrize(
    ("says", "end", "error"),
    [
        (b"", None, distribution.NotAlive),
        (b"", TimeoutError(), distribution.NotAlive),
        (b"", ConnectionResetError(), distribution.NotAlive),
        (b"\0\0\0\x05p\x83", None, distribution.NotAlive),
        (b"\xff\xff\xff\xff", None, distribution.ProtocolError),
        (frame(b"\x83D\0", 4), None, distribution.ProtocolError),
        (frame(b"p\x83", 4), None, etf.EtfError),
        (frame(b"p\x82a\x01", 4), None, etf.EtfError),
        (bytes(4) * 10_100, None, distribution.ProtocolError),
    ],
)
def test_a_call_that_gets_no_answer_is_a_typed_error(
    says: bytes, end: Exception | None, error: type[ProbeError]
) -> None:
    peer, _ = connected(says, end)
    with pytest.raises(error):
        peer.call("m", "f")


def test_leaving_the_block_closes_the_connection() -> None:
    peer, stream = connected(b"")
    with peer:
        assert not stream.closed
    assert stream.closed


def test_no_representation_of_a_peer_shows_the_cookie() -> None:
    peer, _ = connected(b"")
    assert COOKIE.reveal() not in f"{peer!r}{vars(peer)!r}"


@given(st.binary(max_size=200))
def test_no_frame_makes_the_answer_reader_fail_untyped(noise: bytes) -> None:
    control = etf.encode_term((2, Atom(""), Pid(str(ME), 1, 0, 5)))
    for body in (noise, b"p\x83" + noise, b"p" + control + noise):
        try:
            number, _ = distribution.decode_answer(body, str(ME))
        except ProbeError:
            continue
        assert number >= 0
