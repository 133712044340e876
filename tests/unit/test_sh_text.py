"""Shell text: a value becomes one literal word, whatever is in it, or it is refused."""

from __future__ import annotations

import subprocess
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.model import Secret
from deployer.sh import Sh, lines, sh

HOSTILE = [
    "'; touch canary; $(touch canary)",
    "`id`",
    "a\nb",
    "$HOME",
    "\\",
    "'",
    '"',
    "",
    "-n",
    "*",
    "~",
    "\udcff",
    "{}",
]


def words_of(text: Sh, shell: str) -> list[bytes]:
    """Let a real shell read the text and say which words it found."""
    script = sh('set -- {}; for word do printf "%s\\0" "$word"; done', text).text.encode("utf-8", "surrogateescape")
    said = subprocess.run([shell], input=script, capture_output=True, check=True, env={"LC_ALL": "C"})
    return said.stdout.split(b"\0")[:-1]


@pytest.mark.parametrize("shell", ["dash", "bash"])
@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_arrives_as_one_literal_word(shell: str, value: str) -> None:
    assert words_of(sh("{}", value), shell) == [value.encode("utf-8", "surrogateescape")]


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1, max_size=5))
def test_any_list_arrives_word_by_word(values: list[str]) -> None:
    assert words_of(sh("{}", values), "dash") == [value.encode() for value in values]


def test_a_path_and_a_number_are_words() -> None:
    assert sh("install -m {} {}", 600, PurePosixPath("/a b")).text == "install -m 600 '/a b'"


def test_shell_text_is_inserted_as_it_is_and_braces_are_doubled() -> None:
    assert sh("{{ {}; }}", Sh("echo hi")).text == "{ echo hi; }"


def test_braces_in_a_value_are_not_placeholders() -> None:
    assert sh("echo {} {}", "{0}", "{}").text == "echo '{0}' '{}'"


@pytest.mark.parametrize("value", [Secret("canary"), True, None, 1.5, b"bytes", object(), ["ok", Secret("canary")]])
def test_what_is_no_word_is_refused(value: object) -> None:
    with pytest.raises(TypeError) as caught:
        sh("{}", value)  # type: ignore[arg-type]
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("value", ["a\0b", ["a", "\0"]])
def test_a_nul_byte_is_refused(value: str | list[str]) -> None:
    with pytest.raises(ValueError, match="NUL"):
        sh("{}", value)


def test_an_f_string_cannot_add_shell_text_to_text() -> None:
    with pytest.raises(TypeError):
        "rm " + sh("{}", "x")  # type: ignore[operator]


def test_pieces_are_joined_one_a_line() -> None:
    assert lines(sh("a"), sh("b {}", "c d")).text == "a\nb 'c d'"


def test_a_value_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match="more values than places"):
        sh("trusted {} /opt", "/opt/demo", "demo.service")
