"""Host output is data: whatever it holds, the terminal only ever prints it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.model import Change
from deployer.report.plain import by_number, diff, is_text, safe, short, summary

FORGERIES = {
    "colour": ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
    "title": ("\x1b]0;owned\x07", r"\x1b]0;owned\x07"),
    "overwrite": ("failed\rok    ", r"failed\x0dok    "),
    "backspace": ("no\b\bok", r"no\x08\x08ok"),
    "8-bit control": ("\x9b31m", r"\x9b31m"),
    "right to left": ("ab\u202edc", r"ab\u202edc"),
    "isolate": ("\u2066x\u2069", r"\u2066x\u2069"),
    "zero width": ("a\u200bb", r"a\u200bb"),
    "line separator": ("a\u2028b", r"a\u2028b"),
    "byte order mark": ("\ufeffx", r"\ufeffx"),
    "undecodable byte": ("caf\udce9", r"caf\xe9"),
    "lone surrogate": ("\ud800", r"\ud800"),
    "nul": ("a\0b", r"a\x00b"),
    "tag character": ("\U000e0041", r"\U000e0041"),
    "plain words": ("naïve 日本 ✓\n\tdone", "naïve 日本 ✓\n\tdone"),
    "markup": ("[bold red]x[/]", "[bold red]x[/]"),
    "template": ("{{7*7}} ${x}", "{{7*7}} ${x}"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_what_could_move_hide_or_reorder_is_shown_as_an_escape(name: str) -> None:
    given_text, shown = FORGERIES[name]
    assert safe(given_text) == shown


@given(st.text(st.characters()))
def test_any_text_becomes_printable_and_encodable(text: str) -> None:
    shown = safe(text)
    assert shown.encode().decode() == shown
    assert all(char in "\n\t" or unicodedata.category(char)[0] != "C" for char in shown)


def test_a_value_is_one_line_and_cut() -> None:
    assert short(None) == "absent"
    assert short("a\nb") == r"a\nb"
    assert short("x" * 101) == "x" * 100 + "…"
    assert short("x" * 100) == "x" * 100


def test_a_change_is_summed_up_on_one_line() -> None:
    assert summary(Change("mode", None, "0644")) == "mode: absent → 0644"
    assert summary(Change("content", "a\nb\n", "a\n")) == "content: 2 → 1 lines"
    assert is_text(Change("content", None, "a\n"))
    assert not is_text(Change("mode", "0600", None))


def test_a_diff_shows_what_changes_and_nothing_that_could_harm() -> None:
    shown = list(diff(Change("content", "a\nb\n", "a\n\x1b[31mc\n")))
    assert shown == ["--- before", "+++ after", "@@ -1,2 +1,2 @@", " a", "-b", r"+\x1b[31mc"]


def test_a_long_diff_is_cut_and_says_so() -> None:
    shown = list(diff(Change("content", "", "".join(f"{i}\n" for i in range(1000)))))
    assert len(shown) == 401
    assert shown[-1] == "… 603 more lines"


def test_hosts_are_sorted_as_a_person_counts() -> None:
    names = ["web10", "web2", "10.0.0.9", "db1-b2", "10.0.0.10", "db1-b11", "web", "web02"]
    assert sorted(names, key=by_number) == [
        "10.0.0.9",
        "10.0.0.10",
        "db1-b2",
        "db1-b11",
        "web",
        "web2",
        "web02",
        "web10",
    ]
