"""What goes wrong on one host stays there, is named, leaves nothing half done, and is fixed by the next run."""

from __future__ import annotations

import re
import signal
import subprocess

import pytest

from deployer import lab as labs
from deployer.engine.ladder.rung import Rung
from tests.lab.fleet import LEFTOVERS, Fleet, disk, fleet_of, health, untouched
from tests.samples import some

CUT = "ip -n {0} link set host0 {1}"


@pytest.fixture
def three(lab, demo_release, tmp_path) -> Fleet:
    return fleet_of(tmp_path, untouched(lab, 3), demo_release("0.1.0"))


@pytest.fixture
def fleet(lab, demo_release, tmp_path) -> Fleet:
    return fleet_of(tmp_path, untouched(lab, 1), demo_release("0.1.0"))


@pytest.fixture
def running(fleet) -> Fleet:
    ran = fleet.run("deploy")
    assert ran.code == 0, ran.out
    return fleet


def logins(ssh, host) -> int:
    """How often somebody tried to log in, the asking itself not counted."""
    said = ssh(host, "journalctl --sync; journalctl -u ssh --no-pager | grep -Ec 'Accepted|Failed|Invalid|authenticat'")
    return int(said[1]) - 1


def pid(ssh, host) -> str:
    return ssh(host, "systemctl show -p MainPID --value demo")[1]


def test_a_host_with_another_key_is_offered_no_credential_and_the_others_finish(three, ssh):
    good, impostor, other = three.hosts
    lines = three.lab.known_hosts.read_text().splitlines()
    wrong = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines}
    wrong[impostor.address] = wrong[good.address]
    place = three.directory / "known_hosts"
    place.write_text("".join(f"{address} {key}\n" for address, key in wrong.items()))
    three.of[impostor.name] = {"ansible_ssh_common_args": f"-o UserKnownHostsFile={place}"}
    before, tried = disk(impostor), logins(ssh, impostor)
    ran = three.run("deploy")
    assert logins(ssh, impostor) == tried + 1, "the count's own, and nobody else's"
    assert disk(impostor) == before
    assert ran.code == 7, ran.out
    assert ran.end(impostor)["ending"] == "unreachable"
    assert "key" in ran.end(impostor)["problem"]
    assert [ran.end(host)["code"] for host in (good, other)] == [0, 0]
    assert [health(host)[0] for host in (good, other)] == [200, 200]


def test_a_host_that_cannot_be_reached_does_not_hold_up_the_others(three, ssh):
    lost, *rest = three.hosts
    subprocess.run(CUT.format(lost.netns, "down").split(), check=True)
    try:
        ran = three.run("deploy")
        shown = three.show("deploy")
    finally:
        subprocess.run(CUT.format(lost.netns, "up").split(), check=True)
    assert (ran.code, shown.code) == (4, 4), ran.out
    assert ran.end(lost)["ending"] == "unreachable"
    assert {ran.end(host)["code"] for host in rest} == {0}
    assert {health(host)[0] for host in rest} == {200}
    recap = shown.out.partition("RECAP")[2]
    assert lost.name in recap
    assert lost.address in recap
    assert three.run("deploy").code == 0, "it joins when it is back"


def test_a_release_that_crashes_at_boot_is_told_with_its_last_lines_and_mended(fleet, ssh):
    (host,) = fleet.hosts
    fleet.words["env"] = {"PORT": "4000", "DEMO_CRASH": "1"}
    ran = fleet.run("deploy")
    assert ran.code == 1
    assert ran.end(host)["ending"] == "failed"
    assert "DEMO_CRASH is set: refusing to start" in ran.out
    verify = fleet.run("verify")
    assert verify.code == 1
    (rung,) = verify.bad_rungs().values()
    assert rung["rung"] == Rung.UNIT
    assert "DEMO_CRASH is set" in rung["detail"]
    assert rung["advice"]
    shown = fleet.show("verify").out
    assert "2 unit active" in shown
    assert "→" in shown
    assert fleet.run("audit").code == 2, "a unit that does not run is not as declared"
    fleet.words["env"] = {"PORT": "4000"}
    assert fleet.run("deploy").code == 0
    assert health(host)[0] == 200


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "no tarball at all"])
def test_a_damaged_tarball_is_refused_before_any_host_is_asked(fleet, ssh, demo_release, damage):
    (host,) = fleet.hosts
    good = demo_release("0.1.0").read_bytes()
    middle = len(good) // 2
    bad = {
        "cut": good[:middle],
        "flipped": good[:middle] + bytes([good[middle] ^ 0x10]) + good[middle + 1 :],
        "empty": b"",
        "no tarball at all": b"x" * 100_000,
    }[damage]
    place = fleet.directory / "demo.tar.gz"
    place.write_bytes(bad)
    fleet.words["release"]["tarball"] = str(place)
    tried = logins(ssh, host)
    ran = fleet.show("deploy")
    assert logins(ssh, host) == tried + 1
    assert ran.code == 3
    assert "demo.tar.gz" in ran.err
    assert "Traceback" not in ran.err


def test_a_release_for_another_system_is_refused_while_the_node_runs_on(running, ssh, demo_app):
    (host,) = running.hosts
    node, before = pid(ssh, host), disk(host)
    newer = labs.build_app(demo_app, suite="trixie", version="0.2.0", out=running.directory)
    running.words["release"]["tarball"] = str(newer)
    for command in ("plan", "deploy"):
        ran = running.run(command)
        assert ran.code == 3
        assert "libc.so.6 lacks GLIBC_2.38" in ran.end(host)["problem"]
    assert (pid(ssh, host), disk(host)) == (node, before)


@pytest.mark.parametrize("place", some(["/opt/demo", "/var/lib/deployer"], 1, "DEPLOYER_LAB_ALL"))
def test_a_full_disk_is_told_by_its_path_before_anything_is_sent_to_it(running, ssh, demo_release, place):
    (host,) = running.hosts
    node = pid(ssh, host)
    assert ssh(host, f"mount -t tmpfs -o size=1M tmpfs {place}") == (0, "")
    running.words["release"]["tarball"] = str(demo_release("0.2.0"))
    ran = running.run("deploy")
    assert ran.code == 3, ran.out
    assert re.search(rf"not enough space on {place}: \d MiB are free, \d+ MiB are needed", ran.end(host)["problem"])
    assert pid(ssh, host) == node
    assert health(host)[1]["version"] == "0.1.0"
    assert ssh(host, f"umount {place}") == (0, "")
    assert running.run("deploy").code == 0
    assert health(host)[1]["version"] == "0.2.0"
    assert ssh(host, LEFTOVERS) == (0, "")


STOPPED = [
    ([signal.SIGINT], "group of the nodes"),
    ([signal.SIGKILL], "firewall"),
    ([signal.SIGINT, signal.SIGINT], "firewall"),
    ([signal.SIGKILL], "environment => demo"),
]


@pytest.mark.parametrize(("signals", "step"), some(STOPPED, 3, "DEPLOYER_LAB_ALL"))
def test_a_run_that_is_stopped_in_the_middle_leaves_a_host_that_the_next_run_finishes(fleet, ssh, signals, step):
    (host,) = fleet.hosts
    process = fleet.start("deploy")
    assert process.stdout
    for line in process.stdout:
        if '"StepDone"' in line and f'"{step}"' in line:
            break
    for number in signals:
        process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == (-9 if signals == [signal.SIGKILL] else 130)
    ran = fleet.run("deploy")
    assert ran.code == 0, ran.out
    assert health(host)[0] == 200
    assert fleet.run("audit").code == 0
    assert ssh(host, LEFTOVERS) == (0, "")


def test_a_firewall_that_would_cut_off_this_run_is_refused(fleet, ssh):
    (host,) = fleet.hosts
    fleet.words["firewall"]["admin"] = ["192.0.2.0/24"]
    before = disk(host)
    ran = fleet.run("deploy")
    assert ran.code == 3
    assert fleet.lab.address in ran.end(host)["problem"]
    assert disk(host) == before
    assert ssh(host, "nft list ruleset") == (0, "")
