"""A fleet that grows: who was well and is not meant to restart keeps its process, its answers and its links."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer import lab as labs
from deployer.engine.ladder.rung import Rung
from deployer.lab import LabHost
from deployer.lab import host as machines
from tests.lab.conftest import Ssh
from tests.lab.fleet import COOKIE, Fleet, fleet_of
from tests.lab.keeping import processes, seen, undisturbed, whole

ROLES = ["host", "firewall", "release", "cookie", "epmd", "node"]


def power_off(host: LabHost) -> None:
    machines.halt(host.home.parent.parent.name, host)


@pytest.fixture(scope="module")
def five(lab_of) -> tuple[LabHost, ...]:
    return lab_of(*["default"] * 5).hosts


def test_a_fleet_grows_without_a_restart_a_lost_link_or_a_failed_request(
    five, demo_release, tmp_path: Path, ssh: Ssh
) -> None:
    labs.reset(None, five[0].home.parent.parent.name)
    fleet = fleet_of(tmp_path, five[:3], demo_release("0.1.0"))
    whole(fleet.run("deploy"), fleet.hosts)
    with undisturbed(ssh, fleet.hosts):
        fleet.hosts = five
        planned = fleet.show("plan")
        assert planned.code == 0, planned.out + planned.err
        names = " ".join(host.name for host in five[:3])
        assert f"first, on all hosts: open the firewall: {names}" in planned.out
        ran = fleet.run("deploy")
        whole(ran, five)
    again = fleet.run("deploy")
    assert (again.code, again.of("StepDone"), again.bad_rungs()) == (0, [], {})
    joined_again(fleet, ssh)


def joined_again(fleet: Fleet, ssh: Ssh) -> None:
    """Nodes that have lost each other do not connect by themselves; a deploy joins them, and nobody restarts."""
    before, (one, two, *_) = processes(ssh, fleet.hosts), fleet.hosts
    never = ":application.set_env(:kernel, :dist_auto_connect, :never)"
    assert ssh(one, f"demo-ctl rpc '{never}; :erlang.disconnect_node(:\"demo@{two.address}\")'")[0] == 0
    lost = fleet.run("verify")
    assert lost.bad_rungs()[f"demo@{one.address}"]["rung"] == Rung.MESH
    ran = fleet.run("deploy")
    whole(ran, fleet.hosts)
    assert f"demo@{one.address} to demo@{two.address}" in "".join(note["text"] for note in ran.of("Note"))
    assert processes(ssh, fleet.hosts) == before


def test_a_host_that_retires_is_drained_stopped_and_forgotten_and_nobody_else_notices(
    five, demo_release, tmp_path: Path, ssh: Ssh
) -> None:
    labs.reset(None, five[0].home.parent.parent.name)
    four = five[:4]
    fleet = fleet_of(tmp_path, four, demo_release("0.1.0"))
    whole(fleet.run("deploy"), four)
    *stay, gone = four
    log = tmp_path / "balancer"
    drain = {
        "name": "drain",
        "shell": {"cmd": f"echo {{{{ inventory_hostname }}}} >>{log}"},
        "delegate_to": "localhost",
    }
    play = {"name": "all", "hosts": "all", "become": True, "roles": ROLES, "hooks": {"before_switch": [drain]}}
    dump = "runuser -u demo -- sh -c 'umask 077; cat >/var/lib/beam/demo/erl_crash.dump'"
    assert ssh(gone, dump, stdin=COOKIE.encode()) == (0, "")
    with undisturbed(ssh, stay, leaving=(gone,)):
        planned = fleet.run(f"retire on {gone.name}", "--check", playbook=fleet.play(play))
        assert planned.code == 0, planned.out + planned.err
        assert planned.planned(gone) == [f"retire demo@{gone.address}"]
        assert seen(stay[0]) >= {f"demo@{gone.address}"}
        ran = fleet.run(f"retire on {gone.name}", playbook=fleet.play(play))
        whole(ran, stay)
    assert log.read_text() == f"{gone.name}\n"
    assert ssh(gone, "systemctl is-active demo; systemctl is-enabled demo")[1].split() == ["inactive", "disabled"]
    assert ssh(gone, "grep -rls -e Xq3vT9mW2kLr8 -e PORT /etc/beam /run/beam /var/lib/beam /opt/demo/ledger") == (1, "")
    for host in stay:
        assert gone.address not in ssh(host, "cat /etc/nftables.d/deployer.d/* /etc/beam/demo/*.args")[1]
    again = fleet.run(f"retire on {gone.name}", playbook=fleet.play(play))
    assert again.code == 0, "it can be run again"
    fleet.hosts = tuple(stay)
    assert (fleet.run("audit").code, fleet.run("deploy").of("StepDone")) == (0, [])


def test_a_line_that_was_merely_deleted_is_told_and_nobody_is_cut_off(
    five, demo_release, tmp_path: Path, ssh: Ssh, eventually
) -> None:
    labs.reset(None, five[0].home.parent.parent.name)
    quick = {"name": "demo", "vm_args": ["-kernel net_ticktime 8"]}  # seconds until a node that is gone is missed
    fleet = fleet_of(tmp_path, five[:3], demo_release("0.1.0"), nodes=[quick])
    whole(fleet.run("deploy"), five[:3])
    gone = five[2]
    fleet.hosts = five[:2]
    with undisturbed(ssh, five[:3]):
        for command in ("plan", "deploy"):
            ran = fleet.show(command)
            assert ran.code == 3, ran.out + ran.err
            said = " ".join((ran.out + ran.err).split())
            assert f"demo@{gone.address} is connected to the cluster, but not in this inventory" in said
            assert "deployer retire PLAYBOOK HOST" in said
    fleet.hosts = five[:3]
    lost = fleet.run(f"retire on {gone.name}", "--lost")
    assert lost.code == 3, "it is not lost: it is connected"
    power_off(gone)
    eventually(lambda: all(len(seen(host)) == 1 for host in five[:2]))
    lost = fleet.run(f"retire on {gone.name}", "--lost")
    whole(lost, five[:2])
    assert "its host had the cookie, and may come back" in "".join(note["text"] for note in lost.of("Note"))
