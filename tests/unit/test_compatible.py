"""What the runtimes of a cluster's members must agree on is refused at load where they do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deployer.beam.epmd import epmd_fault
from deployer.errors import ConfigError
from deployer.fleet import Declaration, check_members, declare
from deployer.model import Secret
from tests.unit.beam.beam_tarballs import release as recipe

COOKIE = Secret("q8ZbR2vTn5LxK7mWc4Yd9Ps3Hj6Gf1QaUeXoIiVtBrN")


def member(
    folder: Path, number: int, *, erts: str = "13.1.5", args: str = "", elixir: str = "",
    files: dict[str, bytes] | None = None, **words: Any,
) -> Declaration:  # fmt: skip
    place = folder / str(number)
    place.mkdir()
    made = recipe(erts=erts).add("releases/0.1.0/vm.args", args.encode())
    for name, content in (files or {}).items():
        made.add(name, content)
    if elixir:
        made.add(f"lib/elixir-{elixir}/ebin/elixir.app", b"x")
    cluster = {"name": "demo", "cookie": COOKIE, **words.pop("cluster", {})}
    given = {"release": {"name": "demo", "tarball": str(made.write(place))}, "cluster": cluster, **words}
    found = declare(given, host=f"web{number}", address=f"10.0.0.{number}", where=None)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("one", "other", "fine"),
    [("13.1.5", "15.2.7", True), ("14.2", "16.4.0.4", True), ("13.1.5", "16.0", False), ("12.3", "15.0", False)],
)
def test_otp_releases_more_than_two_apart_are_refused(tmp_path: Path, one: str, other: str, fine: bool) -> None:
    pair = member(tmp_path, 1, erts=one), member(tmp_path, 2, erts=other)
    if fine:
        check_members(pair)
        return
    with pytest.raises(ConfigError, match=r"web1 and web2: their releases bring OTP \d+ and OTP \d+, and nodes under"):
        check_members(pair)


def test_two_clusters_may_be_as_far_apart_as_they_like(tmp_path: Path) -> None:
    other = {"name": "other", "ports": "9200-9209"}
    check_members([member(tmp_path, 1, erts="11.2"), member(tmp_path, 2, erts="17.0", cluster=other)])


TICK, LATER = "-kernel net_ticktime 30", "-kernel net_ticktime 90"
SETTINGS: dict[str, tuple[str, list[str], bool]] = {
    "only one member sets it": ("", [TICK], False),
    "the release of one sets it": (TICK, [], False),
    "both set it": (TICK, [TICK], True),
    "ours come before the release's own": (LATER, [TICK], True),
    "the first of two counts": ("", [TICK, LATER], True),
    "what is the default anyway": ("", [TICK, "-kernel net_tickintensity 4"], True),
    "something else": ("-kernel logger_level debug", [TICK, "+S 2:2"], True),
}


def test_what_sys_config_sets_is_compared_too(tmp_path: Path) -> None:
    set_there = {"releases/0.1.0/sys.config": b"[{kernel,[{net_ticktime,30}]}]."}
    one, other = member(tmp_path, 1, files=set_there), member(tmp_path, 2)
    with pytest.raises(ConfigError, match=r"they differ in net_ticktime \(30 and 60\)"):
        check_members([one, other])
    check_members([one, member(tmp_path, 3, args=TICK)])


@pytest.mark.parametrize(
    ("args", "node", "says"),
    [
        ("+Q 65537", {}, "the release's own vm.args: +Q 65537 is above LimitNOFILE 65536 of demo.service"),
        ("+Q 4096", {"vm_args": ["+Q 2048"]}, "+Q 2048 has no effect, because the release's own vm.args says +Q 4096"),
        ("+Q 65537", {"unit": {"LimitNOFILE": 70000}}, ""),
    ],
)
def test_the_port_limit_of_a_release_has_to_fit_its_unit(
    tmp_path: Path, args: str, node: dict[str, Any], says: str
) -> None:
    nodes = [{"name": "demo", **node}]
    if not says:
        assert member(tmp_path, 1, args=args, nodes=nodes).release
        return
    with pytest.raises(ConfigError) as caught:
        member(tmp_path, 1, args=args, nodes=nodes)
    assert says in caught.value.message


@pytest.mark.parametrize(("args", "flags", "fine"), SETTINGS.values(), ids=SETTINGS)
def test_members_have_one_net_ticktime(tmp_path: Path, args: str, flags: list[str], fine: bool) -> None:
    other = [TICK] if fine or args or not flags else []
    pair = (
        member(tmp_path, 1, args=args, nodes=[{"name": "demo", "vm_args": flags}]),
        member(tmp_path, 2, nodes=[{"name": "demo", "vm_args": other if fine else []}]),
    )
    if fine:
        check_members(pair)
        return
    with pytest.raises(ConfigError, match=r"web1 and web2: they differ in net_ticktime \(30 and 60\)"):
        check_members(pair)


def test_of_a_tarball_that_is_not_here_nothing_is_said(tmp_path: Path) -> None:
    words = {
        "release": {"name": "demo", "tarball": "/nowhere.tar.gz"},
        "cluster": {"name": "demo", "cookie": COOKIE, "epmd": False},
        "nodes": [{"name": "demo", "port": 9100}],
    }
    missing = declare(words, host="web1", address="10.0.0.1", where=None, need_tarball=False)
    assert missing is not None
    nodes = [{"name": "demo", "port": 9100}]
    check_members([missing, member(tmp_path, 2, args=TICK, cluster={"epmd": False}, nodes=nodes)])


def test_two_nodes_of_one_host_are_members_too(tmp_path: Path) -> None:
    nodes = [{"name": "a"}, {"name": "b", "vm_args": ["-kernel prevent_overlapping_partitions false"]}]
    with pytest.raises(ConfigError, match=r"differ in prevent_overlapping_partitions \(false and true\)"):
        member(tmp_path, 1, nodes=nodes)


def without_epmd(folder: Path, number: int, erts: str, elixir: str = "") -> Declaration:
    nodes = [{"name": "demo", "port": 9100}]
    return member(folder, number, erts=erts, elixir=elixir, cluster={"epmd": False}, nodes=nodes)


def test_a_release_that_cannot_do_without_epmd_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"needs OTP 23\.1 \(ERTS 11\.1\); the release brings ERTS 11\.0\.4"):
        without_epmd(tmp_path, 1, "11.0.4")
    with pytest.raises(ConfigError, match=r"needs Elixir 1\.12; the release brings 1\.11\.4"):
        without_epmd(tmp_path, 2, "12.3", "1.11.4")
    assert without_epmd(tmp_path, 3, "11.1", "1.12.0").nodes[0].port == 9100


@pytest.mark.parametrize(
    ("one", "other", "fine"),
    [("12.3", "13.1.5", False), ("12.3", "13.2", True), ("13.1.5", "15.2.7", True), ("12.3", "12.3", True)],
)
def test_otp_25_turns_away_older_nodes_that_come_without_epmd(tmp_path: Path, one: str, other: str, fine: bool) -> None:
    pair = without_epmd(tmp_path, 1, one), without_epmd(tmp_path, 2, other)
    if fine:
        check_members(pair)
        return
    with pytest.raises(ConfigError, match=r"turns away nodes of OTP 23 and 24"):
        check_members(pair)


def test_a_cluster_speaks_one_family_of_addresses(tmp_path: Path) -> None:
    six = member(tmp_path, 2, cluster={"bind": "fd00::2"})
    assert str(six.nodes[0].node) == "demo@fd00::2", "nodes are named after where they listen"
    with pytest.raises(ConfigError, match=r"cluster\.bind is IPv4 on one and IPv6 on the other"):
        check_members([member(tmp_path, 1), six])
    with pytest.raises(ConfigError, match=r"nodes\[0\] is called demo@10\.0\.0\.9, and cluster\.bind fd00::2 is IPv6"):
        member(tmp_path, 3, cluster={"bind": "fd00::2"}, nodes=[{"name": "demo", "host": "10.0.0.9"}])
    assert member(tmp_path, 4, cluster={"bind": "fd00::2"}, nodes=[{"name": "demo", "host": "a.example"}])


def test_nodes_are_named_after_a_private_address_when_they_listen_there(tmp_path: Path) -> None:
    assert str(member(tmp_path, 1, cluster={"bind": "192.168.7.1"}).nodes[0].node) == "demo@192.168.7.1"


@pytest.mark.parametrize(
    ("erts", "fixed"), [("15.2.7.11", "OTP 27.3.4.16"), ("16.4.0.4", "OTP 28.5.0.5"), ("17.0.4", "OTP 29.0.5")]
)
def test_an_epmd_that_wants_ipv6_is_known_by_its_version(erts: str, fixed: str) -> None:
    assert erts in epmd_fault(erts)
    assert fixed in epmd_fault(erts)
    major, _, last = erts.rpartition(".")
    assert epmd_fault(f"{major}.{int(last) + 1}") == ""
    assert epmd_fault(f"{major}.{int(last) - 1}") == ""
