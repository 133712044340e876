"""The ladder where sshd allows little: no forwarding, one session, both; and where nothing goes around it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deployer.engine.ladder.rung import Rung
from deployer.lab import Lab, LabHost
from tests.lab.conftest import Ssh
from tests.lab.fleet import Fleet, fleet_of

PROFILES = ("no-forwarding", "one-session", "closed")
ALL = dict.fromkeys(Rung, True)
# root keeps a shell to log in with; bash is what the way around needs.
NO_BASH = "usermod -s /bin/dash root && mv /usr/bin/bash /usr/bin/bash.off"
BASH = "mv /usr/bin/bash.off /usr/bin/bash && usermod -s /bin/bash root"


@pytest.fixture(scope="module")
def fleet(
    lab_of: Callable[..., Lab], demo_release: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Fleet:
    """The demo on a host of each kind, deployed through that sshd."""
    lab = lab_of(*PROFILES)
    made = fleet_of(tmp_path_factory.mktemp("sshd"), lab.hosts, demo_release("0.1.0"))
    ran = made.run("deploy")
    assert ran.code == 0, ran.out + ran.err
    return made


def kind(fleet: Fleet, profile: str) -> LabHost:
    return next(host for host in fleet.hosts if host.profile == profile)


@pytest.mark.parametrize("profile", PROFILES)
def test_every_rung_is_climbed_whatever_sshd_forbids(fleet: Fleet, profile: str) -> None:
    assert fleet.run("verify").rungs(kind(fleet, profile)) == ALL


def test_an_expression_is_asked_through_the_relay_too(fleet: Fleet) -> None:
    before = fleet.words["health"]
    fleet.words["health"] = {"expr": "Node.list() != []", "timeout": 30, "stable": 1}
    try:
        ran = fleet.run("verify")
        assert ran.code == 0, ran.out
        fleet.words["health"] = {"expr": "Node.list() == []", "timeout": 2, "stable": 0}
        ran = fleet.run("verify")
    finally:
        fleet.words["health"] = before
    assert {(bad["rung"], "gives false" in bad["detail"]) for bad in ran.bad_rungs().values()} == {(10, True)}


def test_nothing_of_a_relay_stays_on_a_host(fleet: Fleet, ssh: Ssh, eventually: Callable[..., None]) -> None:
    host = kind(fleet, "closed")
    assert fleet.run("verify").code == 0
    look = "cat /proc/[0-9]*/cmdline 2>/dev/null | grep -qa '/dev/[t]cp'"
    eventually(lambda: ssh(host, look)[0] == 1)


def test_without_bash_the_rungs_that_can_be_climbed_are_and_the_others_say_why(fleet: Fleet, ssh: Ssh) -> None:
    bare, other = kind(fleet, "closed"), kind(fleet, "one-session")
    assert ssh(bare, NO_BASH)[0] == 0
    try:
        ran = fleet.run("verify")
    finally:
        assert ssh(bare, BASH)[0] == 0
    assert ran.code == 0, ran.out
    assert ran.rungs(bare) == {
        1: True,
        2: True,
        3: True,
        4: None,
        5: None,
        6: True,
        7: None,
        8: None,
        9: True,
        10: None,
    }
    (why,) = {each["detail"] for each in ran.of("RungRead", host=bare.name, ok=None)}
    assert "sshd does not let us reach" in why
    assert "no bash" in why
    assert ran.rungs(other) == ALL
    (from_where,) = ran.of("RungRead", host=other.name, rung=Rung.REACH)
    assert from_where["detail"].startswith("from 1 other host; ")
    assert from_where["detail"].endswith(f"; not tried from {bare.name}: there is no bash")


def test_what_is_wrong_is_still_seen_where_forwarding_is_forbidden(fleet: Fleet, ssh: Ssh) -> None:
    host = kind(fleet, "closed")
    assert ssh(host, "systemctl stop beam-epmd@4369")[0] == 0
    try:
        bad = fleet.run("verify").bad_rungs()[f"demo@{host.address}"]
    finally:
        assert ssh(host, "systemctl start beam-epmd@4369")[0] == 0
    assert (bad["rung"], "nothing listens on port 4369" in bad["detail"]) == (4, True)
