"""What could cut off the next login goes back by itself: sshd, sudoers, keys; with the controller dead, over a restart.

The witness is plain OpenSSH: it gets in, and the files are as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deployer import lab as labs
from deployer.lab import Lab, LabHost
from tests.lab.confirming import DOOR, KEPT, LOCK, MEMBERS, OLD, console, enters, frozen, run, tasks, written
from tests.lab.conftest import Ssh
from tests.lab.fleet import LEFTOVERS, Fleet, untouched


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


def test_an_sshd_that_is_started_otherwise_goes_back_whoever_listens_for_it(fleet: Fleet, ssh: Ssh) -> None:
    (host,) = fleet.hosts
    units, old = "/etc/systemd/system", ssh(host, "cat /etc/default/ssh")[1]
    service, socket = f"{units}/ssh.service.d/port.conf", f"{units}/ssh.socket.d/port.conf"
    ssh(host, f"mkdir {units}/ssh.service.d {units}/ssh.socket.d")
    try:
        moved = "[Service]\nExecStart=\nExecStart=/usr/sbin/sshd -D -p 2222\n"
        for path, content in ((service, moved), ("/etc/default/ssh", "SSHD_OPTS='-p 2222'\n")):
            tasks(fleet, written(path, content))
            assert run(fleet).code == 6
            assert enters(fleet)
        assert console(host, "systemctl stop ssh && systemctl start ssh.socket") == 0
        tasks(fleet, written(socket, "[Socket]\nListenStream=\nListenStream=2222\n"))
        assert run(fleet).code == 6
        assert enters(fleet)
        assert "2222" not in ssh(host, "ss -ltn")[1]
        tasks(fleet, written(socket, "[Socket]\nListenStream=2222\n"))
        assert run(fleet).code == 0
        assert enters(fleet)
        assert ":2222" in ssh(host, "ss -ltn")[1], "a change that lets the login in is in force"
        assert (ssh(host, f"ls {service}")[0], ssh(host, "cat /etc/default/ssh")[1]) == (2, old)
    finally:
        console(
            host, f"rm -r {units}/ssh.service.d {units}/ssh.socket.d; systemctl daemon-reload; systemctl reset-failed"
        )
        console(host, "systemctl stop ssh ssh.socket; systemctl start ssh")


def test_what_sshd_and_sudo_refuse_themselves_is_a_failure_and_goes_back(fleet: Fleet, ssh: Ssh) -> None:
    (host,) = fleet.hosts
    for path, content in ((LOCK, "Nonsense yes\n"), ("/etc/sudoers.d/lab-bad", "nonsense here\n")):
        tasks(fleet, written(path, content))
        ran = run(fleet)
        assert ran.code == 1, ran.out
        assert ssh(host, f"ls {path}")[0] == 2
        assert enters(fleet)


def test_a_file_that_sudo_reads_may_have_another_mode_than_0440(fleet: Fleet, ssh: Ssh) -> None:
    (host,), path = fleet.hosts, "/etc/sudoers.d/lab-mode"
    for mode, code in (("0600", 0), ("0666", 1)):
        tasks(fleet, {"copy": {"dest": path, "content": "# x\n", "mode": mode, "owner": "root", "group": "root"}})
        ran = run(fleet)
        assert (ran.code, ssh(host, f"stat -c %a {path}")) == (code, (0, "600\n")), ran.out
    ssh(host, f"rm {path}")


def test_a_file_that_sudo_includes_from_elsewhere_is_looked_at_as_well(fleet: Fleet, ssh: Ssh) -> None:
    (host,), path = fleet.hosts, "/etc/sudoers.d/lab-more"
    ssh(host, "mkdir /etc/more.d; echo '# x' >/etc/more.d/open; chmod 0666 /etc/more.d/open")
    tasks(fleet, {"copy": {"dest": path, "content": "@includedir /etc/more.d\n", "mode": "0440"}})
    ran = run(fleet)
    assert (ran.code, ssh(host, f"ls {path}")[0]) == (1, 2), ran.out
    assert "/etc/more.d/open" in ran.out
    ssh(host, "chmod 0640 /etc/more.d/open")
    assert run(fleet).code == 0
    ssh(host, f"rm -r {path} /etc/more.d")


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
        (f"Match LocalAddress {host.address6}\n  DenyUsers root\n", f"by [{host.address6}]:22 (confirm_over)"),
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


def test_a_group_that_gives_sudo_goes_back_with_its_members(fleet: Fleet, ssh: Ssh) -> None:
    (host,) = fleet.hosts
    assert ssh(host, DOOR)[0] == 0
    before = ssh(host, MEMBERS)
    fleet.of[host.name] = {"ansible_user": "op"}
    for change in (
        {"name": "no door", "group": {"name": "door", "state": "absent"}, "confirm": "30s"},
        {"name": "out", "user": {"name": "op", "groups": []}},
    ):
        tasks(fleet, change)
        ran = run(fleet)
        assert (ran.code, ran.end(host)["ending"]) == (6, "reverted"), ran.out
        assert ssh(host, MEMBERS) == before
    assert "op door" in before[1]
    fleet.of[host.name]["ansible_become"] = False
    ran = run(fleet, "confirm")
    assert (ran.code, ran.of("Note")) == (1, []), "who may not look does not say that nothing waits"
    assert "only root can see whether a change waits to be confirmed here; this login is op" in ran.end(host)["problem"]
    assert "--become" in ran.end(host)["problem"]
    ssh(host, "userdel -r op; groupdel door; rm /etc/sudoers.d/door")


FULL = "head -c 64m /dev/zero >/srv/full/fill; exit 1"
HOME = """mkdir -p /srv/full && mount -t tmpfs -o size=64k,mode=0755 tmpfs /srv/full
mkdir -m 0755 /srv/full/own /srv/full/home; chown daemon /srv/full/home
for one in own home; do echo before >/srv/full/$one/f; done
chown daemon:daemon /srv/full/*/f; chmod 0640 /srv/full/*/f"""
STATE = "cd /srv/full; stat -c '%n %a %U %G' */f; cat */f; ls -A . own home | grep deployer"


def test_it_goes_back_on_a_file_system_that_is_full(fleet: Fleet, ssh: Ssh) -> None:
    (host,) = fleet.hosts
    assert ssh(host, HOME)[0] == 0
    before = ssh(host, STATE)
    for place in ("own", "home"):
        fill = {"name": "fill", "shell": {"cmd": FULL}}
        change = written(f"/srv/full/{place}/f", "x" * 9000, confirm="30s", notify="fill")
        fleet.play({"hosts": "all", "gather_facts": False, "handlers": [fill], "tasks": [change]})
        ran = run(fleet)
        assert ran.code == 1, ran.out
        assert ssh(host, "df --output=avail /srv/full | tail -n 1")[1].split() == ["0"]
        assert ssh(host, STATE) == before
        ssh(host, "rm /srv/full/fill")
    ssh(host, "umount /srv/full; rmdir /srv/full")


def test_a_file_system_that_is_read_only_is_called_so(fleet: Fleet) -> None:
    (host,) = fleet.hosts
    tasks(fleet, {"name": "mine", "copy": {"dest": "/etc/mine", "content": "x\n", "mode": "0644"}})
    for place, said in (("/etc", "findmnt -O ro"), ("/var/lib", "'/var/lib/deployer': Read-only file system")):
        assert console(host, f"mount --bind {place} {place} && mount -o remount,ro,bind {place}") == 0
        try:
            ran = run(fleet)
        finally:
            console(host, f"umount {place}")
        assert ran.code == 1, ran.out
        assert said in ran.out


def test_accounts_and_the_network_go_back(fleet: Fleet, ssh: Ssh) -> None:
    (host,) = fleet.hosts
    accounts = (
        "cd /etc; for f in passwd shadow group gshadow; do stat -c '%n %a %U %G' $f; cat $f; done; ls /etc/netplan"
    )
    ssh(host, "mkdir /etc/netplan")
    before = ssh(host, accounts)
    tasks(fleet, {"name": "account", "user": {"name": "root", "shell": "/usr/sbin/nologin"}})
    ran = run(fleet)
    assert (ran.code, ran.end(host)["ending"]) == (6, "reverted"), ran.out
    assert ssh(host, accounts) == before
    away = "nft delete table inet netplan 2>/dev/null; [ ! -e /etc/netplan/50-lab.yaml ] ||"
    away += (
        " nft 'add table inet netplan; add chain inet netplan i { type filter hook input priority -9; policy drop; }'"
    )
    network = {"name": "network", "shell": {"cmd": away}}
    change = written("/etc/netplan/50-lab.yaml", "network: {}\n", confirm="10s", notify="network")
    fleet.play({"hosts": "all", "gather_facts": False, "handlers": [network], "tasks": [change]})
    ran = run(fleet)
    assert ran.code == 6, ran.out
    assert ssh(host, accounts) == before
    ssh(host, "rmdir /etc/netplan")


def test_with_the_controller_dead_it_goes_back_by_itself(fleet: Fleet, ssh: Ssh, eventually: Callable) -> None:
    (host,) = fleet.hosts
    dead = frozen(fleet, eventually, 8)
    dead.kill()
    dead.wait()
    eventually(lambda: console(host, "[ -e /run/deployer/pending ] || [ -e /var/lib/deployer/undo ]") == 1)
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
