"""``alternatives``: what ``update-alternatives --query`` says is compared with what is declared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deployer.errors import ConfigError
from deployer.sh import lines, sh
from tests.unit.modules.host_text import do
from tests.unit.modules.tables import answer, differing, make

QUERY = """\
Name: editor
Link: /usr/bin/editor
Slaves:
 editor.1.gz /usr/share/man/man1/editor.1.gz
Status: manual
Best: /usr/bin/vim.basic
Value: /bin/nano

Alternative: /bin/nano
Priority: 40
Slaves:
 editor.1.gz /usr/share/man/man1/nano.1.gz

Alternative: /usr/bin/vim.basic
Priority: 30
"""
PAGE = {"name": "editor.1.gz", "path": "/usr/share/man/man1/nano.1.gz", "link": "/usr/share/man/man1/editor.1.gz"}
NANO = {"name": "editor", "path": "/bin/nano"}
VIM = {"name": "editor", "path": "/usr/bin/vim.basic"}


@pytest.mark.parametrize(
    ("args", "told", "keys"),
    [
        (NANO, QUERY, []),
        (VIM, QUERY, ["selected"]),
        ({**VIM, "state": "present"}, QUERY, []),
        ({**VIM, "state": "present", "priority": 30}, QUERY, []),
        ({**VIM, "state": "present", "priority": 31}, QUERY, ["priority"]),
        ({**NANO, "subcommands": [PAGE]}, QUERY, []),
        ({**NANO, "slaves": []}, QUERY, ["subcommands"]),
        ({**VIM, "state": "auto"}, QUERY, ["mode"]),
        ({"name": "editor", "path": "/bin/ed", "state": "present"}, QUERY, ["known"]),
        ({"name": "editor", "path": "/bin/ed"}, QUERY, ["known", "selected"]),
        ({**VIM, "link": "/usr/bin/editor"}, "", ["known", "selected"]),
        ({**VIM, "state": "absent"}, QUERY, ["state"]),
        ({**VIM, "state": "absent"}, "", []),
    ],
)
def test_a_plan_says_what_differs(args: dict[str, Any], told: str, keys: list[str]) -> None:
    assert list(differing(make("alternatives", **args), answer(told=told))) == keys


def test_a_name_without_a_link_is_told_before_anything_is_done() -> None:
    with pytest.raises(ConfigError, match="has no link"):
        make("alternatives", **VIM).parse(answer(told=""))


@pytest.mark.parametrize(
    ("args", "follows"),
    [
        ({}, "--slave /usr/share/man/man1/editor.1.gz editor.1.gz /usr/share/man/man1/nano.1.gz"),
        ({"path": "/usr/bin/vim.basic"}, ""),
        ({"subcommands": []}, ""),
    ],
)
def test_what_follows_an_alternative_stays_where_nothing_is_said_of_it(
    args: dict[str, Any], follows: str, tmp_path: Path
) -> None:
    made = make("alternatives", **{**NANO, "priority": 41, "state": "present", **args})
    (step,) = made.fix(made.differences(made.parse(answer(told=QUERY))))
    tool = tmp_path / "update-alternatives"
    said = sh('if [ "$1" = --query ]; then printf %s {}; else echo "$*" >{}; fi', QUERY, tmp_path / "calls")
    tool.write_text(f"#!/bin/sh\n{said}\n")
    tool.chmod(0o700)
    assert do((replace(step, text=lines(sh('PATH={}:"$PATH"', tmp_path), step.text)),), tmp_path) == ""
    told = f"--install /usr/bin/editor editor {args.get('path', NANO['path'])} 41 {follows}".strip()
    assert (tmp_path / "calls").read_text() == f"{told}\n"


@pytest.mark.parametrize(
    "args", [{"name": "-x"}, {"name": "a b"}, {"path": "x"}, {"slaves": [{"name": "a"}]}, {"state": "manual"}]
)
def test_what_cannot_be_is_refused(args: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        make("alternatives", **{**VIM, **args})
