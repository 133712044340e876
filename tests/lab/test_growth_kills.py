"""The controller is killed while a fleet grows and while a host retires: the same command ends it, and nothing splits.

DEPLOYER_KILL_ALL=1 takes every line that a growth and a retirement print, instead of some.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from pathlib import Path

from deployer.lab import LabHost
from tests.lab.conftest import Ssh
from tests.lab.fleet import Fleet, Ran, fleet_of, untouched
from tests.lab.keeping import kept, whole
from tests.lab.test_kill_points import SWITCH, Point, kind, points
from tests.samples import some

TAKEN = 2


def killed(fleet: Fleet, command: str, point: Point) -> None:
    """Start a command and kill it with SIGKILL when it has said something for the nth time; it may end before."""
    process = fleet.start(command)
    assert process.stdout
    seen = 0
    for line in process.stdout:
        seen += kind(json.loads(line)) == point.said
        if seen == point.nth:
            break
    process.kill()
    process.communicate(timeout=60)


def told(ran: Ran, hosts: Iterable[LabHost]) -> list[Point]:
    whole(ran, hosts)
    return list(points(ran.events))


def test_a_growth_and_a_retirement_that_are_killed_anywhere_are_finished_by_the_same_command(
    lab, demo_release, tmp_path: Path, ssh: Ssh
) -> None:
    three = untouched(lab, 3)
    two, last = three[:2], three[2]
    fleet = fleet_of(tmp_path, two, demo_release("0.1.0"))
    whole(fleet.run("deploy"), two)
    fleet.hosts = three
    grows = some(told(fleet.run("deploy"), three), TAKEN, SWITCH)
    leave = f"retire on {last.name}"
    leaves = some(told(fleet.run(leave), two), TAKEN, SWITCH)
    for growing, leaving in itertools.zip_longest(grows, leaves):
        with kept(ssh, two, leaving=(last,)) as figures:
            if growing:
                killed(fleet, "deploy", growing)
            grown = fleet.run("deploy")
            assert grown.code == 0, f"{growing}: {grown.out}{grown.err}"
            whole(grown, three)
            if leaving:
                killed(fleet, leave, leaving)
            left = fleet.run(leave)
            assert left.code == 0, f"{leaving}: {left.out}{left.err}"
            whole(left, two)
        assert (figures.restarts, figures.links, figures.requests) == (0, 0, 0), f"{growing}, {leaving}"
        assert ssh(last, "systemctl is-active demo; systemctl is-enabled demo")[1].split() == ["inactive", "disabled"]
