from __future__ import annotations

import json
import struct
import traceback
from typing import Any

import pytest
from beam_streams import CAPTURES, RELEASES, Endless, Peer, Replay, capture
from hypothesis import given
from hypothesis import strategies as st

from deployer.beam import distribution, etf, handshake
from deployer.beam.distribution import Call, connect
from deployer.beam.handshake import FrameWidth
from deployer.beam.names import NodeName, parse_node
from deployer.beam.stream import Stream
from deployer.beam.term import Atom, Pid, Term
from deployer.errors import ProbeError
from deployer.model import Secret

COOKIE = Secret("q7Xk2ZbW9mTfJ4sLr8VyHd3NcPg6AaEu5RiKo1tQzMw", "cluster.cookie")
NODE, ME = NodeName("shop", "127.0.0.1"), NodeName("deployer-0badcafe", "127.0.0.1")
OURS, THEIRS = 0x0A0B0C0D, 0x01020304

CALLS = {
    "erlang:nodes/0": Call("erlang", "nodes"),
    "erlang:system_info/1": Call("erlang", "system_info", [Atom("otp_release")]),
    "application:which_applications/0": Call("application", "which_applications"),
    "init:get_status/0": Call("init", "get_status"),
    "persistent_term:get/1": Call("persistent_term", "get", [Atom("zoo")]),
    "no_such_module:nor_function/1": Call("no_such_module", "nor_function", [1]),
    "timer:sleep/1": Call("timer", "sleep", [2500]),
}


def replayed(seen: dict[str, Any], stream: Stream) -> list[Term | distribution.CallFailed]:
    node, me = parse_node(seen["node"]), parse_node(seen["me"])
    peer = connect(stream, node, Secret(seen["cookie"]), me=me, creation=seen["creation"], challenge=seen["challenge"])
    return [answer for name in seen["calls"] for answer in peer.calls([CALLS[name]])]


def handshakes() -> list[str]:
    found = [path.relative_to(CAPTURES) for otp in RELEASES for path in sorted((CAPTURES / otp).glob("*.json"))]
    return [str(path) for path in found if not path.name.startswith("epmd_")]


@pytest.mark.parametrize("path", handshakes())
def test_a_captured_conversation_is_held_again_byte_for_byte(path: str) -> None:
    seen = json.loads((CAPTURES / path).read_text())
    stream = Replay(seen["log"])
    try:
        replayed(seen, stream)
        outcome = "ok"
    except distribution.DistributionError as error:
        outcome = type(error).__name__
    assert outcome == seen["outcome"]
    assert stream.left == []


@pytest.mark.parametrize("otp", RELEASES)
def test_a_real_node_answers_calls_with_terms(otp: str) -> None:
    def answer(title: str) -> Term | distribution.CallFailed:
        seen = capture(otp, title)
        return replayed(seen, Replay(seen["log"]))[-1]

    assert answer("call_nodes") == []
    assert answer("call_release") == [ord(digit) for digit in otp.removeprefix("otp")]
    assert answer("call_status") == (Atom("started"), Atom("started"))
    applications = answer("call_applications")
    assert isinstance(applications, list)
    assert {application[0] for application in applications if isinstance(application, tuple)} == {
        Atom("kernel"),
        Atom("stdlib"),
    }
    assert answer("tick") == []
    failed = answer("call_undefined")
    assert isinstance(failed, distribution.CallFailed)
    assert str(failed).startswith("no_such_module:nor_function/1 failed on the node: {'EXIT',{undef,")


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


@pytest.mark.parametrize("status", [b"sok", b"sok_simultaneous", b"salive"])
@pytest.mark.parametrize("step", [1, 3, 1000])
def test_a_node_with_our_cookie_lets_us_in_however_its_bytes_arrive(status: bytes, step: int) -> None:
    peer = shake(Peer(node_says(status), step=step))
    assert (peer.node, peer.flags, peer.creation) == (NODE, handshake.FLAGS, 7)


def test_a_node_that_holds_a_dead_connection_of_ours_is_told_to_take_this_one() -> None:
    stream = Peer(node_says(b"salive"))
    shake(stream)
    assert frame(b"strue") in stream.sent


def test_under_tls_every_length_has_four_bytes() -> None:
    stream = Peer(node_says(width=4))
    shake(stream, width=4)
    assert stream.sent.startswith(frame(handshake.encode_send_name(ME, 5), 4))
    assert stream.sent.endswith(frame(handshake.encode_challenge_reply(COOKIE, THEIRS, OURS), 4))


@pytest.mark.parametrize(
    ("says", "end", "error"),
    [
        (b"", None, distribution.NobodyAnswers),
        (b"", TimeoutError(), distribution.NotAlive),
        (b"", ConnectionResetError(), distribution.NobodyAnswers),
        (b"\0", None, distribution.NobodyAnswers),
        (b"\x15\x03\x01\0\x02\x02\x46", None, distribution.DemandsTls),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", TimeoutError(), distribution.ProtocolError),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", None, distribution.ProtocolError),
        (frame(b""), None, distribution.ProtocolError),
        (frame(b"xok"), None, distribution.ProtocolError),
        (frame(b"s\xff"), None, distribution.ProtocolError),
        (frame(b"swhatever"), None, distribution.ProtocolError),
        (frame(b"snamed:x@y"), None, distribution.ProtocolError),
        (frame(b"snot_allowed"), None, distribution.NotAllowed),
        (frame(b"snok"), None, distribution.NotAlive),
        (frame(b"sok"), None, distribution.NotAlive),
        (frame(b"sok"), TimeoutError(), distribution.NotAlive),
        (frame(b"salive"), ConnectionResetError(), distribution.NotAlive),
        (node_says(b"sok", challenge(b"other@127.0.0.1")), None, distribution.WrongNode),
        (node_says(b"sok", challenge(b"shop@127.0.0.1\n")), None, distribution.WrongNode),
        (node_says(b"sok", challenge(b"\xff" * 300)), None, distribution.WrongNode),
        (node_says(b"sok", challenge(size=15)), None, distribution.ProtocolError),
        (node_says(b"sok", challenge(size=65535)), None, distribution.ProtocolError),
        (node_says(b"sok", challenge(tag=b"n")), None, distribution.ProtocolError),
        (node_says(b"sok", challenge(tag=b"x")), None, distribution.ProtocolError),
        (node_says(b"sok", b"N"), None, distribution.ProtocolError),
        (frame(b"sok") + b"\xff\xff", None, distribution.ProtocolError),
        (node_says(b"sok", challenge()), None, distribution.WrongCookie),
        (node_says(b"sok", challenge()), ConnectionResetError(), distribution.WrongCookie),
        (node_says(b"sok", challenge()), TimeoutError(), distribution.NotAlive),
        (node_says(b"sok", challenge(), b"a"), None, distribution.ProtocolError),
        (node_says(b"sok", challenge(), b"b" + bytes(16)), None, distribution.ProtocolError),
        (node_says(b"sok", challenge(), b"a" + bytes(16)), None, distribution.Impostor),
        (node_says(b"sok", challenge(), ack(Secret("another"))), None, distribution.Impostor),
    ],
)
def test_each_wrong_answer_has_its_own_error(says: bytes, end: Exception | None, error: type[ProbeError]) -> None:
    with pytest.raises(distribution.DistributionError) as raised:
        shake(Peer(says, end=end))
    assert type(raised.value) is error
    assert raised.value.message.isprintable()
    assert COOKIE.reveal() not in "".join(traceback.format_exception(raised.value))


def test_a_stranger_on_the_port_learns_no_digest() -> None:
    stream = Peer(node_says(b"sok", challenge(b"other@127.0.0.1")))
    with pytest.raises(distribution.WrongNode):
        shake(stream)
    assert stream.sent == frame(handshake.encode_send_name(ME, 5))


def test_a_peer_that_never_ends_is_left_at_once() -> None:
    endless = Endless(b"\x00\xff", b"s")
    with pytest.raises(distribution.DistributionError):
        shake(endless)
    assert endless.given < 2000


def test_the_own_name_is_fresh_and_of_the_kind_of_the_node() -> None:
    names = {distribution.own_name(NODE) for _ in range(20)}
    assert len(names) == 20
    assert {name.naming for name in names} == {"long"}
    assert distribution.own_name(NodeName("a", "host")).naming == "short"


def test_defaults_are_drawn_anew_for_each_connection() -> None:
    sent = set()
    for _ in range(5):
        stream = Peer(frame(b"snok"))
        with pytest.raises(distribution.NotAlive):
            connect(stream, NODE, COOKIE)
        sent.add(bytes(stream.sent))
    assert len(sent) == 5


def answer(number: int, value: Term, tag: str = "rex", kind: int = 2, to: NodeName = ME) -> bytes:
    control = etf.encode((kind, Atom(""), Pid(str(to), number, 0, 5)))
    return frame(b"p" + control + etf.encode((Atom(tag), value)), 4)


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
    strange = frame(b"p" + etf.encode((4, Atom("x"))), 4)
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


@given(st.binary(max_size=200), st.integers(0, 3), st.booleans())
def test_no_bytes_make_the_handshake_fail_untyped(noise: bytes, sound: int, framed: bool) -> None:
    whole = [frame(b"sok"), frame(challenge()), frame(ack())]
    stream = Peer(b"".join(whole[:sound]) + (frame(noise, 4 if sound == 3 else 2) if framed else noise))
    try:
        shake(stream).call("m", "f")
    except ProbeError as error:
        assert error.message.isprintable()


@given(st.binary(max_size=200))
def test_no_frame_makes_the_answer_reader_fail_untyped(noise: bytes) -> None:
    control = etf.encode((2, Atom(""), Pid(str(ME), 1, 0, 5)))
    for body in (noise, b"p\x83" + noise, b"p" + control + noise):
        try:
            number, _ = distribution.decode_answer(body, str(ME))
        except ProbeError:
            continue
        assert number >= 0
