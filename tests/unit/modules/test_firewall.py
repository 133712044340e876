"""The firewall: what it lets in, whose rules stay, and whom it never cuts off."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.errors import ConfigError, ProbeError
from deployer.fields import build
from deployer.model import Absent, Present
from deployer.modules._nft import BASE, INCLUDE, UNIT_TEXT
from deployer.modules.firewall import Firewall

WALL = Firewall(
    cluster="shop",
    admin=("10.0.0.0/8", "fd00::/8"),
    members=("10.0.0.3", "10.0.0.2", "10.0.0.2"),
    ports="9100-9109",
    epmd_port=4369,
    public=("4000/tcp", "53/udp", "443/tcp"),
)
SHOWN = """\
LoadState=loaded
ActiveState=active
SubState=exited
UnitFileState=enabled
FragmentPath=/etc/systemd/system/deployer-firewall.service
DropInPaths=
NeedDaemonReload=no"""
RULES = """\
# Written by deployer for the cluster shop.
# ssh 22 10.0.0.0/8
# ssh 22 fd00::/8
# ports 9100-9109 shop
table inet deployer {
	chain cluster_shop {
		ip saddr { 10.0.0.0/8 } tcp dport { 22 } accept
		ip6 saddr { fd00::/8 } tcp dport { 22 } accept
		ip saddr { 10.0.0.2/31 } tcp dport { 4369, 9100-9109 } accept
		tcp dport { 443, 4000 } accept
		udp dport { 53 } accept
	}
	chain input {
		jump cluster_shop
	}
}"""


def told(wall: Firewall = WALL, *, shown: str = SHOWN, **keys: str) -> str:
    good = {
        "client": "10.1.2.3",
        "shown": shown,
        "unit": UNIT_TEXT,
        "base": f"{BASE}\n{INCLUDE}",
        "rules": wall.part.text(),
        "others": "",
        "recorded": "a -\nb -",
        "now": "a -\nb -",
    }
    return "".join(f"{key}={value}\x1e" for key, value in {**good, **keys}.items())


def differing(out: str, wall: Firewall = WALL) -> list[str]:
    return list(wall.differences(wall.parse(out)))


def test_the_rules_let_in_exactly_what_was_declared() -> None:
    assert WALL.part.text() == RULES


def test_without_epmd_and_members_nothing_is_open_for_them() -> None:
    text = replace(WALL, members=(), epmd_port=None, public=()).part.text()
    assert "4369" not in text
    assert "tcp dport { 9100-9109 }" not in text


@pytest.mark.parametrize(
    ("admin", "merged"),
    [
        (("10.0.0.0/8", "10.1.0.0/16"), "{ 10.0.0.0/8 }"),
        (("10.0.0.0/9", "10.128.0.0/9"), "{ 10.0.0.0/8 }"),
        (("192.0.2.7/32", "192.0.2.9"), "{ 192.0.2.7, 192.0.2.9 }"),
    ],
)
def test_overlapping_networks_are_merged_because_nft_refuses_them(admin: tuple[str, ...], merged: str) -> None:
    assert f"ip saddr {merged} tcp dport {{ 22 }} accept" in replace(WALL, admin=admin).part.text()


def test_overlapping_ports_are_merged_because_nft_refuses_them() -> None:
    text = replace(WALL, public=("80/tcp", "79-90/tcp", "91/tcp", "85/tcp")).part.text()
    assert "tcp dport { 79-91 } accept" in text


def test_a_host_that_says_what_was_declared_needs_nothing() -> None:
    assert differing(told()) == []


CASES = {
    "a rule was inserted by hand": ({"now": "a -\nc -"}, ["loaded"]),
    "the table is gone": ({"now": "a -\ne3b0 -"}, ["loaded"]),
    "it was never loaded": ({"recorded": "", "now": ""}, ["loaded"]),
    "its own part was edited": ({"rules": "x"}, ["rules"]),
    "the base was edited": ({"base": "x"}, ["base"]),
    "the unit was edited": ({"unit": "x"}, ["unit"]),
    "it does not start at boot": ({"shown": SHOWN.replace("enabled", "disabled")}, ["boot"]),
}


@pytest.mark.parametrize(("keys", "expected"), CASES.values(), ids=CASES)
def test_drift_is_found(keys: dict[str, str], expected: list[str]) -> None:
    assert differing(told(**keys)) == expected


def test_an_untouched_host_has_no_firewall_of_ours() -> None:
    nothing = {"unit": "", "base": "", "rules": "", "recorded": "", "now": ""}
    assert WALL.parse(told(**nothing)) == Absent()


def test_a_table_that_was_loaded_without_files_is_not_absence() -> None:
    assert isinstance(WALL.parse(told(rules="", now="")), Present)


LET_IN = ["10.1.2.3", "fd00::1", "::ffff:10.9.9.9", "127.0.0.1", "::1", ""]
CUT_OFF = ["192.0.2.7", "2001:db8::1", "::ffff:192.0.2.7", "fe80::1%eth0"]


@pytest.mark.parametrize("client", LET_IN)
def test_a_run_that_would_be_let_in_again_may_change_the_rules(client: str) -> None:
    assert differing(told(rules="x", client=client)) == ["rules"]


@pytest.mark.parametrize("client", CUT_OFF)
def test_a_run_that_would_cut_itself_off_is_refused_with_its_address(client: str) -> None:
    with pytest.raises(ConfigError, match=r"firewall\.admin does not hold .*, where this run comes from") as caught:
        WALL.parse(told(rules="x", client=client))
    assert "add " in caught.value.hint


def test_another_clusters_admins_keep_this_run_in() -> None:
    assert differing(told(rules="x", client="192.0.2.7", others="# ssh 22 192.0.2.0/24")) == ["rules"]
    with pytest.raises(ConfigError, match="where this run comes from"):
        WALL.parse(told(rules="x", client="192.0.2.7", others="# ssh 2222 192.0.2.0/24"))


def test_where_nothing_changes_nobody_is_refused() -> None:
    assert differing(told(client="192.0.2.7")) == []


def test_a_client_that_is_no_address_is_a_probe_error() -> None:
    with pytest.raises(ProbeError, match="not the address"):
        WALL.parse(told(rules="x", client="$(id)"))


def test_another_cluster_on_the_host_has_ports_of_its_own() -> None:
    assert differing(told(others="# ports 9200-9209 jobs\n# ssh 22 10.0.0.0/8")) == []
    with pytest.raises(ConfigError, match="overlaps 9105-9120 of jobs on this host"):
        WALL.parse(told(others="# ports 9105-9120 jobs"))


@pytest.mark.parametrize(
    "line", ["# ports x jobs", "# ssh 22 $(id)", "# ssh 22 10.0.0.1/8", "# hello", "#", "# ports 0 x"]
)
def test_a_line_of_another_file_that_makes_no_sense_gives_no_right(line: str) -> None:
    with pytest.raises(ConfigError, match="where this run comes from"):
        WALL.parse(told(rules="x", client="192.0.2.7", others=line))


WRONG = [
    ("cluster", "a; drop"),
    ("cluster", "Shop"),
    ("admin", []),
    ("admin", ["10.0.0.1/8"]),
    ("admin", ["10.0.0.0/33"]),
    ("admin", ["all"]),
    ("admin", ["fe80::%eth0/64"]),
    ("members", ["web1"]),
    ("ports", "0-10"),
    ("ports", "9109-9100"),
    ("ports", "any"),
    ("public", ["4000"]),
    ("public", ["4000/icmp"]),
    ("public", ["70000/tcp"]),
]


@pytest.mark.parametrize(("name", "value"), WRONG, ids=str)
def test_what_is_no_rule_is_refused_by_its_name(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=name):
        build(Firewall, {"cluster": "shop", "admin": ["10.0.0.0/8"], name: value})


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("nft"), reason="nft checks rules for root only")
def test_nft_accepts_the_rules_of_two_clusters_in_one_transaction_twice(tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    parts.mkdir()
    jobs = replace(WALL, cluster="7-jobs", ports="9200-9209", members=("fd00::2", "fd00::3"), public=())
    for wall in (WALL, jobs):
        (parts / f"{wall.cluster}.nft").write_text(f"{wall.part.text()}\n")
    (tmp_path / "all.nft").write_text(f'{BASE}\ninclude "{parts}/*.nft"\n')
    load = 'nft -f "$1"; nft -f "$1"; nft list table inet deployer'
    done = subprocess.run(
        ["unshare", "-n", "sh", "-ec", load, "sh", tmp_path / "all.nft"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("jump cluster_shop") == done.stdout.count("jump cluster_7-jobs") == 1
    assert "policy drop" in done.stdout
