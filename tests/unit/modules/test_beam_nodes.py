"""The nodes of a release: what runs, from where, with which files; and the switch, on a real shell."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from host_text import do
from sh_runner import frames

from deployer.engine import ledger
from deployer.errors import ConfigError, ProbeError
from deployer.fields import build
from deployer.model import Absent, Change, Present
from deployer.modules import Step
from deployer.modules._ledger import RECORD
from deployer.modules._node_unit import NodeUnit
from deployer.modules._switch import _NODES
from deployer.modules.beam_nodes import BeamNodes
from deployer.sh import Program, Sh, lines, sh

ID = "1.4.2-0f3a9c71"
HERE = f"/opt/shop/versions/{ID}"
SHOP = NodeUnit(
    name="shop",
    unit="shop.service",
    runtime="/run/beam/shop",
    configs=("/etc/beam/shop/shop.vm.args", "/etc/beam/shop/private/shop.env"),
    shared=("/etc/beam/shop/ca.pem",),
)
JOBS = NodeUnit(name="jobs", unit="jobs.service", runtime="/run/beam/jobs", configs=("/etc/beam/shop/jobs.vm.args",))
NODES = BeamNodes(root="/opt/shop", id=ID, cookie="/etc/beam/shop/private/cookie", nodes=(SHOP,))
SHOWN = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "SubState": "running",
    "UnitFileState": "enabled",
    "FragmentPath": "/etc/systemd/system/shop.service",
    "DropInPaths": "",
    "NeedDaemonReload": "no",
    "MainPID": "77",
}
EXE = f"{HERE}/erts-13.1.5/bin/beam.smp"


def told(shown: dict[str, str] | None = None, without: tuple[str, ...] = (), **keys: str) -> str:
    unit = "\n".join(f"{key}={value}" for key, value in {**SHOWN, **(shown or {})}.items())
    said = {"current": f"versions/{ID}", "shown_0": unit, "exe_0": EXE, "stale_0": "", **keys}
    return "".join(f"{key}={value}\x1e" for key, value in said.items() if key not in without)


def differing(out: str, node: BeamNodes = NODES) -> dict[str, str | None]:
    return {key: change.before for key, change in node.differences(node.parse(out)).items()}


DEAD = {"ActiveState": "inactive", "SubState": "dead", "MainPID": "0"}
CASES: dict[str, tuple[str, dict[str, str | None]]] = {
    "all is as declared": (told(), {}),
    "an older release runs": (
        told(exe_0="/opt/shop/versions/1.4.1-aaaaaaaa/erts-13.1.5/bin/beam.smp"),
        {"shop release": "/opt/shop/versions/1.4.1-aaaaaaaa"},
    ),
    "its directory has been removed": (told(exe_0=f"{EXE} (deleted)"), {"shop release": f"{HERE} (deleted)"}),
    "something else runs": (told(exe_0="/usr/bin/dash"), {"shop release": "/usr/bin/dash"}),
    "a file has not been read": (
        told(stale_0="/etc/beam/shop/shop.vm.args"),
        {"shop config": "older than /etc/beam/shop/shop.vm.args"},
    ),
    "the unit has not been read": (
        told({"NeedDaemonReload": "yes"}),
        {"shop config": "older than /etc/systemd/system/shop.service"},
    ),
    "it left no mark at its start": (
        told(without=("stale_0",)),
        {"shop config": "unknown: another unit has started it"},
    ),
    "it does not start at boot": (told({"UnitFileState": "disabled"}), {"shop enabled": "disabled"}),
    "it does not run": (told(DEAD, ("exe_0", "stale_0")), {"shop release": "none", "shop active": "inactive"}),
    "it crashes again and again": (
        told({"ActiveState": "activating", "SubState": "auto-restart", "MainPID": "0"}, ("exe_0", "stale_0")),
        {"shop release": "none", "shop active": "restarting"},
    ),
    "it has given up": (
        told({**DEAD, "ActiveState": "failed"}, ("exe_0", "stale_0")),
        {"shop release": "none", "shop active": "failed"},
    ),
}


@pytest.mark.parametrize(("out", "expected"), CASES.values(), ids=CASES)
def test_what_the_host_says_is_judged(out: str, expected: dict[str, str | None]) -> None:
    assert differing(out) == expected


def test_a_host_without_link_and_units_has_no_nodes() -> None:
    unit = {**DEAD, "LoadState": "not-found", "FragmentPath": "", "UnitFileState": ""}
    assert NODES.parse(told(unit, ("current", "exe_0", "stale_0"))) == Absent()
    assert NODES.parse(told(unit, ("exe_0", "stale_0"))) == Present({"current": f"versions/{ID}"})


@pytest.mark.parametrize("path", ["/lib/systemd/system/ssh.service", "/etc/systemd/system/sshd.service"])
def test_a_unit_of_the_system_is_never_taken_over(path: str) -> None:
    with pytest.raises(ConfigError, match="exists already"):
        replace(NODES, nodes=(replace(SHOP, unit="ssh.service"),)).parse(told({"FragmentPath": path}))


@pytest.mark.parametrize("shown", ["", "LoadState=loaded", "nonsense"])
def test_a_unit_that_systemd_does_not_describe_is_a_probe_error(shown: str) -> None:
    with pytest.raises(ProbeError, match="systemctl"):
        NODES.parse(f"shown_0={shown}\x1e")


BOTH = replace(NODES, nodes=(SHOP, JOBS))


def whats(node: BeamNodes, *keys: str) -> list[str]:
    return [step.what for step in node.fix({key: Change(key, "x", "y") for key in keys})]


def test_each_change_has_its_step_and_a_node_that_is_well_is_left_alone() -> None:
    assert whats(BOTH) == []
    assert whats(BOTH, "shop enabled") == ["enable shop.service"]
    assert whats(BOTH, "jobs config") == ["restart jobs.service"]
    assert whats(BOTH, "shop release", "jobs active") == ["restart shop.service, jobs.service"]
    assert whats(BOTH, "current", "shop release") == [f"switch to {ID} and restart shop.service"]
    assert whats(BOTH, "current") == [f"make {ID} current"]
    everything = ("state", "current", *(f"{n} {k}" for n in ("shop", "jobs") for k in ("release", "enabled")))
    assert whats(BOTH, *everything) == [
        f"enable shop.service, jobs.service and switch to {ID} and restart shop.service, jobs.service"
    ]


def test_a_release_that_failed_here_is_refused_until_the_person_says_so() -> None:
    out = told(current="versions/1.4.1-aaaaaaaa", bad="it did not start")
    with pytest.raises(ConfigError, match="marked bad on this host: it did not start") as caught:
        NODES.parse(out)
    assert "deploy_again=true" in caught.value.hint
    assert "current" in differing(out, replace(NODES, again=True))
    assert differing(told(bad="it did not start")) == {}, "what runs already is not refused"


FORESEEN = {
    "a file it reads": ("/etc/beam/shop/shop.vm.args", "older than /etc/beam/shop/shop.vm.args"),
    "the cluster's cookie": ("/etc/beam/shop/private/cookie", "older than /etc/beam/shop/private/cookie"),
    "the cluster's authority": ("/etc/beam/shop/ca.pem", "older than /etc/beam/shop/ca.pem"),
    "its unit's file": ("/etc/systemd/system/shop.service", "older than /etc/systemd/system/shop.service"),
    "its unit": ("shop.service", "older than shop.service"),
}


@pytest.mark.parametrize(("touched", "expected"), FORESEEN.values(), ids=FORESEEN)
def test_a_plan_foresees_the_restart(touched: str, expected: str) -> None:
    seen = NODES.foresee(frozenset({touched, "/etc/motd"}), NODES.parse(told()))
    assert {key: change.before for key, change in NODES.differences(seen).items()} == {"shop config": expected}


def test_what_the_whole_cluster_shares_does_not_come_back_with_a_release() -> None:
    assert NODES.files == ("/etc/systemd/system/shop.service", *SHOP.configs)
    assert " /etc/beam/shop/ca.pem " in str(NODES.probe()), "it has to be read all the same"


def test_a_plan_foresees_that_a_release_is_replaced_in_place() -> None:
    seen = NODES.foresee(frozenset({HERE}), NODES.parse(told()))
    found = {key: change.before for key, change in NODES.differences(seen).items()}
    assert found == {"shop release": f"{HERE} (before it is replaced)"}


def test_a_plan_does_not_invent_a_node_that_is_not_there() -> None:
    assert NODES.foresee(frozenset({"shop.service"}), Absent()) == Absent()


@pytest.mark.parametrize(
    "unit", ["shop", "../x.service", "a b.service", "x@y.service", "-x.service", "Shop.service", ""]
)
def test_a_unit_is_named_like_a_node(unit: str) -> None:
    with pytest.raises(ConfigError, match="unit"):
        build(
            BeamNodes, {"root": "/opt/shop", "id": ID, "nodes": [{"name": "shop", "unit": unit, "runtime": "/run/x"}]}
        )


def test_desired_names_only_what_is_judged() -> None:
    seen = NODES.parse(told())
    assert isinstance(seen, Present)
    assert NODES.desired().keys.keys() <= seen.keys.keys()


# The switch on a real shell, with a systemctl of the test's own ------------------------------------------------------

SYSTEMCTL = """
systemctl() {{
  echo "$*" >>{0}/calls
  case $1 in
    start) ! grep -qxF "$(readlink {0}/opt/current)" {0}/broken ;;
    --quiet) return 1 ;;
    show) echo 0 ;;
  esac
}}
journalctl() {{ echo "last words"; }}
"""


class Place:
    """A host in a directory: its releases, and a systemctl that notes what it is asked for."""

    def __init__(self, tmp: Path) -> None:
        self.tmp, self.root = tmp, tmp / "opt"
        self.config = tmp / "shop.vm.args"
        self.config.write_text("first")
        (tmp / "broken").touch()

    def unpacked(self, name: str) -> BeamNodes:
        (self.root / "versions" / name).mkdir(parents=True)
        (self.root / "versions" / name / ".complete").touch()
        node = replace(SHOP, configs=(str(self.config),), runtime=str(self.tmp / "run"))
        return BeamNodes(root=str(self.root), id=name, nodes=(node,))

    def run(self, text: Sh) -> str:
        return do((Step("", lines(sh(SYSTEMCTL, self.tmp), text)),), self.tmp)

    def switch(self, nodes: BeamNodes) -> str:
        (step,) = nodes.fix({key: Change(key, None, nodes.id) for key in ("current", "shop release")})
        return self.run(step.text)

    @property
    def current(self) -> str:
        return (self.root / "current").readlink().name

    def calls(self) -> list[str]:
        return [line for line in (self.tmp / "calls").read_text().splitlines() if line.startswith(("st", "daemon"))]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_switch_stops_links_and_starts(place: Place) -> None:
    assert place.switch(place.unpacked("1")) == ""
    assert place.current == "1"
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
    script, env = Path(nodes.release) / "bin/shop", place.tmp / "shop.env"
    script.parent.mkdir()
    script.write_text(SCRIPT % changed)
    script.chmod(0o755)
    env.write_text(ENVIRONMENT)
    node = replace(
        nodes.nodes[0], node="shop@10.0.0.2", user="root", env_file=str(env), vm_args_file="/etc/shop.vm.args"
    )
    rehearsal, switch = replace(nodes, name="shop", nodes=(node,)).fix({"shop release": Change("shop release", "", "")})
    assert (rehearsal.what, switch.what) == ("rehearse the start of shop", "restart shop.service")
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
    place.config.write_text("second")
    (place.tmp / "broken").write_text("versions/2\n")
    said = place.switch(new)
    assert "went back to 1, with the files it was last good with" in said
    assert (place.current, place.config.read_text()) == ("1", "first")
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
    place.config.write_text("second")
    (place.tmp / "broken").write_text("versions/1\n")
    (step,) = nodes.fix({"shop config": Change("shop config", "older", "current")})
    assert "going back to 1 failed too" in place.run(step.text), "the test's systemctl blames the release"
    assert place.config.read_text() == "first"
    assert ledger.parse(see_ledger(place)).bad == {}


def test_prune_keeps_what_somebody_may_go_back_or_forward_to(place: Place) -> None:
    for name in ("1", "2", "3", "4", "5"):
        place.switch(place.unpacked(name))
        nodes = BeamNodes(root=str(place.root), id=name, nodes=())
        if name == "3":
            assert place.run(lines(RECORD, _NODES, sh("root={}\nmark_bad 3 slow", place.root))) == ""
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


def test_a_host_without_a_record_has_an_empty_one(place: Place) -> None:
    assert ledger.parse(see_ledger(place)) == ledger.Ledger()


def see_ledger(place: Place) -> str:

    from deployer.engine import ledger

    (frame,) = frames(Program((ledger.look(str(place.root)),)), ["dash"], place.tmp)
    assert frame.rc == 0
    return frame.out
