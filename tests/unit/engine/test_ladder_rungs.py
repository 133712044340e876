"""What a node that is well shows on each rung, and which rungs are left out."""

from __future__ import annotations

import pytest

from deployer.engine.ladder.reading import NodeReading, PeerView
from deployer.engine.ladder.rung import Rung, climb, failed, healthy
from deployer.engine.ladder.target import Target
from deployer.fleet.words import Health
from tests.unit.engine.ladder_kit import DIR, EXE, dist, reading, rungs, target, unit


def test_a_healthy_node_climbs_all_ten_rungs() -> None:
    found = rungs(target(), reading())
    assert list(found) == list(Rung) == list(range(1, len(Rung) + 1))
    assert all(rung.ok for rung in found.values())
    told = (Rung.UNIT, Rung.RELEASE, Rung.NAME, Rung.REACH, Rung.MESH, Rung.VERSIONS, Rung.HEALTH)
    assert {rung: found[rung].detail for rung in told} == {
        Rung.UNIT: "shop.service active, 0 restarts",
        Rung.RELEASE: f"process 4711 runs {DIR}",
        Rung.NAME: "port 9100",
        Rung.REACH: "from 2 other hosts",
        Rung.MESH: "2 other nodes",
        Rung.VERSIONS: "shop 1.4.2, OTP 25",
        Rung.HEALTH: "http://127.0.0.1:4000/health, up for 3600 s",
    }


UNCLIMBABLE: dict[str, tuple[Rung, str, NodeReading, Target]] = {
    "no forwarding": (Rung.NAME, "sshd forbids it", reading(skipped_rungs={Rung.NAME: "sshd forbids it"}), target()),
    "no root for the process": (
        Rung.RELEASE,
        "only root can see what process",
        reading(unit=unit(exe="", ports=None)),
        target(),
    ),
    "no cookie declared": (Rung.COOKIE, "no cookie is declared", reading(), target(cookie=None)),
    "node not asked": (Rung.COOKIE, "the node was not asked", reading(dist=None), target()),
    "no mesh expected": (Rung.MESH, "cluster.mesh is none", reading(dist=dist(nodes=())), target(mesh="none")),
}


@pytest.mark.parametrize("name", UNCLIMBABLE)
def test_what_cannot_be_climbed_is_neither_passed_nor_failed(name: str) -> None:
    rung, why, seen, wanted = UNCLIMBABLE[name]
    found = rungs(wanted, seen)
    assert found[rung].ok is None
    assert why in found[rung].detail
    assert failed(list(found.values())) is None
    assert Rung.VERSIONS in found


def test_the_owner_of_a_port_is_not_guessed_without_root() -> None:
    rung = rungs(target(), reading(unit=unit(ports=None)))[Rung.NAME]
    assert rung.ok
    assert "only root can see its owner" in rung.detail


def test_a_cluster_without_epmd_says_what_is_not_asked_and_where_the_node_listens() -> None:
    alone = target(epmd_port=None, ports=(9100, 9100))
    found = rungs(alone, reading(epmd=None))
    assert (found[Rung.EPMD].ok, found[Rung.EPMD].detail) == (None, "cluster.epmd is false, so there is no EPMD to ask")
    assert (found[Rung.NAME].ok, found[Rung.NAME].detail) == (
        True,
        "port 9100, fixed: without EPMD no name is registered",
    )
    other = rungs(alone, reading(epmd=None, unit=unit(ports=frozenset({9109}))))
    assert (other[Rung.NAME].ok, max(other)) == (False, Rung.NAME)
    assert "shop.service does not listen on port 9100" in other[Rung.NAME].detail


def test_an_ipv6_address_stands_in_brackets_before_its_port() -> None:
    assert rungs(target(address="fd00::2"), reading())[Rung.EPMD].detail == "[fd00::2]:4369"


def test_a_node_alone_needs_nobody() -> None:
    found = rungs(target(others=()), reading(reach={}, dist=dist(nodes=())))
    assert (found[Rung.REACH].detail, found[Rung.MESH].detail) == ("no other host", "0 other nodes")


def test_what_is_declared_on_hosts_outside_of_the_run_is_told_but_not_held_against_a_node() -> None:
    rung = rungs(target(), reading(dist=dist(nodes=("shop@10.0.0.2",)), hosts=frozenset({"web1", "web2"})))[Rung.MESH]
    assert rung.ok
    assert rung.detail == "1 other nodes; not seen, and not in this run: shop@10.0.0.3"
    assert rung.outside == ("shop@10.0.0.3",)


def test_a_node_may_see_more_than_its_cluster() -> None:
    assert rungs(target(), reading(dist=dist(nodes=("shop@10.0.0.2", "shop@10.0.0.3", "remsh@x"))))[Rung.MESH].ok


def test_a_release_of_another_project_has_no_version_to_compare() -> None:
    wanted = target(release_name="", release_dir=None, version=None, otp=None, health=None)
    found = rungs(
        wanted,
        reading(dist=dist(version=None, otp=None), unit=unit(exe=EXE.replace(DIR, "/usr/lib/rabbit")), health=None),
    )
    assert found[Rung.RELEASE].ok
    assert found[Rung.VERSIONS].detail == "not declared"
    assert Rung.HEALTH not in found


def test_the_version_is_read_from_the_directory_when_the_node_cannot_be_asked() -> None:
    assert rungs(target(), reading(dist=None))[Rung.VERSIONS].detail == "shop 1.4.2"


@pytest.mark.parametrize(
    ("health", "words"),
    [
        (Health(http="http://h/x"), "http://h/x"),
        (Health(tcp="127.0.0.1:80"), "127.0.0.1:80"),
        (Health(expr="Shop.ok?()"), "Shop.ok?()"),
        (None, "no health check declared"),
    ],
)
def test_a_health_check_is_called_by_what_it_asks(health: Health | None, words: str) -> None:
    assert target(health=health).health_words == words


DOWN = PeerView(trouble="it fails rung 2")
LACKS = dist(nodes=("shop@10.0.0.2",))
HEALTHY: dict[str, tuple[NodeReading, bool]] = {
    "every rung holds": (reading(), True),
    "it only misses a member that is down": (reading(dist=LACKS, members={"shop@10.0.0.3": DOWN}), True),
    "it misses a member that nothing is wrong with": (
        reading(dist=LACKS, members={"shop@10.0.0.3": PeerView()}),
        False,
    ),
    "it misses both": (
        reading(dist=dist(nodes=()), members={"shop@10.0.0.3": DOWN, "shop@10.0.0.2": PeerView()}),
        False,
    ),
    "it misses a member that is down, and does no work": (
        reading(dist=LACKS, members={"shop@10.0.0.3": DOWN}, health="answers 503"),
        False,
    ),
    "its host was lost": (NodeReading(lost="no answer"), False),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_who_only_misses_unhealthy_members_is_healthy(name: str) -> None:
    seen, wanted = HEALTHY[name]
    assert healthy(tuple(climb(target(), seen))) is wanted


@pytest.mark.parametrize(
    ("members", "follows"),
    [
        ({"shop@10.0.0.3": PeerView(trouble="its host is away", absent=True)}, True),
        ({"shop@10.0.0.3": PeerView(trouble="it fails rung 2")}, False),
        ({"shop@10.0.0.3": PeerView()}, False),
    ],
)
def test_a_node_that_only_misses_hosts_out_of_the_run_is_not_held_to_be_the_cause(
    members: dict[str, PeerView], follows: bool
) -> None:
    assert rungs(target(), reading(dist=LACKS, members=members))[Rung.MESH].caused_by_absent_host is follows
