"""One command takes a real release onto three untouched hosts; what is there afterwards is told by others."""

from __future__ import annotations

import re

import pytest

from deployer import lab as labs
from deployer.engine.ladder.rung import Rung
from tests.lab.fleet import COOKIE, LEFTOVERS, PLAYBOOKS, Fleet, Ran, fleet_of, health, untouched


@pytest.fixture(scope="module")
def fleet(lab, demo_release, tmp_path_factory) -> Fleet:
    return fleet_of(tmp_path_factory.mktemp("fleet"), untouched(lab, 3), demo_release("0.1.0"))


@pytest.fixture(scope="module")
def first(fleet) -> Ran:
    return fleet.run("deploy")


@pytest.fixture
def host(fleet, first):
    assert first.code == 0, first.out
    return fleet.hosts[0]


def test_the_first_deploy_changes_every_host_and_climbs_every_rung(fleet, first):
    assert (first.code, first.err) == (0, "")
    assert {first.end(host)["ending"] for host in fleet.hosts} == {"changed"}
    assert [first.rungs(host) for host in fleet.hosts] == [dict.fromkeys(Rung, True)] * 3
    assert first.of("RunEnded")[0]["code"] == 0


def test_the_node_is_a_unit_of_its_own_that_comes_back_at_boot(host, testinfra_host):
    seen = testinfra_host(host)
    for name in ("demo", "beam-epmd@4369", "deployer-firewall"):
        assert seen.service(name).is_running, name
        assert seen.service(name).is_enabled, name
    (beam,) = seen.process.filter(comm="beam.smp")
    assert beam.user == "demo"
    (epmd,) = seen.process.filter(comm="epmd")
    assert "demo.service" not in seen.file(f"/proc/{epmd.pid}/cgroup").content_string
    assert seen.check_output("systemctl list-units --failed --plain --no-legend") == ""


def test_no_link_is_newer_than_what_it_leads_to(host, ssh):
    places = "/opt/demo/current /etc/beam/demo /etc/systemd/system/demo.service.d"
    assert ssh(host, f"find {places} -type l | wc -l; find {places} -type l -newermt 1971-01-01") == (0, "5\n")


def test_user_directories_and_files_are_as_narrow_as_they_can_be(host, ssh, testinfra_host):
    user = testinfra_host(host).user("demo")
    assert (user.shell, user.group, user.uid < 1000) == ("/usr/sbin/nologin", "demo", True)
    wanted = {
        "/etc/beam/demo": ("root", 0o755),
        "/etc/beam/demo/demo.vm.args": ("root", 0o644),
        "/etc/beam/demo/private": ("root", 0o700),
        "/etc/beam/demo/private/cookie": ("root", 0o400),
        "/etc/beam/demo/private/demo.env": ("root", 0o400),
        "/etc/beam/generations.d/opt/demo/current/etc/beam/demo/private": ("root", 0o700),
        "/etc/systemd/system/demo.service": ("root", 0o644),
        "/etc/systemd/system/demo.service.d/00-deployer.conf": ("root", 0o644),
        "/opt/demo": ("root", 0o755),
        "/run/beam/demo": ("demo", 0o700),
        "/run/beam/demo/.erlang.cookie": ("demo", 0o400),
        "/usr/local/bin/demo-ctl": ("root", 0o755),
        "/var/lib/beam/demo": ("demo", 0o700),
        "/var/lib/deployer": ("root", 0o700),
    }
    lines = ssh(host, f"stat -L -c '%n %U %a' {' '.join(wanted)}")[1].splitlines()
    assert {path: (user, int(mode, 8)) for path, user, mode in map(str.split, lines)} == wanted


def test_the_release_is_complete_belongs_to_root_and_has_lost_its_cookie(host, ssh):
    code, current = ssh(host, "readlink -f /opt/demo/current")
    assert code == 0
    assert current.startswith("/opt/demo/versions/0.1.0-")
    root = current.strip()
    assert ssh(host, f"cat {root}/releases/COOKIE")[0] != 0
    assert ssh(host, f"test -x {root}/bin/demo && test -s {root}/.complete") == (0, "")
    assert ssh(host, f"find {root} ! -user root -o -perm /022 ! -type l") == (0, "")


def test_nothing_listens_but_ssh_epmd_the_node_and_its_page(host, ssh):
    code, out = ssh(host, "ss -Hltn")
    assert code == 0
    ours = {line.split()[3] for line in out.splitlines()}
    port = next(int(one.rpartition(":")[2]) for one in ours if re.search(r":91\d\d$", one))
    assert 9100 <= port <= 9109
    assert ours == {
        "0.0.0.0:22", "[::]:22", "127.0.0.1:4369", "[::1]:4369", f"{host.address}:4369", f"{host.address}:{port}",
        "0.0.0.0:4000",
    }  # fmt: skip


def test_the_firewall_drops_what_is_not_declared(fleet, host, ssh):
    rules = ssh(host, "nft list table inet deployer")[1]
    assert "hook input priority filter; policy drop;" in rules
    knock = "timeout 3 bash -c 'exec 3<>/dev/tcp/{}/{}'"
    assert ssh(fleet.hosts[1], knock.format(host.address, 4369)) == (0, "")
    stranger = fleet.lab.hosts[3]
    assert ssh(stranger, knock.format(host.address, 4369))[0] == 124
    assert ssh(stranger, knock.format(host.address, 4000)) == (0, "")


def test_the_nodes_answer_the_world_and_see_each_other(fleet, first):
    assert first.code == 0
    names = {f"demo@{host.address}" for host in fleet.hosts}
    for host in fleet.hosts:
        status, body = health(host)
        assert (status, body["version"]) == (200, "0.1.0")
        assert {body["node"], *body["nodes"]} == names


def test_the_cookie_is_in_no_command_line_in_no_environment_and_in_no_journal(host, ssh):
    look = "grep -laF -f - /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null"
    assert ssh(host, look, stdin=f"{COOKIE}\n".encode()) == (1, "")
    look = "journalctl --no-pager >/tmp/journal && grep -cF -f - /tmp/journal"
    assert ssh(host, look, stdin=COOKIE.encode()) == (1, "0\n")


def test_the_command_for_people_asks_the_running_node(host, ssh):
    assert ssh(host, "demo-ctl rpc 'IO.puts(node())'") == (0, f"demo@{host.address}\n")
    assert ssh(host, "demo-ctl pid") == ssh(host, "systemctl show -p MainPID --value demo")


def test_a_second_deploy_changes_nothing_at_all(fleet, host, ssh):
    before = [labs.upper_state(each) for each in fleet.hosts]
    pids = [ssh(each, "systemctl show -p MainPID --value demo beam-epmd@4369") for each in fleet.hosts]
    again = fleet.run("deploy")
    assert again.code == 0, again.out
    assert {again.end(each)["ending"] for each in fleet.hosts} == {"ok"}
    assert not again.of("StepDone")
    assert not again.of("TaskPlanned", verdict="change")
    assert not again.of("TaskPlanned", verdict="unknown")
    assert [labs.upper_state(each) for each in fleet.hosts] == before
    assert [ssh(each, "systemctl show -p MainPID --value demo beam-epmd@4369") for each in fleet.hosts] == pids
    assert "nothing to do" in fleet.show("deploy").out


def test_nothing_is_left_lying_about(fleet, host, ssh):
    for each in fleet.hosts:
        assert ssh(each, LEFTOVERS) == (0, "")


def test_a_converged_play_is_one_exec_a_host_and_a_change_two_more_and_two_for_the_lease(fleet, host, ssh):
    """Counted by the hosts' own sshd: each exec is one "Starting session"."""
    for each in fleet.hosts:
        say = "echo LogLevel VERBOSE >/etc/ssh/sshd_config.d/00-verbose.conf && systemctl reload ssh"
        assert ssh(each, say)[0] == 0

    def execs(*commands: str) -> set[int]:
        counts = [sessions(ssh, each) for each in fleet.hosts]
        assert fleet.run(*commands).code == 0
        # One of them is the count's own, taken before.
        return {sessions(ssh, each) - before - 1 for each, before in zip(fleet.hosts, counts, strict=True)}

    assert execs("plan") == {1}
    assert execs("deploy") == {2}, "the probe, and what the ladder tries from each host to the others"
    for each in fleet.hosts:
        assert ssh(each, "chmod 0700 /usr/local/bin/demo-ctl")[0] == 0
    assert execs("deploy") == {6}, "the same, the change, the second reading, and the lease taken and given back"


def sessions(ssh, host) -> int:
    return int(ssh(host, "journalctl --sync; journalctl -u ssh --no-pager | grep -c 'Starting session: command'")[1])


def test_a_new_version_is_switched_to_and_old_ones_are_kept_and_pruned(fleet, host, ssh, demo_release):
    def deploy(version: str, keep: int) -> list[str]:
        fleet.words["release"] = {"name": "demo", "tarball": str(demo_release(version)), "keep": keep}
        ran = fleet.run("deploy", playbook=PLAYBOOKS / "release.yml")
        assert ran.code == 0, ran.out
        assert health(host)[1]["version"] == version
        assert ssh(host, "readlink -f /opt/demo/current")[1].startswith(f"/opt/demo/versions/{version}-")
        return sorted(word.partition("-")[0] for word in ssh(host, "ls /opt/demo/versions")[1].split())

    assert deploy("0.2.0", 5) == ["0.1.0", "0.2.0"]
    good = ssh(host, "ls -t /opt/demo/ledger/good; stat -c '%U %a' /opt/demo/ledger")[1].split()
    assert [word.partition("-")[0] for word in good] == ["0.2.0", "0.1.0", "root", "700"]
    assert deploy("0.3.0", 1) == ["0.2.0", "0.3.0"], "the current and the good one before it always stay"
    assert {health(each)[1]["version"] for each in fleet.hosts} == {"0.3.0"}
