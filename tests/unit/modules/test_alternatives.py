"""``alternatives``: what ``update-alternatives --query`` says is compared with what is declared."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.errors import ConfigError
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
    "args", [{"name": "-x"}, {"name": "a b"}, {"path": "x"}, {"slaves": [{"name": "a"}]}, {"state": "manual"}]
)
def test_what_cannot_be_is_refused(args: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        make("alternatives", **{**VIM, **args})
