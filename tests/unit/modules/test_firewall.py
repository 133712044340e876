"""The firewall: what it lets in, whose rules stay, and whom it never cuts off."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deployer.errors import ConfigError, ProbeError
from deployer.fields import build
from deployer.firewall.nft import BASE, UNIT_TEXT, rules_of, takes_away
from deployer.firewall.openings import Allow
from deployer.model import Absent, Change, Observed, Present, Unknown
from deployer.modules.firewall import Firewall

WALL = Firewall(
    cluster="shop",
    admin=("10.0.0.0/8", "fd00::/8"),
    members=("10.0.0.3", "10.0.0.2", "10.0.0.2"),
    ports="9100-9109",
    epmd_port=4369,
    public=("4000/tcp", "53/udp", "443/tcp"),
    allow=(Allow(port="9187/tcp", sources=("10.0.9.0/24",)), Allow(port="161/udp", sources=("admin",))),
)
SSHD = "elements = { 22, 2222 }"
LISTENING = "tcp 00000000:0016 11\ntcp 00000000000000000000000000000000:0016 12"
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
# admin 10.0.0.0/8
# admin fd00::/8
# ports 9100-9109 shop
table inet deployer {
	chain cluster_shop {
		ip saddr { 10.0.0.0/8 } tcp dport @ssh accept
		ip6 saddr { fd00::/8 } tcp dport @ssh accept
		ip saddr { 10.0.0.2/31 } tcp dport { 4369, 9100-9109 } accept
		ip saddr { 10.0.9.0/24 } tcp dport { 9187 } accept
		ip saddr { 10.0.0.0/8 } udp dport { 161 } accept
		ip6 saddr { fd00::/8 } udp dport { 161 } accept
		tcp dport { 443, 4000 } accept
		udp dport { 53 } accept
	}
	chain input {
		jump cluster_shop
	}
}"""


def told(wall: Firewall = WALL, *, shown: str = SHOWN, **keys: str) -> str:
    good = {
        "nft": "/usr/sbin/nft",
        "connection": "10.1.2.3 50000 10.0.0.2 22",
        "shown": shown,
        "unit": UNIT_TEXT,
        "base": BASE,
        "ssh": SSHD,
        "sockets": LISTENING,
        "serving": "22\n22",
        "foreign": "",
        "rules": wall.part.text(),
        "others": "",
        "recorded": "a -\nb -",
        "now": "a -\nb -",
    }
    return "".join(f"{key}={value}\x1e" for key, value in {**good, **keys}.items())


def came(client: str, port: int = 22) -> str:
    return f"{client} 50000 10.0.0.2 {port}" if client else ""


def differing(out: str, wall: Firewall = WALL) -> list[str]:
    return list(wall.differences(wall.parse(out)))


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
    with pytest.raises(ConfigError, match=r"firewall\.admin does not hold .*, where this run comes from") as caught:
        WALL.parse(told(rules="x", connection=came(client)))
    assert "add " in caught.value.hint


def test_another_clusters_admins_keep_this_run_in() -> None:
    for theirs in ("# admin 192.0.2.0/24", "# ssh 22 192.0.2.0/24"):
        assert differing(told(rules="x", connection=came("192.0.2.7"), others=theirs)) == ["rules"]
    with pytest.raises(ConfigError, match="where this run comes from"):
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
    with pytest.raises(ConfigError, match="where this run comes from"):
        WALL.parse(told(**nothing, connection=came("192.0.2.7")))


NGINX = "tcp 00000000:20FB 21"
HELD = "21 412 0::/system.slice/nginx.service nginx"


def first(*sockets: str, holders: str = HELD, wall: Firewall = WALL, **keys: str) -> Observed:
    """What a host without any firewall of ours gets to hear."""
    asked = {"holders": holders, "activated": "", "rules": "", "sockets": "\n".join((LISTENING, *sockets))}
    return wall.parse(told(wall, **{**asked, **keys}))


def refusal(*sockets: str, wall: Firewall = WALL, **keys: str) -> str:
    with pytest.raises(ConfigError) as caught:
        first(*sockets, wall=wall, **keys)
    return str(caught.value)


def test_a_port_that_answers_is_not_shut_before_somebody_says_so() -> None:
    said = refusal(NGINX, "udp 00000000:0202 22", holders=f"{HELD}\n22 9 0::/system.slice/syslog.service rsyslogd")
    assert "the firewall would shut what answers today: 514/udp (rsyslogd, syslog.service), 8443/tcp (nginx" in said
    assert "closed: [514/udp, 8443/tcp] (to shut it on purpose)" in said


FINE = {
    "public": {"public": ("8443/tcp",)},
    "in a range": {"public": ("8000-9000/tcp",)},
    "allowed": {"allow": (Allow(port="8443/tcp", sources=("admin",)),)},
    "closed": {"closed": ("8443/tcp",)},
}


@pytest.mark.parametrize("words", FINE.values(), ids=FINE)
def test_a_port_that_is_written_down_in_any_way_is_fine(words: dict[str, Any]) -> None:
    assert isinstance(first(NGINX, wall=replace(WALL, **words)), Present)


NOBODY_ASKS = {
    "loopback": "tcp 0100007F:20FB 21",
    "another loopback": "tcp 0200007F:20FB 21",
    "loopback of IPv6": "tcp 00000000000000000000000001000000:20FB 21",
    "loopback of IPv4 in IPv6": "tcp 0000000000000000FFFF00000100007F:20FB 21",
    "SSH": "tcp 00000000:0016 21",
    "our EPMD": "tcp 00000000:1111 31",
    "our node": "tcp 00000000:238C 32",
    "DHCP": "udp 00000000:0044 33",
    "a client's port": "udp 00000000:9C40 21",
    "a port of a container": "tcp 00000000:1F90 34",
}


@pytest.mark.parametrize("socket", NOBODY_ASKS.values(), ids=NOBODY_ASKS)
def test_what_is_ours_or_not_reached_from_outside_needs_no_word(socket: str) -> None:
    own = "31 7 0::/system.slice/beam-epmd@4369.service epmd\n32 8 0::/system.slice/shop.service beam.smp"
    own = f"{own}\n34 9 0::/system.slice/docker.service docker-proxy"
    assert isinstance(first(socket, holders=f"{HELD}\n{own}"), Present)


def test_a_socket_that_the_kernel_holds_is_none_of_a_client() -> None:
    assert "51820/udp (the kernel, or nobody that is seen)" in refusal("udp 00000000:CA6C 0")


def test_what_systemd_holds_for_others_is_called_by_its_socket() -> None:
    held = {"holders": "21 1 0::/init.scope systemd", "activated": "0.0.0.0:8443 cockpit.socket cockpit.service"}
    assert "8443/tcp (systemd, cockpit.socket)" in refusal(NGINX, **held)


def test_another_program_in_the_clusters_range_is_told_with_a_range_that_is_free() -> None:
    exporter = "21 412 0::/system.slice/prometheus-node-exporter.service prometheus-node"
    said = refusal("tcp 00000000:238C 21", "tcp 00000000:23F0 22", holders=exporter)
    assert "9100/tcp (prometheus-node, prometheus-node-exporter.service) listens in cluster.ports 9100-9109" in said
    assert "write cluster: {ports: 9300-9309}" in said


def test_only_what_is_open_today_can_be_shut() -> None:
    before = replace(WALL, public=("4000/tcp", "8443/tcp")).part.text()
    assert "8443/tcp" in refusal(NGINX, rules=before)
    assert isinstance(first(NGINX, rules=replace(WALL, public=()).part.text()), Present)
    assert isinstance(first(NGINX, rules=before, others="\t\ttcp dport { 80, 8440-8450 } accept"), Present)


def test_where_another_cluster_has_its_firewall_already_nothing_else_can_be_shut() -> None:
    theirs = replace(WALL, cluster="jobs", ports="9200-9209", public=()).part.text()
    node = "21 8 0::/system.slice/jobs.service beam.smp"
    assert isinstance(first("tcp 00000000:23F0 21", NGINX, holders=node, others=theirs), Present)


def test_a_port_that_becomes_narrower_counts_as_shut() -> None:
    before = replace(WALL, ports="9200-9209", public=("9100/tcp",)).part.text()
    assert "listens in cluster.ports" in refusal("tcp 00000000:238C 21", rules=before)
    members_only = replace(WALL, public=()).part.text()
    assert isinstance(first("tcp 00000000:238C 21", rules=members_only), Present)


CONTRADICTIONS = [
    ({"admin": ["0.0.0.0/0"]}, "firewall.admin holds 0.0.0.0/0"),
    ({"admin": ["10.0.0.0/8", "::/0"]}, "firewall.admin holds ::/0"),
    ({"admin": ["0.0.0.0/1", "128.0.0.0/1"]}, "firewall.admin holds 0.0.0.0/0"),
    ({"public": ["22/tcp"]}, r"firewall.public 22/tcp opens SSH \(port 22\) to everyone"),
    ({"public": ["1-1023/tcp"]}, "opens SSH"),
    ({"public": ["80/tcp"], "closed": ["80/tcp"]}, "firewall.closed 80/tcp is open by firewall.public 80/tcp"),
    ({"allow": [{"port": "80/tcp", "from": ["10.0.0.0/8"]}], "closed": ["1-99/tcp"]}, "is open by firewall.allow"),
]


@pytest.mark.parametrize(("words", "problem"), CONTRADICTIONS, ids=str)
def test_words_that_open_ssh_to_everybody_or_contradict_each_other_are_refused(
    words: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        build(Firewall, {"cluster": "shop", "admin": ["10.0.0.0/8"], **words})


def test_ssh_may_be_open_to_everybody_with_a_word_of_consent() -> None:
    words = {"admin": ["0.0.0.0/0", "::/0"], "public": ["22/tcp"], "ssh_from_anywhere": True}
    assert "0.0.0.0/0" in build(Firewall, {"cluster": "shop", **words}).part.text()


def test_the_port_that_ssh_really_has_is_not_opened_to_everyone_by_accident() -> None:
    wall = replace(WALL, public=("2222/tcp",))
    with pytest.raises(ConfigError, match="opens SSH \\(port 2222\\) to everyone"):
        wall.parse(told(wall, rules="x", serving="2222"))


def test_a_table_of_others_that_drops_what_is_declared_is_refused_and_named() -> None:
    foreign = "table ip filter {\n\tchain INPUT {\n\t\ttype filter hook input priority filter; policy drop;\n\t}\n}"
    with pytest.raises(ConfigError, match=r"table ip filter \(iptables\), chain INPUT, policy drop, drops ") as caught:
        WALL.parse(told(foreign=foreign))
    for lost in ("4000/tcp", "22/tcp from this machine", "9187/tcp from 10.0.9.0/24", "4369/tcp from 10.0.0.3"):
        assert lost in str(caught.value)


def test_another_cluster_on_the_host_has_ports_of_its_own() -> None:
    assert differing(told(others="# ports 9200-9209 jobs\n# ssh 22 10.0.0.0/8")) == []
    with pytest.raises(ConfigError, match="overlaps 9105-9120 of jobs on this host"):
        WALL.parse(told(others="# ports 9105-9120 jobs"))


@pytest.mark.parametrize(
    "line", ["# ports x jobs", "# ssh 22 $(id)", "# ssh 22 10.0.0.1/8", "# hello", "#", "# ports 0 x"]
)
def test_a_line_of_another_file_that_makes_no_sense_gives_no_right(line: str) -> None:
    with pytest.raises(ConfigError, match="where this run comes from"):
        WALL.parse(told(rules="x", connection=came("192.0.2.7"), others=line))


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
    ("closed", ["4000"]),
    ("allow", [{"port": "4000", "from": ["10.0.0.0/8"]}]),
    ("allow", [{"port": "4000/tcp", "from": []}]),
    ("allow", [{"port": "4000/tcp", "from": ["0.0.0.0/0"]}]),
    ("allow", [{"port": "4000/tcp", "from": ["everyone"]}]),
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


OPEN, CLOSE = ("open the firewall", True, False), ("close the firewall to what is declared no more", False, True)
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


def test_new_rules_wait_for_a_login_and_the_script_that_keeps_them_is_clean_sh() -> None:
    (step,) = WALL.fix(WALL.differences(Absent()))
    assert step.confirm == 60
    quoted = re.search(r"\nkeep=('.*')\n# Loads a firewall", step.text.text, re.DOTALL)
    assert quoted
    (script,) = shlex.split(quoted[1])
    assert "systemctl enable" in script
    check = ["shellcheck", "-s", "sh", "-e", "SC2154", "-"]  # the run is given by whoever calls it
    done = subprocess.run(check, input=f"#!/bin/sh\nset -eu\n{script}", text=True, capture_output=True)
    assert done.stdout + done.stderr == ""


def test_a_port_of_ssh_more_is_open_at_once_for_it_takes_nothing_away() -> None:
    (step,) = WALL.fix(WALL.differences(WALL.parse(told(serving="2300"))))
    assert (step.what, step.confirm) == ("open the ports of SSH", None)
    assert step.text.text.endswith('/bin/sh -eu "$pending/keep"')
