"""Hosts of which one is frozen, cut off, slow or noisy: it is given up in time, and nobody else is kept waiting.

Plays have one task, without a release. DEPLOYER_RELIABILITY_ALL=1 has all of it; most of it only waits.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from deployer.lab import LabHost
from tests.lab.conftest import Ssh
from tests.lab.fleet import LEFTOVERS, Fleet, Ran, untouched
from tests.lab.sick import init_of

T1 = 45
"""Seconds within which a dead peer is given up."""
SLEEP = "sleep 66666"
ALIVE = f"pgrep -fx '{SLEEP}'"
SESSION = "pkill -{} -f '^sshd: root'"
COUNT = """nft add table inet seen && nft 'add chain inet seen in {type filter hook input priority -5;}' &&
nft 'add rule inet seen in tcp dport 22 tcp flags & (syn|ack) == syn counter'"""
COUNTED = "nft -j list table inet seen | grep -o '\"packets\": *[0-9]*' | grep -o '[0-9]*'"
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def three(lab: Any) -> tuple[LabHost, ...]:
    return untouched(lab, 3)


@pytest.fixture
def fleet(three: tuple[LabHost, ...], lab: Any, tmp_path: Any, ssh: Ssh, eventually: Any) -> Iterator[Fleet]:
    """The first host is the one that suffers; afterwards all are as they were."""
    made = Fleet(tmp_path, lab, three, {})
    made.play(task(f"[ {{{{ inventory_hostname }}}} != {three[0].name} ] || {SLEEP}"))
    yield made
    console(three[0], "pkill -CONT sshd; systemctl unmask -q ssh; nft flush ruleset; rm -f /root/.bashrc")
    console(three[0], f"systemctl start ssh; pkill -fx '{SLEEP}'; rm -rf /srv/*")
    eventually(lambda: ssh(three[0], LEFTOVERS) == (0, ""), deadline=60)
    for host in three[1:]:
        assert ssh(host, "rm -rf /srv/*") == (0, "")


def console(host: LabHost, text: str) -> str:
    """What a command says that is typed at the host's console."""
    argv = ["nsenter", "-t", str(init_of(host)), "-a", "--", "sh", "-c", text]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60).stdout.strip()


BAN = """cat >/root/ban <<'X'
journalctl -f -n0 -t sshd | grep -m1 '\\[preauth\\]'
nft add rule inet seen in ip saddr {0} tcp dport 22 drop
X
systemd-run -q --collect sh /root/ban; mv /root/.ssh/authorized_keys /root/kept"""
"""As fail2ban does it, after the first failure: of all connections, those that are open, too."""


def task(text: str) -> dict[str, Any]:
    return {
        "hosts": "all",
        "become": True,
        "gather_facts": False,
        "tasks": [{"name": "mine", "shell": {"cmd": f"{text}; touch /srv/done", "creates": "/srv/done"}}],
    }


def begun(fleet: Fleet) -> subprocess.Popen[str]:
    argv = fleet.argv("deploy", "--json", playbook=fleet.directory / "play.yml")
    return subprocess.Popen(
        argv, env=fleet.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, cwd=fleet.directory,
    )  # fmt: skip


def ended(process: subprocess.Popen[str], patience: float) -> Ran:
    said, err = process.communicate(timeout=patience)
    return Ran(process.returncode, said, err, tuple(json.loads(line) for line in said.splitlines()))


def others_are_done(fleet: Fleet, ran: Ran, ssh: Ssh) -> None:
    for host in fleet.hosts[1:]:
        assert ran.end(host)["code"] == 0, ran.out
        assert ssh(host, "ls /srv") == (0, "done\n")


def goes_on(fleet: Fleet, ssh: Ssh) -> None:
    """Another run does what is left, once the host is there again."""
    fleet.play(task("true"))
    again = fleet.run("deploy", playbook=fleet.directory / "play.yml")
    assert again.code == 0, again.out + again.err
    assert ssh(fleet.hosts[0], "ls /srv") == (0, "done\n")


@pytest.mark.parametrize("what", ["session", "listener"])
def test_what_freezes_is_given_up_in_time_and_the_others_finish(
    fleet: Fleet, ssh: Ssh, eventually: Any, record_property: Any, what: str
) -> None:
    first = fleet.hosts[0]
    if what == "listener":
        console(first, "kill -STOP $(systemctl show -p MainPID --value ssh)")
    process = begun(fleet)
    if what == "session":
        eventually(lambda: console(first, ALIVE))
        eventually(lambda: all(ssh(host, "ls /srv")[1] == "done\n" for host in fleet.hosts[1:]))
        console(first, SESSION.format("STOP"))
    begin = time.monotonic()
    ran = ended(process, T1 + (10 if what == "listener" else 0))  # the listener's seconds have the start in them
    took = time.monotonic() - begin
    assert ran.code == 4, ran.out
    assert "frozen" in ran.end(first)["problem"]
    others_are_done(fleet, ran, ssh)
    record_property("figure", f"a frozen {what}: the run ended after {took:.0f} s")
    eventually(lambda: not console(first, ALIVE), deadline=T1)
    console(first, "pkill -CONT sshd")
    goes_on(fleet, ssh)


def test_a_killed_session_is_told_and_the_next_run_goes_on(fleet: Fleet, ssh: Ssh, eventually: Any) -> None:
    first = fleet.hosts[0]
    process = begun(fleet)
    eventually(lambda: console(first, ALIVE))
    console(first, SESSION.format("KILL"))
    ran = ended(process, 2 * T1)
    assert ran.code == 4, ran.out
    assert "connection" in ran.end(first)["problem"]
    others_are_done(fleet, ran, ssh)
    eventually(lambda: not console(first, ALIVE), deadline=T1)
    goes_on(fleet, ssh)


def test_without_a_listener_a_host_is_unreachable_and_left_in_peace(
    fleet: Fleet, ssh: Ssh, record_property: Any
) -> None:
    first = fleet.hosts[0]
    console(first, f"systemctl mask -q --now ssh; {COUNT}")
    ran = ended(begun(fleet), T1)
    tried = console(first, COUNTED)
    assert ran.code == 4, ran.out
    assert ran.end(first)["ending"] == "unreachable"
    assert 1 <= int(tried) <= 5, tried
    others_are_done(fleet, ran, ssh)
    record_property("figure", f"{tried} connections tried")
    console(first, "systemctl unmask -q ssh; systemctl start ssh; nft flush ruleset")
    goes_on(fleet, ssh)


def test_who_is_banned_for_a_failed_login_has_tried_once_and_others_are_done(
    fleet: Fleet, ssh: Ssh, eventually: Any, record_property: Any
) -> None:
    first = fleet.hosts[0]
    fleet.play(task("true"))
    console(first, f"{COUNT}; {BAN.format(fleet.lab.address)}")
    ran = ended(begun(fleet), T1)
    tried = console(first, COUNTED)
    assert ran.code == 4, ran.out
    assert ran.end(first)["ending"] == "unreachable"
    assert tried == "1", ran.end(first)["problem"]
    others_are_done(fleet, ran, ssh)
    begin = time.monotonic()
    again = ended(begun(fleet), T1)
    record_property(
        "figure", f"refused after 1 connection; while it was banned given up after {time.monotonic() - begin:.0f} s"
    )
    assert again.code == 4, again.out
    assert again.end(first)["ending"] == "unreachable"
    console(first, "mv /root/kept /root/.ssh/authorized_keys; nft flush ruleset")
    goes_on(fleet, ssh)


def test_a_damaged_known_hosts_is_told_by_its_line_and_nobody_is_asked(fleet: Fleet, ssh: Ssh) -> None:
    first = fleet.hosts[0]
    place = fleet.directory / "known_hosts"
    place.write_text(fleet.lab.known_hosts.read_text() + f"{first.address} ssh-ed25519 AAAAC3Nza\n")
    number = len(place.read_text().splitlines())
    for host in fleet.hosts:
        fleet.of[host.name] = {"ansible_ssh_common_args": f"-o UserKnownHostsFile={place}"}
    console(first, COUNT)
    ran = ended(begun(fleet), T1)
    assert console(first, COUNTED) == "0"
    assert ran.code in (3, 7), ran.out
    assert f"known_hosts:{number}" in ran.out + ran.err
    assert ssh(fleet.hosts[1], "ls /srv") == (0, "")


def test_a_slow_host_holds_up_nobody(fleet: Fleet, ssh: Ssh, record_property: Any) -> None:
    first = fleet.hosts[0]
    console(first, "echo 'sleep 15' >/root/.bashrc")
    fleet.play(task("true"))
    process = begun(fleet)
    assert process.stdout
    begin, done, told = time.monotonic(), {}, []
    for line in process.stdout:
        told.append(event := json.loads(line))
        if event["event"] == "StepDone":
            done.setdefault(event["host"], time.monotonic() - begin)
    _, err = process.communicate(timeout=T1)
    assert process.returncode == 0, (told, err)
    slow = done.pop(first.name)
    assert len(done) == 2, told
    assert max(done.values()) < slow, done
    record_property("figure", f"the others' step was done after {max(done.values()):.0f} s, its own after {slow:.0f} s")


def test_a_shell_that_prints_without_end_is_told_and_the_others_finish(fleet: Fleet, ssh: Ssh) -> None:
    first = fleet.hosts[0]
    for stream in ("1", "2"):
        console(first, f"echo 'yes | head -c 100000000 >&{stream}' >/root/.bashrc")
        ran = ended(begun(fleet), 2 * T1)
        assert ran.code in (1, 4), ran.out
        assert "without end" in ran.end(first)["problem"], ran.out
        others_are_done(fleet, ran, ssh)
        console(first, "rm /root/.bashrc")
    goes_on(fleet, ssh)


def test_a_slow_pam_is_waited_for(lab_of: Callable[..., Any], tmp_path: Any, record_property: Any) -> None:
    lab = lab_of("sudo")
    console(lab.hosts[0], "echo 'session optional pam_exec.so quiet /bin/sleep 20' >>/etc/pam.d/sudo")
    made = Fleet(tmp_path, lab, lab.hosts, {})
    made.play(task("true"))
    begin = time.monotonic()
    ran = ended(begun(made), 4 * T1)
    assert ran.code == 0, ran.out + ran.err
    record_property("figure", f"a sudo that takes 20 s each time: done after {time.monotonic() - begin:.0f} s")
