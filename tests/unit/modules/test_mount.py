"""mount leaves fstab as ansible.posix's module of that name does, whose answers these are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deployer.errors import ConfigError
from deployer.model import Present
from deployer.modules.mount import Mount
from deployer.sh import Program, Sh, lines
from tests.unit.modules.host_text import do, see
from tests.unit.modules.tables import make
from tests.unit.sh_runner import frames

X = "/dev/x /srv/a xfs defaults\n"
Y = "/dev/y /srv/b xfs defaults 0 0 # c\n"
ODD = "nonsense line\n"
S1, S2 = "/s1 none swap sw 0 0\n", "/s2 none swap sw 0 0\n"
T = "tmpfs /srv/a\\040b tmpfs x 0 0\n"
FSTAB = X + Y + ODD + S1 + S2 + T
REST = FSTAB.removeprefix(X)
LINE = {"path": "/srv/a", "src": "LABEL=a", "fstype": "ext4"}
LEFT: tuple[tuple[dict[str, Any], str], ...] = (
    ({**LINE, "state": "present"}, f"LABEL=a /srv/a ext4 defaults 0 0\n{REST}"),
    ({**LINE, "state": "present", "passno": "2"}, f"LABEL=a /srv/a ext4 defaults 0 2\n{REST}"),
    ({**LINE, "state": "present", "opts": "rw", "boot": False}, f"LABEL=a /srv/a ext4 rw,noauto 0 0\n{REST}"),
    ({**LINE, "state": "present", "opts": "noauto", "boot": False}, f"LABEL=a /srv/a ext4 noauto 0 0\n{REST}"),
    ({**LINE, "state": "present", "dump": "1"}, f"LABEL=a /srv/a ext4 defaults 1 0\n{REST}"),
    (
        {**LINE, "state": "present", "path": "/srv/a b", "src": "a&b"},
        X + Y + ODD + S1 + S2 + "a\\046b /srv/a\\040b ext4 defaults 0 0\n",
    ),
    ({"path": "none", "src": "/s2", "state": "absent_from_fstab"}, X + Y + ODD + S1 + T),
    ({"path": "/srv/a b", "state": "absent_from_fstab"}, X + Y + ODD + S1 + S2),
    (
        {"path": "none", "src": "/s2", "fstype": "swap", "opts": "pri=1", "state": "present"},
        X + Y + ODD + S1 + "/s2 none swap pri=1 0 0\n" + T,
    ),
    (
        {"path": "none", "src": "/dev/my\\x20swap", "fstype": "swap", "state": "present"},
        FSTAB + "/dev/my\\134x20swap none swap defaults 0 0\n",
    ),
    (
        {**LINE, "path": "/srv/c", "src": "//nas/a#1", "state": "present"},
        FSTAB + "//nas/a\\0431 /srv/c ext4 defaults 0 0\n",
    ),
)
DONE = "LABEL=a /srv/a ext4 defaults 0 0\n"


@pytest.mark.parametrize(("args", "left"), LEFT)
def test_fstab_is_left_as_the_collection_leaves_it(args: dict[str, Any], left: str) -> None:
    made = make("mount", **args)
    assert isinstance(made, Mount)
    assert made.edited(FSTAB) == left
    assert made.edited(left) == left


def test_a_line_of_four_fields_is_taken_out_which_the_collection_overlooks() -> None:
    made = make("mount", path="/srv/a", state="absent_from_fstab")
    assert isinstance(made, Mount)
    assert made.edited("/dev/x /srv/a xfs defaults\n") == ""


@pytest.mark.parametrize(
    ("args", "text", "live", "keys"),
    [
        ({**LINE, "state": "mounted"}, "", "no", ["content", "mounted"]),
        ({**LINE, "state": "mounted"}, DONE, "no", ["mounted"]),
        ({**LINE, "state": "mounted"}, "", "yes", ["content"]),
        ({**LINE, "state": "mounted"}, DONE, "yes", []),
        ({**LINE, "state": "present"}, DONE, "no", []),
        ({"path": "/srv/a", "state": "unmounted"}, DONE, "yes", ["mounted"]),
        ({"path": "/srv/a", "state": "unmounted"}, "", "no", []),
        ({"path": "/srv/a", "state": "absent"}, DONE, "yes", ["content", "mounted"]),
        ({"path": "/srv/a", "state": "absent"}, DONE, "no", ["content"]),
        ({"path": "/srv/a", "state": "absent"}, "", "yes", []),
        ({"path": "/srv/a", "state": "absent_from_fstab"}, DONE, "yes", ["content"]),
    ],
)
def test_a_plan_says_what_differs(args: dict[str, Any], text: str, live: str, keys: list[str]) -> None:
    made = make("mount", **args)
    assert list(made.differences(Present({"content": text, "mounted": live}))) == keys


def test_two_tasks_on_one_fstab_know_of_each_other() -> None:
    first, second = (make("mount", path=path, src="x", fstype="y", state="present") for path in ("/srv/a", "/srv/b"))
    seen = Present({"content": "", "mounted": "no"})
    written = first.writes(first.differences(seen))
    change = second.differences(second.foresee(written, frozenset(written), seen))["content"]
    assert change.after == "x /srv/a y defaults 0 0\nx /srv/b y defaults 0 0\n"


@pytest.mark.parametrize(
    "args",
    [
        {"path": "/srv/a", "state": "mounted"},
        {"path": "/srv/a", "state": "ephemeral", "src": "x", "fstype": "y"},
        {"path": "none", "state": "mounted", "src": "x", "fstype": "swap"},
        {"path": "srv", "state": "absent"},
        {"path": "/usr", "state": "absent"},
        {"path": "/srv/a", "state": "present", "src": "x\ny", "fstype": "z"},
    ],
)
def test_what_cannot_be_is_refused(args: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        make("mount", **args)


TOLD = Sh("""mount() { echo "mount $*" >>"$TMPDIR/calls"; [ ! -e "$TMPDIR/refuses" ]; }
umount() { echo "umount $*" >>"$TMPDIR/calls"; rm "$TMPDIR/live"; }
mountpoint() { [ -e "$TMPDIR/live" ]; }
""")
FIRM = Sh("""find() { echo "$1"; }""")
"""The test's own directories are not root's alone."""


def tried(tmp: Path, stands: Sh = FIRM, **args: Any) -> tuple[str, list[str]]:
    """Bring a mount about in which nothing is mounted really; return why that failed, and what was called."""
    made = make("mount", fstab=str(tmp / "fstab"), **{"path": str(tmp / "up/a"), **args})
    if made.handler_only:
        steps = made.act()
    else:
        (frame,) = frames(Program((lines(TOLD, made.probe()),)), ["dash"], tmp)
        steps = made.fix(made.differences(made.parse(frame.out)))
    told = do(tuple(replace(step, text=lines(TOLD, stands, step.text)) for step in steps), tmp)
    calls = tmp / "calls"
    return told, calls.read_text().splitlines() if calls.exists() else []


MOUNTED: dict[str, Any] = {"src": "tmpfs", "fstype": "tmpfs", "state": "mounted"}


def test_a_way_that_others_could_turn_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    fstab = tmp_path / "fstab"
    (tmp_path / "live").touch()
    tmp_path.chmod(0o777)
    for args in (MOUNTED, {"state": "unmounted"}, {"state": "absent"}, {"state": "remounted"}):
        fstab.write_text(f"x {tmp_path}/up/a y z 0 0\n")
        told, calls = tried(tmp_path, Sh(":"), **args)
        assert "users other than root can change" in told
        assert (fstab.read_text(), calls) == (f"x {tmp_path}/up/a y z 0 0\n", [])


def test_what_cannot_be_mounted_leaves_everything_as_it_was(tmp_path: Path) -> None:
    fstab, refuses, live = (tmp_path / name for name in ("fstab", "refuses", "live"))
    fstab.write_text(Y)
    refuses.touch()
    assert tried(tmp_path, **MOUNTED)[0]
    assert (fstab.read_text(), (tmp_path / "up").exists()) == (Y, False)
    (tmp_path / "up").write_text("a file in the way")
    assert tried(tmp_path, **MOUNTED)[0]
    assert fstab.read_text() == Y
    (tmp_path / "up").unlink()
    live.touch()
    told, calls = tried(tmp_path, **MOUNTED)
    assert (fstab.read_text(), calls[-1]) == (Y, f"mount -T {fstab} -- {tmp_path}/up/a")
    assert "was mounted before, and is not mounted now" in told


def test_a_link_is_not_taken_for_an_empty_fstab(tmp_path: Path) -> None:
    (tmp_path / "real").write_text(Y)
    (tmp_path / "fstab").symlink_to("real")
    made = make("mount", **LINE, fstab=str(tmp_path / "fstab"), state="present")
    with pytest.raises(AssertionError, match="is not a regular file"):
        see(made, tmp_path)
