"""Every way in: sudo without and with a password, and what sshd may forbid."""

from __future__ import annotations

import os
import pty
import select
import subprocess

import pytest

from deployer import lab as labs
from tests.lab.fleet import PATIENCE, Fleet, fleet_of, health
from tests.samples import some

PROFILES = ("sudo", "sudo-password", "one-session", "no-forwarding", "closed")
FAILURES = "journalctl --sync; journalctl -t sudo --no-pager | grep -c 'incorrect password attempt'"


@pytest.fixture(scope="module")
def by_profile(lab_of) -> dict[str, labs.LabHost]:
    return {host.profile: host for host in lab_of(*PROFILES).hosts}


@pytest.fixture
def fleet_on(by_profile, demo_release, tmp_path):
    """A fleet of the one host with this profile, put back to untouched."""

    def make(profile: str) -> Fleet:
        host = by_profile[profile]
        labs.reset(host.name, host.home.parent.parent.name)
        made = fleet_of(tmp_path, [host], demo_release("0.1.0"))
        made.words["release"]["migrate"] = "IO.puts(:migrated)"
        return made

    return make


def typed(fleet: Fleet, answer: str, *flags: str) -> tuple[int, str]:
    """Run a deploy at a terminal and type an answer to its question: (exit code, what the terminal showed)."""
    mine, theirs = pty.openpty()
    argv = ["setsid", "--ctty", "--wait", *fleet.argv("deploy", *flags)]
    process = subprocess.Popen(
        argv, env=fleet.environment(), cwd=fleet.directory, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    try:
        while True:
            assert select.select([mine], [], [], PATIENCE)[0], shown.decode()
            try:
                chunk = os.read(mine, 4096)
            except OSError:
                break
            if not chunk:
                break
            if b"password: " in chunk:
                os.write(mine, f"{answer}\n".encode())
            shown += chunk
    finally:
        os.close(mine)
    return process.wait(PATIENCE), shown.decode()


def test_sudo_without_a_password(fleet_on, ssh):
    fleet = fleet_on("sudo")
    (host,) = fleet.hosts
    ran = fleet.run("deploy")
    assert ran.code == 0, ran.out
    assert set(ran.rungs(host).values()) == {True}
    assert health(host)[0] == 200
    again = fleet.run("deploy")
    assert (again.code, again.of("StepDone")) == (0, [])


def test_sudo_with_a_password_of_the_inventory(fleet_on, ssh):
    fleet = fleet_on("sudo-password")
    (host,) = fleet.hosts
    fleet.of[host.name] = {"ansible_become_password": {"env": "SUDO_PASSWORD"}}
    fleet.environ = {"SUDO_PASSWORD": labs.PASSWORD}
    ran = fleet.run("deploy")
    assert ran.code == 0, ran.out
    assert health(host)[0] == 200
    assert [each["text"] for each in ran.of("MigrationSaid")] == ["migrated"]
    again = fleet.run("deploy", "-vvv")
    assert (again.code, again.of("StepDone")) == (0, [])
    assert labs.PASSWORD not in ran.out + ran.err + again.out + again.err
    assert ssh(host, f"journalctl --no-pager | grep -cF {labs.PASSWORD}")[1] == "0\n"


def test_sudo_with_a_password_typed_at_a_terminal(fleet_on, ssh):
    fleet = fleet_on("sudo-password")
    (host,) = fleet.hosts
    code, shown = typed(fleet, labs.PASSWORD, "-K")
    assert code == 0, shown
    assert labs.PASSWORD not in shown
    assert health(host)[0] == 200


@pytest.mark.parametrize("password", ["", "wrong-one"])
def test_a_wrong_or_missing_password_is_tried_at_most_once_and_changes_nothing(fleet_on, ssh, eventually, password):
    fleet = fleet_on("sudo-password")
    (host,) = fleet.hosts
    before = labs.upper_state(host)
    if password:
        fleet.of[host.name] = {"ansible_become_password": {"env": "SUDO_PASSWORD"}}
        fleet.environ = {"SUDO_PASSWORD": password}
    ran = fleet.run("deploy")
    assert ran.code == 4, ran.out
    assert ran.end(host)["ending"] == "unreachable"
    assert "sudo" in ran.end(host)["problem"]
    assert "-K" in ran.end(host)["problem"] or password
    assert labs.upper_state(host) == before
    eventually(
        lambda: ssh(host, FAILURES)[1] != "0\n" or not password
    )  # sudo tells when it ends, which may be after us
    assert ssh(host, FAILURES)[1] == ("1\n" if password else "0\n")


@pytest.mark.parametrize("profile", some(["one-session", "closed", "no-forwarding"], 1, "DEPLOYER_LAB_ALL"))
def test_a_deploy_works_with_what_sshd_permits_and_says_what_it_could_not_climb(fleet_on, ssh, profile):
    fleet = fleet_on(profile)
    (host,) = fleet.hosts
    ran = fleet.run("deploy")
    assert ran.code == 0, ran.out
    assert health(host)[0] == 200
    assert [each["text"] for each in ran.of("MigrationSaid")] == ["migrated"]
    rungs = ran.rungs(host)
    assert set(rungs) >= {1, 2, 3, 4, 5, 6}
    assert False not in rungs.values()
    skipped = ran.of("RungRead", ok=None)
    assert all(each["detail"] for each in skipped)
    if profile == "one-session":
        assert not skipped, "one channel at a time is enough"
    again = fleet.run("deploy")
    assert (again.code, again.of("StepDone")) == (0, [])
