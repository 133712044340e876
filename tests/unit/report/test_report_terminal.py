"""The report for a person: plans, steps, ladders, batches and hooks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deployer.events import Event, PlayEnded, RunEnded, RungRead, StepDone
from deployer.model import Change
from deployer.roll_events import (
    STOPPED,
    BatchEnded,
    BatchStarted,
    HookDone,
    MigrationEnded,
    MigrationSaid,
    RollPlanned,
)
from tests.unit.report.terminal_kit import EVIL, MODE, ended, planned, play, report

TEXT = Change("content", "a\nb\n", "a\nc\n")


def test_a_play_says_what_it_is_about() -> None:
    assert "PLAY site · plan · 2 hosts\n" in report(*play())
    assert "PLAY site · audit · 1 host\n" in report(*play(goal="audit", hosts=("a",)))


def test_hosts_with_the_same_plan_are_printed_once() -> None:
    shown = report(*play(*(planned(host, "motd", "change", MODE) for host in "ab"), planned("c", "other")))
    assert shown.count("~ motd") == 1
    assert "\n  a b\n    ~ motd\n        mode: 0600 → 0644\n" in shown
    assert "\n  c\n    ~ other\n" in shown


def test_what_is_equal_on_several_hosts_is_told_once_and_the_rest_below_its_hosts() -> None:
    def plan(host: str, text: str) -> tuple[Event, ...]:
        own = Change("content", None, f"{text}\n")
        return (
            planned(host, "user", "change", MODE),
            planned(host, "environment", "change", own),
            planned(host, "unit", "change", MODE),
        )

    events = play(*plan("web10", "x"), *plan("web2", "x"), *plan("web1", "y"), hosts=("web1", "web2", "web10"))
    short, whole = report(*events), report(*events, show_diff=True)
    assert short.count("~ environment") == short.count("~ unit") == 1
    assert "\n  web1 web2 web10\n    ~ user\n" in short
    assert "\n  web1 web2 web10\n    ~ user\n        mode: 0600 → 0644\n    ~ unit\n" in whole
    assert "\n  web1\n    ~ environment\n" in whole
    assert "\n  web2 web10\n    ~ environment\n" in whole


def test_each_block_stands_where_its_first_task_comes() -> None:
    events = (planned("a", "last"), planned("b", "first"), planned("b", "last"))
    shown = report(*play(*events))
    assert "\n  b\n    ~ first\n\n  a b\n    ~ last\n" in shown


def test_a_task_that_is_there_twice_is_told_twice() -> None:
    twice = [planned("a", "same", "change", MODE), planned("a", "same", "change", MODE)]
    assert report(*play(*twice)).count("~ same") == 2


def test_tasks_without_changes_are_shown_only_when_asked_for() -> None:
    events = play(planned("a", "same", "ok"), planned("a", "left", "skipped", reason="when is false"))
    assert "same" not in report(*events)
    shown = report(*events, verbosity=1)
    assert "    = same  site.yml:3\n" in shown
    assert "    - left  (when is false)  site.yml:3\n" in shown


def test_an_unknown_task_says_why_even_in_a_deploy() -> None:
    events = play(planned("a", "later", "unknown", reason="the user shop does not exist yet"), goal="deploy")
    assert "    ? later  (the user shop does not exist yet)\n" in report(*events)


def test_an_audit_tells_what_a_deploy_would_refuse_and_why() -> None:
    events = play(
        planned("a", "how they talk", "refused", reason="it runs with TCP\n  restart\nand so on"), goal="audit"
    )
    shown = report(*events)
    assert "    ! how they talk  (a deploy refuses)\n" in shown
    assert "        it runs with TCP\n          restart\n        and so on\n" in shown


def test_a_deploy_does_not_repeat_its_plan_unless_asked() -> None:
    events = play(planned("a", "motd", "change", MODE), goal="deploy")
    assert "motd" not in report(*events)
    assert "~ motd" in report(*events, verbosity=2)


def test_a_diff_is_printed_only_when_asked_for() -> None:
    events = play(planned("a", "motd", "change", TEXT))
    assert "content: 2 → 2 lines" in report(*events)
    assert "-b" not in report(*events)
    shown = report(*events, show_diff=True)
    assert "        -b\n        +c\n" in shown


def test_steps_are_told_as_they_end() -> None:
    shown = report(StepDone("web1", "motd", "write /etc/motd", 0, 0.25), StepDone("web1", "x", "x", 1, 1.0))
    assert "  ✓ web1         motd · write /etc/motd  0.2 s\n" in shown
    assert "  ✗ web1         x  1.0 s\n" in shown


def test_what_went_well_before_a_failure_is_told_before_it() -> None:
    steps = StepDone("a", "nodes", "rehearse", 0, 0.1), StepDone("a", "nodes", "switch", 1, 1.0)
    both = planned("a", "nodes", "change", MODE), planned("b", "nodes", "change", MODE)
    shown = report(*play(*both, *steps, goal="deploy"))
    assert "  ✓ a            nodes · rehearse  0.1 s\n  ✗ a            nodes · switch  1.0 s\n" in shown


def rung(number: int, ok: bool | None = True, detail: str = "fine", advice: str = "") -> RungRead:
    return RungRead("web1", "shop@web1", number, f"title {number}", ok, detail, advice, 1.25)


def test_a_ladder_without_trouble_is_one_line_a_node() -> None:
    shown = report(*play(rung(1), rung(2), rung(10), goal="verify"))
    assert "  LADDER\n    ✓ web1         shop@web1                    1 2 10  1.2 s\n" in shown
    assert "title" not in shown


def test_a_failed_rung_shows_cause_and_next_step() -> None:
    shown = report(
        *play(rung(1), rung(2, ok=False, detail="is failed\nlast words", advice="look there"), goal="verify")
    )
    assert "    ✗ web1" in shown
    assert "1 2✗" in shown
    assert "        2 title 2: is failed\n          last words\n          → look there\n" in shown


def test_a_rung_that_cannot_be_climbed_is_neither_passed_nor_failed() -> None:
    shown = report(*play(rung(7, ok=None, detail="no cookie is declared"), goal="verify"))
    assert "✓ web1" in shown
    assert "7?" in shown
    assert "7 title 7: no cookie is declared" in shown


def test_every_rung_is_shown_when_asked_for() -> None:
    assert "title 1: fine" in report(*play(rung(1), goal="verify"), verbosity=1)


def test_a_second_play_forgets_the_first() -> None:
    shown = report(*play(planned("a", "first"), ended("a")), *play(planned("a", "second"), ended("a")))
    second = shown[shown.rindex("PLAY") :]
    assert "first" not in second
    assert second.count("    a  ") == 1


ROLL = RollPlanned((("a",), ("b", "c")), ("before_switch: migrate, once, before the first switch",))


def test_a_play_within_a_play_tells_each_plan_and_each_end_once() -> None:
    """As when hosts retire: those that stay are planned before those that leave have ended."""
    *inner, _ = play(planned("a", "firewall"), ended("a"), hosts=("a",))
    outer, *_ = play(hosts=("z",))
    shown = report(outer, planned("z", "retire shop@z"), *inner, ended("z"), PlayEnded("site", 4.0), RunEnded(0, 4.0))
    assert [shown.count(text) for text in ("retire shop@z", "firewall", "a            ok", "z            ok")] == [
        1
    ] * 4


def test_a_plan_shows_batches_and_hooks() -> None:
    shown = report(*play(ROLL))
    assert "2 batches: a | b c\n    before_switch: migrate, once, before the first switch\n" in shown
    unsure = report(*play(replace(ROLL, unsure=("b", "c"))))
    assert "2 batches: a | b c\n    unknown until run whether nodes are switched on: b c\n    before_switch" in unsure
    assert "batches" not in report(*play(ROLL, goal="deploy")), "a deploy tells each batch as it comes"


def test_a_batch_is_told_with_its_health_and_what_stops_the_roll() -> None:
    batch = BatchStarted(1, 2, ("a",)), BatchEnded(1, 2, ("a",), False, 2, 3, 4.0, f"failed: a {EVIL}")
    shown = report(*play(*batch, ended("b", "not reached"), goal="deploy"))
    assert (
        "BATCH 1 of 2  a\n  ✗ the batch failed; 2 of 3 nodes healthy  4.0 s\n    the roll stops: failed: a ok\\x0d"
        in shown
    )
    assert "b            not reached" in shown
    assert "b            stopped" in report(*play(ended("b", "stopped"), goal="deploy"))
    stopped = replace(batch[1], stops=STOPPED)
    assert "  ? the batch was stopped; 2 of 3 nodes healthy" in report(*play(stopped, goal="deploy"))


@pytest.mark.parametrize(("rc", "verbosity", "shown"), [(0, 0, False), (0, 1, True), (3, 0, True)])
def test_what_a_hook_printed_is_shown_when_it_fails_or_when_asked(rc: int, verbosity: int, shown: bool) -> None:
    hook = HookDone("a", "after_start", "undrain", "run lbctl", True, rc, 0.5, "from the balancer")
    told = report(*play(hook, goal="deploy"), verbosity=verbosity)
    assert f"{'✗' if rc else '✓'} a            after_start · undrain (on this machine)  0.5 s" in told
    assert ("from the balancer" in told) is shown


def test_a_migration_is_planned_heard_line_by_line_and_ended() -> None:
    planned = replace(ROLL, hooks=(), migrations=("migrate: M.up(), once, on a as shop, before the first switch",))
    assert "2 batches: a | b c\n    migrate: M.up(), once, on a as shop" in report(*play(planned))
    said = MigrationSaid("a", "1.4.2-aa", f"one\ntwo {EVIL}")
    done = report(*play(said, MigrationEnded("a", "1.4.2-aa", "M.up()", 0.5), goal="deploy"))
    assert "    a            one\n    a            two ok\\x0d" in done
    assert "✓ a            migrate · M.up()  0.5 s" in done
    failed = report(*play(MigrationEnded("a", "1.4.2-aa", "M.up()", 0.5, "failed with status 1"), goal="deploy"))
    assert "✗ a            migrate · M.up()  0.5 s" in failed
