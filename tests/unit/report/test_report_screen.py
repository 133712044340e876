"""Hostile words, narrow terminals and live lines: what reaches the screen."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from deployer.events import (
    Event,
    PlayEnded,
    PlayStarted,
    RungRead,
    Stage,
    StepDone,
)
from deployer.model import Change
from deployer.report.plain import problem
from tests.unit.report.terminal_kit import EVIL, ended, planned, play, report

HOSTILE = (
    *play(
        planned("a", EVIL, "change", Change("mode", EVIL, EVIL), reason=EVIL),
        planned("a", "t", "change", Change("content", EVIL + "\n", "\n")),
        StepDone("a", EVIL, EVIL, 1, 0.1, EVIL),
        RungRead("a", "n@a", 2, "unit", False, EVIL, EVIL),
        ended("a", "failed", EVIL),
    ),
)


@pytest.mark.parametrize("terminal", [False, True])
def test_a_host_cannot_forge_what_is_printed(terminal: bool) -> None:
    shown = report(*HOSTILE, show_diff=True, verbosity=2, terminal=terminal)
    assert "\x1b[2J" not in shown
    assert "\u202e" not in shown
    assert "ok\r" not in shown
    assert r"ok\x0d\x1b[2Jforged\u202e\xff" in shown


def test_words_in_brackets_are_not_markup() -> None:
    assert "[bold]x[/bold]" in report(*play(ended("a", "failed", "[bold]x[/bold]")))


def test_nothing_is_cut_or_wrapped_on_a_narrow_terminal() -> None:
    assert "word " * 40 + "end" in report(*play(ended("a", "failed", "word " * 40 + "end")), width=40)


def test_the_live_line_runs_only_on_a_terminal_and_goes_away() -> None:
    events = (PlayStarted("site", "plan", ("a",)), Stage("a", "probe"), ended("a"), PlayEnded("site", 1.0))
    assert "\x1b[" not in report(*events)
    assert "\x1b[" in report(*events, terminal=True)


def test_an_error_before_any_host_is_a_sentence_and_a_next_step() -> None:
    out = io.StringIO()
    problem(Console(file=out, width=40), "site.yml:3: port is wrong\x1b[31m\n  give another")
    assert out.getvalue() == "error: site.yml:3: port is wrong\\x1b[31m\n    give another\n"


def test_an_event_nobody_knows_is_an_error_not_silence() -> None:
    class Strange(Event):
        pass

    with pytest.raises(TypeError, match="Strange"):
        report(Strange())
