"""The handshake with a node: who is let in, and what each wrong answer is called."""

from __future__ import annotations

import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.beam import distribution, handshake
from deployer.beam.distribution import connect
from deployer.beam.names import NodeName
from deployer.errors import ProbeError
from deployer.model import Secret
from tests.unit.beam.beam_streams import Endless, Peer
from tests.unit.beam.distribution_kit import COOKIE, ME, NODE, OURS, THEIRS, ack, challenge, frame, node_says, shake


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


@given(st.binary(max_size=200), st.integers(0, 3), st.booleans())
def test_no_bytes_make_the_handshake_fail_untyped(noise: bytes, sound: int, framed: bool) -> None:
    whole = [frame(b"sok"), frame(challenge()), frame(ack())]
    stream = Peer(b"".join(whole[:sound]) + (frame(noise, 4 if sound == 3 else 2) if framed else noise))
    try:
        shake(stream).call("m", "f")
    except ProbeError as error:
        assert error.message.isprintable()
