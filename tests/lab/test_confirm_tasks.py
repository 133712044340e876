"""What could cut off the next login goes back by itself: sshd, sudoers, keys; with the controller dead, over a restart.

The witness is plain OpenSSH: it gets in, and the files are as they were.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deployer import lab as labs
from deployer.lab import Lab, LabHost
from tests.lab.conftest import Ssh
from tests.lab.fleet import LEFTOVERS, Fleet, Ran, untouched
from tests.lab.sick import init_of

LOCK = "/etc/ssh/sshd_config.d/lock.conf"
WAITS = "[ -e /run/deployer/pending/armed ] && ! [ -e /run/deployer/holder ]"
HANDLER = {"name": "ssh", "systemd": {"name": "ssh", "state": "reloaded"}}
OLD = "# as it was\n"
KEPT = "find /etc /root /home -xdev -name '.before-deployer.*' -o -xdev -name 'deployer-undo-boot*'"


@pytest.fixture(scope="module")
def one(lab: Lab) -> LabHost:
    """A host, untouched."""
    return untouched(lab, 1)[0]


@pytest.fixture
def fleet(one: LabHost, lab: Lab, tmp_path: Path, ssh: Ssh, eventually: Callable[..., None]) -> Iterator[Fleet]:
    """It, as it is now."""
    fresh = labs.status(lab.name)
    assert fresh
    made = Fleet(tmp_path, lab, [host for host in fresh.hosts if host.name == one.name], {})
    yield made
    eventually(lambda: enters(made))
    left = ssh(made.hosts[0], f"{KEPT}; {LEFTOVERS}")[1]
    assert left == "", left


def console(host: LabHost, text: str) -> int:
    """Do something as a person at the host's console does; return the status."""
    command = ["nsenter", "-t", str(init_of(host)), "-a", "--", "sh", "-c", text]
    return subprocess.run(command, capture_output=True).returncode


def tasks(fleet: Fleet, *some: dict[str, Any]) -> None:
    """Write the play."""
    fleet.play({"hosts": "all", "become": True, "gather_facts": False, "handlers": [HANDLER], "tasks": list(some)})


def written(dest: str, content: str, **words: Any) -> dict[str, Any]:
    return {"name": "write", "copy": {"dest": dest, "content": content, "mode": "0440"}, **words}


def run(fleet: Fleet, command: str = "deploy", *flags: str) -> Ran:
    return fleet.run(command, *flags, playbook=fleet.directory / "play.yml")


def enters(fleet: Fleet) -> bool:
    """Whether plain OpenSSH gets in by a new connection."""
    argv = labs.ssh_arguments(fleet.lab, fleet.hosts[0], ["true"])
    return subprocess.run(argv, capture_output=True).returncode == 0


def test_a_change_that_lets_the_login_in_stays_and_leaves_nothing(fleet: Fleet, ssh: Ssh) -> None:
    (host,) = fleet.hosts
    tasks(fleet, written(LOCK, "MaxAuthTries 5\n", notify="ssh"))
    ran = run(fleet)
    assert ran.code == 0, ran.out
    assert [each["what"] for each in ran.of("StepDone")] == [f"write {LOCK}", "confirm it over a new connection"]
    assert "maxauthtries 5" in ssh(host, "sshd -T")[1]
    assert run(fleet, "plan", "--detailed-exitcode").code == 0
    assert "nothing waits" in run(fleet, "confirm").of("Note")[0]["text"]
    console(host, f"rm {LOCK}; systemctl reload ssh")


@pytest.mark.parametrize("content", ["AllowUsers nobody-at-all\n", "Port 2222\n"])
def test_an_sshd_that_locks_out_goes_back(fleet: Fleet, ssh: Ssh, content: str) -> None:
    (host,) = fleet.hosts
    ssh(host, f"printf '{OLD}' >{LOCK}; chmod 0640 {LOCK}; chown root:daemon {LOCK}")
    before = ssh(host, f"stat -c '%a %U %G %Y' {LOCK}; cat {LOCK}")
    tasks(fleet, written(LOCK, content))
    ran = run(fleet)
    assert (ran.code, ran.end(host)["ending"]) == (6, "reverted"), ran.out
    assert enters(fleet)
    assert ssh(host, f"stat -c '%a %U %G %Y' {LOCK}; cat {LOCK}") == before
    assert "port 22\n" in ssh(host, "sshd -T")[1]
    console(host, f"rm {LOCK}; systemctl reload ssh")


def test_what_sshd_and_sudo_refuse_themselves_is_a_failure_and_goes_back(fleet: Fleet, ssh: Ssh) -> None:
    (host,) = fleet.hosts
    for path, content in ((LOCK, "Nonsense yes\n"), ("/etc/sudoers.d/lab-bad", "nonsense here\n")):
        tasks(fleet, written(path, content))
        ran = run(fleet)
        assert ran.code == 1, ran.out
        assert ssh(host, f"ls {path}")[0] == 2
        assert enters(fleet)


def test_keys_and_a_task_that_asks_for_it_go_back(fleet: Fleet, ssh: Ssh) -> None:
    (host,) = fleet.hosts
    keys = "/root/.ssh/authorized_keys"
    before = ssh(host, f"stat -c '%a %U %G' {keys}; cat {keys}")
    tasks(fleet, written(keys, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA0000000000000000000000000000000000000000000 x\n"))
    ran = run(fleet)
    assert ran.code == 6, ran.out
    assert ssh(host, f"stat -c '%a %U %G' {keys}; cat {keys}") == before
    fate = {"name": "file of mine", "copy": {"dest": "/etc/mine", "content": "x\n"}}
    asks = {"name": "directory of mine", "file": {"path": "/srv/mine", "state": "directory"}, "confirm": "30s"}
    tasks(fleet, asks, {**fate, "confirm": "1m"})
    assert run(fleet).code == 0
    tasks(fleet, {"name": "shut", "file": {"path": "/root/.ssh", "mode": "0777"}, "confirm": "20s"})
    ran = run(fleet)
    assert ran.code == 6, ran.out
    assert ssh(host, "stat -c %a /root/.ssh")[1].strip() == "700"
    ssh(host, "rm /etc/mine; rmdir /srv/mine")


def test_a_way_that_is_declared_and_cut_off_takes_it_back_though_this_one_is_open(fleet: Fleet, ssh: Ssh) -> None:
    (host,) = fleet.hosts
    place = fleet.directory / ".ssh"
    place.mkdir(mode=0o700)
    config = f"Host *\n  IdentityFile {fleet.lab.key}\n  UserKnownHostsFile {fleet.lab.known_hosts}\n"
    (place / "config").write_text(config)
    ways = [host.address6, {"jump": f"root@{host.address}"}]
    fleet.of[host.name] = {"confirm_over": ways}
    for shut, said in (
        (f"Match LocalAddress {host.address6}\n  DenyUsers root\n", f"by {host.address6}:22 (confirm_over)"),
        (f"Match Address {host.address}\n  DenyUsers root\n", f"over root@{host.address} (confirm_over)"),
    ):
        tasks(fleet, written(LOCK, shut))
        ran = run(fleet)
        assert (ran.code, ran.end(host)["ending"]) == (6, "reverted"), ran.out
        assert said in ran.end(host)["problem"]
        assert ssh(host, f"ls {LOCK}")[0] == 2
    tasks(fleet, written(LOCK, "MaxAuthTries 5\n"))
    assert run(fleet).code == 0
    fleet.of[host.name] = {"confirm_over": [*ways, f"{host.address}:2299"]}
    tasks(fleet, written(LOCK, "MaxAuthTries 4\n"))
    ran = run(fleet)
    assert (ran.code, ran.of("StepDone")) == (4, []), ran.out
    assert "by 10." in ran.end(host)["problem"]
    assert ":2299 (confirm_over)" in ran.end(host)["problem"]
    console(host, f"rm {LOCK}; systemctl reload ssh")


def test_on_debian_13_with_its_penalties_sudo_and_sshd_go_back_too(lab_of, tmp_path: Path) -> None:
    around = lab_of("stock", "sudo", suites=("trixie",))
    stock, sudo = around.hosts
    made = Fleet(tmp_path, around, [stock], {})
    tasks(made, written(LOCK, "AllowUsers nobody-at-all\n"))
    ran = run(made)
    assert ran.code == 6, ran.out
    assert enters(made)
    made.hosts = [sudo]
    rule = "ALL ALL=(ALL) !ALL\n"
    tasks(made, written("/etc/sudoers.d/zz-lab", rule))
    ran = run(made)
    assert (ran.code, ran.end(sudo)["ending"]) == (6, "reverted"), ran.out
    assert console(sudo, "[ -e /etc/sudoers.d/zz-lab ]") == 1
    tasks(made, written("/etc/sudoers.d/zz-lab", "# a comment\n"))
    assert run(made).code == 0
    assert console(sudo, f"{KEPT} | grep -q .") == 1


def frozen(fleet: Fleet, eventually: Callable[..., None], seconds: int) -> subprocess.Popen[str]:
    """Stop the controller when its change has been made and is not confirmed."""
    tasks(fleet, written(LOCK, "AllowUsers nobody-at-all\n", confirm=f"{seconds}s"))
    argv = fleet.argv("deploy", "--json", playbook=fleet.directory / "play.yml")
    started = subprocess.Popen(argv, env=fleet.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, text=True, cwd=fleet.directory)  # fmt: skip
    eventually(lambda: console(fleet.hosts[0], "[ -e /run/deployer/pending/armed ]") == 0)
    started.send_signal(signal.SIGSTOP)
    return started


def test_with_the_controller_dead_it_goes_back_by_itself(fleet: Fleet, ssh: Ssh, eventually: Callable) -> None:
    (host,) = fleet.hosts
    dead = frozen(fleet, eventually, 8)
    dead.kill()
    dead.wait()
    eventually(lambda: console(host, "[ -e /run/deployer/pending ] || [ -e /var/lib/deployer/undo ]") == 1, deadline=30)
    eventually(lambda: enters(fleet))
    assert ssh(host, f"ls {LOCK}")[0] == 2


def test_a_restart_in_between_goes_back_before_anybody_logs_in(
    fleet: Fleet, ssh: Ssh, eventually: Callable[..., None]
) -> None:
    dead = frozen(fleet, eventually, 600)
    dead.kill()
    dead.wait()
    eventually(lambda: console(fleet.hosts[0], "! systemctl --quiet is-active deployer-undo.timer") != 0)
    labs.restart(fleet.hosts[0].name, fleet.lab.name)
    fresh = labs.status(fleet.lab.name)
    assert fresh
    fleet.hosts = [host for host in fresh.hosts if host.name == fleet.hosts[0].name]
    eventually(lambda: enters(fleet))
    assert ssh(fleet.hosts[0], f"ls {LOCK}")[0] == 2
    said = "journalctl -b -t deployer --no-pager"
    eventually(lambda: "taken back at the start" in ssh(fleet.hosts[0], said)[1])
