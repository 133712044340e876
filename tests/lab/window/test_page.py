"""What docs/window.md shows, typed."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.lab.window_kit import Window

PAGE = Path(__file__).parents[3] / "docs" / "window.md"


def examples() -> list[list[str]]:
    shown = [shlex.split(line) for line in PAGE.read_text().splitlines() if line.startswith("    deployer ")]
    return [words[1:] for words in shown if words[1] in ("rpc", "eval", "run", "ssh", "logs", "top")]


@pytest.mark.parametrize("words", examples(), ids=" ".join)
def test_what_the_page_shows_is_so(window: Window, words: list[str]) -> None:
    at = words.index("-i")
    if words[0] == "top" and "--once" not in words:
        words = [*words, "--once"]
    here = [word.replace("shop", "demo") for word in (*words[:at], *words[at + 2 :])]
    ran = window(*here)
    assert (ran.code, bool(ran.out) or "--grep" in here) == (0, True), ran.err
