"""What a broken or hostile host may send: frames, or one of three errors, in bounded memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployer.errors import ConnectionLost, ProbeError, StepError
from deployer.sh import Frame, Program, Sh, decode
from deployer.sh.answers import BODY_LIMIT
from tests.unit.sh_runner import stream

MARKER = "@0123456789abcdef"
ASKED = Program((Sh(":"), Sh(":")), marker=MARKER)
STEPS = Program((Sh(":"), Sh(":")), marker=MARKER, writes=True)
START = f"\n{MARKER} start\n"


def said(*parts: str) -> bytes:
    return "".join([START, *parts]).encode()


def head(index: object, rc: object, size: object, body: str = "") -> str:
    return f"{MARKER} {index} {rc} {size}\n{body}"


END = head("end", 0, 0)
ONE = head(0, 0, 1, "a")
TWO = head(1, 0, 1, "b")


def test_whole_answers_are_frames() -> None:
    assert list(decode(ASKED, stream(said(ONE, TWO, END), 1))) == [Frame(0, 0, "a"), Frame(1, 0, "b")]


def test_what_a_step_says_before_its_end_is_heard_and_is_no_answer() -> None:
    heard: list[str] = []
    listening = replace(STEPS, hear=heard.append)
    parts = head("said", 0, 2, "a\n"), ONE, head("said", 0, 0), head("said", 0, 3, "b c"), TWO, END
    assert list(decode(listening, stream(said(*parts), 1))) == [Frame(0, 0, "a"), Frame(1, 0, "b")]
    assert heard == ["a\n", "", "b c"]
    with pytest.raises(ProbeError, match="damaged frame"):
        list(decode(STEPS, stream(said(*parts))))
    with pytest.raises(ProbeError):
        list(decode(listening, stream(said(head("said", 0, -1), ONE, TWO, END))))


WRONG = {
    "no marker": said("hello\n"),
    "another marker": said(ONE.replace("@", "#")),
    "too few words": said(f"{MARKER} 0 0\n"),
    "letters for numbers": said(head(0, "x", 1, "a")),
    "a negative length": said(head(0, 0, -1), TWO, END),
    "a negative status": said(head(0, -1, 1, "a"), TWO, END),
    "a status above 255": said(head(0, 256, 1, "a"), TWO, END),
    "out of order": said(TWO, ONE, END),
    "twice the same": said(ONE, ONE, END),
    "one too few": said(ONE, END),
    "one too many": said(ONE, TWO, head(2, 0, 1, "c"), END),
    "too large": said(head(0, 0, BODY_LIMIT + 1)),
    "numbers without end": said(head(0, 0, "9" * 5000)),
    "a line without end": said(head(0, 0, "9" * 300_000)),
    "a length that lies": said(head(0, 0, 0, "a"), TWO, END),
    "noise without end": b"x" * (BODY_LIMIT + 1_000_000),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_is_a_probe_error(name: str) -> None:
    with pytest.raises(ProbeError):
        list(decode(ASKED, stream(WRONG[name], 30_000)))


@pytest.mark.parametrize("keep", range(len(said(ONE, TWO, END))))
def test_an_answer_cut_anywhere_is_a_lost_connection(keep: int) -> None:
    with pytest.raises(ConnectionLost):
        list(decode(ASKED, stream(said(ONE, TWO, END)[:keep])))


def test_a_refusal_tells_why() -> None:
    with pytest.raises(StepError, match="no room"):
        list(decode(STEPS, stream(said(head("end", 1, 7, "no room")))))


def test_a_program_of_steps_may_end_after_a_failure_only() -> None:
    bad = head(0, 1, 3, "why")
    assert list(decode(STEPS, stream(said(bad, END)))) == [Frame(0, 1, "why")]
    for wrong in (said(ONE, END), said(bad, TWO, END)):
        with pytest.raises(ProbeError):
            list(decode(STEPS, stream(wrong)))


def test_answers_that_are_too_large_together_are_refused() -> None:
    many = Program(tuple(Sh(":") for _ in range(9)), marker=MARKER)

    def host() -> Iterator[bytes]:
        yield START.encode()
        for index in range(9):
            yield head(index, 0, BODY_LIMIT).encode()
            yield from [b"x" * 1024 * 1024] * 8

    with pytest.raises(ProbeError, match="answers are too large"):
        for _ in decode(many, host()):
            pass


def test_noise_does_not_pile_up_in_memory() -> None:
    def host() -> Iterator[bytes]:
        while True:
            yield b"noise" * 1000

    tracemalloc.start()
    with pytest.raises(ProbeError):
        list(decode(ASKED, host()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1024 * 1024


PIECES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([START.encode(), ONE.encode(), TWO.encode(), END.encode(), MARKER.encode(), b"\n", b" 0 0 "]),
)


@given(st.lists(PIECES, max_size=12), st.booleans(), st.integers(1, 40))
@settings(max_examples=4 * settings().max_examples)
def test_any_bytes_give_frames_or_a_known_error(pieces: list[bytes], writes: bool, size: int) -> None:
    program = STEPS if writes else ASKED
    try:
        found = list(decode(program, stream(b"".join(pieces), size)))
    except (ProbeError, ConnectionLost, StepError):
        return
    assert [frame.index for frame in found] == list(range(len(found)))
    assert len(found) <= len(program.fragments)
