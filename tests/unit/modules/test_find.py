"""What find gives is what Ansible's module of this name gives of the same directory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deployer.errors import ConfigError, ProbeError
from deployer.model import Present
from deployer.modules.find import Find
from tests.unit.modules.tables import make
from tests.unit.sh_runner import frames, probe

CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "pattern": {"patterns": ["*.log", "a*"]},
    "exclude": {"patterns": ["*.log"], "excludes": ["old*"]},
    "regex": {"patterns": ["^o.*\\.log$"], "use_regex": True},
    "directory": {"file_type": "directory"},
    "link": {"file_type": "link"},
    "any": {"file_type": "any", "hidden": True, "recurse": True},
    "recurse": {"recurse": True},
    "depth": {"recurse": True, "depth": 2},
    "follow": {"follow": True, "recurse": True},
    "follow to links": {"follow": True, "recurse": True, "file_type": "link"},
    "older": {"age": "1d"},
    "younger": {"age": "-1d"},
    "larger": {"size": "1k"},
    "smaller": {"size": "-1k"},
    "size of directories": {"size": "1g", "file_type": "directory"},
    "size of any": {"size": "1g", "file_type": "any"},
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    where = tmp_path / "a place"
    (where / "below" / "deep" / "deeper").mkdir(parents=True)
    for name in (
        "a.txt",
        "new.log",
        "old.log",
        ".hidden",
        "below/one.log",
        "below/deep/two.log",
        "below/deep/deeper/x",
    ):
        (where / name).write_text(name)
        (where / name).chmod(0o640)
    (where / "it's\n: odd").write_text("x" * 2048)
    (where / "link").symlink_to("a.txt")
    (where / "to below").symlink_to("below/deep")
    os.utime(where / "old.log", (1_600_000_000, 1_600_000_000))
    return where


def ours(module: Find, tmp_path: Path) -> dict[str, Any]:
    (frame,) = frames(probe(module.probe().text), ["dash"], tmp_path)
    assert frame.rc == 0, frame.out
    return dict(module.answer(module.parse(frame.out)))


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_find_gives_what_ansibles_gives(place: Path, tmp_path: Path, case: str) -> None:
    args = {"paths": [str(place)], **CASES[case]}
    asked = json.dumps({"ANSIBLE_MODULE_ARGS": args})
    done = subprocess.run(
        [sys.executable, "-m", "ansible.modules.find"], input=asked, capture_output=True, text=True, check=True
    )
    wanted = json.loads(done.stdout)
    found = ours(
        Find(**{name: tuple(value) if isinstance(value, list) else value for name, value in args.items()}), tmp_path
    )
    assert found["files"], "the case finds something"
    theirs = sorted(wanted["files"], key=lambda one: one["path"])
    assert [one["path"] for one in found["files"]] == [one["path"] for one in theirs]
    for mine, other in zip(found["files"], theirs, strict=True):
        same = {name: value for name, value in other.items() if name not in ("atime", "mtime", "ctime")}
        assert {name: mine[name] for name in same} == same
        assert mine["mtime"] == int(other["mtime"])
    assert found["matched"] == wanted["matched"]


def test_a_link_that_is_named_leads_to_its_files_and_one_below_does_not(place: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(place)
    (place / "current").symlink_to(place / "below")
    names = [Path(one["path"]).name for one in ours(Find(paths=(f"{tmp_path}/current",)), tmp_path)["files"]]
    assert "a.txt" in names
    below = ours(Find(paths=(str(place),), recurse=True), tmp_path)["files"]
    assert not [one["path"] for one in below if "/current/" in one["path"]]


def test_a_link_that_is_followed_is_a_link(place: Path, tmp_path: Path) -> None:
    links = ours(Find(paths=(str(place),), follow=True, recurse=True, file_type="link"), tmp_path)
    assert [Path(one["path"]).name for one in links["files"]] == ["link", "to below"]
    files = ours(Find(paths=(str(place),), follow=True, recurse=True), tmp_path)
    assert f"{place}/to below/two.log" in [one["path"] for one in files["files"]]


def test_a_slash_at_the_end_of_a_directory_says_nothing(place: Path, tmp_path: Path) -> None:
    plain, slashed = (ours(Find(paths=(path,), recurse=True), tmp_path) for path in (str(place), f"{place}/"))
    assert slashed == plain
    assert make("find", paths="/srv/x/").paths == ("/srv/x/",)


def test_the_size_is_that_of_files(place: Path, tmp_path: Path) -> None:
    found = ours(Find(paths=(str(place),), file_type="directory", size="1g"), tmp_path)
    assert [one["path"] for one in found["files"]] == [f"{place}/below"], "as Ansible has it"


def test_a_directory_that_is_not_there_has_no_files(tmp_path: Path) -> None:
    found = ours(Find(paths=(str(tmp_path / "no such"),)), tmp_path)
    assert (found["files"], found["matched"], found["msg"][:3]) == ([], 0, "Not")


@pytest.mark.parametrize(
    "wrong",
    [{"age": "two days"}, {"size": "1x"}, {"use_regex": True, "patterns": ("(",)}, {"recurse": True, "depth": -1}],
)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Find(paths=("/srv",), **wrong)


def test_rows_that_are_none_are_no_answer() -> None:
    with pytest.raises(ProbeError):
        Find(paths=("/srv",)).answer(Present({"now": "1", "rows": "eHg=", "missing": ""}))
