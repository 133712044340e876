"""What a run may cost where nothing is to do: counted, never timed."""

from __future__ import annotations

import subprocess
import time

import pytest

from deployer.lab import LabHost
from deployer.lab import host as machines
from tests.lab.conftest import Ssh
from tests.lab.delaying import slow_roads
from tests.lab.fleet import PROGRAM, Fleet, fleet_of
from tests.lab.person import Person

TRIPS = {"plan": 6, "deploy": 9, "verify": 9}
"""Round trips: TCP, versions and algorithms, keys, login and session, the command, the program. The ladder has three
more for all that it asks: a way to a port, its first answer, its last."""

TRIES = 3
"""A count too many may be the machine's, which was busy for longer than a road takes, or a timer's of the host, which
began something meanwhile: neither is there each time, and what we do too often is."""

ROLL, A_WORD = 33, 5
"""The same where a variable of the environment changes and two hosts restart one by one; who waits is climbed with
the other. Once in so many seconds a trip may be one that asks whether the host lives, or keeps its lease."""

CONSOLE = 6
"""The same until its node's shell asks for something: its host is not read before."""

FORKS = {"plan": 39, "deploy": 44, "verify": 22, "audit": 124}
"""Processes that a host starts, those of its sshd and of what else it does meanwhile among them."""

FIRST, A_SECOND = 660, 10
"""The same of a first deploy, the node's threads among them; and what waiting for EPMD and node may add."""


@pytest.fixture(scope="module")
def deployed(lab_of, demo_release, tmp_path_factory) -> tuple[Fleet, list[int], float]:
    """Two hosts on which nothing is left to do; what they have started until then, and how long it has taken."""
    fleet = fleet_of(tmp_path_factory.mktemp("fleet"), lab_of("default", "default").hosts, demo_release("0.1.0"))
    before, begin = [processes_started(host) for host in fleet.hosts], time.monotonic()
    ran = fleet.run("deploy")
    assert ran.code == 0, ran.out + ran.err
    started = [processes_started(host) - was for host, was in zip(fleet.hosts, before, strict=True)]
    return fleet, started, time.monotonic() - begin


@pytest.fixture
def two(deployed: tuple[Fleet, list[int], float]) -> Fleet:
    """Those hosts."""
    return deployed[0]


def test_a_first_deploy_starts_no_more_processes_than_it_needs(deployed: tuple[Fleet, list[int], float]) -> None:
    _, started, seconds = deployed
    assert 0 < max(started) <= FIRST + A_SECOND * seconds, started


def test_what_a_release_holds_is_read_once_when_it_is_proven_whole(two: Fleet, ssh: Ssh) -> None:
    early = "cd /opt/demo/ledger && find sums -type f ! -newer history | wc -l"
    whole = "cd ../versions/* && sha256sum --quiet --strict -c ../../ledger/sums/*"
    files = "find . -type f ! -path ./.complete | wc -l && wc -l <../../ledger/sums/*"
    code, said = ssh(two.hosts[0], f"{early} && {whole} && {files}")
    noted, there, listed = said.split()
    assert (code, noted) == (0, "1"), "before anything was judged"
    assert there == listed


@pytest.mark.parametrize("command", TRIPS)
def test_a_look_goes_there_and_back_only_as_often_as_it_must(two: Fleet, command: str) -> None:
    for _ in range(TRIES):
        with slow_roads(two.directory, two.hosts) as roads:
            ran = two.run(command)
        assert (ran.code, ran.of("StepDone")) == (0, []), ran.out + ran.err
        trips = {road.trips for road in roads.values()}
        if max(trips) <= TRIPS[command]:
            break
    assert trips <= {*range(4, TRIPS[command] + 1)}, "\n".join(road.trace for road in roads.values())


def test_a_restart_one_by_one_goes_there_and_back_only_as_often_as_it_must(two: Fleet, ssh: Ssh) -> None:
    units_read = [ssh(host, "systemctl show -P UnitsLoadTimestampMonotonic") for host in two.hosts]
    two.words |= {"rollout": {"serial": 1}, "health": two.words["health"] | {"stable": 0}}
    for number in range(TRIES):
        begin = time.monotonic()
        two.words["env"] |= {"BEGUN": str(number)}
        with slow_roads(two.directory, two.hosts, delay=0.15) as roads:
            ran = two.run("deploy")
        most = ROLL + (time.monotonic() - begin) / A_WORD
        assert ran.code == 0, ran.out + ran.err
        assert len([step for step in ran.of("StepDone") if "restart " in step["what"]]) == len(two.hosts)
        trips = [road.trips for road in roads.values()]
        if max(trips) <= most:
            break
    assert 20 < min(trips) <= max(trips) <= most, "\n".join(road.trace for road in roads.values())
    again = [ssh(host, "systemctl show -P UnitsLoadTimestampMonotonic") for host in two.hosts]
    assert again == units_read, "no unit has changed, so systemd has not read all of them anew"


def test_the_prompt_of_a_console_comes_after_the_login_and_one_more_trip(two: Fleet) -> None:
    host = two.hosts[0]
    for _ in range(TRIES):
        with slow_roads(two.directory, two.hosts) as roads:
            argv = [str(PROGRAM), "console", host.name, "-i", str(two.write())]
            person = Person(argv, environ={**two.environment(), "TERM": "xterm"}, directory=two.directory)
            person.waits_for("iex(")
            trips = roads[host.name].trips
            person.leaves()
        if trips <= CONSOLE:
            break
    assert 4 <= trips <= CONSOLE, roads[host.name].trace


@pytest.mark.parametrize("command", FORKS)
def test_a_look_starts_few_processes_on_a_host(two: Fleet, command: str) -> None:
    for _ in range(TRIES):
        before = [processes_started(host) for host in two.hosts]
        ran = two.run(command)
        assert (ran.code, ran.of("StepDone")) == (0, []), ran.out + ran.err
        started = [processes_started(host) - was for host, was in zip(two.hosts, before, strict=True)]
        if max(started) <= FORKS[command]:
            break
    assert 0 < min(started) <= FORKS[command], started


def processes_started(host: LabHost) -> int:
    """The last process id of a host's own namespace, which are given in order."""
    pid = machines.running(host.home) or 0
    argv = ["nsenter", "-t", str(machines._leader(pid) or pid), "-p", "-m", "cat", "/proc/loadavg"]
    return int(subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()[-1])
