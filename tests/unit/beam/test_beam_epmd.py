"""EPMD asked for one name and for all: real answers, odd ones, endless ones."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.beam import epmd
from deployer.errors import ConfigError, ProbeError
from tests.unit.beam.beam_streams import RELEASES, Endless, Peer, Replay, capture


def port2(
    *,
    opcode: int = 119,
    result: int = 0,
    port: int = 9100,
    name: bytes = b"shop",
    size: int | None = None,
    extra: bytes = b"",
    extra_size: int | None = None,
) -> bytes:
    size = len(name) if size is None else size
    extra_size = len(extra) if extra_size is None else extra_size
    head = struct.pack("!BBHBBHHH", opcode, result, port, 77, 0, 6, 5, size)
    return head + name + struct.pack("!H", extra_size) + extra


@pytest.mark.parametrize("otp", RELEASES)
def test_the_names_of_a_real_epmd_are_read_and_asked_for_byte_for_byte(otp: str) -> None:
    seen = capture(otp, "epmd_names_two")
    stream = Replay(seen["log"])
    answer = epmd.epmd_names(stream)
    assert answer.port == 14369
    assert set(answer.nodes) == {("shop", seen["shop"]), ("back", seen["back"])}
    assert answer.odd == ()
    assert stream.left == []


@pytest.mark.parametrize("otp", RELEASES)
def test_a_real_epmd_without_nodes_lists_none(otp: str) -> None:
    assert epmd.epmd_names(Replay(capture(otp, "epmd_names_none")["log"])) == epmd.EpmdNames(14369, ())


@pytest.mark.parametrize("otp", RELEASES)
@pytest.mark.parametrize("name", ["shop", "back"])
def test_a_registered_name_is_found_at_its_port_also_when_its_node_is_hidden(otp: str, name: str) -> None:
    seen = capture(otp, f"epmd_port_{name}")
    found = epmd.port_please(Replay(seen["log"]), name)
    assert found == epmd.Registration(name, seen["port"], 77, 0, 6, 5, b"")


@pytest.mark.parametrize("otp", RELEASES)
def test_an_unregistered_name_is_none(otp: str) -> None:
    assert epmd.port_please(Replay(capture(otp, "epmd_port_none")["log"]), "none") is None


def test_requests_are_a_length_and_a_letter() -> None:
    assert epmd.encode_names().hex(" ") == "00 01 6e"
    assert epmd.encode_port_please("fake").hex(" ") == "00 05 7a 66 61 6b 65"


@pytest.mark.parametrize("name", ["", "a\nb", "a\0b", "x" * 256])
def test_a_name_that_epmd_cannot_hold_is_refused_before_it_is_sent(name: str) -> None:
    with pytest.raises(ConfigError):
        epmd.encode_port_please(name)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (b"", epmd.EpmdSilent),
        (b"w", epmd.EpmdSilent),
        (b"w\0", epmd.EpmdSilent),
        (b"w\0\x23", epmd.EpmdSilent),
        (port2()[:-1], epmd.EpmdSilent),
        (b"w\x01\0", epmd.EpmdGarbled),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", epmd.EpmdGarbled),
        (port2(opcode=118), epmd.EpmdGarbled),
        (port2(port=0), epmd.EpmdGarbled),
        (port2(name=b"shop2"), epmd.EpmdGarbled),
        (port2(name=b"shop\n"), epmd.EpmdGarbled),
        (port2(name=b"shop\0"), epmd.EpmdGarbled),
        (port2(name=b"\xff\xfe"), epmd.EpmdGarbled),
        (port2(size=3), epmd.EpmdGarbled),
        (port2(size=65535), epmd.EpmdSilent),
        (port2(extra_size=5), epmd.EpmdGarbled),
        (port2() + b"more", epmd.EpmdGarbled),
    ],
)
def test_an_odd_answer_for_one_name_is_a_typed_error(reply: bytes, error: type[epmd.EpmdError]) -> None:
    with pytest.raises(error) as raised:
        epmd.port_please(Peer(reply), "shop")
    assert isinstance(raised.value, ProbeError)
    assert str(raised.value).isprintable()


@pytest.mark.parametrize("reply", [b"", b"\0", b"\0\0\x11", b"\0\0\0\0", b"\0\1\0\0", b"HTTP/1.1 400 Bad Request"])
def test_an_odd_head_of_the_names_is_a_typed_error(reply: bytes) -> None:
    with pytest.raises(epmd.EpmdError):
        epmd.epmd_names(Peer(reply))


def test_extra_data_of_a_registration_is_kept() -> None:
    found = epmd.port_please(Peer(port2(extra=b"future")), "shop")
    assert found is not None
    assert found.extra == b"future"


@pytest.mark.parametrize(
    "line",
    [
        "name a at port 0",
        "name a at port 65536",
        "name a at port -1",
        "name  at port 1",
        "name a b at port 1",
        "\x1b[2Jx",
        "name a\x07 at port 1",
        "active name <a> at port 1, fd = 5",
        "name a at port 1 ",
        "name a at port ١",
    ],
)
def test_an_odd_line_is_flagged_escaped_and_does_not_hide_the_others(line: str) -> None:
    answer = epmd.epmd_names(
        Peer(struct.pack("!I", 4369) + f"name b at port 9100\n{line}\nname c at port 9101\n".encode())
    )
    assert answer.nodes == (("b", 9100), ("c", 9101))
    assert len(answer.odd) == 1
    assert answer.odd[0].isprintable()


def test_a_name_listed_twice_counts_once_and_is_flagged() -> None:
    answer = epmd.epmd_names(Peer(struct.pack("!I", 4369) + b"name a at port 1\nname a at port 2\n"))
    assert answer.nodes == (("a", 1),)
    assert answer.odd == ("name a at port 2",)


def test_names_without_end_are_cut_at_the_limit() -> None:
    endless = Endless(struct.pack("!I", 4369), b"name a at port 1\n")
    with pytest.raises(epmd.EpmdGarbled):
        epmd.epmd_names(endless)
    assert endless.given <= epmd.NAMES_LIMIT + 1


def test_a_registration_without_end_is_cut_at_the_limit() -> None:
    endless = Endless(port2())
    with pytest.raises(epmd.EpmdGarbled):
        epmd.port_please(endless, "shop")
    assert endless.given <= epmd.REPLY_LIMIT + 1


def test_an_epmd_that_hangs_is_silent_not_a_crash() -> None:
    with pytest.raises(epmd.EpmdSilent, match="deadline"):
        epmd.port_please(Peer(b"w", end=TimeoutError()), "shop")


def test_answers_may_arrive_byte_by_byte() -> None:
    found = epmd.port_please(Peer(port2(), step=1), "shop")
    assert found is not None
    assert found.port == 9100


@given(st.binary(max_size=300), st.sampled_from(["shop", "a", "none"]))
def test_no_bytes_make_the_lookup_fail_untyped(reply: bytes, name: str) -> None:
    for candidate in (reply, b"w\0" + reply):
        try:
            found = epmd.decode_port_please(candidate, name)
        except epmd.EpmdError:
            continue
        assert found is None or (found.name == name and 1 <= found.port <= 65535)


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: b"\0\0\x11\x11" + text.encode()))
def test_no_bytes_make_the_names_fail_untyped(reply: bytes) -> None:
    try:
        answer = epmd.decode_names(reply)
    except epmd.EpmdError:
        return
    assert all(name.isprintable() and 1 <= port <= 65535 for name, port in answer.nodes)
    assert all(line.isprintable() and line.isascii() for line in answer.odd)
