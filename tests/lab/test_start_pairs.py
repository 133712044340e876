"""What a start would take at every moment of a deploy: release and files that were good here together, or the new ones.

The node is killed, or the host loses its power, in the middle of everything from the first staged file to the end of
the switch. DEPLOYER_KILL_ALL=1 takes all moments with both faults instead of some.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from deployer import lab as labs
from deployer.lab import LabHost
from tests.lab.conftest import Ssh
from tests.lab.fleet import LEFTOVERS, PATIENCE, Fleet, fleet_of, health, untouched

HELD = "/etc/beam/generations.d/opt/demo"
MOMENTS = {
    "the drafts": f'[ -e {HELD}/drafts/run ] || ! kill -0 "$pid"',
    "the staging": f'[ -L {HELD}/next ] || ! kill -0 "$pid"',
    "the stop": '! kill -0 "$pid"',
    "the rename": f'[ "$(readlink {HELD}/current)" != "$current" ]',
    "the start": '[ "$(systemctl show -p ActiveState --value demo)" = activating ] ||'
    ' { ! kill -0 "$pid" && systemctl -q is-active demo; }',
}
"""What a host is in the middle of when a test of plain sh holds; or, where who looks was too slow, shortly after."""
FAULTS = ("kill -9 of the node", "power cut")
ALL = [(moment, fault) for moment in MOMENTS for fault in FAULTS]
SOME = [
    ("the drafts", FAULTS[0]), ("the staging", FAULTS[1]), ("the rename", FAULTS[1]), ("the start", FAULTS[0]),
]  # fmt: skip
WATCH = """
pid=$(systemctl show -p MainPID --value demo) current=$(readlink {held}/current)
echo watching
until {{ {condition}; }} 2>/dev/null; do sleep 0.002; done
echo now
"""
KILL = 'pid=$(systemctl show -p MainPID --value demo); [ "$pid" = 0 ] || kill -9 "$pid"'
GREETINGS = (f"greeting-{number}" for number in count())
Pair = tuple[str | None, str | None]


@pytest.fixture(scope="module")
def versions(demo_release: Callable[[str], Any]) -> Iterator[str]:
    """The paths of two versions, in turns."""
    paths = [str(demo_release(version)) for version in ("0.2.0", "0.1.0")]
    return (paths[number % 2] for number in count())


@pytest.fixture(scope="module")
def fleet(lab: Any, demo_release: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    made = fleet_of(tmp_path_factory.mktemp("pairs"), untouched(lab, 1), demo_release("0.1.0"))
    made.words["env"] = {"PORT": "4000", "DEMO_GREETING": next(GREETINGS)}
    ran = made.run("deploy")
    assert ran.code == 0, ran.out
    return made


def pair(host: LabHost) -> Pair:
    """The release and the environment of the node that answers."""
    _, said = health(host)
    return said.get("version"), said.get("greeting")


def declare(fleet: Fleet, tarball: str) -> Pair:
    """Declare another release together with another environment, and return them."""
    greeting = next(GREETINGS)
    fleet.words["release"]["tarball"] = tarball
    fleet.words["env"] = {"PORT": "4000", "DEMO_GREETING": greeting}
    return tarball.rpartition("demo-")[2].removesuffix(".tar.gz"), greeting


def watcher(fleet: Fleet, moment: str) -> subprocess.Popen[str]:
    """Plain ssh to the host, which says "now" as soon as the moment has come."""
    text = shlex.quote(WATCH.format(held=HELD, condition=MOMENTS[moment]))
    argv = [*labs.ssh_arguments(fleet.lab, fleet.hosts[0]), f"timeout {PATIENCE} sh -c {text}"]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "watching\n"
    return process


def strike(fleet: Fleet, ssh: Ssh, fault: str) -> None:
    host = fleet.hosts[0]
    if fault == FAULTS[0]:
        assert ssh(host, KILL)[0] == 0
    else:
        labs.restart(host.name, fleet.lab.name, hard=True)


@pytest.mark.parametrize(("moment", "fault"), ALL if os.environ.get("DEPLOYER_KILL_ALL") == "1" else SOME)
def test_what_starts_is_a_pair_that_belongs_together(fleet, ssh, versions, eventually, moment, fault):
    (host,) = fleet.hosts
    eventually(lambda: health(host)[0] == 200)
    old, new = pair(host), declare(fleet, next(versions))
    watch = watcher(fleet, moment)
    process = fleet.start("deploy")
    assert watch.stdout
    assert watch.stdout.readline() == "now\n"
    process.kill()
    process.communicate(timeout=60)
    strike(fleet, ssh, fault)
    watch.communicate(timeout=60)
    eventually(lambda: health(host)[0] == 200)
    assert pair(host) in (old, new)
    again = fleet.run("deploy", "-e", "deploy_again=true")  # a node that is killed as it starts has failed
    assert again.code == 0, again.out + again.err
    assert pair(host) == new
    plan = fleet.run("plan", "--detailed-exitcode")
    assert plan.code == 0, plan.out
    assert ssh(host, LEFTOVERS) == (0, "")
    assert ssh(host, f"ls {HELD} | grep -v '^[0-9]'") == (0, "current\n")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_hook_that_fails_leaves_the_old_release_with_the_files_it_was_good_with(
    fleet, ssh, versions, eventually, fault
):
    """All is staged by then: the new environment, flags and unit lie beside those in force."""
    (host,) = fleet.hosts
    old = pair(host)
    declare(fleet, next(versions))
    fleet.words["unit"] = {"MemoryMax": "300M"}
    hooks = {"before_switch": [{"name": "migrate", "command": "false"}]}
    play = fleet.play({"hosts": "all", "become": True, "roles": ["release", "node"], "hooks": hooks})
    ran = fleet.run("deploy", playbook=play)
    assert (ran.code, ran.end(host)["ending"]) == (1, "failed"), ran.out
    assert pair(host) == old
    strike(fleet, ssh, fault)
    eventually(lambda: health(host)[0] == 200)
    assert pair(host) == old
    assert ssh(host, "systemctl show -p MemoryMax --value demo") == (0, "infinity\n")
    audit = fleet.run("audit", "--tags", "node")
    assert [task for task in audit.planned(host) if task != "nodes"] == ["environment => demo", "unit => demo"]
    fleet.words.pop("unit")


def test_files_alone_are_a_generation_too_and_come_back_when_the_node_does_not_start(fleet, ssh):
    (host,) = fleet.hosts
    fleet.words["env"] = {"PORT": "4000", "DEMO_GREETING": next(GREETINGS)}
    assert fleet.run("deploy").code == 0
    old, current = pair(host), ssh(host, f"readlink {HELD}/current")[1]
    fleet.words["env"] = {"PORT": "4000", "DEMO_GREETING": "ill", "DEMO_CRASH": "1"}
    ran = fleet.run("deploy")
    assert (ran.code, ran.end(host)["ending"]) == (6, "reverted"), ran.out
    assert pair(host) == old
    assert ssh(host, f"readlink {HELD}/current")[1] == current, "it went back to the very same files"
