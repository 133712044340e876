"""The firewall on hosts as they are: sshd wherever it listens, programs of others, other firewalls, and logins cut off.

Witnesses are plain OpenSSH and plain TCP, from this machine and from another host.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deployer import lab as labs
from deployer.lab import Lab, LabHost
from tests.lab.conftest import Ssh
from tests.lab.fleet import Fleet, untouched
from tests.lab.walled import (
    CLEAN,
    CUTS,
    LISTEN,
    MOVE,
    SPOILS,
    UFW,
    WAITS,
    console,
    enters,
    opens,
    run,
    told_by_ssh_config,
    wall,
)


@pytest.fixture(scope="module")
def pair(lab: Lab) -> tuple[LabHost, ...]:
    """Two hosts, untouched."""
    return untouched(lab, 2)


@pytest.fixture
def fleet(pair: tuple[LabHost, ...], lab: Lab, tmp_path: Path) -> Iterator[Fleet]:
    """The first host, with a play of the firewall alone; afterwards it is as it was."""
    fresh = labs.status(lab.name)
    assert fresh
    assert pair
    made = Fleet(tmp_path, lab, fresh.hosts[:1], {})
    wall(made)
    yield made
    console(made.hosts[0], CLEAN)


def test_sshd_on_a_port_that_only_ssh_config_tells_stays_open_and_one_that_moves_in_the_play_too(
    fleet: Fleet, ssh: Ssh
) -> None:
    (host,) = fleet.hosts
    console(host, "echo Port 2222 >/etc/ssh/sshd_config.d/port.conf; systemctl restart ssh")
    told_by_ssh_config(fleet, 2222)
    assert run(fleet).code == 0
    assert enters(fleet, 2222)
    assert run(fleet, "audit").code == 0
    wall(fleet, MOVE)
    moved = run(fleet)
    assert moved.code == 0, moved.out
    assert [done["what"] for done in moved.of("StepDone", task="firewall")] == [
        "open the ports of SSH"
    ]  # fmt: skip
    assert enters(fleet, 2300)


def test_the_port_that_systemd_holds_for_sshd_stays_open(fleet: Fleet) -> None:
    (host,) = fleet.hosts
    console(
        host,
        "mkdir -p /etc/systemd/system/ssh.socket.d; printf '[Socket]\\nListenStream=2022\\n'"
        " >/etc/systemd/system/ssh.socket.d/port.conf; systemctl daemon-reload; systemctl disable -q --now ssh.service;"
        " systemctl enable -q --now ssh.socket",
    )
    ran = run(fleet)
    assert ran.code == 0, ran.out
    assert (enters(fleet), enters(fleet, 2022)) == (True, True)


def test_what_answers_is_shut_only_when_it_is_written_down(fleet: Fleet, pair: tuple[LabHost, ...], ssh: Ssh) -> None:
    (host,) = fleet.hosts
    console(host, LISTEN)
    refused = run(fleet, "plan")
    problem = refused.end(host)["problem"]
    assert (refused.code, run(fleet).code) == (3, 3)
    assert (
        "would close ports that are reachable today: 1514/udp (perl, web.service), 8443/tcp (perl, web.service)"
        in problem
    )
    assert "9100/tcp (perl, web.service) listens in cluster.ports 9100-9109" in problem
    assert "5555" not in problem
    assert ssh(host, "nft list ruleset") == (0, "")
    other = pair[1].address
    allow = [{"port": "9100/tcp", "from": [other]}]
    wall(fleet, ports="9200-9209", public=["8443/tcp"], allow=allow, closed=["1514/udp"])
    assert run(fleet).code == 0
    assert (opens(host, 8443), opens(host, 9100)) == (True, False)
    assert ssh(pair[1], f"timeout 3 bash -c 'exec 3<>/dev/tcp/{host.address}/9100'")[0] == 0
    wall(fleet, ports="9200-9209", allow=allow)
    narrower = run(fleet)
    assert narrower.code == 3
    assert "8443/tcp (perl, web.service)" in narrower.end(host)["problem"]
    assert opens(host, 8443)


def test_a_firewall_of_others_that_drops_what_is_declared_is_refused_by_its_name(fleet: Fleet, ssh: Ssh) -> None:
    (host,) = fleet.hosts
    wall(fleet, public=["4000/tcp"])
    assert run(fleet).code == 0
    assert ssh(host, "nft -f -", stdin=UFW.encode())[0] == 0
    said = "table ip filter (ufw), chain INPUT, policy drop, drops 4000/tcp from everyone"
    deploy, audit = run(fleet), run(fleet, "audit")
    assert (deploy.code, audit.code) == (3, 2)
    assert said in deploy.end(host)["problem"]
    assert "ufw allow 4000/tcp" in deploy.end(host)["problem"]
    assert said in audit.of("TaskPlanned", verdict="refused")[0]["reason"]
    assert ssh(host, "nft add rule ip filter ufw-user-input tcp dport 4000 accept") == (0, "")
    assert (run(fleet).code, run(fleet, "audit").code) == (0, 0)


def test_rules_that_cut_off_the_next_login_go_back_and_nothing_of_them_stays(fleet: Fleet, ssh: Ssh) -> None:
    (host,) = fleet.hosts
    assert run(fleet).code == 0
    before = ssh(host, "cat /etc/nftables.d/deployer.d/*; nft list table inet deployer")
    console(host, CUTS)
    wall(fleet, public=["4000/tcp"])
    known = f"-o UserKnownHostsFile={fleet.lab.known_hosts} -o ConnectTimeout=2"
    fleet.of[host.name] = {"ansible_ssh_common_args": known}
    ran = run(fleet)
    assert (ran.code, ran.end(host)["ending"]) == (6, "reverted"), ran.out
    assert "would have cut off the next login, so the host has gone back" in ran.end(host)["problem"]
    assert enters(fleet)
    assert ssh(host, "cat /etc/nftables.d/deployer.d/*; nft list table inet deployer") == before
    assert console(host, WAITS) == 1


def test_rules_of_before_that_can_no_more_be_loaded_lock_nobody_out(fleet: Fleet, ssh: Ssh) -> None:
    (host,) = fleet.hosts
    assert run(fleet).code == 0
    console(host, SPOILS)
    wall(fleet, confirm=30, public=["4000/tcp"])
    ran = run(fleet)
    assert (ran.code, ran.end(host)["ending"]) == (6, "reverted"), ran.out
    assert enters(fleet)
    assert ssh(host, "nft list ruleset") == (0, "")
    assert "the rules of before can no more be loaded" in ssh(host, "journalctl -q -t deployer -o cat")[1]
    console(host, "rm /usr/local/sbin/nft")
    assert run(fleet).code == 0
    assert enters(fleet)


def struck(fleet: Fleet, eventually: Callable[..., None], seconds: int, number: int) -> subprocess.Popen[bytes]:
    """Send the controller a signal while it tries to log in under new rules: port 4000, and nobody in by IPv4."""
    (host,) = fleet.hosts
    wall(fleet, confirm=seconds)
    assert run(fleet).code == 0
    console(host, CUTS)
    wall(fleet, confirm=seconds, public=["4000/tcp"])
    process = subprocess.Popen(
        fleet.argv("deploy", playbook=fleet.directory / "play.yml"), env=fleet.environment(), cwd=fleet.directory,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    eventually(lambda: console(host, WAITS) == 0)
    process.send_signal(number)
    return process


def rules(host: LabHost, ssh: Ssh) -> str:
    """What is loaded, and what will be after a boot."""
    return ssh(host, "nft list table inet deployer; cat /etc/nftables.d/deployer.d/*")[1]


def test_a_controller_that_is_killed_before_it_confirms_locks_nobody_out(
    fleet: Fleet, ssh: Ssh, eventually: Callable[..., None]
) -> None:
    (host,) = fleet.hosts
    struck(fleet, eventually, 8, signal.SIGKILL).wait()
    eventually(lambda: enters(fleet))
    assert "4000" not in rules(host, ssh)
    console(host, "rm /usr/local/sbin/nft")
    assert run(fleet).code == 0
    assert rules(host, ssh).count("4000") == 2


def test_a_reboot_before_it_is_confirmed_brings_back_the_rules_of_before(
    fleet: Fleet, ssh: Ssh, eventually: Callable[..., None]
) -> None:
    struck(fleet, eventually, 600, signal.SIGKILL).wait()
    labs.restart(fleet.hosts[0].name, fleet.lab.name)
    fresh = labs.status(fleet.lab.name)
    assert fresh
    fleet.hosts = fresh.hosts[:1]
    (host,) = fleet.hosts
    eventually(lambda: enters(fleet))
    assert "4000" not in rules(host, ssh)
    assert console(host, WAITS) == 1


def test_what_waits_is_shown_and_kept_by_a_person_and_no_other_run_comes_between(
    fleet: Fleet, ssh: Ssh, eventually: Callable[..., None]
) -> None:
    (host,) = fleet.hosts
    stopped = struck(fleet, eventually, 600, signal.SIGSTOP)
    fleet.of[host.name] = {"ansible_host": host.address6}
    second = run(fleet)
    assert second.code == 5, second.out
    assert "held by " in second.end(host)["problem"]
    assert "deploy play.yml" in second.end(host)["problem"]
    shown = fleet.run("confirm", playbook=fleet.directory / "play.yml")
    assert (shown.code, "it goes back in" in shown.of("Note")[0]["text"]) == (0, True)
    assert "a new firewall waits to be confirmed, by the run " in shown.of("Note")[0]["text"]
    kept = fleet.run("confirm", "--now", playbook=host.name)
    assert (kept.code, "it is permanent now" in kept.of("Note")[0]["text"]) == (0, True)
    assert enters(fleet)
    assert rules(host, ssh).count("4000") == 2
    again = fleet.run("confirm", "--undo", playbook=fleet.directory / "play.yml")
    assert "nothing waits to be confirmed" in again.of("Note")[0]["text"]
    stopped.kill()
    stopped.wait()


def test_what_a_dead_run_has_left_to_wait_stops_no_other(
    fleet: Fleet, ssh: Ssh, eventually: Callable[..., None]
) -> None:
    (host,) = fleet.hosts
    struck(fleet, eventually, 600, signal.SIGKILL).wait()
    console(host, "rm /usr/local/sbin/nft")
    fleet.of[host.name] = {"ansible_host": host.address6}
    again = run(fleet)
    assert again.code == 0, again.out
    assert rules(host, ssh).count("4000") == 2
