"""Who goes back, and to what: only hosts that failed in a step or on the ladder, and only to what was judged good."""

from __future__ import annotations

import threading

import pytest

from deployer.engine.host_run import EXIT_ORDER, worst
from deployer.engine.ledger import Ledger
from deployer.engine.roll.back import _revert_target, _revertible
from deployer.errors import DeployerError, Interrupted, Locked, NotConverged, StepError, Unreachable

OLD, BEFORE, NEW = "1.4.0-0aa01122", "1.4.1-0f3a9c71", "1.5.0-77ab01c2"


def test_what_ran_before_is_gone_back_to_when_it_was_judged_good() -> None:
    assert _revert_target(Ledger(current=BEFORE, good=(BEFORE, OLD)), NEW) == BEFORE


def test_what_ran_before_and_was_never_judged_good_is_passed_over() -> None:
    assert _revert_target(Ledger(current=BEFORE, good=(OLD,)), NEW) == OLD
    assert _revert_target(Ledger(current=BEFORE), NEW) == ""


def test_the_release_that_is_left_is_no_way_back_from_itself() -> None:
    assert _revert_target(Ledger(current="", good=(NEW,)), NEW) == ""
    assert _revert_target(Ledger(current="", good=(NEW, OLD)), NEW) == OLD


@pytest.mark.parametrize(
    ("problem", "may"),
    [
        (None, True),
        (StepError("it did not start"), True),
        (NotConverged("rung 7"), True),
        (Unreachable("no route"), False),
        (Interrupted("stopped"), False),
        (Locked("another run"), False),
    ],
)
def test_a_host_that_was_lost_or_stopped_is_left_as_it_is(problem: DeployerError | None, may: bool) -> None:
    assert _revertible(problem) is may


def test_ctrl_c_is_the_exit_code_whatever_else_happened() -> None:
    stop = threading.Event()
    stop.set()
    assert worst([0, 1, 4, 6], stop) == 130
    assert worst([], stop) == 130


@pytest.mark.parametrize(("codes", "code"), [([0, 2], 2), ([6, 0], 6), ([4, 6], 4), ([1, 4, 7], 1), ([3, 1], 3)])
def test_the_worst_of_the_hosts_is_the_runs(codes: list[int], code: int) -> None:
    assert worst(codes, threading.Event()) == code
    assert set(EXIT_ORDER) >= set(codes)
