"""What ends a roll early: a person, a host that fails, a rule; and what becomes of whom."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.engine.ladder.rung import Rung, RungResult
from deployer.engine.roll.back import settle
from deployer.engine.roll.ending import Fallen, mark_failed
from deployer.engine.roll.host_roll import HostRoll
from deployer.engine.roll.restart import Lives
from deployer.engine.roll.state import HostState, Verification
from deployer.errors import DeployerError, NotConverged, Reverted, Unreachable
from deployer.events import Note, Stage
from deployer.modules.base import Changes, Step
from deployer.roll_events import STOPPED, BatchEnded, BatchStarted, HostMoved
from deployer.sh import Sh, sh
from tests.samples import quick
from tests.unit.engine.engine_kit import action
from tests.unit.engine.roll_kit import Fleet, Scripted


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


def test_a_no_ends_the_roll_and_is_no_failure_of_what_is_switched(fleet: Fleet) -> None:
    def ask(question: str) -> bool:
        fleet.answers.append(question)
        return len(fleet.answers) < 2

    roll = fleet.roll(1, pause="ask", ask=ask, on_failure="rollback_fleet")
    assert fleet.switched() == ["web1", "web2"]
    assert fleet.answers == ["still to come: web2, web3, web4. Go on?", "still to come: web3, web4. Go on?"]
    assert fleet.ends(roll) == {"web1": "new", "web2": "new", "web3": "not reached", "web4": "not reached"}
    assert roll.runs[3].skip_reason == "stopped by your answer"
    (note,) = fleet.events.of(Note)
    assert note.text.startswith("stopped by your answer; switched: web1, web2; not reached: web3, web4")
    assert fleet.stop.is_set(), "the run ends as after Ctrl-C"


def test_ctrl_c_at_a_question_leaves_the_rest_alone(fleet: Fleet) -> None:
    def stop(_: str) -> bool:
        fleet.stop.set()
        return False

    roll = fleet.roll(1, pause="ask", ask=stop, on_failure="rollback_fleet")
    assert fleet.switched() == ["web1"]
    assert fleet.ends(roll) == {"web1": "new", **dict.fromkeys(["web2", "web3", "web4"], "not reached")}
    assert {run.skip_reason for run in roll.runs[1:]} == {STOPPED}
    assert len(fleet.events.of(BatchStarted)) == 1


def test_a_batch_in_which_a_host_failed_before_ctrl_c_has_failed(fleet: Fleet) -> None:
    fleet.good, fleet.falls = True, {"web2": 10}
    fleet.events.when(HostMoved, lambda event: fleet.stop.set() if event.state == "reverted" else None)
    fleet.roll(2)
    (batch,) = fleet.events.of(BatchEnded)
    assert (batch.ended, batch.stops) == ("failed", f"{STOPPED}; failed before: web2")


def test_without_a_word_about_pauses_nobody_is_asked(fleet: Fleet) -> None:
    fleet.roll(1, ask=pytest.fail)
    assert fleet.switched() == fleet.names


def test_ctrl_c_while_all_is_prepared_leaves_all_as_they_are(fleet: Fleet) -> None:
    fleet.events.when(Stage, lambda event: fleet.stop.set() if event.stage == "prepare" else None)
    roll = fleet.roll(1)
    assert fleet.switched() == []
    assert set(fleet.ends(roll).values()) == {"not reached"}


def test_a_pause_waits_between_batches_only(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waited.append(timeout or 0)
            return False

    fleet.stop = Stop()
    fleet.roll(2, pause=30.0)
    assert waited == [30.0]


def fall(number: int, *, secondary: bool = False) -> RungResult:
    return RungResult(rung=Rung(number), ok=False, detail="it fell", secondary=secondary)


def node_of(run: HostRoll) -> str:
    return str(run.targets[0].node)


def test_who_only_misses_an_unhealthy_node_is_not_blamed_for_it(fleet: Fleet) -> None:
    one, two, three, _ = runs = [fleet.run(name) for name in fleet.names]
    fallen = {node_of(one): fall(8, secondary=True), node_of(two): fall(3), node_of(three): fall(8, secondary=True)}
    assert mark_failed(runs, fallen) == [two]
    assert (one.problem, three.problem) == (None, None)
    assert str(two.problem) == f"{node_of(two)}: rung 3: it fell"
    assert mark_failed(runs, {node_of(one): fall(8, secondary=True)}) == [one], "when nobody else explains it"


def test_a_host_that_alone_does_not_reach_a_node_of_another_is_not_excused_by_it(fleet: Fleet) -> None:
    one, two, three, _ = (fleet.run(name) for name in fleet.names)
    shut = RungResult(rung=Rung.REACH, ok=False, detail="from web1: no answer", missing=(one.name,))
    fallen = {node_of(one): fall(8, secondary=True), node_of(two): shut}
    both = replace(shut, missing=(one.name, three.name))
    assert mark_failed([one], fallen | {node_of(two): both}) == [], "others do not reach it either"
    assert mark_failed([one], fallen) == [one]
    assert mark_failed([two], {node_of(two): replace(shut, missing=(two.name,))}) == [two]


def test_a_host_that_misses_a_node_whose_turn_has_not_come_does_not_go_back(fleet: Fleet) -> None:
    class Missing(Scripted):
        """web3 falls as soon as web1 has its turn, and web1 misses it."""

        def run(self, runs, busy, unhealthy=frozenset(), urgent=()) -> Fallen:
            Scripted.run(self, runs, busy, unhealthy, urgent)
            one, _, three, _ = runs
            if one.state in (HostState.WAITING, HostState.SETTLED):
                return {}
            return {node_of(one): fall(8, secondary=True), node_of(three): fall(2)}

    fleet.good = True
    fleet.ladder = Missing
    roll = fleet.roll(1)
    assert fleet.ends(roll) == {"web1": "new", "web2": "not reached", "web3": "failed", "web4": "not reached"}
    assert "back web1" not in fleet.log.read_text()


def test_a_host_without_a_good_release_stays_failed_and_says_so(fleet: Fleet) -> None:
    fleet.falls = {"web1": 10}
    problem = fleet.roll(1).runs[0].problem
    assert isinstance(problem, NotConverged)
    assert "this host has no good release to go back to" in problem.hint


class Restarted(Lives):
    """A restart that needs no systemd."""

    def probe(self) -> Sh:
        return sh("emit life_1 'ActiveState=active\nInvocationID=new'")

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        return (Step("restart shop.service", Sh(":")),)


def test_a_host_that_is_unhealthy_after_a_restart_is_told_nothing_of_releases(fleet: Fleet) -> None:
    restart = action(Restarted(wanted="restarted", before={"shop.service": ""}))
    fleet.more = {"web1": (restart,)}
    fleet.falls = {"web1": 10}
    problem = fleet.roll(1).runs[0].problem
    assert isinstance(problem, NotConverged)
    assert "release" not in problem.hint


LIMITS = {
    "the first one stops it": ({}, None, 1),
    "in so many words": ({"max_failed": 0}, None, 1),
    "a number": ({"max_failed": 1}, None, 2),
    "the play's per cent alone": ({}, 50.0, 4),
    "both, and the number is less": ({"max_failed": 0}, 50.0, 1),
    "both, and the per cent is less": ({"max_failed": 3}, 40.0, 1),
}


@pytest.mark.parametrize("name", quick(LIMITS, 3))
def test_each_limit_that_is_written_holds(fleet: Fleet, name: str) -> None:
    words, percentage, batches = LIMITS[name]
    fleet.names = [f"web{i}" for i in range(1, 9)]
    fleet.fails = {"web1", "web3", "web5", "web7"}
    fleet.roll(2, percentage=percentage, **words)
    assert len(fleet.events.of(BatchStarted)) == batches


def test_who_was_never_there_is_no_failure_of_what_is_rolled(fleet: Fleet) -> None:
    fleet.away = {"web2"}
    roll = fleet.roll(1)
    assert fleet.switched() == ["web1", "web3", "web4"]
    assert fleet.events.of(BatchEnded)[-1].stops == ""
    assert isinstance(roll.runs[1].problem, Unreachable)


def test_any_errors_fatal_begins_with_everybody_or_not_at_all(fleet: Fleet) -> None:
    fleet.away, fleet.fatal = {"web2"}, True
    roll = fleet.roll(1, max_failed=3)
    assert fleet.done == []
    assert {run.skip_reason for run in roll.runs if not run.problem} == {"failed: web2; any_errors_fatal is true"}


def test_any_errors_fatal_stops_at_the_first_that_fails(fleet: Fleet) -> None:
    fleet.fails, fleet.fatal = {"web2"}, True
    assert fleet.ends(fleet.roll(1, max_failed=3))["web3"] == "not reached"


def test_without_its_canary_a_roll_does_not_begin(fleet: Fleet) -> None:
    fleet.away = {"web2"}
    roll = fleet.roll(1, canary="web2")
    assert fleet.done == []
    assert roll.runs[0].skip_reason == "the canary web2 cannot go first: no route"


def test_where_nothing_runs_yet_no_canary_is_missed(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, new=4)
    fleet.away = {"web2"}
    fleet.roll(1, canary="web2")
    assert sorted(fleet.switched()) == ["web1", "web3", "web4"]


@pytest.mark.parametrize(
    ("problem", "health", "kind"),
    [
        (NotConverged("it fell"), Verification.HEALTHY, Reverted),
        (Reverted("it did not start"), Verification.HEALTHY, Reverted),
        (NotConverged("it fell"), Verification.UNHEALTHY, NotConverged),
        (Reverted("because the roll stopped"), Verification.UNHEALTHY, NotConverged),
        (Reverted("because the roll stopped"), Verification.UNVERIFIED, NotConverged),
    ],
)
def test_who_went_back_is_reverted_only_when_it_is_well_there(
    fleet: Fleet, problem: DeployerError, health: Verification, kind: type[DeployerError]
) -> None:
    run = fleet.run("web1")
    run.state, run.reverted_to, run.problem, run.health = HostState.REVERTED, "1.4.1-0f3a9c71", problem, health
    settle([run])
    assert type(run.problem) is kind
    assert problem.message in str(run.problem)
    assert "1.4.1-0f3a9c71" in str(run.problem)


def test_what_a_node_is_judged_against_follows_its_turn(fleet: Fleet) -> None:
    run = fleet.run("web1")
    (declared,) = run.judged(frozenset())
    run.advance(HostState.WAITING)
    (waiting,) = run.judged(frozenset())
    for state in (HostState.TURN, HostState.SWITCHING, HostState.SWITCHED, HostState.REVERTING):
        run.advance(state)
    run.advance(HostState.REVERTED, to="1.4.1-0f3a9c71")
    (back,) = run.judged(frozenset())
    assert [(each.release_dir, each.version) for each in (declared, waiting, back)] == [
        ("/opt/shop/versions/1.4.2-0123abcd", "1.4.2"),
        (None, None),
        ("/opt/shop/versions/1.4.1-0f3a9c71", "1.4.1"),
    ]
