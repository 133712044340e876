"""Releases under several controllers at once: one writer a host, and no good release is marked bad for another run.

Who wrote is told by the hosts' own records, read by plain ssh: each line names its run.
"""

from __future__ import annotations

import dataclasses
import subprocess
import time
from collections.abc import Callable, Iterator
from itertools import count, groupby
from pathlib import Path
from typing import Any

import pytest

from deployer.beam.cookie import generate
from tests.lab.conftest import Ssh
from tests.lab.fleet import PATIENCE, Fleet, fleet_of, health, untouched

HISTORY = "cut -f 3-5 /opt/demo/ledger/history"
"""Event, release, run."""
GO = "/srv/go"
WAITS = f'Enum.find(Stream.repeatedly(fn -> Process.sleep(100); File.exists?("{GO}") end), & &1)'


@pytest.fixture(scope="module")
def fleet(lab: Any, demo_release: Any, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """Two hosts that take their turns."""
    made = fleet_of(tmp_path_factory.mktemp("writers"), untouched(lab, 2), demo_release("0.1.0"))
    made.words["rollout"] = {"serial": 1}
    ran = made.run("deploy")
    assert ran.code == 0, ran.out
    return made


@pytest.fixture(scope="module")
def another(fleet: Fleet, demo_release: Any) -> Callable[..., Fleet]:
    """A person who would deploy a release of their own to the same hosts, with an inventory of their own."""
    numbers: Iterator[int] = count()

    def make(**words: Any) -> Fleet:
        number = next(numbers)
        place = fleet.directory / f"person{number}"
        place.mkdir()
        tarball = demo_release("0.1.0", {"priv/number": str(number)})
        release = fleet.words["release"] | {"tarball": str(tarball), **words}
        return dataclasses.replace(fleet, directory=place, words=fleet.words | {"release": release})

    return make


def records(fleet: Fleet, ssh: Ssh) -> list[list[list[str]]]:
    """Each host's record."""
    return [[line.split("\t") for line in ssh(host, HISTORY)[1].splitlines()] for host in fleet.hosts]


def judged(fleet: Fleet, ssh: Ssh, before: list[list[list[str]]]) -> list[list[list[str]]]:
    """What has been added to the records since: of one run after the other on each host, and nothing was found bad."""
    added = [now[len(then) :] for now, then in zip(records(fleet, ssh), before, strict=True)]
    for lines in added:
        runs = [run for run, _ in groupby(run for _, _, run in lines)]
        assert len(runs) == len(set(runs)), f"two runs by turns on one host: {lines}"
        assert not {event for event, _, _ in lines} & {"bad", "back"}, lines
    return added


def under_way(fleet: Fleet, ssh: Ssh, eventually: Any, *, migrates: bool) -> subprocess.Popen[str]:
    """A deploy that has started its node on the first host, or migrates, and goes on when it is let."""
    hold = {"name": "hold", "shell": {"cmd": f"touch /srv/at; until [ -e {GO} ]; do sleep 0.1; done"}}
    play = {"name": "a new release", "hosts": "all", "become": True, "roles": ["release", "node"]}
    one = fleet.hosts[0]
    assert ssh(one, "rm -f /srv/*") == (0, "")
    process = fleet.start("deploy", playbook=fleet.play(play | {"hooks": {} if migrates else {"after_start": [hold]}}))
    seen = "systemctl -q is-active deployer-migrate-demo" if migrates else "ls /srv/at"
    eventually(lambda: ssh(one, seen)[0] == 0, deadline=PATIENCE)
    eventually(lambda: health(one)[0] == 200, deadline=90)
    return process


def current(fleet: Fleet, ssh: Ssh) -> list[str]:
    """The release of the process that runs on each host; empty where none does."""
    told = "readlink -f /proc/$(systemctl show -p MainPID --value demo)/exe"
    return ["".join(Path(ssh(host, told)[1]).parts[4:5]) for host in fleet.hosts]


@pytest.mark.parametrize(
    ("command", "migrates"),
    [
        ("cookie rotate", False),
        pytest.param("rollback", False, marks=pytest.mark.long),
        pytest.param("deploy", False, marks=pytest.mark.long),
        pytest.param("deploy", True, marks=pytest.mark.long),
    ],
    ids=["cookie rotate", "rollback", "deploy", "deploy in a migration"],
)
def test_what_comes_while_a_deploy_is_under_way_is_told_whose_turn_it_is(
    fleet: Fleet,
    another: Callable[..., Fleet],
    ssh: Ssh,
    eventually: Any,
    record_property: Any,
    command: str,
    migrates: bool,
) -> None:
    first = another(**({"migrate": WAITS} if migrates else {}))
    second = another(**({"migrate": "IO.puts(1)"} if migrates else {}))
    before = records(fleet, ssh)
    process = under_way(first, ssh, eventually, migrates=migrates)
    if command == "cookie rotate":
        (first.directory / "cookie").write_text(generate())
        second.words["release"] = first.words["release"]  # what a rotation ends with is a look at all that is declared
        second.words["cluster"] = fleet.words["cluster"] | {"cookie": {"file": str(first.directory / "cookie")}}
    begin = time.monotonic()
    late = second.run(command)
    took = time.monotonic() - begin
    for host in fleet.hosts:
        assert ssh(host, f"touch {GO}") == (0, "")
    said, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said + err
    assert late.code == 5, late.out + late.err
    assert f"process {process.pid} there" in late.out + late.err
    assert not late.of("StepDone")
    added = judged(fleet, ssh, before)
    assert {len({run for _, _, run in lines}) for lines in added} == {1}
    assert current(fleet, ssh) == [lines[-1][1] for lines in added]
    what = "migrates" if migrates else "has switched the first host"
    record_property("figure", f"{command} while a deploy {what}: refused {took:.1f} s after it was typed")
    again = second.run(command)
    assert again.code == 0, again.out + again.err
    if command == "cookie rotate":
        fleet.words["cluster"] = second.words["cluster"]


@pytest.mark.long
@pytest.mark.parametrize("controllers", [2, 4])
def test_several_deploys_at_once_leave_one_release_everywhere_and_no_bad_mark(
    fleet: Fleet, another: Callable[..., Fleet], ssh: Ssh, record_property: Any, controllers: int
) -> None:
    people = [another() for _ in range(controllers)]
    before = records(fleet, ssh)
    some = [person.start("deploy") for person in people]
    said = [process.communicate(timeout=PATIENCE) for process in some]
    codes = [process.returncode for process in some]
    added = judged(fleet, ssh, before)
    assert set(codes) <= {0, 5}, said
    assert 0 in codes, said
    assert {len({run for _, _, run in lines}) for lines in added} == {codes.count(0)}, (codes, added)
    assert len(set(current(fleet, ssh))) == 1
    assert set(current(fleet, ssh)) == {lines[-1][1] for lines in added}
    record_property("figure", f"{controllers} at once: {codes.count(0)} did it, {codes.count(5)} were refused")


@pytest.mark.long
def test_the_same_deploy_twice_at_once_is_done_once(
    fleet: Fleet, another: Callable[..., Fleet], ssh: Ssh, record_property: Any
) -> None:
    """As a CI job that was started twice; the one that comes second may find that all is done."""
    person = another()
    before = records(fleet, ssh)
    some = [person.start("deploy") for _ in range(2)]
    said = [process.communicate(timeout=PATIENCE) for process in some]
    codes = sorted(process.returncode for process in some)
    assert codes in ([0, 0], [0, 5]), said
    added = judged(fleet, ssh, before)
    assert [[event for event, _, _ in lines] for lines in added] == [["switch", "good"]] * 2
    record_property("figure", f"the same deploy twice: exit {codes[0]} and {codes[1]}")


@pytest.mark.long
def test_a_lease_outlives_its_length_while_its_run_is_there(
    fleet: Fleet, ssh: Ssh, eventually: Any, tmp_path: Path
) -> None:
    """A step of 140 s, and a lease of 120 s that is heard of all the time."""
    mine, other = (dataclasses.replace(fleet, directory=tmp_path / name, words={}) for name in ("mine", "other"))
    for person, text in ((mine, "sleep 140; echo mine >>/srv/log"), (other, "echo other >>/srv/log")):
        person.directory.mkdir()
        name = person.directory.name
        task = {"name": "write", "shell": {"cmd": f"{text}; touch /srv/{name}", "creates": f"/srv/{name}"}}
        person.play({"hosts": "all", "become": True, "tasks": [task]})
    process = subprocess.Popen(
        mine.argv("deploy", playbook=mine.directory / "play.yml"), env=mine.environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=mine.directory,
    )  # fmt: skip
    host = fleet.hosts[0]
    eventually(lambda: ssh(host, "pgrep -fx 'sleep 140'")[0] == 0, deadline=90)
    codes = set()
    while ssh(host, "pgrep -fx 'sleep 140'")[0] == 0:
        codes.add(other.run("deploy", playbook=other.directory / "play.yml").code)
    process.communicate(timeout=PATIENCE)
    assert codes <= {0, 5}, codes
    assert 5 in codes
    assert ssh(host, "head -n 1 /srv/log") == (0, "mine\n")
