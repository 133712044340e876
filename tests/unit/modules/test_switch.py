"""The switch of a release and the way back, on a real shell with a systemctl of the test's own."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.engine import ledger
from deployer.model import Blob, Change
from deployer.modules.beam_nodes import BeamNodes
from deployer.modules.template import Template
from deployer.releases import generations
from deployer.sh import lines, sh
from tests.samples import quick
from tests.unit.modules.host_text import do, see
from tests.unit.modules.place_kit import Place, see_ledger


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(generations, "UNITS", str(tmp_path / "units"))
    return Place(tmp_path)


def test_a_switch_stops_links_and_starts(place: Place) -> None:
    assert place.switch(place.unpacked("1")) == ""
    assert place.starts == ("1", "first", "[Service]")
    assert place.calls() == ["stop -- shop.service", "daemon-reload", "start -- shop.service"]


KNOWN = "WantedBy=multi-user.target\nNeedDaemonReload=no\n"
READ = {
    "as they lie": (KNOWN, "[Service]", False),
    "somebody's own drop-in is not read": (KNOWN.replace("=no", "=yes"), "[Service]", True),
    "what wants it is not read": (KNOWN.replace("multi-user.target", ""), "[Service]", True),
    "one of two": (f"{KNOWN}\nWantedBy=\nNeedDaemonReload=no\n", "[Service]", True),
    "systemd does not tell": ("", "[Service]", True),
    "another text, which may be older than what was read": (KNOWN, "[Service]\nNice=1", True),
}


@pytest.mark.parametrize(("told", "unit", "anew"), READ.values(), ids=READ)
def test_systemd_reads_units_anew_where_it_may_not_have_read_them(
    place: Place, told: str, unit: str, *, anew: bool
) -> None:
    assert place.switch(place.unpacked("1")) == ""
    (place.tmp / "read").write_text(told)
    place.declare("second", unit)
    before = len(place.calls())
    assert place.switch(place.unpacked("2")) == ""
    assert place.starts == ("2", "second", unit)
    stop, *read, start = place.calls()[before:]
    assert (stop, start) == ("stop -- shop.service", "start -- shop.service")
    assert read == (["daemon-reload"] if anew else [])


def test_a_way_back_has_systemd_read_units_anew(place: Place) -> None:
    """What it goes back to may be older than what was read."""
    nodes = place.unpacked("1")
    assert place.switch(nodes) == ""
    assert place.run(ledger.record_good(nodes, 5)) == ""
    (place.tmp / "read").write_text(KNOWN)
    (place.tmp / "broken").write_text("versions/2\n")
    before = len(place.calls())
    assert "went back to 1" in place.switch(place.unpacked("2"))
    calls = [call.split()[0] for call in place.calls()[before:] if not call.startswith("status")]
    assert calls == ["stop", "start", "stop", "daemon-reload", "start"]


def test_what_a_killed_run_has_not_had_read_is_read_at_the_next_switch(place: Place) -> None:
    """Its units may be older than those that systemd has read, which tells of newer ones only."""
    assert place.switch(place.unpacked("1")) == ""
    place.declare("second", "[Service]\nNice=1")
    assert place.switch(place.unpacked("2")) == ""
    (place.tmp / "read").write_text(KNOWN)
    back = sh("aim {}\nswing", "1.1")
    assert place.run(lines(generations.declared(str(place.root), str(place.held)), generations.GENERATIONS, back)) == ""
    place.declare("third", "[Service]")
    before = len(place.calls())
    assert place.switch(place.unpacked("3")) == ""
    assert [call.split()[0] for call in place.calls()[before:]] == ["stop", "daemon-reload", "start"]


def test_what_failed_too_often_under_another_root_is_started_all_the_same(place: Place) -> None:
    assert place.switch(place.unpacked("1")) == ""
    *_, forgotten, started = (place.tmp / "calls").read_text().splitlines()
    assert (forgotten, started) == ("reset-failed --quiet -- shop.service", "start -- shop.service")


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
    "it cannot tell": ("exit 0", ""),
    "it prints something else": ("echo usage; exit 0", ""),
    "it ends": ("exit 7", "ends with status 7 before it reaches the emulator"),
    "a file is missing": ("set -e; . /no/such/file", "/no/such/file"),
    "a limit is too high": ("ulimit -n 100000 || exit", "ends with status"),
    "it complains and ends well": (
        "echo 'no such thing' >&2; exit 0",
        "prints this, and does not reach the emulator\nno such",
    ),
    "there is no bus": (
        "echo 'Failed to connect to bus: No such file or directory' >&2; exit 1",
        "file or directory\nwithout D-Bus no unit can be made to try it in: install the package dbus on this host",
    ),
    "it waits": ("sleep 20", "did not reach the emulator within 2 s"),
    "it tells a secret": (
        "exec >&2; echo a-secret-value; echo cookie canary-8812; echo told; exit 1",
        "emulator\ntold\n",
    ),
    "it tells and starts": ("echo 'a warning' >&2", ""),
}
CTL = """#!/bin/sh
[ "$NODE_FILES $1 $2 $3 $4 $5 $7" = 'next --release 1 --timeout {seconds} --unit run' ] || exit 99
shift 7
set -a
. {env}
set +a
ulimit -n 1000
exec timeout {seconds} "$@"
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become the node's user")
@pytest.mark.parametrize(("changed", "missing"), REHEARSED.values(), ids=REHEARSED)
def test_a_start_is_rehearsed_before_anything_stops(
    place: Place, changed: str, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = 2 if "within 2 s" in missing else 60  # who does not wait may take longer on a busy machine
    monkeypatch.setattr("deployer.releases.rehearse.DEADLINE", seconds)
    nodes = place.unpacked("1")
    script, env = Path(nodes.release) / "bin/shop", place.held / "next" / "shop.env"
    script.parent.mkdir()
    script.write_text(SCRIPT % changed)
    script.chmod(0o755)
    env.parent.mkdir(parents=True)
    env.write_text(ENVIRONMENT + 'RELEASE_DISTRIBUTION="name"\nTOKEN="a-secret-value"\n')
    ctl = place.tmp / "shop-ctl"
    ctl.write_text(CTL.format(env=env, seconds=seconds))
    ctl.chmod(0o755)
    node = replace(
        nodes.nodes[0], node="shop@10.0.0.2", env_file="/shop.env", vm_args_file="/etc/shop.vm.args", ctl=str(ctl)
    )
    stage, rehearsal, switch = replace(nodes, name="shop", nodes=(node,)).fix(
        {"shop release": Change("shop release", "", "")}
    )
    assert (rehearsal.what, switch.what) == ("rehearse the start of shop", "restart shop.service")
    assert (stage.ahead, rehearsal.ahead, switch.ahead) == (True, True, False)
    said = place.run(rehearsal.text)
    assert (missing in said) if missing else said == "", said
    assert "canary-8812" not in said
    assert "a-secret-value" not in said


def test_a_host_that_nobody_has_prepared_is_told_by_its_missing_user(place: Place) -> None:
    nodes = place.unpacked("1")
    node = replace(nodes.nodes[0], node="shop@10.0.0.2", user="nobody-yet", ctl=str(place.tmp / "shop-ctl"))
    _, rehearsal, _ = replace(nodes, name="shop", nodes=(node,)).fix({"shop release": Change("shop release", "", "")})
    assert "this host has no user nobody-yet; site.yml creates it" in place.run(rehearsal.text)


def test_what_is_not_whole_stops_nothing(place: Place) -> None:
    nodes = place.unpacked("1")
    (Path(nodes.release) / ".complete").unlink()
    assert "is not complete" in place.switch(nodes)
    assert not (place.tmp / "calls").exists()


def test_a_bad_release_is_left_for_the_good_one_with_the_files_it_was_good_with(place: Place) -> None:
    old = place.unpacked("1")
    assert place.switch(old) == ""
    assert place.run(ledger.record_good(old, 5)) == ""
    assert ledger.parse_ledger(see_ledger(place)).away is None, "nothing was stopped"
    new = place.unpacked("2")
    place.declare("second", "[Service]\nLimitCORE=1")
    (place.tmp / "broken").write_text("versions/2\n")
    said = place.switch(new)
    assert "went back to 1, with the files of its last good deploy" in said
    assert place.starts == ("1", "first", "[Service]")
    seen = ledger.parse_ledger(see_ledger(place))
    assert (seen.current, seen.good, seen.bad, seen.previous) == ("1", ("1",), {"2": "it did not start"}, "")
    assert seen.away is not None
    (place.root / "ledger/away").write_text("08\x1b[2J\n")
    assert ledger.parse_ledger(see_ledger(place)).away is None
    assert [(one.number, one.event, one.release) for one in seen.entries] == [
        (1, "switch", "1"), (2, "good", "1"), (3, "switch", "2"), (4, "bad", "2"), (5, "back", "1"),
    ]  # fmt: skip
    assert all("@" in one.run for one in seen.entries)


def test_a_way_back_reaches_what_the_release_that_is_left_has_no_file_for(place: Place) -> None:
    """A release of rebar3 has a start file, and one of mix none: its link goes when that is good."""
    start = place.tmp / "etc/shop.start"
    old = place.unpacked("1")
    old = replace(old, nodes=(replace(old.nodes[0], configs=(*old.nodes[0].configs, str(start))),))
    file = Template(dest=str(start), src=Blob.of("starts it"), generations=str(place.held))
    assert do(file.fix(file.differences(see(file, place.tmp))), place.tmp) == ""
    assert place.switch(old) == ""
    assert place.run(ledger.record_good(old, 5)) == ""
    new = place.unpacked("2")
    assert place.switch(new) == ""
    assert place.run(ledger.record_good(new, 5)) == ""
    assert start.is_symlink()
    start.unlink()
    assert place.run(ledger.go_back(new, "1")) == ""
    assert (place.current, start.read_text()) == ("1", "starts it")
    assert "enable" not in (place.tmp / "calls").read_text(), "no unit has another name"


def test_files_alone_can_be_bad_too_and_then_the_release_is_not_blamed(place: Place) -> None:
    nodes = place.unpacked("1")
    place.switch(nodes)
    place.run(ledger.record_good(nodes, 5))
    place.declare("second")
    (place.tmp / "broken").write_text("versions/1\n")
    stage, switch = nodes.fix({"shop config": Change("shop config", "older", "current")})
    assert place.run(stage.text) == ""
    assert "going back to 1 failed too" in place.run(switch.text), "the test's systemctl blames the release"
    assert place.config.read_text() == "first"
    assert ledger.parse_ledger(see_ledger(place)).bad == {}


SLOW = {
    "systemd's next try is in time": (["deactivating", "activating", "active"], "went back to 1, with the files"),
    "systemd gives up": (["activating", "failed"], "going back to 1 failed too"),
    "it is still starting": (["activating"], "1 is back, but does not run yet: systemd keeps trying to start shop"),
}


@pytest.mark.parametrize("name", quick(SLOW, 1))
def test_a_way_back_that_starts_slowly_is_told_as_it_is(place: Place, name: str) -> None:
    states, end = SLOW[name]
    """Both releases miss their time; what systemd says of the unit afterwards, once for each time it is asked."""
    nodes = place.unpacked("1")
    place.switch(nodes)
    place.run(ledger.record_good(nodes, 5))
    (place.tmp / "broken").write_text("versions/1\nversions/2\n")
    (place.tmp / "states").write_text("".join(f"{state}\n" for state in states))
    said = place.switch(with_patience(place.unpacked("2"), 1))
    assert end in said
    seen = ledger.parse_ledger(see_ledger(place))
    assert (seen.current, seen.bad) == ("1", {"2": "it did not start in time (unit.TimeoutStartSec)"})


def with_patience(nodes: BeamNodes, seconds: int) -> BeamNodes:
    return replace(nodes, nodes=(replace(nodes.nodes[0], start_seconds=seconds, stop_seconds=0),))


def test_files_that_lead_to_another_root_are_read_until_the_nodes_stop(place: Place) -> None:
    """The declaration moves to another root: until the switch a start takes the old release with its own files."""
    place.switch(place.unpacked("1"))
    old = place.starts
    place.root, place.held = place.tmp / "srv", place.tmp / "generations-of-srv"
    nodes = place.unpacked("2")
    place.declare("second", "[Service]\nLimitCORE=1")
    stage, switch = nodes.fix({key: Change(key, None, "2") for key in ("current", "shop release")})
    assert place.run(stage.text) == ""
    assert (place.config.read_text(), Path(generations.drop_in("shop.service")).read_text()) == old[1:]
    assert place.run(switch.text) == ""
    assert place.starts == ("2", "second", "[Service]\nLimitCORE=1")


def test_what_another_run_has_staged_is_never_switched_to(place: Place) -> None:
    place.switch(place.unpacked("1"))
    nodes = place.unpacked("2")
    stage, switch = nodes.fix({key: Change(key, None, "2") for key in ("current", "shop release")})
    assert place.run(stage.text) == ""
    (place.held / "next.run").write_text("another run\n")
    (place.tmp / "calls").unlink()
    assert "another run is changing this host; nothing was stopped" in place.run(switch.text)
    assert not (place.tmp / "calls").exists()
    assert place.starts == ("1", "first", "[Service]")


def test_a_draft_of_another_run_is_no_part_of_what_is_staged(place: Place) -> None:
    place.switch(place.unpacked("1"))
    place.declare("of a run that was killed")
    (place.held / "drafts/run").write_text("another run\n")
    assert place.switch(place.unpacked("2")) == ""
    assert place.starts == ("2", "first", "[Service]")
