"""ini_file leaves a text as community.general's module of that name does, whose answers these are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deployer.errors import ConfigError
from deployer.modules.ini_file import IniFile
from tests.unit.modules.host_text import converge
from tests.unit.modules.tables import make

TEXT = "a = 1\n[s]\na=2\n;b = 3\n\n# about t\n[t]\na = 4\na = 5"
LEFT: tuple[tuple[dict[str, Any], str], ...] = (
    ({"option": "a", "value": "1"}, "a = 1\n[s]\na=2\n;b = 3\n\n# about t\n[t]\na = 4\na = 5\n"),
    ({"section": "s", "option": "b", "value": "9"}, "a = 1\n[s]\na=2\nb = 9\n\n# about t\n[t]\na = 4\na = 5\n"),
    (
        {"section": "s", "option": "c", "value": "9", "no_extra_spaces": True},
        "a = 1\n[s]\na=2\nc=9\n;b = 3\n\n# about t\n[t]\na = 4\na = 5\n",
    ),
    ({"section": "t", "option": "a", "value": "6"}, "a = 1\n[s]\na=2\n;b = 3\n\n# about t\n[t]\na = 6\n"),
    (
        {"section": "t", "option": "a", "value": "6", "exclusive": False},
        "a = 1\n[s]\na=2\n;b = 3\n\n# about t\n[t]\na = 4\na = 5\na = 6\n",
    ),
    (
        {"section": "t", "option": "a", "values": ["5", "7"]},
        "a = 1\n[s]\na=2\n;b = 3\n\n# about t\n[t]\na = 7\na = 5\n",
    ),
    (
        {"section": "s", "option": "a", "value": "2", "ignore_spaces": True},
        "a = 1\n[s]\na=2\n;b = 3\n\n# about t\n[t]\na = 4\na = 5\n",
    ),
    (
        {"section": "s", "option": "b", "value": "9", "modify_inactive_option": False},
        "a = 1\n[s]\na=2\nb = 9\n;b = 3\n\n# about t\n[t]\na = 4\na = 5\n",
    ),
    (
        {"section": "new", "option": "x", "value": ""},
        "a = 1\n[s]\na=2\n;b = 3\n\n# about t\n[t]\na = 4\na = 5\n[new]\nx = \n",
    ),
    (
        {"section": "new", "option": "x", "allow_no_value": True},
        "a = 1\n[s]\na=2\n;b = 3\n\n# about t\n[t]\na = 4\na = 5\n[new]\nx\n",
    ),
    ({"section": "s", "option": "a", "state": "absent"}, "a = 1\n[s]\n;b = 3\n\n# about t\n[t]\na = 4\na = 5\n"),
    (
        {"section": "t", "option": "a", "value": "4", "state": "absent", "exclusive": False},
        "a = 1\n[s]\na=2\n;b = 3\n\n# about t\n[t]\na = 5\n",
    ),
    ({"section": "s", "state": "absent"}, "a = 1\n[t]\na = 4\na = 5\n"),
    (
        {"section": "t", "option": "z", "value": "1", "section_has_values": [{"option": "a", "value": "8"}]},
        "a = 1\n[s]\na=2\n;b = 3\n\n# about t\n[t]\na = 4\na = 5\n[t]\na = 8\nz = 1\n",
    ),
)


@pytest.mark.parametrize(("args", "left"), LEFT)
def test_a_text_is_left_as_the_collection_leaves_it(args: dict[str, Any], left: str) -> None:
    made = make("ini_file", path="/etc/x.ini", **args)
    assert isinstance(made, IniFile)
    assert made.edited(TEXT) == left
    assert made.edited(left) == left


def test_what_the_collection_would_do_again_in_every_run_is_done_once() -> None:
    made = make("ini_file", path="/etc/x.ini", section="s", option="a", value="1", allow_no_value=True)
    assert isinstance(made, IniFile)
    assert made.edited("[s]\na = 1\n") == "[s]\na = 1\n"
    gone = make("ini_file", path="/etc/x.ini", section="s", state="absent")
    assert isinstance(gone, IniFile)
    assert gone.edited("[s]\na = 1\n[s]\nb = 1\n[t]\n") == "[t]\n"


def test_what_belongs_to_no_section_is_taken_out_of_a_file_that_has_none() -> None:
    made = make("ini_file", path="/etc/x.ini", state="absent")
    assert isinstance(made, IniFile)
    assert (made.edited("a = 1\n"), made.edited("a = 1\n[s]\nb = 1\n")) == ("", "[s]\nb = 1\n")


@pytest.mark.parametrize("more", [{"exclusive": False}, {"allow_no_value": True}])
def test_blanks_before_a_value_are_none_of_it(more: dict[str, Any]) -> None:
    made = make("ini_file", path="/etc/x.ini", section="s", option="a", value="  5", **more)
    assert isinstance(made, IniFile)
    assert made.edited("[s]\n") == "[s]\na = 5\n"
    assert made.edited("[s]\na = 5\n") == "[s]\na = 5\n"


def test_a_file_is_made_and_read_again(tmp_path: Path) -> None:
    file = tmp_path / "x.ini"
    given = {"path": str(file), "section": "it's; $(x)", "option": "o'$x", "value": "`v`"}
    assert converge(make("ini_file", **given, mode="0600"), tmp_path) == ["content", "mode"]
    assert file.read_text() == "\n[it's; $(x)]\no'$x = `v`\n"
    assert converge(make("ini_file", **{**given, "value": "w"}), tmp_path) == ["content"]


@pytest.mark.parametrize(
    "args",
    [
        {"option": "o"},
        {"option": "o", "value": "v", "values": ["w"]},
        {"option": "o", "value": "v\nw"},
        {"option": "o", "value": "v", "follow": True},
        {"option": "o", "value": "v", "section_has_values": [{"option": "o"}]},
        {"section": "s", "option": "o", "value": "v", "section_has_values": [{"valu": "o"}]},
        {"section": "s", "option": "o", "value": "v", "section_has_values": [{"option": "o", "value": "w"}]},
    ],
)
def test_what_cannot_be_is_refused(args: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        make("ini_file", path="/etc/x.ini", **args)


@pytest.mark.parametrize(
    ("text", "args", "left"),
    [
        ("[s]\na = x\n#a = 1\n", {"value": "x"}, "[s]\na = x\n#a = 1\n"),
        ("[s]\n#a = 1\n", {"values": ["2", "3"], "exclusive": False}, "[s]\na = 2\na = 3\n#a = 1\n"),
        ("[t]\n", {"value": ""}, "[t]\n[s]\na\n"),
        ("[s]\nb = 1\n", {"value": ""}, "[s]\nb = 1\na\n"),
    ],
)
def test_an_option_that_may_have_no_value_stays_as_it_was_left(text: str, args: dict[str, Any], left: str) -> None:
    made = make("ini_file", path="/x", section="s", option="a", allow_no_value=True, **args)
    assert isinstance(made, IniFile)
    assert made.edited(text) == left
    assert made.edited(left) == left
