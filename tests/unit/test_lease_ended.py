"""A lease that ended while a run read the host: whose it was wrote nothing meanwhile, or the run is refused."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from deployer.engine.lease import RunLease
from deployer.engine.seat import seat
from deployer.errors import Locked
from deployer.sh import Frame, Program, Sh
from tests.unit.lease_kit import ALICE, BOB, Place, in_every_shell_as_root

pytestmark = in_every_shell_as_root
UNTIL, PROCESS = 6, 3


@pytest.fixture
def place(shell: list[str], tmp_path: Path) -> Place:
    made = Place(shell, tmp_path)
    made.take(ALICE)
    return made


def until(place: Place) -> int:
    return int(place.record.read_text().split("\t")[UNTIL])


def end_by_itself(place: Place, seconds_ago: int) -> None:
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    place.change(UNTIL, str(int(uptime - seconds_ago) * 100))


def before(place: Place) -> tuple[int, str]:
    """Take it as Bob, and return for how long nobody wrote, in hundredths of a second, and whose process that was."""
    word, ago, process, *run = place.take(BOB).out.split()
    assert (word, run) == ("before", ALICE.split())
    return int(ago), process


def test_who_was_not_heard_of_wrote_nothing_since_two_minutes_before_the_end(place: Place) -> None:
    end_by_itself(place, 10)
    ago, process = before(place)
    assert (ago >= 1000 + 11200, process) == (True, "77")


def test_a_step_that_outlives_its_lease_was_at_work_until_it_ended(place: Place) -> None:
    place.write(ALICE, f"sed -i 's/\t{until(place)}\t/\t1\t/' {place.record}")
    assert until(place) > 1
    with pytest.raises(Locked, match="so the lease ended"):
        place.write(ALICE)
    ago, process = before(place)
    assert (ago < 6000, process) == (True, "77")


def test_the_end_of_a_long_step_is_a_sign_of_its_run(place: Place) -> None:
    short = until(place) - 9000
    place.write(ALICE, f"sed -i 's/\t{until(place)}\t/\t{short}\t/' {place.record}")
    assert until(place) > short + 8000


def test_who_has_it_by_then_keeps_it_when_a_step_of_the_last_one_ends(place: Place) -> None:
    bobs = place.record.read_text().replace(ALICE, BOB)
    place.write(ALICE, f"printf '%s' '{bobs}' >{place.record}")
    assert place.record.read_text() == bobs


@dataclass
class Seen:
    """A connection to it, as a run has one that began to read it some seconds ago."""

    place: Place
    now: float = 1000.0
    name: str = "web1"
    host_key: str = "SHA256:x"
    notes: list[Any] = field(default_factory=list)

    def run(self, program: Program, *, timeout: float) -> Iterator[Frame]:
        yield from self.place.answers(program)

    def close(self) -> None:
        pass


def takes(place: Place, seconds_ago: int) -> None:
    """Read it, and take its lease that many seconds later."""
    seen = Seen(place)
    lease = RunLease("deploy site.yml", seen.notes.append, clock=lambda: seen.now)
    way = lease.connect("web1", lambda: seen)  # type: ignore[arg-type, return-value]
    list(way.run(Program((Sh("echo read"),)), timeout=5))
    seen.now += seconds_ago
    try:
        list(way.run(Program((Sh(f"touch {place.root}/canary"),), writes=True), timeout=5))
    finally:
        lease.release()


def dead() -> str:
    """A process of this machine that is over, in the words of a record."""
    process = subprocess.Popen(["true"])
    process.wait()
    return "/".join([str(process.pid), *seat().split("/")[1:]])


def test_a_lease_that_ended_by_itself_while_a_run_read_the_host_is_taken(place: Place) -> None:
    end_by_itself(place, 10)
    takes(place, 30)
    assert place.canary


@pytest.mark.parametrize("at_work", [True, False])
def test_what_was_read_while_somebody_was_at_work_is_refused(place: Place, at_work: bool) -> None:
    place.edit(ALICE, Sh("lease_end" if at_work else "lease_end 5000"))
    if at_work:
        with pytest.raises(Locked, match=r"alice@laptop \(run 20260101T000000Z-aaaaaa\) was changing the host while"):
            takes(place, 30)
    else:
        takes(place, 30)
    assert place.canary is not at_work


@pytest.mark.parametrize("here", [True, False])
def test_who_read_for_longer_than_a_lease_lasts_goes_on_where_the_last_one_is_known_to_be_dead(
    place: Place, here: bool
) -> None:
    place.change(PROCESS, dead() if here else f"{os.getpid()}/1/elsewhere/1/0")
    end_by_itself(place, 10)
    if here:
        takes(place, 300)
    else:
        with pytest.raises(Locked, match="was changing the host"):
            takes(place, 300)
    assert place.canary is here


def hears(place: Place, *, reads: bool = False) -> list[str]:
    """Read it as a run does that has come second, and return what a person is told."""
    seen = Seen(place)
    lease = RunLease("deploy site.yml", seen.notes.append, told=reads)
    way = lease.connect("web1", lambda: seen)  # type: ignore[arg-type, return-value]
    for _ in range(2):
        assert [frame.out for frame in way.run(Program((Sh("echo read"), Sh("echo more"))), timeout=5)] == [
            "read",
            "more",
        ]
    lease.release()
    return [note.text for note in seen.notes]


def test_who_comes_second_is_told_who_has_it_with_the_first_answer(place: Place) -> None:
    (told,) = hears(place)
    assert re.match(
        r"web1: held by alice@laptop for \d+ s \(since .*\): deploy site\.yml \(run 20260101T000000Z-aaaaaa, ", told
    )
    assert told.endswith("; this run changes nothing until that is fixed")


def test_a_hold_is_told_as_early_and_a_lease_that_has_ended_is_not(place: Place) -> None:
    end_by_itself(place, 10)
    assert hears(place) == []
    place.take(BOB, "new disk", kind="hold", seconds=7200)
    place.change(PROCESS, dead(), place.hold)  # deployer lock hold has ended, and the hold stays
    (told,) = hears(place)
    assert told.startswith("web1: maintenance: held by bob@ci for ")


def test_a_record_that_is_damaged_is_told_without_a_process(place: Place) -> None:
    place.record.write_text("damaged")
    (told,) = hears(place)
    damaged = f"{place.record} cannot be understood: it is damaged, or another version of deployer wrote it"
    assert told == f"web1: {damaged}; this run changes nothing until that is fixed"


def test_a_run_that_only_reads_is_told_nothing(place: Place) -> None:
    assert hears(place, reads=True) == []
