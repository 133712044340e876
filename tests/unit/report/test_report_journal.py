"""What a deploy leaves on this machine: true at any moment, for nobody else, and never a reason to fail."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deployer.events import HostEnded, PlayStarted, RunEnded, TaskPlanned
from deployer.model import Change
from deployer.report.journal import JOURNALS_KEPT, Head, Journals, Writer, read_journal

CHANGE = (Change("content", "old words", "new words"),)


def head(run: str = "20260101T000000Z-abcdef", **given: object) -> Head:
    words = {"playbook": "/p/site.yml", "inventories": ("/p/hosts.yml",), "plays": (("a", "b", "c"),)} | given
    return Head(run=f"{run} me@here", **words)  # type: ignore[arg-type]


BEGUN = PlayStarted("site", "deploy", ("a", "b", "c"))


def ended(host: str, ending: str, code: int = 0) -> HostEnded:
    return HostEnded(host, ending, 1, 4, 2.0, "secret problem", code, "1.0-ab")  # type: ignore[arg-type]


def test_a_killed_run_has_left_what_was_true(tmp_path: Path) -> None:
    writer = Writer(head(), tmp_path / "runs")
    writer(BEGUN)
    for host in "ab":
        writer(TaskPlanned(host, "motd", "site.yml:3", "change", CHANGE))
    writer(TaskPlanned("c", "motd", "site.yml:3", "ok"))
    writer(ended("a", "changed"))
    (file,) = (tmp_path / "runs").iterdir()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    with file.open("a") as cut:
        cut.write('{"host": "b", "end')
    found = read_journal(file)
    assert found
    assert [found.endings(host) for host in "abc"] == [("changed",), ("",), ("",)]
    assert (found.code, found.plan) == (None, "site.yml: 1 task on 2 hosts")
    assert not [word for word in ("old words", "new words", "secret problem") if word in file.read_text()]
    writer.close()


def test_those_of_the_same_files_are_found_and_of_a_run_its_own(tmp_path: Path) -> None:
    for second, playbook in enumerate(("/p/site.yml", "/p/site.yml", "/p/other.yml")):
        writer = Writer(head(f"20260101T00000{second}Z-abcdef", playbook=playbook), tmp_path)
        writer(BEGUN)
        writer(RunEnded(second, 1.0))
        writer.close()
    journals = Journals(tmp_path)
    assert [one.code for one in journals.alike(Path("/p/site.yml"), ["/p/hosts.yml"])] == [1, 0]
    assert list(journals.alike(Path("/p/site.yml"), ["/p/others.yml"])) == []
    own = journals.of("20260101T000002Z-abcdef me@here")
    assert own
    assert own.code == 2
    assert journals.of("20260101T000002Z-abcdef you@there") is None
    assert journals.of("../20260101T000002Z-abcdef me@here") is None


def test_a_play_that_never_began_left_its_hosts_without_an_ending(tmp_path: Path) -> None:
    writer = Writer(head(plays=(("a", "b"), ("b",))), tmp_path)
    writer(PlayStarted("one", "deploy", ("a", "b")))
    for host in "ab":
        writer(ended(host, "ok"))
    writer.close()
    (found,) = Journals(tmp_path).alike(Path("/p/site.yml"), ["/p/hosts.yml"])
    assert (found.endings("a"), found.endings("b")) == (("ok",), ("ok", ""))


def test_a_play_that_begins_for_each_of_its_hosts_or_for_none_hides_no_ending(tmp_path: Path) -> None:
    writer = Writer(head(plays=((), ("a", "b"), ("b",))), tmp_path)
    for host, how in (("a", "ok"), ("b", "failed")):
        writer(PlayStarted("two", "deploy", (host,)))
        writer(ended(host, how))
    writer.close()
    (found,) = Journals(tmp_path).alike(Path("/p/site.yml"), ["/p/hosts.yml"])
    assert (found.endings("a"), found.endings("b")) == (("ok",), ("failed", ""))


def test_only_the_newest_stay(tmp_path: Path) -> None:
    for number in range(JOURNALS_KEPT + 3):
        (tmp_path / f"20250101T{number:06}Z-abcdef.jsonl").write_text("")
    writer = Writer(head(), tmp_path)
    writer(BEGUN)
    writer.close()
    names = sorted(file.name for file in tmp_path.iterdir())
    assert len(names) == JOURNALS_KEPT
    assert names[0].startswith("20250101T000004")
    assert names[-1].startswith("20260101T000000")


@pytest.mark.parametrize("state", ["/dev/null", "/dev/full"])
def test_a_journal_that_cannot_be_written_is_a_warning(
    state: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    place = Path(state)
    if state == "/dev/full":
        place = tmp_path
        monkeypatch.setattr(
            os, "open", lambda path, flags, mode=0o777, opened=os.open: opened("/dev/full", os.O_WRONLY)
        )
    writer = Writer(head(), place / "runs")
    writer(BEGUN)
    writer(RunEnded(0, 1.0))
    writer.close()
    said = capsys.readouterr().err
    assert said.count("warning: this run is not noted here") == 1
    assert list(Journals(place / "runs").alike(Path("/p/site.yml"), [])) == []


def test_digests_tell_a_change_and_cannot_be_guessed_without_the_key(tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.yml"
    inventory.write_text("all: {}")
    journals = Journals(tmp_path / "runs")
    first = journals.keyed([inventory])
    assert journals.keyed([inventory]) == first
    assert Journals(tmp_path / "elsewhere").keyed([inventory]) != first
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars/all.yml").write_text("x: 1")
    assert journals.keyed([inventory]) != first
    assert (tmp_path / "runs/key").stat().st_mode & 0o777 == 0o600


def test_a_run_that_was_refused_before_it_began_leaves_nothing(tmp_path: Path) -> None:
    Writer(head(), tmp_path).close()
    assert list(tmp_path.iterdir()) == []
