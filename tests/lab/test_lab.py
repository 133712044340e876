"""The lab itself: its hosts are real, resets are complete, killed runs are healed, strangers are left alone."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from deployer import lab as labs
from deployer.errors import ConfigError
from deployer.lab import cgroup, mounts, network, programs, state

REPOSITORY = Path(__file__).parents[2]


def alive(pid: int) -> bool:
    """A process that ended and only waits for its parent to look counts as gone."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(") ")[2][0] not in "ZX"


def traces(name: str) -> list[str]:
    """Everything on this machine that carries a lab's name."""
    mine = re.compile(rf"dl-{name}(-\d+)?")
    spaces = [place.name for place in Path("/run/netns").glob("*")]
    found = [each for each in (*spaces, *network.links(), *cgroup.cgroup_named("dl-*")) if mine.fullmatch(each)]
    mounted = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if f"/labs/{name}/" in line]
    return found + mounted


def test_a_host_is_a_whole_debian_with_systemd_and_no_python_and_no_erlang(hosts, testinfra_host):
    host = testinfra_host(hosts[0])
    assert host.system_info.distribution == "debian"
    assert host.process.get(pid=1).comm == "systemd"
    assert host.check_output("systemctl is-system-running") == "running"
    assert host.check_output("hostname") == hosts[0].name
    assert host.service("ssh").is_running
    assert not host.exists("python3")
    assert not host.exists("erl")


def test_hosts_reach_each_other_and_have_their_own_firewall(hosts, ssh):
    first, second = hosts[:2]
    knock = f"exec 3<>/dev/tcp/{second.address}/22 && head -c4 <&3"
    assert ssh(first, f"timeout 5 bash -c '{knock}'") == (0, "SSH-")
    assert ssh(second, f"nft add table t && nft 'add chain t c {{ type filter hook input priority 0; }}' && "
                       f"nft add rule t c ip saddr {first.address} reject") == (0, "")  # fmt: skip
    assert ssh(first, f"timeout 5 bash -c '{knock}'")[0] != 0
    assert ssh(first, "nft list ruleset") == (0, "")


def test_hosts_know_each_other_by_both_names_and_reach_each_other_over_ipv6(hosts, lab, ssh):
    first, second = hosts[:2]
    for name in (second.name, second.fqdn):
        assert ssh(first, f"getent ahostsv4 {name} | head -n 1")[1].split()[0] == second.address
        assert ssh(first, f"getent ahostsv6 {name} | head -n 1")[1].split()[0] == second.address6
    assert ssh(first, "hostname -f") == (0, f"{first.fqdn}\n")
    knock = f"exec 3<>/dev/tcp/{second.address6}/22 && head -c4 <&3"
    assert ssh(first, f"timeout 5 bash -c '{knock}'") == (0, "SSH-")
    assert f"inet6 {lab.address6}/64" in subprocess.run(["ip", "-6", "addr"], capture_output=True, text=True).stdout


def test_a_login_changes_nothing_on_the_disk_and_a_write_is_seen(hosts, ssh):
    host = hosts[0]
    before = labs.upper_state(host)
    assert ssh(host, "true")[0] == 0
    assert ssh(host, "true", tty=True)[0] == 0
    assert ssh(host, "true", user="nobody-here")[0] == 255
    assert labs.upper_state(host) == before
    assert ssh(host, "touch /etc/hostname && echo x > /opt/new")[0] == 0
    after = labs.upper_state(host)
    assert {path for path in after if after[path] != before.get(path)} == {"etc/hostname", "opt", "opt/new"}


def test_a_reset_forgets_the_disk_and_the_firewall_and_keeps_the_identity(hosts, ssh):
    host, other = hosts[:2]
    assert ssh(host, "echo x > /etc/stray; rm /etc/hosts; useradd shop; nft add table t; ip link set lo down")[0] == 0
    labs.reset(host.name, lab_name(host))
    # Host keys are checked strictly: this login proves the host is the same one to its visitors.
    assert lab_name(host) in ssh(host, "ls /etc/stray; id shop; nft list ruleset; cat /etc/hosts")[1].splitlines()[-1]
    assert not (host.upper / "etc/stray").exists()
    assert ssh(host, "nft list ruleset; grep -c shop /etc/passwd; ip -br addr show lo")[1].startswith("0\nlo ")
    now = labs.status(lab_name(host))
    assert now is not None and now.host(other.name).pid == other.pid


@pytest.mark.parametrize("hard", [False, True])
def test_a_restart_keeps_the_disk_and_loses_what_was_in_memory(hosts, ssh, hard):
    host = hosts[0]
    assert ssh(host, "echo kept > /etc/kept; echo lost > /run/lost; nft add table t; sync")[0] == 0
    labs.restart(host.name, lab_name(host), hard=hard)
    assert ssh(host, "cat /etc/kept; nft list ruleset; ls /run/lost")[1].startswith("kept\nls: cannot access")


def test_up_keeps_hosts_that_run_and_adds_the_rest(lab_of, ssh):
    had = lab_of("default")
    grown = labs.up(2, name=had.name, suites=["bookworm", "trixie"])
    assert [host.state for host in grown.hosts] == ["running", "running"]
    assert [ssh(host, "cut -d. -f1 /etc/debian_version") for host in grown.hosts] == [(0, "12\n"), (0, "13\n")]
    assert ssh(grown.hosts[0], f"getent hosts {grown.hosts[1].name}")[0] == 0
    assert grown.hosts[0].pid == had.hosts[0].pid
    assert labs.up(1, name=had.name).hosts == grown.hosts
    with pytest.raises(ConfigError, match="other profiles"):
        labs.up(2, name=had.name, profiles=["closed"])
    for count in (2, 3):
        wider = labs.up(count, name=had.name, profiles=["default"], database=True)
        assert [host.profile for host in wider.hosts] == ["default", "default", "database", "default"][: count + 1]
    with pytest.raises(ConfigError, match="other suites"):
        labs.up(2, name=had.name, suites=["trixie"])


def test_up_heals_what_a_killed_run_left(lab_of, ssh):
    had = lab_of("default", "default", "default")
    killed, unplugged, unprepared = had.hosts
    os.kill(killed.pid, signal.SIGKILL)
    subprocess.run(["ip", "link", "del", unplugged.netns], check=True)
    os.kill(unprepared.pid, signal.SIGKILL)
    (unprepared.home / "prepared").unlink()
    (unprepared.home / "pid").unlink()
    subprocess.run(["ip", "link", "del", had.bridge], check=True)
    healed = labs.up(3, name=had.name)
    assert [host.state for host in healed.hosts] == ["running"] * 3
    assert [ssh(host, "hostname") for host in healed.hosts] == [(0, f"{host.name}\n") for host in had.hosts]


def test_an_up_that_was_killed_leaves_nothing_that_down_does_not_find(lab_of, eventually):
    name = lab_of("default").name
    labs.down(name)
    program = f"from deployer import lab; lab.up(4, name={name!r})"
    run = subprocess.Popen([sys.executable, "-c", program], cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    eventually(lambda: cgroup.cgroup_named(f"dl-{name}-*") or run.poll() is not None)
    run.kill()
    run.wait()
    assert traces(name)
    labs.down(name)
    assert traces(name) == []


def test_down_removes_what_no_list_remembers_and_leaves_another_lab_alone(lab, lab_of, ssh):
    doomed = lab_of("default", "default")
    pids = [host.pid for host in doomed.hosts]
    assert doomed.subnet != lab.subnet
    (doomed.directory / "lab.json").unlink()
    assert traces(doomed.name)
    labs.down(doomed.name)
    assert traces(doomed.name) == []
    assert not doomed.directory.exists()
    assert not any(alive(pid) for pid in pids)
    assert labs.status(doomed.name) is None
    now = labs.status(lab.name)
    assert now is not None and all(host.state == "running" for host in now.hosts)
    assert ssh(now.hosts[0], "true")[0] == 0


def test_a_process_that_only_has_the_same_id_is_not_a_host_and_is_not_killed(lab_of):
    had = lab_of("default").hosts[0]
    stranger = subprocess.Popen(["sleep", "600"])
    try:
        (had.home / "pid").write_text(f"{stranger.pid} 12345\n")
        seen = labs.status(lab_name(had))
        assert seen is not None and seen.hosts[0].state == "stopped"
        labs.restart(had.name, lab_name(had))
        labs.down(lab_name(had))
        assert stranger.poll() is None
        assert not alive(had.pid)
    finally:
        stranger.kill()
        stranger.wait()


def test_inventory_and_known_hosts_name_every_host(lab):
    told = yaml.safe_load(lab.inventory.read_text())["all"]["children"]["lab"]["hosts"]
    assert list(told) == [host.name for host in lab.hosts]
    for host in lab.hosts:
        assert told[host.name] == {
            "ansible_host": host.address,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(lab.key),
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={lab.known_hosts}",
        }
        seen = subprocess.run(
            ["ssh-keyscan", "-t", "ed25519", host.address], capture_output=True, text=True, check=True
        ).stdout.splitlines()
        assert seen[-1] in lab.known_hosts.read_text().splitlines()


def test_a_machine_without_the_programs_is_told_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"apt-get install .*\bmmdebstrap\b.*\bsystemd-container\b"):
        programs.require()


def test_a_person_who_is_not_root_is_told_so(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ConfigError, match="run it as root"):
        labs.up(1, name="refused")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"name": "../etc"}, "cannot be a lab's name"),
        ({"name": "ninechars"}, "cannot be a lab's name"),
        ({"suites": ["sarge"]}, "no recipe for the suite 'sarge'"),
        ({"profiles": ["fast"]}, "no profile 'fast'"),
        ({"n": 0}, "1 to 200 hosts"),
    ],
)
def test_what_cannot_be_made_is_refused_before_anything_is_made(options, says):
    with pytest.raises(ConfigError, match=says):
        labs.up(**{"name": "refused", **options})
    assert not (state.lab_top() / "labs" / "refused" / "lab.json").exists()


def test_a_mount_point_with_a_space_is_found_again(tmp_path):
    place = tmp_path / "a b"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", place], check=True)
    assert mounts.is_mounted(place)
    mounts.unmount_below(tmp_path)
    assert not mounts.is_mounted(place)


def lab_name(host: labs.LabHost) -> str:
    return host.home.parent.parent.name
