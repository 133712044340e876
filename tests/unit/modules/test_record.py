"""What a host remembers of its releases: pruned, damaged, somebody else's, altered; and what one may go back to."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.engine import ledger
from deployer.errors import ConfigError
from deployer.modules.beam_nodes import BeamNodes
from deployer.releases import generations
from deployer.sh import Program, Sh, lines, sh
from tests.samples import quick
from tests.unit.modules.place_kit import Place, see_ledger
from tests.unit.sh_runner import frames


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(generations, "UNITS", str(tmp_path / "units"))
    return Place(tmp_path)


def test_prune_keeps_what_somebody_may_go_back_or_forward_to(place: Place) -> None:
    for name in ("1", "2", "3", "4", "5"):
        place.switch(place.unpacked(name))
        nodes = BeamNodes(root=str(place.root), id=name, nodes=(), generations=str(place.held))
        if name == "3":
            assert place.run(ledger.go_back(nodes, "2", why="slow")) == ""
        else:
            assert place.run(ledger.record_good(nodes, 2)) == ""
    assert sorted(path.name for path in (place.root / "versions").iterdir()) == ["4", "5"]
    seen = ledger.parse_ledger(see_ledger(place))
    assert (seen.good, seen.previous, seen.bad) == (("5", "4"), "4", {"3": "slow"})
    place.unpacked("6")
    place.run(ledger.record_good(replace(nodes, id="5"), 1))
    assert sorted(path.name for path in (place.root / "versions").iterdir()) == ["4", "5", "6"]


def test_a_pruning_that_was_killed_leaves_no_record_of_a_release_that_is_gone(place: Place) -> None:
    for name in ("1", "2", "3"):
        place.switch(place.unpacked(name))
        nodes = BeamNodes(root=str(place.root), id=name, nodes=(), generations=str(place.held))
        assert place.run(ledger.record_good(nodes, 3)) == ""
    killed = """rm() {
  for one; do
    case $one in -*) ;; *) command rm -rf -- "$one" ;; esac
    case $one in */versions/1) exit 137 ;; esac
  done
}"""
    place.run(lines(Sh(killed), ledger.record_good(nodes, 2)))
    assert place.run(ledger.record_good(nodes, 2)) == ""
    assert sorted(path.name for path in (place.root / "versions").iterdir()) == ["2", "3"]
    assert list((place.root / "ledger").rglob("1")) == []


DAMAGE = [
    "1\tx",
    "1\t999999999999\tgood\t1\tr\td",
    "a\t1\tgood\t1\tr\td",
    "1\t1\tgood\t1\tr\td\te",
    "\x01\xff",
    "",
    " ",
]


@pytest.mark.parametrize("damage", quick(DAMAGE, 2))
def test_a_damaged_line_of_the_history_is_left_out_and_put_aside_by_the_next_note(place: Place, damage: str) -> None:
    nodes = place.unpacked("1")
    place.switch(nodes)
    with (place.root / "ledger/history").open("a", encoding="latin-1") as file:
        file.write(f"{damage}\n")
    seen = ledger.parse_ledger(see_ledger(place))
    assert ([one.event for one in seen.entries], seen.damaged) == (["switch"], 1 if damage else 0)
    assert place.run(ledger.record_good(nodes, 5)) == ""
    seen = ledger.parse_ledger(see_ledger(place))
    assert ([(one.number, one.event) for one in seen.entries], seen.damaged) == ([(1, "switch"), (2, "good")], 0)
    assert (place.root / "ledger/history.damaged").read_text(encoding="latin-1") == f"{damage}\n"


def test_judgements_keep_their_order_without_the_history_and_with_damaged_numbers(place: Place) -> None:
    for name in ("1", "2", "3"):
        nodes = place.unpacked(name)
        place.switch(nodes)
        place.run(ledger.record_good(nodes, 5))
    (place.root / "ledger/good/2").write_text("")
    (place.root / "ledger/good/1").write_text("x1\n")
    assert ledger.parse_ledger(see_ledger(place)).good == ("3", "2", "1"), "as the history knows it"
    (place.root / "ledger/history").unlink()
    assert ledger.parse_ledger(see_ledger(place)).previous in ("1", "2")
    place.switch(replace(nodes, id="1"))
    assert place.run(ledger.record_good(replace(nodes, id="1"), 5)) == ""
    assert ledger.parse_ledger(see_ledger(place)).good[:2] == ("1", "3"), (
        "no new judgement is older than those before it"
    )


KINDS = {"history": "mkdir", "good": "touch", "expected": "touch", "migrated": "touch"}


@pytest.mark.parametrize(("name", "made"), KINDS.items())
def test_a_part_of_the_record_that_is_of_another_kind_is_named_with_what_to_do(
    place: Place, name: str, made: str
) -> None:
    (place.root / "ledger").mkdir(mode=0o700, parents=True)
    place.run(sh("{} {}", made, str(place.root / "ledger" / name)))
    with pytest.raises(ConfigError, match=f"ledger/{name} has another file type") as caught:
        ledger.parse_ledger(see_ledger(place))
    assert f"mv {place.root}/ledger/{name} " in caught.value.hint


FOREIGN = {
    "its mode": "chmod 0755 {0}/opt/ledger",
    "a link to it": "mv {0}/opt/ledger {0}/elsewhere; ln -s {0}/elsewhere {0}/opt/ledger",
    "a link in it": "ln -s /etc/passwd {0}/opt/ledger/config/1/passwd",
    "another owner": "chown 12345 {0}/opt/ledger/good/1",
}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("harm", quick(FOREIGN, 1))
def test_a_record_that_is_not_roots_own_leads_nowhere_back(place: Place, harm: str) -> None:
    old = place.unpacked("1")
    place.switch(old)
    place.run(ledger.record_good(old, 5))
    subprocess.run(["sh", "-c", FOREIGN[harm].format(place.tmp)], check=True)
    with pytest.raises(ConfigError, match="not root's own"):
        ledger.parse_ledger(see_ledger(place))
    (place.tmp / "calls").unlink()
    new = place.unpacked("2")
    said = place.switch(new)
    assert "nothing was stopped" in said
    assert "not root's own" in place.run(ledger.go_back(new, "1"))
    assert not (place.tmp / "calls").exists()


def test_only_declared_files_come_back_from_a_record_of_before(place: Place) -> None:
    """What an older version kept: whole units, and whatever somebody may have put beside them."""
    old = place.unpacked("1")
    place.switch(old)
    place.run(ledger.record_good(old, 5))
    kept = place.root / "ledger/config/1"
    shutil.rmtree(kept)
    unit = f"[Service]\nExecStart=/bin/{'x'}\n[Install]\nWantedBy=multi-user.target\n"
    for path, text in ((place.unit, unit), (place.config, "kept"), (place.tmp / "planted", "pwned")):
        (kept / path.relative_to("/")).parent.mkdir(parents=True, exist_ok=True)
        (kept / path.relative_to("/")).write_text(text)
    place.switch(place.unpacked("2"))
    assert place.run(ledger.go_back(replace(old, id="2"), "1")) == ""
    current, config, drop_in = place.starts
    assert (current, config) == ("1", "kept")
    assert drop_in.startswith("[Service]\nEnvironmentFile=\n")
    assert drop_in.endswith("ExecStart=/bin/x\n"), "what enables it is in the unit itself"
    assert not (place.tmp / "planted").exists()


def test_a_byte_that_has_flipped_is_found_before_anybody_goes_back_to_it(place: Place) -> None:
    old = place.unpacked("1")
    place.switch(old)
    place.run(ledger.record_good(old, 5))
    file = place.root / "versions/1/start"
    before = file.stat()
    file.write_text("I")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    (frame,) = frames(Program((ledger.contents(str(place.root)),)), ["dash"], place.tmp)
    assert frame.out.startswith("1 was changed on this host after it was unpacked:\n./start: FAILED")
    new = place.unpacked("2")
    place.switch(new)
    (place.tmp / "calls").unlink()
    assert "./start: FAILED" in place.run(ledger.go_back(new, "1"))
    assert not (place.tmp / "calls").exists(), "nothing was stopped"


def test_a_line_that_was_cut_is_none_and_the_next_one_takes_its_place(place: Place) -> None:
    nodes = place.unpacked("1")
    place.switch(nodes)
    history = place.root / "ledger/history"
    with history.open("a") as file:
        file.write("2\t1790000000\tgo")
    assert [one.event for one in ledger.parse_ledger(see_ledger(place)).entries] == ["switch"]
    assert place.run(ledger.record_good(nodes, 5)) == ""
    assert [(one.number, one.event) for one in ledger.parse_ledger(see_ledger(place)).entries] == [
        (1, "switch"),
        (2, "good"),
    ]


def test_what_was_started_is_untried_until_it_is_judged_or_left(place: Place) -> None:
    for name in ("1", "2"):
        nodes = place.unpacked(name)
        place.switch(nodes)
        assert ledger.parse_ledger(see_ledger(place)).untried
        place.run(ledger.record_good(nodes, 5))
        assert not ledger.parse_ledger(see_ledger(place)).untried
    place.switch(replace(nodes, id="1"))
    assert place.run(ledger.go_back(replace(nodes, id="1"), "2", why="")) == ""
    seen = ledger.parse_ledger(see_ledger(place))
    assert (seen.current, seen.untried) == ("2", False)


def test_nothing_is_stopped_when_the_record_cannot_be_written(place: Place) -> None:
    old = place.unpacked("1")
    place.switch(old)
    place.run(ledger.record_good(old, 5))
    (place.tmp / "calls").unlink()
    (place.root / "ledger/history").unlink()
    (place.root / "ledger/history").mkdir()
    assert "nothing was stopped" in place.switch(place.unpacked("2"))
    assert not (place.tmp / "calls").exists()
    assert place.current == "1"
    assert list(place.root.glob(".current.*")) == []


def test_a_host_without_a_record_has_an_empty_one(place: Place) -> None:
    assert ledger.parse_ledger(see_ledger(place)) == ledger.Ledger()
