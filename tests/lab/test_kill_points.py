"""The controller is killed before and after everything that a deploy does; the next deploy or resume finishes it.

Nobody lists the points: a first deploy tells its own, each event a line of ``--json``; what a host does between two of
them is waited for on the host. DEPLOYER_KILL_ALL=1 takes all of them instead of some, DEPLOYER_KILL_ALL=2/5 the second
of five parts of them; with ``-s`` each is told when it has been tried.
"""

from __future__ import annotations

import itertools
import json
import re
import shlex
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from deployer import lab as labs
from tests.lab.fleet import LEFTOVERS, PATIENCE, Event, Fleet, fleet_of, health, untouched
from tests.samples import some

VERSIONS = ("0.1.0", "0.2.0", "0.3.0")
VERSION = re.compile(r"\d+\.\d+\.\d+(-[0-9a-f]{8})?")
SWITCH = "DEPLOYER_KILL_ALL"
TAKEN = 2
"""Points of each kind, unless all are wanted."""
NAMED = ("host", "stage", "task", "what", "number", "node", "verdict")
"""Fields that tell an event from others of its class."""
ONCE = ("TaskPlanned", "RungRead")
"""Classes of which a host has many at one and the same moment: the first is taken."""
UNDER_WAY = {
    "the upload": '[ -n "$(find /var/lib/deployer -name \'part.*\' -size +0)" ] || ! kill -0 "$pid"',
    "the unpacking": '[ -n "$(find /opt/demo/versions -maxdepth 1 -name \'.unpack.*\')" ] || ! kill -0 "$pid"',
    "the stop": '! kill -0 "$pid"',
    "the link": '[ "$(readlink -f /opt/demo/current)" != "$current" ]',
    "the start": '[ "$(systemctl show -p ActiveState --value demo)" = activating ] ||'
    ' { ! kill -0 "$pid" && systemctl -q is-active demo; }',
    "the climb": '[ "$(readlink -f /opt/demo/current)" != "$current" ] && systemctl -q is-active demo',
    "the judgement": '[ "$(tail -n 1 /opt/demo/ledger/history | cut -f 3)" != switch ] && [ "$(lines)" != "$told" ]',
    "the pruning": '[ ! -e "$oldest/.complete" ]',
}
"""What a host is in the middle of when a test of plain sh holds; or, where who looks was too slow, shortly after."""
WATCH = """
lines() {{ wc -l </opt/demo/ledger/history; }}
pid=$(systemctl show -p MainPID --value demo) current=$(readlink -f /opt/demo/current) told=$(lines)
for oldest in /opt/demo/versions/{oldest}-*; do :; done
echo watching
until {{ {condition}; }} 2>/dev/null; do sleep 0.005; done
echo now
"""
WHOLE = "[ -f /opt/demo/current/.complete ] && readlink -f /opt/demo/current"


@dataclass(frozen=True)
class Point:
    """A moment of a deploy: the nth event of a kind has been printed, or a host is in the middle of something."""

    said: str
    nth: int = 1
    condition: str = ""

    def __str__(self) -> str:
        return f"in the middle of {self.said}" if self.condition else f"{self.said} #{self.nth}"


@dataclass(frozen=True)
class Killed:
    """What a killed deploy printed; ``late``: it had ended before."""

    events: list[Event]
    late: bool


@dataclass
class Progress:
    """How far the trials have come, told as it is when the test ends."""

    taken: int
    told: int
    between: int
    converged: int = 0
    late: int = 0

    def __str__(self) -> str:
        where = f"{self.taken} points, of {self.told} lines and {self.between} moments of a deploy"
        return f"{where}: {self.converged} converged, {self.late} of them had ended before"


@pytest.fixture
def fleet(lab, demo_release, tmp_path) -> Fleet:
    """Two hosts that take their turns one after the other; a third version is always there to be pruned."""
    release = {"name": "demo", "tarball": str(demo_release("0.1.0")), "keep": 1}
    made = fleet_of(tmp_path, untouched(lab, 2), demo_release("0.1.0"), release=release, rollout={"serial": 1})
    for version in VERSIONS:
        made.words["release"]["tarball"] = str(demo_release(version))
        ran = made.run("deploy")
        assert ran.code == 0, ran.out
    return made


def kind(event: Event) -> str:
    """An event without what differs from run to run: times, versions, digests."""
    words = [str(event[name]) for name in NAMED if name in event]
    return VERSION.sub("V", " ".join([event["event"], *words[: 0 if event["event"] in ONCE else None]]))


def points(events: Iterable[Event]) -> Iterator[Point]:
    """Each line after which the next thing begins; of what is told many times at one moment only the first."""
    seen: Counter[str] = Counter()
    for event in events:
        said = kind(event)
        seen[said] += 1
        if event["event"] != "RunEnded" and (event["event"] not in ONCE or seen[said] == 1):
            yield Point(said, seen[said])


def killed(fleet: Fleet, point: Point, oldest: str) -> Killed:
    """Start a deploy and kill it with SIGKILL at a point."""
    watch = watcher(fleet, point.condition, oldest) if point.condition else None
    process = fleet.start("deploy")
    assert process.stdout
    told: list[str] = []
    if watch and watch.stdout:
        assert watch.stdout.readline() == "now\n"
    else:
        seen = 0
        for line in process.stdout:
            told.append(line)
            seen += kind(json.loads(line)) == point.said
            if seen == point.nth:
                break
    process.kill()
    rest, _ = process.communicate(timeout=60)
    if watch:
        watch.communicate(timeout=60)
    told += rest.splitlines()
    whole = [json.loads(line) for line in told if line.rstrip().endswith("}")]
    return Killed(whole, process.returncode != -9)


def watcher(fleet: Fleet, condition: str, oldest: str) -> subprocess.Popen[str]:
    """Plain ssh to the first host, which says "now" as soon as a condition holds there."""
    text = f"timeout {PATIENCE} sh -c {shlex.quote(WATCH.format(condition=condition, oldest=oldest))}"
    argv = [*labs.ssh_arguments(fleet.lab, fleet.hosts[0]), text]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "watching\n"
    return process


def running(host: Any) -> str:
    return health(host)[1].get("version", "none")


def test_a_controller_killed_at_any_point_leaves_what_the_next_deploy_finishes(
    fleet, ssh, demo_release, eventually, record_property
):
    """Each point has a deploy of another version over the one that runs; where it ends, the next point begins."""
    turn = itertools.cycle(VERSIONS)
    versions = {version: demo_release(version) for version in VERSIONS}

    def declare() -> str:
        version = next(turn)
        fleet.words["release"]["tarball"] = str(versions[version])
        return version

    declare()
    whole = fleet.run("deploy")
    assert whole.code == 0, whole.out
    told = list(points(whole.events))
    between = [Point(name, condition=condition) for name, condition in UNDER_WAY.items()]
    taken = some(told, TAKEN, SWITCH) + some(between, TAKEN, SWITCH)
    print(f"\n{len(told)} lines and {len(between)} moments; {len(taken)} of them follow")  # noqa: T201 - figures are asked for
    late, tried = 0, Progress(len(taken), len(told), len(between))
    try:
        for number, point in enumerate(taken):
            version = declare()
            run = killed(fleet, point, VERSIONS[(VERSIONS.index(version) + 1) % 3])
            late += run.late
            for host in fleet.hosts:
                assert ssh(host, WHOLE)[0] == 0, f"{point}: current names no whole release on {host.name}"
            claims = {each["host"] for each in run.events if each["event"] == "HostEnded" and not each["code"]}
            wrong = [host.name for host in fleet.hosts if host.name in claims and running(host) != version]
            assert not wrong, f"{point}: success was claimed for {wrong}"
            assert run.late or not any(each["event"] == "RunEnded" for each in run.events), str(point)
            served = "".join("=" if running(host) != "none" else "-" for host in fleet.hosts)
            begin = time.monotonic()
            command = ("deploy", "resume")[number % 2]
            again = fleet.run(command)
            took = time.monotonic() - begin
            assert again.code == 0, f"{point}: {again.out}{again.err}"
            assert [running(host) for host in fleet.hosts] == [version] * 2, str(point)
            plan = fleet.run("plan", "--detailed-exitcode")
            assert plan.code == 0, f"{point}: {plan.out}"
            for host in fleet.hosts:
                eventually(lambda host=host: ssh(host, "pgrep -f deployer-ready")[0] == 1)
                assert ssh(host, LEFTOVERS) == (0, ""), str(point)
                versions_there = ssh(host, "ls /opt/demo/versions")[1].split()
                assert len(versions_there) == 2, f"{point}: {versions_there}"
            tried.converged, tried.late = number + 1, late
            print(f"  {served}  {took:5.1f} s  {command}  {point}", flush=True)  # noqa: T201 - figures are asked for
    finally:  # as text: a worker of pytest-xdist can send nothing else
        record_property("figure", str(tried))
    head = "who answered right after it, seconds until all was done, by which command, killed where"
    print(f"{len(taken)} tried, {late} too late: {head}")  # noqa: T201 - figures are asked for
