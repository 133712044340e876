"""What is asked at the terminal, and where there is none."""

from __future__ import annotations

import subprocess
import sys

import pytest

ASK = """
from deployer.options import ask_hidden, ask_open
from deployer.errors import ConfigError
try:
    print(repr({call}))
except ConfigError as error:
    print(f"{{error}}")
"""


def asked(call: str, given: str) -> tuple[str, str]:
    """Return what is printed, and what is complained of, in a session that has no terminal."""
    words = [sys.executable, "-c", ASK.format(call=call)]
    done = subprocess.run(words, input=given, capture_output=True, text=True, start_new_session=True)
    return done.stdout, done.stderr


@pytest.mark.parametrize("given", ["käse\n", "käse"])
def test_without_a_terminal_a_line_of_standard_input_is_what_is_hidden(given: str) -> None:
    assert asked('ask_hidden("sudo password")', given) == ("'käse'\n", "")


@pytest.mark.parametrize("call", ['ask_hidden("sudo password: ")', 'ask_open("sudo password", True)'])
def test_with_neither_a_terminal_nor_a_line_there_is_one_clear_error(call: str) -> None:
    said, complained = asked(call, "")
    assert said == "sudo password: nothing was given\n  type it, or give it as a line of standard input\n"
    assert complained == ""


def test_the_end_of_the_input_at_an_open_question_is_such_an_error_too() -> None:
    assert "version: nothing was given" in asked('ask_open("version", False)', "")[0]
    assert asked('ask_open("version", False)', "1.2\n") == ("version: '1.2'\n", "")
