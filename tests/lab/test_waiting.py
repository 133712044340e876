"""What people wrote runs as their login runs it, and nothing of a run that was given up stays on a host."""

from __future__ import annotations

import io
import signal
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

from tests.lab.fleet import LEFTOVERS, Fleet, fleet_of, health, untouched
from tests.lab.sick import init_of

PATIENCE = 120
"""Seconds: a dead peer is noticed within 45, and what it was given up with has ended on the host; the rest is for a
machine that is busy."""
SLEEP = "sleep 77777"
ALIVE = f"pgrep -fx '{SLEEP}'"
STUBBORN = f"trap '' HUP TERM PIPE; {SLEEP}; {SLEEP}"
RULE = "nft 'add chain inet cut {0} {{ type filter hook {0} priority -9; policy drop; }}'"
CUT = f"nft add table inet cut; {RULE.format('input')}; {RULE.format('output')}"


@pytest.fixture
def fleet(lab, demo_release, tmp_path) -> Fleet:
    return fleet_of(tmp_path, untouched(lab, 1), demo_release("0.1.0"))


def task(fleet: Fleet, text: str, **more: object) -> Path:
    """A playbook of one task with this shell text."""
    fleet.words = {}
    made = {"name": "mine", "shell": {"cmd": text, "creates": "/srv/never"}, **more}
    return fleet.play({"hosts": "all", "become": True, "tasks": [made]})


def begun(fleet: Fleet, ssh, eventually, playbook: Path) -> subprocess.Popen[str]:
    """A deploy whose task runs on the host."""
    argv = fleet.argv("deploy", "--json", playbook=playbook)
    process = subprocess.Popen(
        argv, env=fleet.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, cwd=fleet.directory
    )
    eventually(lambda: ssh(fleet.hosts[0], ALIVE)[0] == 0)
    return process


def test_commands_have_the_logins_umask_and_signals_and_a_deadline(fleet, ssh):
    (host,) = fleet.hosts
    text = "umask >/srv/umask; tr -dc a-z </dev/urandom | fold -w 32 | head -n 1 >/srv/never"
    ran = fleet.run("deploy", playbook=task(fleet, text))
    assert ran.code == 0, ran.out
    assert ssh(host, "umask; stat -c %a /srv/never") == (0, ssh(host, "cat /srv/umask")[1] + "644\n")
    assert ssh(host, "rm /srv/never") == (0, "")
    ran = fleet.run("deploy", playbook=task(fleet, f"setsid {SLEEP} & {STUBBORN}", timeout=2))
    assert ran.code == 1
    assert "did not end in 2 s, its deadline" in ran.end(host)["problem"]
    assert ssh(host, ALIVE)[0] == 1
    assert ssh(host, LEFTOVERS) == (0, "")


@pytest.mark.parametrize("signals", [[signal.SIGHUP, signal.SIGINT], [signal.SIGKILL]], ids=["stopped", "killed"])
def test_a_command_ends_with_its_run_and_the_host_is_free(fleet, ssh, eventually, signals):
    (host,) = fleet.hosts
    process = begun(fleet, ssh, eventually, task(fleet, STUBBORN))
    for number in signals:
        process.send_signal(number)
        time.sleep(0.2)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == (130 if signals[-1] == signal.SIGINT else -9)
    eventually(lambda: ssh(host, ALIVE)[0] == 1)
    eventually(lambda: ssh(host, LEFTOVERS) == (0, ""))
    ran = fleet.run("deploy", playbook=task(fleet, "touch /srv/never"))
    assert ran.code == 0, ran.out


def test_a_host_that_is_cut_off_is_noticed_in_time_and_lets_go_by_itself(fleet, ssh, eventually):
    (host,) = fleet.hosts
    process = begun(fleet, ssh, eventually, task(fleet, STUBBORN))
    inside = ["nsenter", "-t", str(init_of(host)), "-a", "--"]
    subprocess.run([*inside, "sh", "-euc", CUT], check=True)
    try:
        said, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 4, said
        assert "it is frozen, or cut off" in said
        eventually(
            lambda: subprocess.run([*inside, "sh", "-c", ALIVE], stdout=subprocess.DEVNULL).returncode,
            deadline=PATIENCE,
        )
    finally:
        subprocess.run([*inside, "nft", "delete", "table", "inet", "cut"], check=True)
    ran = fleet.run("deploy", playbook=task(fleet, "touch /srv/never"))
    assert ran.code == 0, ran.out
    assert ssh(host, LEFTOVERS) == (0, "")


def with_env_sh(tarball: Path, line: str, directory: Path) -> Path:
    """The same release with one more line in its env.sh."""
    made = directory / line.split(maxsplit=1)[0].replace(".", "source") / tarball.name
    made.parent.mkdir()
    with tarfile.open(tarball) as old, tarfile.open(made, "w:gz", compresslevel=1) as new:
        for member in old:
            content = old.extractfile(member) if member.isfile() else None
            if content and member.name.endswith("/env.sh"):
                text = content.read() + f"\n{line}\n".encode()
                member.size, content = len(text), io.BytesIO(text)
            new.addfile(member, content)
    return made


def test_a_start_that_cannot_come_to_the_emulator_stops_nothing(fleet, ssh, demo_release, tmp_path):
    (host,) = fleet.hosts
    ran = fleet.run("deploy")
    assert ran.code == 0, ran.out
    pid = ssh(host, "systemctl show -p MainPID --value demo")
    for line, words in ((". /etc/not/there", "/etc/not/there"), ("ulimit -n 100000", "ulimit")):
        fleet.words["release"]["tarball"] = str(with_env_sh(demo_release("0.2.0"), line, tmp_path))
        ran = fleet.run("deploy")
        assert ran.code == 1, ran.out
        problem = ran.end(host)["problem"]
        assert "would not start: its start script ends with status" in problem, problem
        assert words in problem
        assert ssh(host, "systemctl show -p MainPID --value demo") == pid
        assert health(host)[1]["version"] == "0.1.0"
