"""Terms of the external format: each tag is read, each term comes back, garbage is a typed error."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.beam import etf
from deployer.beam.distribution import decode_answer
from deployer.beam.etf_reader import DEPTH_LIMIT, INTEGER_LIMIT, TERMS_LIMIT
from deployer.beam.term import Atom, Bits, Improper, Opaque, Pid, Term, show_term, term_text
from tests.unit.beam.beam_streams import RELEASES, capture, received

NODE = b"w\x03a@h"


def read(body: bytes) -> Term:
    term, at = etf.decode_term(b"\x83" + body)
    assert at == len(body) + 1
    return term


@pytest.mark.parametrize("otp", RELEASES)
def test_every_kind_of_term_that_a_real_node_sends_is_read(otp: str) -> None:
    seen = capture(otp, "call_zoo")
    frame = received(otp, "call_zoo").partition(b"p\x83h\x03")
    number, zoo = decode_answer(b"".join(frame[1:]), seen["me"])
    assert number == 1
    assert isinstance(zoo, list)
    assert zoo[:6] == [1, 255, 256, -1, 2147483648, -123456789012345678901234567890]
    assert zoo[6] == 1 << 2100
    assert zoo[7:12] == [1.5, -0.1, b"\x01\x02\x03", Bits(b"\xa0", 3), b""]
    assert zoo[12:15] == [Atom("abc"), Atom("é"), Atom("€" * 100)]
    assert zoo[15:20] == [[], [116, 101, 120, 116], Improper((1,), 2), (), (Atom("a"), (Atom("b"),))]
    assert zoo[20:24] == [tuple(range(1, 301)), [[Atom("a"), Atom("b")], [120]], list(range(1, 301)), {}]
    assert zoo[24] == {Atom("a"): 1, b"b": [2], Opaque("Key", b"k\0\x01c"): {}}
    assert isinstance(zoo[25], Pid)
    assert zoo[25].node == "shop@127.0.0.1"
    assert [opaque.kind for opaque in zoo[26:30] if isinstance(opaque, Opaque)] == ["Ref", "Port", "Fun", "Fun"]
    assert zoo[30:] == [Atom("true"), Atom("undefined")]


@pytest.mark.parametrize("otp", RELEASES)
def test_what_was_read_is_written_so_that_it_reads_the_same(otp: str) -> None:
    frame = received(otp, "call_zoo").partition(b"p\x83h\x03")
    _, zoo = decode_answer(b"".join(frame[1:]), capture(otp, "call_zoo")["me"])
    assert etf.decode_term(etf.encode_term(zoo))[0] == zoo


@pytest.mark.parametrize(
    ("body", "term"),
    [
        (b"a\xff", 255),
        (b"b\xff\xff\xff\xff", -1),
        (b"F" + struct.pack("!d", 0.25), 0.25),
        (b"c" + b"2.50000000000000000000e-01".ljust(31, b"\0"), 0.25),
        (b"d\0\x01\xe9", Atom("é")),
        (b"s\x01\xe9", Atom("é")),
        (b"v\0\x02\xc3\xa9", Atom("é")),
        (b"w\x02\xc3\xa9", Atom("é")),
        (b"n\x02\x01\x00\x01", -256),
        (b"o\0\0\0\x01\x00\x07", 7),
        (b"h\x02a\x01j", (1, [])),
        (b"i\0\0\0\x01a\x01", (1,)),
        (b"k\0\x02ab", [97, 98]),
        (b"l\0\0\0\x01a\x01l\0\0\0\x01a\x02j", [1, 2]),
        (b"m\0\0\0\x02\0\xff", b"\0\xff"),
        (b"M\0\0\0\x01\x03\xa0", Bits(b"\xa0", 3)),
        (b"t\0\0\0\x01" + NODE + b"a\x01", {Atom("a@h"): 1}),
        (b"g" + NODE + struct.pack("!IIB", 1, 2, 3), Pid("a@h", 1, 2, 3)),
        (b"X" + NODE + struct.pack("!III", 1, 2, 3), Pid("a@h", 1, 2, 3)),
        (b"f" + NODE + bytes(5), Opaque("Port", b"f" + NODE + bytes(5))),
        (b"Y" + NODE + bytes(8), Opaque("Port", b"Y" + NODE + bytes(8))),
        (b"x" + NODE + bytes(12), Opaque("Port", b"x" + NODE + bytes(12))),
        (b"e" + NODE + bytes(5), Opaque("Ref", b"e" + NODE + bytes(5))),
        (b"r\0\x02" + NODE + bytes(9), Opaque("Ref", b"r\0\x02" + NODE + bytes(9))),
        (b"Z\0\x02" + NODE + bytes(12), Opaque("Ref", b"Z\0\x02" + NODE + bytes(12))),
        (b"p\0\0\0\x06ab", Opaque("Fun", b"p\0\0\0\x06ab")),
        (b"q" + NODE + NODE + b"a\x01", Opaque("Fun", b"q" + NODE + NODE + b"a\x01")),
    ],
)
def test_each_tag_old_and_new_is_read(body: bytes, term: Term) -> None:
    assert read(body) == term


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00",
        b"R\x00",  # an atom of a cache that was not agreed on
        b"P\0\0\0\x05" + b"x\x9c",  # compressed
        b"yxxxx",  # local
        b"u\0\0\0\0",
        b"a",
        b"b\0\0\0",
        b"w\x05ab",
        b"w\x01\xff",
        b"v\x01\x00" + b"a" * 256,
        b"h\x02a\x01",
        b"i\xff\xff\xff\xff",
        b"l\xff\xff\xff\xffj",
        b"t\xff\xff\xff\xff",
        b"m\xff\xff\xff\xff",
        b"o\xff\xff\xff\xff\0",
        b"o" + struct.pack("!I", INTEGER_LIMIT + 1) + bytes(INTEGER_LIMIT + 2),
        b"F" + struct.pack("!d", float("nan")),
        b"F" + struct.pack("!d", float("inf")),
        b"c" + b"nan".ljust(31, b"\0"),
        b"c" + b"many".ljust(31, b"\0"),
        b"M\0\0\0\x01\x09\xff",
        b"M\0\0\0\x01\x00\xff",
        b"t\0\0\0\x02a\x01ja\x01j",
        b"X" + b"a\x01" + bytes(12),
        b"p\0\0\0\x03",
        b"p\xff\xff\xff\xff",
        b"qa\x01a\x01a\x01",
        b"Z\xff\xff" + NODE + bytes(12),
    ],
)
def test_what_is_no_term_is_a_typed_error(body: bytes) -> None:
    with pytest.raises(etf.EtfError):
        etf.decode_term(b"\x83" + body)


def test_a_term_without_its_version_is_refused() -> None:
    with pytest.raises(etf.EtfError, match="version"):
        etf.decode_term(b"\x82a\x01")


@pytest.mark.parametrize("opening", [b"h\x01", b"l\0\0\0\x01", b"t\0\0\0\x01a\x01"])
def test_nesting_ends_at_the_depth_limit_not_at_the_stack(opening: bytes) -> None:
    assert read(b"h\x01" * (DEPTH_LIMIT - 1) + b"j") is not None
    with pytest.raises(etf.EtfError, match="deeply"):
        etf.decode_term(b"\x83" + opening * 100_000 + b"j")


def test_the_number_of_terms_is_limited() -> None:
    with pytest.raises(etf.EtfError, match="too large"):
        etf.decode_term(b"\x83l" + struct.pack("!I", TERMS_LIMIT) + b"j" * (TERMS_LIMIT + 1))


def test_a_huge_message_is_refused_unread() -> None:
    with pytest.raises(etf.EtfError, match="too large"):
        etf.decode_term(bytes((16 << 20) + 1))


@pytest.mark.parametrize("wrong", ["text", None, {1, 2}, bytearray(b"x")])
def test_what_has_no_external_form_is_a_programming_error(wrong: object) -> None:
    with pytest.raises(TypeError):
        etf.encode_term((wrong,))  # type: ignore[arg-type]


def test_booleans_are_written_as_atoms() -> None:
    assert etf.decode_term(etf.encode_term([True, False]))[0] == [Atom("true"), Atom("false")]


def test_an_atom_is_not_its_text() -> None:
    assert Atom("a") != "a"
    assert str(Atom("a")) == "a"


@pytest.mark.parametrize(
    ("term", "shown"),
    [
        ((Atom("badrpc"), (Atom("EXIT"), [1, 2.5])), "{badrpc,{'EXIT',[1,2.5]}}"),
        ([104, 105], '"hi"'),
        ([1, 2], "[1,2]"),
        ([], "[]"),
        (b"hi\x1b[2J", '<<"hi\\x1b[2J">>'),
        ({Atom("a"): ()}, "#{a,{}}"),
        (Pid("a@h", 1, 2, 3), "<a@h.1.2>"),
        (Atom("it's"), "'it's'"),
        (Atom(""), "''"),
        (Improper((1,), 2), "[1|2]"),
        (Bits(b"\xa0", 3), "#Bits<1>"),
        (Opaque("Ref", b"x"), "#Ref<>"),
    ],
)
def test_a_term_is_shown_about_as_the_shell_does(term: Term, shown: str) -> None:
    assert show_term(term) == shown


def test_only_text_has_a_text() -> None:
    assert [term_text(term) for term in ([104, 105], b"hi", Atom("hi"))] == ["hi"] * 3
    assert [term_text(term) for term in ([1.5], [-1], (1,), 5, [1 << 21])] == [None] * 5


scalars = (
    st.integers(-(1 << 300), 1 << 300) | st.floats(allow_nan=False, allow_infinity=False) | st.binary(max_size=40)
    | st.text(max_size=20).filter(lambda name: name.isprintable()).map(Atom)
    | st.builds(Pid, st.just("a@h"), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
    | st.builds(Bits, st.binary(min_size=1, max_size=3), st.integers(1, 7))
)  # fmt: skip
keys = st.integers() | st.binary(max_size=9) | st.tuples(st.integers())
terms = st.recursive(
    scalars,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=30,
)


@given(terms)
def test_every_term_survives_writing_and_reading(term: Term) -> None:
    assert etf.decode_term(etf.encode_term(term))[0] == term


@given(terms)
def test_a_shown_term_is_printable_and_short(term: Term) -> None:
    shown = show_term(term)
    assert shown.isprintable()
    assert shown.isascii()
    assert len(shown) <= 403


@given(st.binary(max_size=400), st.sampled_from([b"", b"h\x03", b"l\0\0\0\x05", b"t\0\0\0\x02", b"Xw\x03a@h"]))
def test_no_bytes_make_the_reader_fail_untyped(body: bytes, head: bytes) -> None:
    try:
        term, at = etf.decode_term(b"\x83" + head + body)
    except etf.EtfError:
        return
    assert at <= len(head + body) + 1
    assert show_term(term).isprintable()
