"""lineinfile, blockinfile and replace leave a text as Ansible's modules of these names do: they are asked."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from deployer.errors import ConfigError
from deployer.fields import build
from deployer.model import Absent, Present, Unknown
from deployer.modules import class_of
from deployer.modules.shared.edited import Edited

TEXTS = ("", "one\ntwo\nthree\n", "one\n# two\ntwo\nno end", "two\n\ntwo\n#two=x\n", "a=1\r\nb=2\r\n")
LINES: tuple[dict[str, Any], ...] = (
    {"line": "two"},
    {"line": "new"},
    {"line": "two=y", "regexp": "^#?two"},
    {"line": "two=y", "regexp": "^#?two", "firstmatch": True},
    {"line": "new", "insertafter": "^one"},
    {"line": "new", "insertafter": "two$"},
    {"line": "new", "insertbefore": "^two", "firstmatch": True},
    {"line": "new", "insertafter": "EOF", "regexp": "^absent"},
    {"line": "new", "insertbefore": "BOF"},
    {"line": "new", "insertbefore": "nowhere"},
    {"line": r"\1 and \2", "regexp": "^(o)(n)e", "backrefs": True},
    {"line": r"\1", "regexp": "^(absent)", "backrefs": True},
    {"line": "three", "search_string": "thre"},
    {"line": "a=9", "regexp": "^a="},
    {"state": "absent", "regexp": "two"},
    {"state": "absent", "line": "two"},
    {"state": "absent", "search_string": "#"},
)
BLOCKS: tuple[dict[str, Any], ...] = (
    {"block": "x\ny"},
    {"block": "x\n", "insertafter": "^two"},
    {"block": "x", "insertbefore": "^two"},
    {"block": "x", "insertbefore": "BOF"},
    {"block": "x", "insertafter": "BOF"},
    {"block": "x", "insertafter": "nowhere"},
    {"block": "x", "prepend_newline": True, "append_newline": True, "insertafter": "^one"},
    {"block": "x", "marker": "; {mark} it", "marker_begin": "<", "marker_end": ">"},
    {"block": ""},
    {"state": "absent"},
)
BLOCK_TEXTS = (
    *TEXTS,
    "one\n# BEGIN ANSIBLE MANAGED BLOCK\nold\n# END ANSIBLE MANAGED BLOCK\nlast\n",
    "# END ANSIBLE MANAGED BLOCK\nupside down\n# BEGIN ANSIBLE MANAGED BLOCK\n",
)
PLACES: tuple[dict[str, Any], ...] = (
    {"regexp": "two", "replace": "2"},
    {"regexp": "^(t)(w)o$", "replace": r"\2\1"},
    {"regexp": "two"},
    {"regexp": "o", "replace": "0", "after": "one", "before": "three"},
    {"regexp": "o", "replace": "0", "after": "# "},
    {"regexp": "o", "replace": "0", "before": "two"},
    {"regexp": "o", "replace": "0", "after": "nowhere"},
)


def cases() -> Iterator[tuple[str, dict[str, Any], str]]:
    for module, all_args, texts in (
        ("lineinfile", LINES, TEXTS), ("blockinfile", BLOCKS, BLOCK_TEXTS), ("replace", PLACES, TEXTS)
    ):  # fmt: skip
        yield from ((module, args, text) for args, text in product(all_args, texts))


_ASK = """
import importlib, io, json, sys
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
for module, args, path in json.load(sys.stdin):
    with patch_module_args({**args, "path": path}):
        try:
            importlib.import_module(f"ansible.modules.{module}").main()
        except SystemExit:
            pass
"""


def test_every_text_is_left_as_ansible_leaves_it(tmp_path: Path) -> None:
    every = list(cases())
    asked = []
    for i, (module, args, text) in enumerate(every):
        (tmp_path / str(i)).write_bytes(text.encode())
        asked.append((module, args, str(tmp_path / str(i))))
    done = subprocess.run([sys.executable, "-c", _ASK], input=json.dumps(asked), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    changed = sum((tmp_path / str(i)).read_bytes().decode() != text for i, (*_, text) in enumerate(every))
    assert changed > len(every) / 2, "Ansible has done something"
    wrong = []
    for i, (module, args, text) in enumerate(every):
        made = build(class_of(module), {**args, "path": "/etc/x"})
        assert isinstance(made, Edited)
        wanted = (tmp_path / str(i)).read_bytes().decode()
        if made.edited(text) != wanted:
            wrong.append((module, args, text, made.edited(text), wanted))
    assert wrong == []


def line(**args: Any) -> Edited:
    made = build(class_of("lineinfile"), {"path": "/etc/x", **args})
    assert isinstance(made, Edited)
    return made


def test_a_plan_shows_the_text_before_and_after_and_a_second_reading_agrees() -> None:
    made = line(line="new", mode="0600")
    seen = Present({"content": "old\n", "owner": "root", "group": "root", "mode": "0644"})
    changes = made.differences(seen)
    assert [(one.key, one.before, one.after) for one in changes.values()] == [
        ("content", "old\n", "old\nnew\n"), ("mode", "0644", "0600"),
    ]  # fmt: skip
    assert made.differences(Present({**seen.keys, "content": "old\nnew\n", "mode": "0600"})) == {}
    (step,) = made.fix(changes)
    assert "has changed since it was read" in step.text.text
    assert step.blobs[0].text == b"old\nnew\n"


def test_a_file_that_is_not_there_is_made_where_create_says_so() -> None:
    assert line(line="a", create=True).differences(Absent())["content"].after == "a\n"
    assert line(line="a", state="absent").differences(Absent()) == {}
    assert "is not there yet" in line(line="a").probe().text


def test_a_plan_knows_what_earlier_tasks_leave() -> None:
    made = line(line="b")
    seen = Present({"content": "", "owner": "root", "group": "root", "mode": "0644"})
    known = made.foresee({"/etc/x": "a\n"}, frozenset({"/etc/x"}), seen)
    assert made.differences(known)["content"].after == "a\nb\n"
    assert made.writes(made.differences(known)) == {"/etc/x": "a\nb\n"}
    assert isinstance(made.foresee({}, frozenset({"/etc/x"}), seen), Unknown)


@pytest.mark.parametrize(
    ("module", "args", "problem"),
    [
        ("lineinfile", {}, "lineinfile needs line"),
        ("lineinfile", {"state": "absent"}, "which lines"),
        ("lineinfile", {"line": "x", "regexp": "("}, "no regular expression"),
        ("lineinfile", {"line": "x", "backrefs": True}, "backrefs needs regexp"),
        ("lineinfile", {"line": r"\1", "regexp": "a", "backrefs": True}, "does not fit"),
        ("lineinfile", {"line": "x", "insertafter": "a", "insertbefore": "b"}, "not both"),
        ("blockinfile", {"marker": "# it"}, "must contain {mark}"),
        ("replace", {"regexp": "a", "replace": r"\1"}, "does not fit"),
    ],
)
def test_what_makes_no_sense_is_refused(module: str, args: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        build(class_of(module), {"path": "/etc/x", **args})


def test_what_is_no_text_is_refused() -> None:
    at = "at=root:0:root:0:644\x1e"
    with pytest.raises(ConfigError, match="is a directory"):
        line(line="x").parse(f"type=directory\x1e{at}")
    with pytest.raises(ConfigError, match="not UTF-8"):
        line(line="x").parse(f"type=file\x1e{at}size=1\x1econtent=/w==\x1e")
    with pytest.raises(ConfigError, match="has 9999999 bytes"):
        line(line="x").parse(f"type=file\x1e{at}size=9999999\x1e")
