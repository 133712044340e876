"""A disk that fills up after the check: the node runs on or comes back, nothing is half there, it says what ran out.

/opt and /var/lib/deployer are file systems of their own on the host, and are shrunk to what is in them and a little.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.fleet import LEFTOVERS, Fleet, Ran, fleet_of, health, untouched
from tests.lab.watcher import watching
from tests.samples import some

OLD, NEW = "0.1.0", "0.2.0"
ROOMY = "mount -o remount,size=400m,nr_inodes=100k {place}"
SQUEEZE = (
    "set -- $(df -k --output=used,iused {place} | tail -n 1) && "
    "mount -o remount,size=$(($1 + {kib}))k,nr_inodes=$(($2 + {inodes})) {place}"
)
PLENTY = 50_000
OPT, HOME = "/opt", "/var/lib/deployer"
UNPACKED = [
    # What fills up, where, and what is left of it: KiB and inodes.
    ("bytes, at the upload", HOME, 3_000, PLENTY),
    ("inodes, at the upload", HOME, PLENTY, 0),
    ("bytes, at the unpack", OPT, 16_000, PLENTY),
    ("inodes, at the unpack", OPT, PLENTY, 300),
    ("inodes, before the unpack", OPT, PLENTY, 0),
]
WHOLE = """\
set -e; cd /opt/demo; test -f current/.complete
test "$(find versions -mindepth 1 -maxdepth 1 | wc -l)" = "$(ls versions/*/.complete | wc -l)"
"""


@pytest.fixture(scope="module")
def fleet(lab, demo_release, tmp_path_factory, ssh) -> Fleet:
    made = fleet_of(tmp_path_factory.mktemp("fleet"), untouched(lab, 1), demo_release(OLD))
    for place in (OPT, HOME):
        assert ssh(made.hosts[0], f"mkdir -p -m 0755 {place} && mount -t tmpfs -o mode=0755 tmpfs {place}") == (0, "")
    # The check before anything is touched has tests of its own (test_faults.py); here it would see it coming.
    made.words["release_preflight"] = False
    ran = made.run("deploy")
    assert ran.code == 0, ran.out
    return made


def declare(fleet: Fleet, tarball: Any, *, env: str = "") -> None:
    fleet.words["release"]["tarball"] = str(tarball)
    fleet.words["env"] = {"PORT": "4000", "DEMO_GREETING": env}


def hooked(fleet: Fleet, when: str, place: str, kib: int, inodes: int) -> Any:
    """The shipped play's end, with a hook that fills the disk."""
    fill = {"name": "fill the disk", "shell": {"cmd": SQUEEZE.format(place=place, kib=kib, inodes=inodes)}}
    one = {"name": "a new release", "hosts": "all", "become": True, "roles": ["release", "node"]}
    return fleet.play(one | {"hooks": {when: [fill]}})


def told(ran: Ran, fleet: Fleet, place: str, lacks: str) -> str:
    """The words of the host's ending: they name the file system, what it lacks, what is left and what to do."""
    problem = ran.end(fleet.hosts[0])["problem"]
    flag = " --inodes" if lacks == "inodes" else ""
    assert f"{place} has run out of {lacks}: " in problem, problem
    assert " KiB and " in problem
    assert f"Make room there (du -x{flag} {place} " in problem
    assert problem.count("has run out of") == 1, problem
    return problem


def node(ssh, host) -> tuple[str, str]:
    """Which process runs, and what is current."""
    return ssh(host, "systemctl show -p MainPID --value demo")[1], ssh(host, "readlink -f /opt/demo/current")[1]


def test_until_it_is_unpacked_a_full_disk_leaves_no_trace_and_the_next_run_finishes(fleet, ssh, demo_release, tell):
    (host,) = fleet.hosts
    declare(fleet, demo_release(NEW))
    before = node(ssh, host)
    for fault, place, kib, inodes in UNPACKED:
        assert ssh(host, SQUEEZE.format(place=place, kib=kib, inodes=inodes)) == (0, "")
        with watching(fleet.hosts) as watched:
            ran = fleet.run("deploy")
        assert (ran.code, ran.end(host)["ending"]) == (1, "failed"), f"{fault}: {ran.out}"
        problem = told(ran, fleet, place, fault.partition(",")[0])
        assert "refused" not in problem, "the tarball is not to blame"
        assert node(ssh, host) == before, fault
        assert ssh(host, WHOLE) == (0, ""), fault
        assert ssh(host, LEFTOVERS) == (0, ""), fault
        assert {version for _, version in watched.samples[host.name]} == {OLD}, fault
        tell(f"no more {fault}", "runs on", watched, host)
        assert ssh(host, ROOMY.format(place=place)) == (0, "")
    ran = fleet.run("deploy")
    assert ran.code == 0, ran.out
    assert health(host)[1]["version"] == NEW


def test_a_link_for_which_there_is_no_inode_stops_nothing(fleet, ssh, demo_release, tell):
    """Going back to the old version takes no unpacking: it lies there."""
    (host,) = fleet.hosts
    declare(fleet, demo_release(OLD))
    before = node(ssh, host)
    with watching(fleet.hosts) as watched:
        ran = fleet.run("deploy", playbook=hooked(fleet, "before_switch", OPT, PLENTY, 0))
    assert (ran.code, ran.end(host)["ending"]) == (1, "failed"), ran.out
    assert "nothing was stopped" in told(ran, fleet, OPT, "inodes")
    assert node(ssh, host) == before
    assert ssh(host, WHOLE) == (0, "")
    tell("no more inodes, at the link", "runs on", watched, host)
    assert ssh(host, ROOMY.format(place=OPT)) == (0, "")
    again = fleet.run("deploy")
    assert again.code == 0, again.out
    assert health(host)[1]["version"] == OLD
    assert ssh(host, LEFTOVERS) == (0, "")


@pytest.mark.parametrize(
    ("lacks", "kib", "inodes"), some([("bytes", 0, PLENTY), ("inodes", PLENTY, 0)], 1, "DEPLOYER_LAB_ALL")
)
def test_a_record_that_cannot_be_written_is_told_and_written_by_the_next_run(
    fleet, ssh, demo_release, lacks, kib, inodes
):
    """The new release is well and stays; until the host remembers that, it counts as unjudged."""
    (host,) = fleet.hosts
    version = NEW if health(host)[1]["version"] == OLD else OLD
    declare(fleet, demo_release(version))
    ran = fleet.run("deploy", playbook=hooked(fleet, "after_start", OPT, kib, inodes))
    assert (ran.code, ran.end(host)["ending"]) == (1, "failed"), ran.out
    assert "note that the release is good" in told(ran, fleet, OPT, lacks)
    assert health(host)[1]["version"] == version
    assert ssh(host, WHOLE) == (0, "")
    assert fleet.run("status").code == 0, "half a line of the record is none"
    assert ssh(host, ROOMY.format(place=OPT)) == (0, "")
    again = fleet.run("deploy")
    assert (again.code, again.of("StepDone")) == (0, []), again.out
    (seen,) = fleet.run("status").of("HostSeen")
    assert seen["good"][0].startswith(version)
    assert ssh(host, LEFTOVERS) == (0, "")


def test_a_release_that_fills_the_disk_still_goes_back(fleet, ssh, demo_release, tell):
    """Neither a byte nor an inode is left when its ladder fails; release, files and record come back all the same."""
    (host,) = fleet.hosts
    before = health(host)[1]
    declare(fleet, demo_release("0.3.0+unhealthy"), env="new")
    fleet.words["health"] = {"http": "http://127.0.0.1:4000/health", "timeout": 8, "stable": 1}
    was = ssh(host, "readlink -f /opt/demo/current")[1].strip()
    full = SQUEEZE.format(place=OPT, kib=0, inodes=0)
    with watching(fleet.hosts) as watched:
        running = fleet.start("deploy")
        moved = f'until [ "$(readlink -f /opt/demo/current)" != {was} ]; do sleep 0.02; done'
        started = "until systemctl -q is-active demo; do sleep 0.1; done"
        assert ssh(host, f"timeout 120 sh -c '{moved}; {started}' && {full}")[0] == 0
        out, err = running.communicate(timeout=120)
    assert running.returncode == 6, out + err
    assert ssh(host, "readlink -f /opt/demo/current")[1].strip() == was
    assert (health(host)[1]["version"], health(host)[1]["greeting"]) == (before["version"], before["greeting"])
    assert ssh(host, "tail -n 2 /opt/demo/ledger/history | cut -f 3") == (0, "bad\nback\n")
    tell("no more bytes nor inodes, on the way back", "reverted", watched, host)
    assert ssh(host, ROOMY.format(place=OPT)) == (0, "")
    assert ssh(host, LEFTOVERS) == (0, "")
