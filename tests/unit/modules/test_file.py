"""``file``: no kind takes the place of another, and nothing private is open for a moment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deployer.errors import ConfigError
from deployer.model import Absent, Present, Unknown
from deployer.modules.base import Module, Step
from deployer.sh.frame import prelude
from tests.unit.modules.tables import answer, differing, fixed, make
from tests.unit.sh_runner import frames, probe

DIRECTORY = answer(type="directory", at="root:0:root:0:755")
FILE = answer(type="file", at="root:0:root:0:644")
LINK = answer(target="old", type="link", at="root:0:root:0:777")


@pytest.mark.parametrize(
    ("args", "out", "expected"),
    [
        ({"state": "directory"}, "", {"state": ("absent", "present"), "type": (None, "directory")}),
        ({"state": "directory", "mode": "0755"}, DIRECTORY, {}),
        ({"state": "directory", "mode": "0750"}, DIRECTORY, {"mode": ("0755", "0750")}),
        ({"state": "link", "src": "new"}, LINK, {"target": ("old", "new")}),
        ({"state": "link", "src": "new", "force": True}, FILE, {"type": ("file", "link"), "target": (None, "new")}),
        ({"state": "hard", "src": "/srv/old"}, FILE + answer(hard="same"), {}),
        (
            {"state": "hard", "src": "/srv/old"},
            "",
            {"state": ("absent", "present"), "type": (None, "file"), "hard": (None, "same")},
        ),
        ({"state": "hard", "src": "/srv/old", "force": True}, FILE + answer(hard="other"), {"hard": ("other", "same")}),
        ({"state": "absent"}, DIRECTORY, {"state": ("present", "absent")}),
        ({"state": "absent"}, "", {}),
        ({"group": "adm"}, FILE, {"group": ("root", "adm")}),
        ({"state": "file", "owner": "0"}, FILE, {}),
    ],
)
def test_a_plan_says_what_differs(args: dict[str, object], out: str, expected: object) -> None:
    assert differing(make("file", path="/srv/shop", **args), out) == expected


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        ({"path": "/srv/a", "recurse": True}, "recurse needs state: directory"),
        ({"path": "/srv/a", "state": "touch", "access_time": "preserve"}, "must be the same"),
        ({"path": "/srv/a", "state": "link"}, "needs state: link or hard"),
        ({"path": "/srv/a", "src": "b"}, "needs state: link or hard"),
        ({"path": "/srv/a", "state": "hard", "src": "b"}, "src of a hard link: it must be an absolute path"),
        ({"path": "/srv/a", "state": "link", "src": "b", "mode": "0644"}, "no mode"),
        ({"path": "/", "state": "absent"}, "never deleted"),
        ({"path": "/usr", "state": "absent"}, "never deleted"),
        ({"path": "/var/lib", "state": "absent"}, "never deleted"),
        ({"path": "/srv/../etc/ssh", "state": "absent"}, r"\.\."),
        ({"path": "", "state": "absent"}, "absolute"),
        ({"path": "/srv/a\n", "state": "absent"}, "control"),
    ],
)
def test_what_cannot_be_meant_is_refused(args: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        make("file", **args)


@pytest.mark.parametrize(
    ("args", "out"),
    [
        ({"state": "directory"}, FILE),
        ({"state": "directory"}, LINK),
        ({"state": "file"}, DIRECTORY),
        ({"mode": "0644"}, LINK),
        ({"state": "link", "src": "x"}, FILE),
        ({"state": "link", "src": "x", "force": True}, DIRECTORY),
    ],
)
def test_one_kind_never_takes_the_place_of_another_by_accident(args: dict[str, object], out: str) -> None:
    with pytest.raises(ConfigError, match="on this host, not a"):
        make("file", path="/srv/shop", **args).parse(out)


def test_a_path_that_somebody_else_makes_is_unknown_until_then() -> None:
    assert "unknown /srv/shop" in make("file", path="/srv/shop", mode="0644").probe().text
    assert "unknown" not in make("file", path="/srv/shop", state="directory").probe().text


def test_a_private_directory_is_never_open_for_a_moment() -> None:
    text = fixed(make("file", path="/srv/shop", state="directory", mode="0750", owner="shop"), "")
    assert "mkdir -m 0700" in text
    assert 'adorn "$part" shop ' in text, "which sets the owner first"


def test_dest_is_another_name_of_path() -> None:
    assert make("file", dest="/srv/shop", state="directory").touches() == ("/srv/shop",)


def listed(root: Path) -> list[tuple[str, str, int, int]]:
    seen = ((path, path.lstat()) for path in sorted(root.rglob("*")))
    return [(str(path.relative_to(root)), oct(at.st_mode), at.st_uid, at.st_gid) for path, at in seen]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_is_in_a_directory_gets_its_attributes_as_ansible_gives_them(tmp_path: Path) -> None:
    roots = [tmp_path / name for name in ("ours", "theirs")]
    for root in roots:
        (root / "deep" / "er").mkdir(parents=True)
        (root / "deep" / "a file").write_text("x")
        (root / "deep" / "link").symlink_to("/nowhere")
    args = {"state": "directory", "recurse": True, "owner": "nobody", "group": "1", "mode": "0750"}
    asked = json.dumps({"ANSIBLE_MODULE_ARGS": {**args, "path": str(roots[1])}})
    done = subprocess.run([sys.executable, "-m", "ansible.modules.file"], input=asked, capture_output=True, text=True)
    assert json.loads(done.stdout)["changed"], done.stdout
    made = make("file", path=str(roots[0]), **args)
    assert made.known() is None, "what is in it has to be looked at"
    (seen,) = frames(probe(made.probe().text), ["dash"], tmp_path)
    changes = made.differences(made.parse(seen.out))
    assert changes["inside"].before == "other"
    for step in made.fix(changes):
        subprocess.run(
            ["dash", "-eu"], input=f"marker=x run=x hears=no leased=\n{prelude()}\n{step.text}", text=True, check=True
        )
    assert listed(roots[0]) == listed(roots[1])
    (seen,) = frames(probe(made.probe().text), ["dash"], tmp_path)
    assert made.differences(made.parse(seen.out)) == {}


def test_one_more_name_waits_for_the_file_that_an_earlier_task_makes(tmp_path: Path) -> None:
    made = make("file", path=f"{tmp_path}/new", src=f"{tmp_path}/old", state="hard")
    (seen,) = frames(probe(made.probe().text), ["dash"], tmp_path)
    assert (seen.rc, "is not there yet" in seen.out) == (3, True)
    later = Unknown("it is not there yet")
    assert made.predict(frozenset(), later) is later
    assert made.predict(frozenset({f"{tmp_path}/old"}), later) == Absent()


def test_touch_runs_every_time_or_makes_what_is_not_there() -> None:
    assert make("file", path="/srv/a", state="touch").handler_only
    kept = make("file", path="/srv/a", state="touch", access_time="preserve", modification_time="preserve")
    assert not kept.handler_only
    assert differing(kept, FILE) == {}
    assert list(differing(kept, "")) == ["state", "type"]
    with pytest.raises(ConfigError, match="is a directory"):
        differing(kept, DIRECTORY)


def linked(made: Module) -> subprocess.CompletedProcess[str]:
    (step,) = made.fix(made.differences(Absent()))
    return ran(step)


def ran(step: Step) -> subprocess.CompletedProcess[str]:
    text = f"marker=x run=x hears=no leased=\n{prelude()}\n{step.text}"
    return subprocess.run(["dash", "-eu"], input=text, text=True, capture_output=True)


def test_one_more_name_is_that_of_a_file_and_not_of_a_link_or_what_one_leads_to(tmp_path: Path) -> None:
    (tmp_path / "it's").write_text("x")
    (tmp_path / "link").symlink_to("it's")
    made = make("file", path=f"{tmp_path}/new", src=f"{tmp_path}/it's", state="hard", mode="0640")
    assert linked(made).returncode == 0
    assert (tmp_path / "new").samefile(tmp_path / "it's")
    (seen,) = frames(probe(made.probe().text), ["dash"], tmp_path)
    assert made.differences(made.parse(seen.out)) == {}
    for src in ("link", "nowhere"):
        done = linked(make("file", path=f"{tmp_path}/{src}2", src=f"{tmp_path}/{src}", state="hard"))
        assert (done.returncode, "is not a regular file" in done.stdout) == (1, True)
    assert not [path.name for path in tmp_path.iterdir() if path.name.endswith("2") or path.name.startswith(".")]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is led astray")
def test_no_directory_that_a_user_can_turn_elsewhere_gives_a_file_another_name(tmp_path: Path) -> None:
    for name in ("private", "theirs"):
        (tmp_path / name).mkdir()
    (tmp_path / "private" / "key").write_text("CANARY")
    (tmp_path / "theirs" / "data").symlink_to(tmp_path / "private")
    os.chown(tmp_path / "theirs", 65534, 65534)
    done = linked(make("file", path=f"{tmp_path}/new", src=f"{tmp_path}/theirs/data/key", state="hard", owner="nobody"))
    assert (done.returncode, "users other than root can change" in done.stdout) == (1, True)
    assert not (tmp_path / "new").exists()
    assert (tmp_path / "private" / "key").stat().st_uid == os.geteuid()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is led astray")
@pytest.mark.parametrize(
    "words",
    [
        {"state": "link", "src": "/etc/hosts"},
        {"state": "hard", "src": "SRC"},
        {"state": "directory"},
        {"state": "absent"},
        {"state": "touch", "modification_time": "preserve", "access_time": "preserve"},
    ],
    ids=lambda words: words["state"],
)
def test_no_directory_that_a_user_can_turn_elsewhere_leads_to_what_is_made_or_deleted(
    tmp_path: Path, words: dict[str, str]
) -> None:
    for name in ("private", "theirs"):
        (tmp_path / name).mkdir()
    (tmp_path / "private" / "old").write_text("x")
    (tmp_path / "theirs" / "data").symlink_to(tmp_path / "private")
    (tmp_path / "src").write_text("x")
    os.chown(tmp_path / "theirs", 65534, 65534)
    words = {key: value.replace("SRC", f"{tmp_path}/src") for key, value in words.items()}
    name = "old" if words["state"] == "absent" else "new"
    made = make("file", path=f"{tmp_path}/theirs/data/{name}", **words)
    (step,) = made.fix(made.differences(Present({}) if name == "old" else Absent()))
    done = ran(step)
    assert (done.returncode, "users other than root can change" in done.stdout) == (1, True)
    assert [one.name for one in (tmp_path / "private").iterdir()] == ["old"]
    place = f"{tmp_path}/private/{name}"
    (step,) = make("file", path=place, **words).fix(made.differences(Present({}) if name == "old" else Absent()))
    assert ran(step).returncode == 0, "where nobody else has a hand in it is done"
    assert os.path.lexists(place) is (name == "new")
    assert not list((tmp_path / "private").glob(".*"))
