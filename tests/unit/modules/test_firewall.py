"""The firewall: what it lets in, whose rules stay, and whom it never cuts off."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.errors import ConfigError, ProbeError
from deployer.firewall.nft import BASE, rules_of, takes_away
from deployer.model import Absent, Change, Present, Unknown
from deployer.modules.firewall import Firewall
from tests.unit.modules.firewall_kit import RULES, SHOWN, SSHD, WALL, came, differing, told
from tests.unit.sh_clean import complaints


def test_the_rules_let_in_exactly_what_was_declared() -> None:
    assert WALL.part.text() == RULES


def test_without_epmd_and_members_nothing_is_open_for_them() -> None:
    text = replace(WALL, members=(), epmd_port=None, public=(), allow=()).part.text()
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
    assert f"ip saddr {merged} tcp dport @ssh accept" in replace(WALL, admin=admin).part.text()


def test_as_long_as_a_takeover_lasts_members_reach_an_old_node_that_has_to_run_again() -> None:
    wall = replace(WALL, members=("192.0.2.7",), takeover="chat.service")
    assert "ip saddr { 192.0.2.7 } tcp dport { 32768-65535 } accept" in rules_of(wall.part.text())
    over = replace(wall, takeover=None).part.text()
    assert "32768" not in over
    assert takes_away(rules_of(wall.part.text()), rules_of(over)), "it is closed when all hosts have had their turn"


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
    assert differing(told(rules="x", connection=came(client))) == ["rules"]


@pytest.mark.parametrize("client", CUT_OFF)
def test_a_run_that_would_cut_itself_off_is_refused_with_its_address(client: str) -> None:
    with pytest.raises(
        ConfigError, match=r"firewall\.admin does not contain .*, the address that this run comes from"
    ) as caught:
        WALL.parse(told(rules="x", connection=came(client)))
    assert "add " in caught.value.hint


def test_another_clusters_admins_keep_this_run_in() -> None:
    for theirs in ("# admin 192.0.2.0/24", "# ssh 22 192.0.2.0/24"):
        assert differing(told(rules="x", connection=came("192.0.2.7"), others=theirs)) == ["rules"]
    with pytest.raises(ConfigError, match="that this run comes from"):
        WALL.parse(told(rules="x", connection=came("192.0.2.7"), others="# ssh 2222 192.0.2.0/24"))


def test_where_nothing_changes_nobody_is_refused() -> None:
    assert differing(told(connection=came("192.0.2.7"))) == []


def test_a_client_that_is_no_address_is_a_probe_error() -> None:
    with pytest.raises(ProbeError, match="not the address"):
        WALL.parse(told(rules="x", connection=came("$(id)")))


SSH_AT = {
    "sshd was moved": ({"serving": "2300"}, "shut: 2300"),
    "it serves one port more": ({"serving": "22\n2300"}, "shut: 2300"),
    "this run comes in by a port that nobody serves any more": ({"connection": came("10.1.2.3", 2300)}, "shut: 2300"),
    "the set was never written": ({"ssh": ""}, "shut: 22"),
}


@pytest.mark.parametrize(("keys", "expected"), SSH_AT.values(), ids=SSH_AT)
def test_every_port_of_ssh_has_to_stay_open(keys: dict[str, str], expected: str) -> None:
    assert [(name, change.before) for name, change in WALL.differences(WALL.parse(told(**keys))).items()] == [
        ("ssh", expected)
    ]


def test_a_port_that_ssh_has_left_may_stay_open_to_admins() -> None:
    assert differing(told(serving="2222", connection=came("10.1.2.3", 2222))) == []


def test_without_nftables_it_is_unknown_and_what_would_be_refused_is_refused_all_the_same() -> None:
    nothing = {"nft": "", "unit": "", "base": "", "rules": "", "ssh": "", "recorded": "", "now": ""}
    assert isinstance(WALL.parse(told(**nothing)), Unknown)
    with pytest.raises(ConfigError, match="that this run comes from"):
        WALL.parse(told(**nothing, connection=came("192.0.2.7")))


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("nft"), reason="nft checks rules for root only")
def test_nft_accepts_the_rules_of_two_clusters_in_one_transaction_twice(tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    parts.mkdir()
    jobs = replace(WALL, cluster="7-jobs", ports="9200-9209", members=("fd00::2", "fd00::3"), public=())
    for wall in (WALL, jobs):
        (parts / f"{wall.cluster}.nft").write_text(f"{wall.part.text()}\n")
    (tmp_path / "ssh").write_text(f"table inet deployer {{\nset ssh {{\ntype inet_service\n{SSHD}\n}}\n}}\n")
    base = BASE.replace("/etc/nftables.d/deployer.ssh", f"{tmp_path}/ssh").replace(
        "/etc/nftables.d/deployer.d", f"{parts}"
    )
    (tmp_path / "all.nft").write_text(f"{base}\n")
    load = 'nft -f "$1"; nft -f "$1"; nft list table inet deployer'
    done = subprocess.run(
        ["unshare", "-n", "sh", "-ec", load, "sh", tmp_path / "all.nft"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("jump cluster_shop") == done.stdout.count("jump cluster_7-jobs") == 1
    assert "policy drop" in done.stdout


def steps(before: Firewall, after: Firewall) -> list[tuple[str, bool, bool]]:
    changes = {"rules": Change("rules", before.part.text(), after.part.text())}
    return [(step.what, step.ahead, step.late) for step in after.fix(changes)]


OPEN, CLOSE = ("open the firewall", True, False), ("close the ports that are no longer declared", False, True)
MORE = {
    "a member more": ({"members": ("10.0.0.2", "10.0.0.3", "10.0.0.4")}, [OPEN]),
    "a member less": ({"members": ("10.0.0.2",)}, [CLOSE]),
    "another member": ({"members": ("10.0.0.2", "10.0.0.4")}, [OPEN, CLOSE]),
    "a public port more": ({"public": ("4000/tcp", "4001/tcp")}, [OPEN, CLOSE]),
    "a wider network for admins": ({"admin": ("10.0.0.0/7",)}, [OPEN]),
    "other ports": ({"ports": "9200-9209"}, [OPEN, CLOSE]),
}


@pytest.mark.parametrize("name", MORE)
def test_what_is_new_is_let_in_first_and_what_is_gone_is_shut_out_last(name: str) -> None:
    more, expected = MORE[name]
    old = Firewall(cluster="shop", admin=("10.0.0.0/8",), members=("10.0.0.2", "10.0.0.3"), public=("4000/tcp",))
    new = replace(old, **more)
    assert steps(old, new) == expected
    both = new.part.text(also=old.part.text())
    assert not takes_away(rules_of(old.part.text()), rules_of(both))
    assert not takes_away(rules_of(new.part.text()), rules_of(both))


def test_beside_the_parts_of_other_clusters_a_new_part_only_opens_and_goes_first() -> None:
    new = Firewall(cluster="shop", admin=("10.0.0.0/8",), members=("10.0.0.2",))
    for before in ({"rules": Change("rules", None, new.part.text())}, {"rules": Change("rules", "", new.part.text())}):
        assert [(step.what, step.ahead, step.late) for step in new.fix(before)] == [OPEN]
    (step,) = new.fix(new.differences(Absent()))
    assert not step.ahead, "a host's first firewall shuts what was open"


def test_new_rules_wait_for_a_login_and_the_script_that_keeps_them_is_clean_sh() -> None:
    (step,) = WALL.fix(WALL.differences(Absent()))
    assert step.confirm == 60
    quoted = re.search(r"""\nkeep=('(?:[^']|'"'"')*')\n""", step.text.text)
    assert quoted
    (script,) = shlex.split(quoted[1])
    assert "systemctl enable" in script
    assert complaints(f"#!/bin/sh\nset -eu\n{script}", "SC2154") == "", "the run is given by whoever calls it"


def test_a_port_of_ssh_more_is_open_at_once_for_it_takes_nothing_away() -> None:
    (step,) = WALL.fix(WALL.differences(WALL.parse(told(serving="2300"))))
    assert (step.what, step.confirm) == ("open the ports of SSH", None)
    assert step.text.text.endswith('/bin/sh -eu "$pending/keep"')
