"""A fleet that grows: who was well and is not meant to restart keeps its process, its answers and its links."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conftest import Ssh
from fleet import Fleet, Ran, fleet_of, health
from watcher import watching

from deployer import lab as labs
from deployer.lab import LabHost
from deployer.lab import host as machines

ROLES = ["host", "firewall", "release", "cookie", "epmd", "node"]
MESHES = {"boot": {"mesh": "boot"}, "app": {"mesh": "app", "members_env": "DEMO_PEERS"}}
# Counts the links that a node loses, from now on; the process is the node's own and outlives the call.
COUNT = """demo-ctl rpc '
pid = spawn(fn ->
  :net_kernel.monitor_nodes(true)
  loop = fn loop, lost ->
    receive do
      {:nodedown, node} -> loop.(loop, [node | lost])
      {:lost, from} -> send(from, lost); loop.(loop, lost)
      _ -> loop.(loop, lost)
    end
  end
  loop.(loop, [])
end)
Process.register(pid, :counter)'"""
LOST = "demo-ctl rpc 'send(:counter, {:lost, self()}); receive do lost -> IO.puts(Enum.join(lost, \" \")) end'"


@dataclass
class Kept:
    """What must not change for the hosts that stay."""

    ssh: Ssh
    hosts: tuple[LabHost, ...]
    before: dict[str, str] = field(default_factory=dict)

    def processes(self) -> dict[str, str]:
        return {host.name: self.ssh(host, "systemctl show -p MainPID --value demo")[1].strip() for host in self.hosts}

    def lost(self, *expected: LabHost) -> dict[str, set[str]]:
        """The nodes that each host's node has lost, but for those that went on purpose."""
        gone = {f"demo@{host.address}" for host in expected}
        return {host.name: set(self.ssh(host, LOST)[1].split()) - gone for host in self.hosts}


@contextmanager
def undisturbed(ssh: Ssh, hosts: Iterable[LabHost], *, leaving: tuple[LabHost, ...] = ()) -> Iterator[None]:
    """Nodes that run before and after the block do not restart, fail no request and lose no link to each other."""
    kept = Kept(ssh, tuple(hosts))
    for host in kept.hosts:
        code, said = ssh(host, COUNT)
        assert code == 0, said
    before = kept.processes()
    with watching(kept.hosts) as watched:
        yield
    assert kept.processes() == before, "a node that was well has been restarted"
    assert kept.lost(*leaving) == {host.name: set() for host in kept.hosts}
    fewest, samples, _ = watched.lowest()
    assert fewest == len(kept.hosts), "a request failed"
    assert samples > len(kept.hosts)


def seen(host: LabHost) -> set[str]:
    return set(health(host)[1].get("nodes", ()))


def power_off(host: LabHost) -> None:
    machines.halt(host.home.parent.parent.name, host)


def whole(ran: Ran, hosts: Iterable[LabHost]) -> None:
    hosts = tuple(hosts)
    assert ran.code == 0, ran.out + ran.err
    names = {f"demo@{host.address}" for host in hosts}
    assert {host.name: seen(host) | {f"demo@{host.address}"} for host in hosts} == {h.name: names for h in hosts}


@pytest.fixture(scope="module")
def five(lab_of) -> tuple[LabHost, ...]:
    return lab_of(*["default"] * 5).hosts


@pytest.mark.parametrize("mesh", MESHES)
def test_a_fleet_grows_without_a_restart_a_lost_link_or_a_failed_request(
    five, mesh, demo_release, tmp_path: Path, ssh: Ssh
) -> None:
    labs.reset(None, five[0].home.parent.parent.name)
    fleet = fleet_of(tmp_path, five[:3], demo_release("0.1.0"))
    fleet.words["cluster"] |= MESHES[mesh]
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
    if mesh == "boot":
        joined_again(fleet, ssh)


def joined_again(fleet: Fleet, ssh: Ssh) -> None:
    """Nodes that have lost each other do not connect by themselves; a deploy joins them, and nobody restarts."""
    kept = Kept(ssh, tuple(fleet.hosts))
    before, (one, two, *_) = kept.processes(), fleet.hosts
    never = ":application.set_env(:kernel, :dist_auto_connect, :never)"
    assert ssh(one, f"demo-ctl rpc '{never}; :erlang.disconnect_node(:\"demo@{two.address}\")'")[0] == 0
    lost = fleet.run("verify")
    assert lost.bad_rungs()[f"demo@{one.address}"]["rung"] == 8
    ran = fleet.run("deploy")
    whole(ran, fleet.hosts)
    assert f"demo@{one.address} to demo@{two.address}" in "".join(note["text"] for note in ran.of("Note"))
    assert kept.processes() == before


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
            assert f"demo@{gone.address} is connected to the cluster, and no member of this inventory" in said
            assert "deployer retire PLAYBOOK HOST" in said
    fleet.hosts = five[:3]
    lost = fleet.run(f"retire on {gone.name}", "--lost")
    assert lost.code == 3, "it is not lost: it is connected"
    power_off(gone)
    eventually(lambda: all(len(seen(host)) == 1 for host in five[:2]))
    lost = fleet.run(f"retire on {gone.name}", "--lost")
    whole(lost, five[:2])


def test_a_renamed_node_takes_the_place_of_the_old_one_and_comes_back_under_the_old_name(
    five, demo_release, tmp_path: Path, ssh: Ssh
) -> None:
    labs.reset(None, five[0].home.parent.parent.name)
    fleet = fleet_of(tmp_path, five[:2], demo_release("0.1.0"))
    whole(fleet.run("deploy"), five[:2])
    fleet.words["nodes"] = [{"name": "web"}]
    fleet.words["env"] = {"PORT": "4000", "DEMO_CRASH": "1"}
    broken = fleet.run("deploy")
    assert broken.code in (1, 6), broken.out
    assert "demo.service" in "".join(broken.planned(five[0]) + [step["what"] for step in broken.of("StepDone")])
    assert [ssh(host, "systemctl is-active demo; systemctl is-enabled demo")[1].split() for host in five[:2]] == [
        ["active", "enabled"]
    ] * 2, "what does not start goes back to the old name"
    fleet.words["env"] = {"PORT": "4000"}
    ran = fleet.run("deploy", "-e", "deploy_again=true")
    assert ran.code == 0, ran.out + ran.err
    for host in five[:2]:
        assert health(host)[1]["node"] == f"web@{host.address}"
        assert ssh(host, "systemctl is-active demo.service web.service")[1].split() == ["inactive", "active"]
        assert ssh(host, "ls /etc/systemd/system/demo.service /usr/local/bin/demo-ctl 2>/dev/null")[1] == ""
    again = fleet.run("deploy")
    assert (again.code, again.of("StepDone")) == (0, [])
