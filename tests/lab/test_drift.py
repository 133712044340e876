"""What somebody changes on a host by hand is found by audit, which touches nothing, and fixed by deploy."""

from __future__ import annotations

import pytest

from deployer import lab as labs
from tests.lab.fleet import Fleet, disk, fleet_of, health, untouched
from tests.samples import some

TREE = "/opt/demo/versions/$(basename $(readlink -f /opt/demo/current))"

# What is done to the host by hand, and the tasks that have to find it; a restart of the node where one follows.
INJECTED = {
    "a file is edited": ("echo '+S 1:1' >>/etc/beam/demo/demo.vm.args", ["flags of the node => demo", "nodes"]),
    "files, modes, owners and a shell": (
        """\
rm /usr/local/bin/demo-ctl
chmod 0644 /etc/beam/demo/private/demo.env
chmod 0755 /etc/beam/demo/private
chown demo /etc/systemd/system/demo.service.d/00-deployer.conf
usermod -s /bin/bash demo""",
        [
            "user of the nodes, without a shell and without a home",
            "directory of its secrets",
            "environment => demo",
            "unit => demo",
            "command for people => demo",
            "nodes",
        ],
    ),
    "a file takes the place of a link": (
        "sed -i '$ a +S 1:1' /etc/beam/demo/demo.vm.args",
        ["flags of the node => demo", "nodes"],
    ),
    "links are lost, and the unit is another": (
        """\
rm /etc/beam/demo/demo.remote.vm.args
printf '[Unit]\\nDescription=shop\\n' >>/etc/systemd/system/demo.service""",
        ["nodes"],
    ),
    "the unit is stopped": ("systemctl stop demo", ["nodes"]),
    "the unit is disabled and has a drop-in": (
        """\
systemctl disable -q demo
mkdir -p /etc/systemd/system/demo.service.d
printf '[Service]\\nNice=5\\n' >/etc/systemd/system/demo.service.d/nice.conf""",
        ["nodes"],
    ),
    "the firewall is flushed": ("nft flush ruleset", ["firewall"]),
    "a rule is inserted": ("nft insert rule inet deployer input tcp dport 4369 accept", ["firewall"]),
    "the link is switched": (
        f"cp -a {TREE} /opt/demo/versions/other && ln -sfn versions/other /opt/demo/current",
        ["nodes"],
    ),
    "a file of the release is edited": (f"echo >>{TREE}/bin/demo", ["the release", "nodes"]),
    "the cookie is replaced": (
        "printf stranger0123456789stranger0123456789 >/etc/beam/demo/private/cookie",
        ["the cluster's cookie", "nodes"],
    ),
    "EPMD is stopped": ("systemctl stop beam-epmd@4369", ["EPMD"]),
    "EPMD is another that listens everywhere": (
        "systemctl stop beam-epmd@4369 && systemd-run -q --unit=stray /usr/local/lib/beam/epmd",
        ["EPMD"],
    ),
}


@pytest.fixture(scope="module")
def fleet(lab, demo_release, tmp_path_factory) -> Fleet:
    made = fleet_of(tmp_path_factory.mktemp("fleet"), untouched(lab, 1), demo_release("0.1.0"))
    ran = made.run("deploy")
    assert ran.code == 0, ran.out
    return made


@pytest.mark.parametrize("done", some([*INJECTED], 6, "DEPLOYER_LAB_ALL"))
def test_drift_is_found_without_a_touch_and_mended(fleet, ssh, done):
    (host,) = fleet.hosts
    command, tasks = INJECTED[done]
    assert ssh(host, command) == (0, "")
    before = disk(host)
    audit = fleet.run("audit")
    assert disk(host) == before
    assert (audit.code, audit.planned(host)) == (2, tasks)
    assert audit.end(host)["ending"] == "drift"
    deploy = fleet.run("deploy")
    assert deploy.code == 0, deploy.out
    assert deploy.planned(host) == tasks
    assert health(host)[0] == 200
    clean = fleet.run("audit")
    assert (clean.code, clean.planned(host)) == (0, [])


def test_a_process_that_hangs_is_found_by_the_ladder(fleet, ssh):
    (host,) = fleet.hosts
    assert ssh(host, "kill -STOP $(systemctl show -p MainPID --value demo)") == (0, "")
    try:
        ran = fleet.run("verify")
        assert ran.code == 1
        (rung,) = ran.bad_rungs().values()
        assert (rung["rung"], "stopped" in rung["detail"]) == (3, True)
    finally:
        assert ssh(host, "kill -CONT $(systemctl show -p MainPID --value demo)") == (0, "")
    assert fleet.run("verify").code == 0


def test_a_node_that_is_killed_comes_back_by_itself_and_nothing_is_to_do(fleet, ssh, eventually):
    (host,) = fleet.hosts
    pid = ssh(host, "systemctl show -p MainPID --value demo")[1]
    assert ssh(host, f"kill -KILL {pid}") == (0, "")
    eventually(lambda: ssh(host, "systemctl show -p MainPID --value demo")[1] not in (pid, "0\n"))
    eventually(lambda: health(host)[0] == 200)
    ran = fleet.run("deploy")
    assert (ran.code, ran.planned(host)) == (0, [])


def test_everything_comes_back_after_a_reboot_and_nothing_is_to_do(fleet, eventually):
    (host,) = fleet.hosts
    labs.restart(host.name, fleet.lab.name)
    eventually(lambda: health(host)[0] == 200)
    ran = fleet.run("deploy")
    assert (ran.code, ran.planned(host)) == (0, [])


def test_a_drift_is_told_to_a_person_by_task_and_key(fleet, ssh):
    (host,) = fleet.hosts
    assert ssh(host, "chmod 0644 /etc/beam/demo/private/cookie") == (0, "")
    shown = fleet.show("audit")
    assert shown.code == 2
    assert "the cluster's cookie" in shown.out
    assert "mode: 0644 → 0400" in shown.out
    assert fleet.run("deploy").code == 0
