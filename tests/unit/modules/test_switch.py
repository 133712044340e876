"""The switch of a release, the way back and the record of both, on a real shell with a systemctl of the test's own."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from host_text import do, see
from sh_runner import frames

from deployer.engine import ledger
from deployer.errors import ProbeError
from deployer.model import Blob, Change
from deployer.modules import Step
from deployer.modules._node_unit import NodeUnit
from deployer.modules.beam_nodes import BeamNodes
from deployer.modules.template import Template
from deployer.releases import generations
from deployer.sh import Program, Sh, lines, sh

SHOP = NodeUnit(name="shop", unit="shop.service", runtime="/run/beam/shop")

SYSTEMCTL = """
systemctl() {{
  echo "$*" >>{0}/calls
  case $1 in
    start) ! grep -qxF "$(readlink -f {0}/opt/current | sed 's|.*/opt/||')" {0}/broken ;;
    --quiet) return 1 ;;
    show) echo 0 ;;
  esac
}}
journalctl() {{ echo "last words"; }}
"""


class Place:
    """A host in a directory: its releases, and a systemctl that notes what it is asked for."""

    def __init__(self, tmp: Path) -> None:
        self.tmp, self.root, self.held = tmp, tmp / "opt", tmp / "generations"
        self.config, self.unit = tmp / "etc/shop.vm.args", tmp / "units/shop.service"
        for folder in (self.config.parent, self.unit.parent):
            folder.mkdir()
        (tmp / "broken").touch()
        self.declare("first")

    def unpacked(self, name: str) -> BeamNodes:
        (self.root / "versions" / name).mkdir(parents=True)
        (self.root / "versions" / name / ".complete").touch()
        (self.root / "versions" / name / "start").write_text(name)
        node = replace(SHOP, configs=(str(self.config),), runtime=str(self.tmp / "run"))
        return BeamNodes(root=str(self.root), id=name, nodes=(node,), generations=str(self.held))

    def declare(self, config: str, unit: str = "[Service]") -> None:
        """Write the node's files as a play does: beside what a start would read."""
        for path, text in ((self.config, config), (Path(generations.drop_in("shop.service")), unit)):
            file = Template(dest=str(path), src=Blob.of(text), generations=str(self.held))
            assert do(file.fix(file.differences(see(file, self.tmp))), self.tmp) == ""

    def run(self, text: Sh) -> str:
        return do((Step("", lines(sh(SYSTEMCTL, self.tmp), text)),), self.tmp)

    def switch(self, nodes: BeamNodes) -> str:
        steps = nodes.fix({key: Change(key, None, nodes.id) for key in ("current", "shop release")})
        return next((said for step in steps if (said := self.run(step.text))), "")

    @property
    def current(self) -> str:
        return (self.root / "current").resolve().name

    @property
    def starts(self) -> tuple[str, str, str]:
        """What a start at this moment would take: the release, the flags, the unit's own text."""
        return self.current, self.config.read_text(), Path(generations.drop_in("shop.service")).read_text()

    def calls(self) -> list[str]:
        return [line for line in (self.tmp / "calls").read_text().splitlines() if line.startswith(("st", "daemon"))]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(generations, "UNITS", str(tmp_path / "units"))
    return Place(tmp_path)


def test_a_switch_stops_links_and_starts(place: Place) -> None:
    assert place.switch(place.unpacked("1")) == ""
    assert place.starts == ("1", "first", "[Service]")
    assert place.calls() == ["stop -- shop.service", "daemon-reload", "start -- shop.service"]


def test_what_does_not_start_and_has_nothing_to_go_back_to_says_so(place: Place) -> None:
    (place.tmp / "broken").write_text("versions/1\n")
    said = place.switch(place.unpacked("1"))
    assert "last words" in said
    assert "there is no good release to go back to" in said
    assert (place.root / "ledger/bad/1").read_text() == "it did not start\n"


SCRIPT = """#!/bin/sh
[ "$ELIXIR_CLI_DRY_RUN $1" = "1 start" ] || exit 1
%s
echo "/opt/erts/bin/erl -noshell -setcookie $RELEASE_COOKIE -name $RELEASE_NODE -args_file $RELEASE_VM_ARGS -extra"
"""
ENVIRONMENT = """RELEASE_NODE="shop@10.0.0.2"
RELEASE_COOKIE="-cookie_from_home_file"
RELEASE_VM_ARGS="/etc/shop.vm.args"
"""
REHEARSED = {
    "as declared": (":", ""),
    "another name": ("RELEASE_NODE=shop@localhost", "-name shop@10.0.0.2"),
    "a cookie of its own": ("RELEASE_COOKIE=canary-8812", "-setcookie -cookie_from_home_file"),
    "its own flags": ("RELEASE_VM_ARGS=$0/vm.args", "-args_file /etc/shop.vm.args"),
    "it cannot tell": ("exit 1", ""),
    "it prints something else": ("echo usage; exit 0", ""),
}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become the node's user")
@pytest.mark.parametrize(("changed", "missing"), REHEARSED.values(), ids=REHEARSED)
def test_a_start_is_rehearsed_before_anything_stops(place: Place, changed: str, missing: str) -> None:
    nodes = place.unpacked("1")
    script, env = Path(nodes.release) / "bin/shop", place.held / "next" / "shop.env"
    script.parent.mkdir()
    script.write_text(SCRIPT % changed)
    script.chmod(0o755)
    env.parent.mkdir(parents=True)
    env.write_text(ENVIRONMENT)
    node = replace(
        nodes.nodes[0], node="shop@10.0.0.2", user="root", env_file="/shop.env", vm_args_file="/etc/shop.vm.args"
    )
    stage, rehearsal, switch = replace(nodes, name="shop", nodes=(node,)).fix(
        {"shop release": Change("shop release", "", "")}
    )
    assert (rehearsal.what, switch.what) == ("rehearse the start of shop", "restart shop.service")
    assert (stage.ahead, rehearsal.ahead, switch.ahead) == (True, True, False)
    said = place.run(rehearsal.text)
    assert (missing in said) if missing else said == ""
    assert "canary-8812" not in said


def test_what_is_not_whole_stops_nothing(place: Place) -> None:
    nodes = place.unpacked("1")
    (Path(nodes.release) / ".complete").unlink()
    assert "is not whole" in place.switch(nodes)
    assert not (place.tmp / "calls").exists()


def test_a_bad_release_is_left_for_the_good_one_with_the_files_it_was_good_with(place: Place) -> None:
    old = place.unpacked("1")
    assert place.switch(old) == ""
    assert place.run(ledger.judge_good(old, 5)) == ""
    new = place.unpacked("2")
    place.declare("second", "[Service]\nLimitCORE=1")
    (place.tmp / "broken").write_text("versions/2\n")
    said = place.switch(new)
    assert "went back to 1, with the files it was last good with" in said
    assert place.starts == ("1", "first", "[Service]")
    seen = ledger.parse(see_ledger(place))
    assert (seen.current, seen.good, seen.bad, seen.previous) == ("1", ("1",), {"2": "it did not start"}, "")
    assert [(one.number, one.event, one.release) for one in seen.entries] == [
        (1, "switch", "1"), (2, "good", "1"), (3, "switch", "2"), (4, "bad", "2"), (5, "back", "1"),
    ]  # fmt: skip
    assert all("@" in one.run for one in seen.entries)


def test_files_alone_can_be_bad_too_and_then_the_release_is_not_blamed(place: Place) -> None:
    nodes = place.unpacked("1")
    place.switch(nodes)
    place.run(ledger.judge_good(nodes, 5))
    place.declare("second")
    (place.tmp / "broken").write_text("versions/1\n")
    stage, switch = nodes.fix({"shop config": Change("shop config", "older", "current")})
    assert place.run(stage.text) == ""
    assert "going back to 1 failed too" in place.run(switch.text), "the test's systemctl blames the release"
    assert place.config.read_text() == "first"
    assert ledger.parse(see_ledger(place)).bad == {}


def test_prune_keeps_what_somebody_may_go_back_or_forward_to(place: Place) -> None:
    for name in ("1", "2", "3", "4", "5"):
        place.switch(place.unpacked(name))
        nodes = BeamNodes(root=str(place.root), id=name, nodes=(), generations=str(place.held))
        if name == "3":
            assert place.run(ledger.go_back(nodes, "2", why="slow")) == ""
        else:
            assert place.run(ledger.judge_good(nodes, 2)) == ""
    assert sorted(path.name for path in (place.root / "versions").iterdir()) == ["4", "5"]
    seen = ledger.parse(see_ledger(place))
    assert (seen.good, seen.previous, seen.bad) == (("5", "4"), "4", {"3": "slow"})
    place.unpacked("6")
    place.run(ledger.judge_good(replace(nodes, id="5"), 1))
    assert sorted(path.name for path in (place.root / "versions").iterdir()) == ["4", "5", "6"]


@pytest.mark.parametrize(
    "damage", ["1\tx", "1\t999999999999\tgood\t1\tr\td", "a\t1\tgood\t1\tr\td", "1\t1\tgood\t1\tr\td\te"]
)
def test_a_damaged_history_is_a_probe_error(damage: str) -> None:
    with pytest.raises(ProbeError, match="ledger"):
        ledger.parse(f"history={damage}\x1e")


def test_a_line_that_was_cut_is_none_and_the_next_one_takes_its_place(place: Place) -> None:
    nodes = place.unpacked("1")
    place.switch(nodes)
    history = place.root / "ledger/history"
    with history.open("a") as file:
        file.write("2\t1790000000\tgo")
    assert [one.event for one in ledger.parse(see_ledger(place)).entries] == ["switch"]
    assert place.run(ledger.judge_good(nodes, 5)) == ""
    assert [(one.number, one.event) for one in ledger.parse(see_ledger(place)).entries] == [(1, "switch"), (2, "good")]


def test_what_was_started_is_untried_until_it_is_judged_or_left(place: Place) -> None:
    for name in ("1", "2"):
        nodes = place.unpacked(name)
        place.switch(nodes)
        assert ledger.parse(see_ledger(place)).untried
        place.run(ledger.judge_good(nodes, 5))
        assert not ledger.parse(see_ledger(place)).untried
    place.switch(replace(nodes, id="1"))
    assert place.run(ledger.go_back(replace(nodes, id="1"), "2", why="")) == ""
    seen = ledger.parse(see_ledger(place))
    assert (seen.current, seen.untried) == ("2", False)


def test_nothing_is_stopped_when_the_record_cannot_be_written(place: Place) -> None:
    old = place.unpacked("1")
    place.switch(old)
    place.run(ledger.judge_good(old, 5))
    (place.tmp / "calls").unlink()
    (place.root / "ledger/history").unlink()
    (place.root / "ledger/history").mkdir()
    assert "nothing was stopped" in place.switch(place.unpacked("2"))
    assert not (place.tmp / "calls").exists()
    assert place.current == "1"
    assert list(place.root.glob(".current.*")) == []


def test_a_host_without_a_record_has_an_empty_one(place: Place) -> None:
    assert ledger.parse(see_ledger(place)) == ledger.Ledger()


def see_ledger(place: Place) -> str:
    (frame,) = frames(Program((ledger.look(str(place.root)),)), ["dash"], place.tmp)
    assert frame.rc == 0
    return frame.out
