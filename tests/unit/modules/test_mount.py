"""mount leaves fstab as ansible.posix's module of that name does, whose answers these are."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.errors import ConfigError
from deployer.model import Present
from deployer.modules.mount import Mount
from tests.unit.modules.tables import make

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
