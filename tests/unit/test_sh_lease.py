"""The lease of a host, in directories of the test's own: who has it, how it ends, what a hostile record does."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deployer.errors import Locked
from deployer.model import Blob
from deployer.sh import Frame, Program, Sh
from tests.unit.lease_kit import ALICE, BOB, Place, in_every_shell_as_root

pytestmark = in_every_shell_as_root


@pytest.fixture
def place(shell: list[str], tmp_path: Path) -> Place:
    return Place(shell, tmp_path)


def test_one_has_it_and_the_other_is_told_who_since_when_from_where_and_for_what(place: Place) -> None:
    assert place.take(ALICE) == Frame(0, 0, "")
    refused = place.take(BOB)
    assert refused.rc == 5
    assert refused.out.startswith("held by alice@laptop for 0 s (since 20")
    end = "): deploy site.yml (run 20260101T000000Z-aaaaaa, process 77 there, from 192.0.2.7)"
    assert refused.out.splitlines()[0].endswith(end)
    assert refused.out.splitlines()[1:] == ["process 77"]
    with pytest.raises(Locked, match="held by alice@laptop"):
        place.write(BOB, held=False)
    with pytest.raises(Locked, match=r"lost its lease .*: held by alice@laptop"):
        place.write(BOB)
    assert not place.canary
    assert [frame.rc for frame in place.write(ALICE)] == [0]
    assert place.canary
    assert stat.S_IMODE(place.record.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.run_dir.stat().st_mode) == 0o700


def test_what_is_given_back_is_free_and_the_next_hears_who_had_it(place: Place) -> None:
    place.take(ALICE)
    assert place.edit(BOB, Sh("lease_end")).rc == 0
    assert place.take(BOB).rc == 5, "only its holder gives it back"
    place.edit(ALICE, Sh("lease_end"))
    word, ago, process, *run = place.take(BOB).out.split()
    assert (word, process, run) == ("before", "-", ALICE.split())
    assert 0 < int(ago) < 6000
    with pytest.raises(Locked, match="lost its lease"):
        place.write(ALICE)


def test_who_gave_it_back_unused_was_not_at_work(place: Place) -> None:
    place.take(ALICE)
    place.edit(ALICE, Sh("lease_end 123456"))
    assert 123456 <= int(place.take(BOB).out.split()[1]) < 130000


def test_who_is_not_heard_of_loses_it_and_who_is_heard_of_does_not(place: Place) -> None:
    place.take(ALICE)
    place.change(6, "1")
    with pytest.raises(Locked, match="the host heard nothing from it for 120 s, so the lease ended"):
        place.write(ALICE)
    assert place.take(BOB).rc == 0
    place.change(6, str(int(place.record.read_text().split("\t")[6]) - 9000))
    short = int(place.record.read_text().split("\t")[6])
    assert place.write(BOB)
    assert int(place.record.read_text().split("\t")[6]) > short + 8000
    assert not place.edit(BOB, Sh("lease_renew")).rc
    assert place.edit(ALICE, Sh("lease_renew")).rc == 1


def test_a_program_that_only_reads_speaks_for_its_run_and_reads_all_the_same(place: Place) -> None:
    place.take(ALICE)
    place.change(6, str(int(place.record.read_text().split("\t")[6]) - 9000))
    short = int(place.record.read_text().split("\t")[6])
    look = Program((Sh("echo seen"),), lease="held", run=ALICE)
    assert [frame.out for frame in place.answers(look)] == ["seen"]
    assert int(place.record.read_text().split("\t")[6]) > short
    place.broken(BOB, "he is on holiday")
    assert [frame.out for frame in place.answers(look)] == ["seen"]


def test_a_step_is_the_last_one_when_the_lease_is_lost_meanwhile(place: Place) -> None:
    place.take(ALICE)
    took = place.record.read_text().replace(ALICE, BOB).replace("\n", "\\n")
    with pytest.raises(Locked, match=r"lost its lease .*: held by bob@ci for"):
        place.write(ALICE, "echo one", f"printf '{took}' >{place.record}", f"touch {place.root}/canary")
    assert not place.canary


def test_a_file_is_not_taken_in_for_a_run_that_has_lost_its_lease(place: Place) -> None:
    place.take(ALICE)
    place.change(6, "1")
    with pytest.raises(Locked, match="lost its lease"):
        place.write(ALICE, blobs=(Blob.of("y" * 2_000_000),))
    assert not list(place.home.glob("part.*"))


def test_as_long_as_a_program_runs_there_the_lease_does_not_change_hands(place: Place) -> None:
    place.take(ALICE)
    place.change(6, "1")
    lock = os.open(place.run_dir, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    refused = place.take(BOB)
    assert (refused.rc, "what a run has left there still changes it" in refused.out) == (5, True)
    os.close(lock)
    assert place.take(BOB).rc == 0


def test_a_run_that_is_known_to_be_dead_is_followed_at_once(place: Place) -> None:
    place.take(ALICE)
    assert place.take(BOB, over="78/1/x/1/0").rc == 5
    assert place.take(BOB, over="77") == Frame(0, 0, "")
    with pytest.raises(Locked, match=r"lost its lease .*: held by bob@ci"):
        place.write(ALICE)


def test_of_equal_runs_at_the_same_moment_one_gets_it(place: Place) -> None:
    runs = [f"20260101T000000Z-{at:06x} x@ci" for at in range(6)]
    with ThreadPoolExecutor(len(runs)) as pool:
        codes = list(pool.map(lambda run: place.take(run).rc, runs))
    assert sorted(codes) == [0, 5, 5, 5, 5, 5]
    assert runs[codes.index(0)] in place.record.read_text()


def test_the_older_of_two_waits_until_the_younger_gives_way(place: Place) -> None:
    place.take(BOB)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(place.take, ALICE)
        place.edit(BOB, Sh("lease_end"))
        assert waiting.result().rc == 0


@pytest.mark.parametrize(
    "content",
    ["", "1\n", "x" * 5000, "2\ta\trun\t1\t-\t0\t9\t0\tb\tw\tend\n", "1\ta\trun\t1\t-\t0\t$(id)\t0\tb\tw\tend\n",
     "1\ta\trun\t1\t-\t0\t99999999999999999\t0\tb\tw\tend\n", "1\ta\tking\t1\t-\t0\t9\t0\tb\tw\tend\n", None,
     Path("x")],
    ids=["empty", "cut", "long", "newer", "no number", "too large", "no kind", "directory", "link"],
)  # fmt: skip
def test_a_record_that_cannot_be_understood_lets_nobody_write_and_can_be_broken(
    place: Place, content: str | Path | None
) -> None:
    place.take(ALICE)
    place.record.unlink()
    victim = place.root / "victim"
    victim.write_text("precious")
    if content is None:
        place.record.mkdir()
    elif isinstance(content, Path):
        place.record.symlink_to(victim)
    else:
        place.record.write_text(content)
    for attempt in (lambda: place.write(ALICE), lambda: place.write(BOB, held=False)):
        with pytest.raises(
            Locked, match="cannot be understood: it is damaged, or another version of deployer wrote it"
        ):
            attempt()
    assert (place.take(BOB).rc, place.canary) == (5, False)
    assert "cannot be understood" in place.edit(BOB, Sh("lease_show")).out
    said = place.broken(BOB, "it is damaged")
    assert (said.rc, "broken; it was: " in said.out) == (0, True)
    assert place.take(BOB).rc == 0
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("name", ["run", "home"])
@pytest.mark.parametrize("what", ["link", "strangers", "file"])
def test_a_directory_that_is_not_roots_own_is_not_used(place: Place, name: str, what: str) -> None:
    place.take(ALICE)
    where = place.root / name
    subprocess.run(["rm", "-rf", where], check=True)
    if what == "link":
        (place.root / "elsewhere").mkdir()
        where.symlink_to(place.root / "elsewhere")
    elif what == "file":
        where.touch()
    else:
        where.mkdir()
        os.chown(where, 65534, 65534)
    refused = place.take(BOB)
    assert (refused.rc, f"{where} must be a directory that belongs to root" in refused.out) == (1, True)
    assert not place.record.exists() or ALICE in place.record.read_text()


def test_a_hold_keeps_everybody_away_also_after_a_restart(place: Place) -> None:
    assert place.take(ALICE, "new disk", "hold", 7200).rc == 0
    refused = place.take(ALICE)
    assert (refused.rc, refused.out.startswith("maintenance: held by alice@laptop for 0 s")) == (5, True)
    assert "): new disk (for another 119 min)" in refused.out
    with pytest.raises(Locked, match="new disk"):
        place.write(BOB, held=False)
    assert place.take(BOB, "also", "hold", 60).rc == 5
    assert place.take(ALICE.replace("aaaaaa", "aaaaab"), "longer", "hold", 10800).rc == 0, (
        "who holds it may say so again"
    )
    place.change(8, "00000000-0000-0000-0000-000000000000", place.hold)
    place.change(5, "900000000000", place.hold)
    place.change(6, "900100000000", place.hold)
    assert "maintenance: held by" in place.take(BOB).out
    place.change(6, "900000000001", place.hold)
    assert place.take(BOB).rc == 0


def test_a_lease_ends_with_the_life_of_the_host(place: Place) -> None:
    place.take(ALICE)
    place.change(8, "00000000-0000-0000-0000-000000000000")
    with pytest.raises(Locked, match="its record is gone, for example because the host restarted"):
        place.write(ALICE)
    assert place.take(BOB).rc == 0


def test_a_break_says_why_to_who_had_it(place: Place) -> None:
    place.take(ALICE)
    assert place.broken(BOB, "it's on $fire").rc == 0
    noted = (place.root / "journal").read_text()
    assert noted.startswith(
        "bob@ci (root, from 192.0.2.7): breaks the lease: it's on $fire. It was: held by alice@laptop"
    )
    with pytest.raises(Locked, match=r"lost its lease .*: bob@ci broke it: it's on \$fire"):
        place.write(ALICE)
    assert place.edit(BOB, Sh("lease_show")).out.startswith("free; bob@ci broke it: it's on $fire")
    assert place.take(BOB).rc == 0
    assert place.write(BOB)


def test_nothing_is_broken_that_could_not_be_noted(place: Place) -> None:
    place.take(ALICE)
    refused = place.edit(BOB, Sh("logger() { false; }\nlease_break why"))
    assert (refused.rc, "so nothing was broken" in refused.out) == (1, True)
    assert place.write(ALICE)


def test_who_is_not_root_has_none_and_needs_none(place: Place) -> None:
    text = "own_uid=1000\nlease_take run 1 120 what"
    assert place.edit(ALICE, Sh(text)).out == "not root"
    assert not place.record.exists()


def test_a_record_that_cannot_be_written_is_no_lease(place: Place) -> None:
    place.take(ALICE)
    place.edit(ALICE, Sh("lease_end"))
    (place.run_dir / "lease.new").mkdir()
    refused = place.take(BOB)
    assert (refused.rc, f"cannot write {place.record}" in refused.out) == (1, True)
