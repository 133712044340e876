"""hostname and timezone: both of a host's words for each are looked at, and only what differs is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.modules import hostname as theirs

from deployer.errors import ConfigError
from tests.contract.sandbox import Sandbox
from tests.unit.modules.tables import answer, differing, fixed, make

SHOP = make("hostname", name="shop-1")


@pytest.mark.parametrize(
    ("permanent", "now", "differ", "tells"),
    [
        ("shop-1", "shop-1", set(), ()),
        ("shop-1", "old", {"now"}, ("hostname",)),
        ("old", "shop-1", {"permanent"}, ("settle",)),
        ("", "old", {"permanent", "now"}, ("settle", "hostname")),
    ],
)
def test_a_name_is_written_and_told(permanent: str, now: str, differ: set[str], tells: tuple[str, ...]) -> None:
    said = answer(permanent=permanent, now=now)
    assert set(differing(SHOP, said)) == differ
    assert [word for word in ("settle", "hostname -- ") if word in fixed(SHOP, said)] == [
        "hostname -- " if word == "hostname" else word for word in tells
    ]


def test_the_file_holds_what_ansible_reads_as_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Sandbox.make(tmp_path)
    host.steps(SHOP.fix(SHOP.differences(SHOP.parse(host.probe(SHOP).out))))
    file = host.home / "root/etc/hostname"
    monkeypatch.setattr(theirs.FileStrategy, "FILE", str(file), raising=False)
    asked = object.__new__(theirs.FileStrategy)
    assert (asked.get_permanent_hostname(), file.read_text()) == ("shop-1", "shop-1\n")
    assert host.recorded()[-1] == ["hostname", "--", "shop-1"]


def test_a_zone_is_linked_and_written_where_a_host_has_the_file(tmp_path: Path) -> None:
    host = Sandbox.make(tmp_path)
    zones = host.home / "root/usr/share/zoneinfo/Europe"
    zone = make("timezone", name="Europe/Vienna")
    frame = host.probe(zone)
    assert (frame.rc, "not there yet" in frame.out) == (3, True)
    zones.mkdir(parents=True)
    (zones / "Vienna").touch()
    for write in (False, True):
        if write:
            (host.home / "root/etc/timezone").write_text("Etc/UTC\n")
        changes = zone.differences(zone.parse(host.probe(zone).out))
        assert list(changes) == (["file"] if write else ["link"])
        assert [frame.out for frame in host.steps(zone.fix(changes)) if frame.rc] == []
        assert zone.differences(zone.parse(host.probe(zone).out)) == {}
    assert (host.home / "root/etc/localtime").readlink() == Path("../usr/share/zoneinfo/Europe/Vienna")
    assert (host.home / "root/etc/timezone").read_text() == "Europe/Vienna\n"


@pytest.mark.parametrize(
    ("module", "args", "problem"),
    [
        ("hostname", {"name": "-x"}, "letters, digits"),
        ("hostname", {"name": "a..b"}, "letters, digits"),
        ("hostname", {"name": "a b"}, "letters, digits"),
        ("hostname", {"name": "x" * 65}, "letters, digits"),
        ("timezone", {"name": "../../etc/passwd"}, "a name of"),
        ("timezone", {"name": "UTC", "hwclock": "local"}, "not supported"),
    ],
)
def test_what_cannot_be_meant_is_refused(module: str, args: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        make(module, **args)
