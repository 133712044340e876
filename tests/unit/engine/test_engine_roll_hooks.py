"""Hooks around a switch, on the way there and on the way back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deployer.engine.roll.hooks import hook_words
from deployer.engine.roll.rules import STOPPED
from deployer.engine.walk.elsewhere import Elsewhere
from deployer.errors import Interrupted, Reverted, StepError, Unreachable
from deployer.model import Host, Mark
from deployer.resolve.action import Delegate
from deployer.roll_events import BatchEnded, HookDone, HostMoved
from deployer.transport.base import Transport
from tests.unit.engine.roll_kit import Fleet, hook

WHERE = "$(basename $(dirname $TMPDIR))"
"""In a hook: the name of the host on which it runs."""


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


def test_hooks_run_around_the_switch_and_one_runs_once(fleet: Fleet) -> None:
    log = fleet.log
    fleet.before = (
        hook(f"echo drain $(basename $PWD) >>{log}", 7),
        hook(f"echo migrate >>{log}", 8, run_once=True),
    )
    fleet.after = (hook(f"echo undrain >>{log}", 9, local=True),)
    fleet.roll(1, 3)
    assert [line.split()[0] for line in fleet.done if not line.startswith("unpack")] == [
        *("drain", "migrate", "switch", "undrain"),
        *("drain", "drain", "drain", "switch", "switch", "switch", "undrain", "undrain", "undrain"),
    ]
    told = fleet.events.of(HookDone)
    assert [(event.when, event.local) for event in told[:3]] == [
        ("before_switch", False), ("before_switch", False), ("after_start", True),
    ]  # fmt: skip


def test_a_hook_runs_on_another_host_of_the_inventory(fleet: Fleet) -> None:
    (fleet.place / "lb1").mkdir()
    balancer = Delegate("lb1", False, Host("lb1", {}, (), Mark("i.yml", 1)))
    fleet.before = (replace(hook(f"echo drain >>{fleet.log}", 7), place=balancer),)
    fleet.after = (hook(f"echo undrain >>{fleet.log}", 9),)
    roll = fleet.roll(1)
    assert fleet.done.count("drain") == 4
    assert (fleet.place / "lb1" / "home").exists(), "its programs ran there"
    assert hook_words(roll.runs)[0].endswith(", on lb1")


def test_a_balancer_that_does_not_answer_leaves_the_old_node_alone(fleet: Fleet) -> None:
    def connect(host: Host) -> Transport:
        raise Unreachable("no route", where=host.name)

    fleet.elsewhere = Elsewhere(connect)
    balancer = Delegate("lb1", False, Host("lb1", {}, (), Mark("i.yml", 1)))
    fleet.before = (replace(hook(f"echo drain >>{fleet.log}", 7), place=balancer),)
    roll = fleet.roll(1)
    assert fleet.switched() == []
    assert "web1: the task that is delegated to lb1 cannot run there: no route" in str(roll.runs[0].problem)


def test_what_runs_once_runs_before_any_host_of_the_batch_is_switched(fleet: Fleet) -> None:
    fleet.before = (hook(f"sleep 0.3; echo migrate >>{fleet.log}", 8, run_once=True),)
    fleet.roll()
    assert fleet.done.count("migrate") == 1
    assert fleet.done.index("migrate") < min(fleet.done.index(f"switch {name}") for name in fleet.names)


def test_a_hook_that_fails_leaves_the_old_node_alone(fleet: Fleet) -> None:
    fleet.before = (hook("echo cannot drain; exit 3", 7),)
    fleet.after = (hook(f"echo undrain >>{fleet.log}", 9),)
    roll = fleet.roll(1)
    assert fleet.switched() == []
    assert fleet.ends(roll)["web2"] == "not reached"
    problem = roll.runs[0].problem
    assert isinstance(problem, StepError)
    assert str(problem) == "site.yml:7: before_switch: echo: failed with status 3\n    cannot drain"
    assert fleet.events.of(HookDone)[0].output == "cannot drain"


def test_the_first_hook_that_fails_is_the_cause_whatever_fails_after_it(fleet: Fleet) -> None:
    fleet.before, fleet.after = (hook("echo cannot drain; exit 3", 7),), (hook("echo cannot undrain; exit 3", 9),)
    roll = fleet.roll(1)
    assert "cannot drain" in str(roll.runs[0].problem)
    assert [event.output for event in fleet.events.of(HookDone)] == ["cannot drain", "cannot undrain"]


ONCE = {
    "the hook itself": (hook("exit 1", 8, run_once=True),),
    "an ordinary one before it": (hook("exit 1", 7), hook("true", 8, run_once=True)),
}


@pytest.mark.parametrize("name", ONCE)
def test_a_failed_hook_of_the_host_that_runs_those_for_all_stops_its_whole_batch(fleet: Fleet, name: str) -> None:
    fleet.before = ONCE[name]
    roll = fleet.roll()
    assert fleet.switched() == []
    assert fleet.ends(roll) == {"web1": "failed", **dict.fromkeys(["web2", "web3", "web4"], "not reached")}
    assert roll.runs[1].skip_reason == "before_switch has failed on web1, which runs the run_once hooks for all hosts"


def test_after_a_failed_migration_only_who_was_drained_is_undrained(balanced: Fleet) -> None:
    balanced.before = (*balanced.before[:1], hook("exit 1", 8, run_once=True))
    balanced.roll(3)
    assert [around(balanced, name) for name in balanced.names] == [["drain", "undrain"], [], []]


def test_no_hook_runs_where_nothing_is_switched(fleet: Fleet) -> None:
    fleet.roll()
    fleet.before = fleet.after = (hook(f"echo hook >>{fleet.log}", 7),)
    fleet.roll()
    assert "hook" not in fleet.done
    assert fleet.events.of(HookDone) == []


@pytest.fixture
def balanced(fleet: Fleet) -> Fleet:
    """Hosts that are drained and undrained, and can go back; the third one's node falls off the ladder."""
    fleet.names, fleet.good, fleet.falls = ["web1", "web2", "web3"], True, {"web3": 10}
    fleet.before = (
        hook(f"echo drain {WHERE} >>{fleet.log}", 7),
        hook(f"echo migrate >>{fleet.log}", 8, run_once=True),
    )
    fleet.after = (hook(f"echo undrain {WHERE} >>{fleet.log}", 9),)
    return fleet


def around(fleet: Fleet, name: str) -> list[str]:
    return [line.split()[0] for line in fleet.done if line.endswith(name) and not line.startswith("unpack")]


def test_who_is_well_and_goes_back_is_drained_again_and_nothing_migrates(balanced: Fleet) -> None:
    balanced.roll(1, on_failure="rollback_fleet")
    there, back = ["drain", "switch", "undrain"], ["drain", "back", "undrain"]
    assert around(balanced, "web1") == around(balanced, "web2") == there + back
    assert around(balanced, "web3") == ["drain", "switch", "back", "undrain"], "it gets no traffic in between"
    assert balanced.done.count("migrate") == 1
    order = [balanced.done.index(f"back {name}") for name in ("web3", "web2", "web1")]
    assert balanced.done.index("undrain web3") < order[1], "who is well again does not wait for the others"
    assert order == sorted(order)


def test_who_goes_back_with_its_batch_is_drained_once(balanced: Fleet) -> None:
    balanced.falls = {"web1": 10}
    balanced.roll(2, on_failure="rollback_batch")
    assert around(balanced, "web1") == around(balanced, "web2") == ["drain", "switch", "back", "undrain"]
    assert around(balanced, "web3") == []


def test_a_drain_that_fails_is_told_and_keeps_nobody_from_going_back(balanced: Fleet) -> None:
    twice = f'[ "$(grep -c "drained {WHERE}" {balanced.log})" -le 1 ]'
    balanced.before = (hook(f"echo drained {WHERE} >>{balanced.log}; {twice}", 7),)
    roll = balanced.roll(1, on_failure="rollback_fleet")
    assert around(balanced, "web1") == ["drained", "switch", "undrain", "drained", "back", "undrain"]
    assert [event.rc for event in balanced.events.of(HookDone) if event.host == "web1"] == [0, 0, 1, 0]
    assert isinstance(roll.runs[0].problem, Reverted)


def test_who_cannot_go_back_gets_its_traffic_again(balanced: Fleet) -> None:
    balanced.good = False
    roll = balanced.roll(3, on_failure="rollback_batch")
    assert around(balanced, "web1") == ["drain", "switch", "undrain"]
    assert "there is no good release to go back to" in str(roll.runs[0].problem)
    assert around(balanced, "web3") == ["drain", "switch"], "it is not well"


def test_ctrl_c_at_a_drain_leaves_the_old_node_with_its_traffic(balanced: Fleet) -> None:
    balanced.before = balanced.before[:1]
    balanced.events.when(HookDone, lambda _: balanced.stop.set())
    roll = balanced.roll(1)
    assert around(balanced, "web1") == ["drain", "undrain"]
    assert isinstance(roll.runs[0].problem, Interrupted)
    assert {run.skip_reason for run in roll.runs[1:]} == {STOPPED}


def test_ctrl_c_before_what_runs_once_is_no_hook_that_has_failed(balanced: Fleet) -> None:
    def at_switch(event: HostMoved) -> None:
        if event.state == "at switch":
            balanced.stop.set()

    balanced.events.when(HostMoved, at_switch)
    roll = balanced.roll(2)
    assert not {"migrate", "drain web1", "switch web1"}.intersection(balanced.done)
    assert {run.skip_reason for run in roll.runs if not run.problem} == {STOPPED}
    assert [batch.ended for batch in balanced.events.of(BatchEnded)] == ["stopped"]
