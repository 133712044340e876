"""A large upload that is cut goes on where it ended, is never taken for whole, and never stands at its final place."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.lab.fleet import LEFTOVERS, Fleet, fleet_of, health, untouched
from tests.lab.sick import init_of

PART = "/var/lib/deployer/part.*"
# A program that has lost its sshd already is somebody else's child.
CUT = """cut=1; for sh in $(pgrep -f '[d]eployer-ready'); do
  session=$(ps -o ppid= -p $sh | tr -d ' ')
  [ "$(cat /proc/$session/comm)" != sshd ] || { kill -9 $session && cut=0; }
done 2>/dev/null; exit $cut"""


@pytest.fixture
def fleet(lab, demo_release, tmp_path) -> Fleet:
    return fleet_of(tmp_path, untouched(lab, 1), demo_release("0.1.0"))


def inside(host, text: str) -> tuple[int, str]:
    """``(code, output)`` of a command on the host that does not go over its network, which is slow here and full."""
    argv = ["nsenter", "-t", str(init_of(host)), "-a", "--", "sh", "-c", text]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout


def sent(host) -> int:
    return int(inside(host, f"cat {PART} 2>/dev/null | wc -c")[1])


def carried(host) -> int:
    """Bytes of anything that have gone to the host over its network."""
    return int(Path(f"/sys/class/net/{host.netns}/statistics/tx_bytes").read_text())


def test_an_upload_goes_on_where_it_ended_in_the_next_run_and_in_the_same_one(fleet, ssh, eventually):
    """The host's way in is made slow, so that a real upload takes seconds. One run is killed; then sshd is, twice."""
    (host,) = fleet.hosts
    size = int(subprocess.check_output(["stat", "-c", "%s", fleet.words["release"]["tarball"]]))
    slow = f"tc qdisc add dev {host.netns} root tbf rate 2mbit burst 64k latency 400ms"
    subprocess.run(slow.split(), check=True)
    process = fleet.start("deploy")
    eventually(lambda: sent(host) > 500_000)
    process.kill()
    process.communicate(timeout=60)
    eventually(lambda: inside(host, "pgrep -f '[d]eployer-ready'")[0] == 1)
    have = sent(host)
    assert 500_000 < have < size
    assert ssh(host, "ls /opt/demo")[0] != 0, "nothing is where a release would be"
    plan = fleet.run("plan").of("TaskPlanned", task="the release")[0]
    assert plan["changes"][0]["before"] == f"{have} of {size} bytes are uploaded"
    assert sent(host) == have, "a plan sends nothing"
    before, process = carried(host), fleet.start("deploy")
    for _ in range(2):
        have = sent(host)
        eventually(lambda have=have: sent(host) > have)
        eventually(lambda: inside(host, CUT)[0] == 0)
    subprocess.run(f"tc qdisc del dev {host.netns} root".split(), check=True)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    assert out.count('"stage": "upload again"') == 2
    assert carried(host) - before < size + 1_000_000, "no part of it has come twice"
    assert health(host)[0] == 200
    assert ssh(host, LEFTOVERS) == (0, "")


def test_a_part_that_was_altered_is_thrown_away_and_the_next_run_sends_all(fleet, ssh, demo_release):
    (host,) = fleet.hosts
    digest = subprocess.check_output(["sha256sum", fleet.words["release"]["tarball"]], text=True).split()[0]
    make = f"mkdir -p -m 0700 /var/lib/deployer; head -c 2000000 /dev/urandom >/var/lib/deployer/part.{digest}"
    assert ssh(host, make) == (0, "")
    ran = fleet.run("deploy")
    assert ran.code == 1, ran.out
    assert "arrived damaged" in ran.end(host)["problem"]
    assert ssh(host, "ls /opt/demo")[0] != 0
    assert fleet.run("deploy").code == 0
    assert health(host)[0] == 200
