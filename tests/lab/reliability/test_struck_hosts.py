"""Hosts that restart, whose clocks jump and whose names lead elsewhere, in the middle of a run."""

from __future__ import annotations

import dataclasses
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deployer import lab as labs
from tests.lab.conftest import Ssh
from tests.lab.fleet import PATIENCE, Fleet, fleet_of, health, untouched
from tests.lab.walled import console

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
"""Of Debian's package libfaketime."""
NODE = "systemctl show -p MainPID --value demo"
GO = "until [ -e /srv/go ]; do sleep 0.1; done; touch /srv/done"
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def fleet(lab: Any, demo_release: Any, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    made = fleet_of(tmp_path_factory.mktemp("struck"), untouched(lab, 2), demo_release("0.1.0"))
    ran = made.run("deploy")
    assert ran.code == 0, ran.out
    return made


def begun(fleet: Fleet, text: str, *before: str, **words: Any) -> subprocess.Popen[str]:
    """A deploy of one task to the fleet's hosts."""
    play = {"hosts": "all", "become": True, "gather_facts": False}
    fleet.play(play | {"tasks": [{"name": "mine", "shell": {"cmd": text, "creates": "/srv/done"}}]})
    argv = [*before, *fleet.argv("deploy", "--json", playbook=fleet.directory / "play.yml")]
    return subprocess.Popen(
        argv, env=fleet.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, cwd=fleet.directory, **words,
    )  # fmt: skip


def test_a_restart_ends_the_lease_of_a_dead_run(fleet: Fleet, ssh: Ssh, eventually: Any, tmp_path: Path) -> None:
    """Seen by somebody who cannot know that the run is dead."""
    one = dataclasses.replace(fleet, directory=tmp_path, hosts=fleet.hosts[:1], words={})
    process = begun(one, "touch /srv/begun; sleep 4")
    eventually(lambda: ssh(one.hosts[0], "ls /srv")[1] == "begun\n", deadline=90)
    process.kill()
    process.communicate()
    assert ssh(one.hosts[0], "sed -i 's#/[-0-9a-f]*/#/another/#2' /run/deployer/lease") == (0, "")
    refused, _ = (second := begun(one, "touch /srv/done")).communicate(timeout=PATIENCE)
    assert second.returncode == 5, refused
    labs.restart(one.hosts[0].name, one.lab.name, hard=True)
    said, _ = (third := begun(one, "touch /srv/done")).communicate(timeout=PATIENCE)
    assert third.returncode == 0, said
    assert ssh(one.hosts[0], "rm -r /srv/*")[0] == 0
    eventually(lambda: health(one.hosts[0])[0] == 200)


def test_a_node_that_is_frozen_is_replaced_all_the_same(fleet: Fleet, ssh: Ssh, demo_release: Any) -> None:
    fleet.words["release"]["tarball"] = str(demo_release("0.2.0"))
    host = fleet.hosts[0]
    assert ssh(host, f"kill -STOP $({NODE})") == (0, "")
    ran = fleet.run("deploy")
    assert ran.code in (0, 3), ran.out + ran.err
    if ran.code == 3:  # whoever cannot be asked is not restarted for nothing: it says what helps
        assert ran.end(host)["problem"]
        assert ssh(host, f"kill -CONT $({NODE})") == (0, "")
        assert fleet.run("deploy").code == 0
    assert [health(each)[1]["version"] for each in fleet.hosts] == ["0.2.0"] * 2


def test_an_epmd_that_is_killed_is_back_and_so_is_the_nodes_name(
    fleet: Fleet, ssh: Ssh, eventually: Any, record_property: Any
) -> None:
    host = fleet.hosts[0]
    node = ssh(host, NODE)
    assert ssh(host, "kill -9 $(systemctl show -p MainPID --value beam-epmd@4369)") == (0, "")
    begin = time.monotonic()
    eventually(lambda: fleet.run("verify").code == 0, deadline=90)
    assert ssh(host, NODE) == node, "the node was not restarted for it"
    record_property("figure", f"all rungs hold {time.monotonic() - begin:.0f} s after it")


def test_a_clock_that_jumps_changes_nothing(fleet: Fleet, demo_release: Any, record_property: Any) -> None:
    """The controller's goes back by an hour, and then forward by a day, in mid-run."""
    if not FAKETIME.exists():
        pytest.skip("Debian's libfaketime is not on this machine")
    here = fleet.directory / "clock"
    for jump, version in (("-1h", "0.1.0"), ("+1d", "0.2.0")):
        here.write_text("+0")
        fleet.environ = {
            "LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(here), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }  # fmt: skip
        fleet.words["release"]["tarball"] = str(demo_release(version))
        process = fleet.start("deploy")
        assert process.stdout
        told_lines = []
        for line in process.stdout:
            told_lines.append(line)
            if '"StepDone"' in line:
                here.write_text(jump)
        process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, told_lines
        assert [health(each)[1]["version"] for each in fleet.hosts] == [version] * 2
    back = fleet.run("rollback")
    assert back.code == 0, back.out + back.err
    assert [health(each)[1]["version"] for each in fleet.hosts] == ["0.1.0"] * 2, (
        "the one before, whatever the clock says"
    )
    fleet.environ = {}
    record_property("figure", "the controller -1 hour and +1 day in mid-run")


def test_a_name_that_flips_in_a_run_leads_to_no_other_host(
    fleet: Fleet, ssh: Ssh, eventually: Callable[..., None], tmp_path: Path
) -> None:
    """The controller has a table of names of its own, which is rewritten under it; its connection is killed then."""
    mine, other = fleet.hosts
    names, known = tmp_path / "hosts", tmp_path / "known_hosts"
    key = next(line for line in fleet.lab.known_hosts.read_text().splitlines() if line.startswith(f"{mine.address} "))
    known.write_text(f"flip.test {key.partition(' ')[2]}\n")
    words = {"ansible_host": "flip.test", "ansible_ssh_common_args": f"-o UserKnownHostsFile={known}"}
    one = dataclasses.replace(fleet, directory=tmp_path, hosts=[mine], words={}, of={mine.name: words})
    apart = ["unshare", "-m", "--", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(names)]

    def lead(address: str) -> None:
        names.write_text(f"127.0.0.1 localhost\n{address} flip.test\n" if address else "127.0.0.1 localhost\n")

    lead(mine.address)
    process = begun(one, f"touch /srv/begun; {GO}", *apart)
    eventually(lambda: ssh(mine, "ls /srv")[1] == "begun\n", deadline=90)
    lead(other.address)
    assert ssh(mine, "touch /srv/go") == (0, "")
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    assert ssh(mine, "ls /srv; rm -r /srv/*") == (0, "begun\ndone\ngo\n")
    said, _ = (second := begun(one, "touch /srv/done", *apart)).communicate(timeout=PATIENCE)
    assert second.returncode == 7, said
    lead("")
    said, _ = (third := begun(one, "touch /srv/done", *apart)).communicate(timeout=PATIENCE)
    assert third.returncode == 4, said
    assert "flip.test" in said
    lead(mine.address)
    process = begun(one, f"touch /srv/begun; {GO}", *apart)
    eventually(lambda: ssh(mine, "ls /srv")[1] == "begun\n", deadline=90)
    lead(other.address)
    console(mine, "pkill -KILL -f '^sshd: root'")
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode in (4, 7), said
    assert ssh(other, "ls /srv") == (0, ""), "nothing was written there at any time"
    console(mine, "rm -rf /srv/*")
