"""The report for a person, printed into a string."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from deployer.events import (
    BatchEnded,
    BatchStarted,
    Event,
    HookDone,
    HostEnded,
    PlayEnded,
    PlayStarted,
    RollPlanned,
    RunEnded,
    RungRead,
    Stage,
    StepDone,
    TaskPlanned,
)
from deployer.model import Change
from deployer.report.terminal import Terminal, problem

MODE = Change("mode", "0600", "0644")
TEXT = Change("content", "a\nb\n", "a\nc\n")
EVIL = "ok\r\x1b[2Jforged\u202e\udcff"


def report(
    *events: Event, show_diff: bool = False, verbosity: int = 0, terminal: bool = False, width: int = 200
) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=terminal, color_system="truecolor" if terminal else None)
    printer = Terminal(console, show_diff=show_diff, verbosity=verbosity)
    for event in events:
        printer(event)
    printer.close()
    return out.getvalue()


def planned(host: str, task: str, verdict: str = "change", *changes: Change, reason: str = "") -> TaskPlanned:
    return TaskPlanned(host, task, "site.yml:3", verdict, changes, reason)  # type: ignore[arg-type]


def ended(host: str, ending: str = "ok", problem: str = "") -> HostEnded:
    return HostEnded(host, ending, 1, 4, 2.0, problem)  # type: ignore[arg-type]


def play(*events: Event, goal: str = "plan", hosts: tuple[str, ...] = ("a", "b")) -> tuple[Event, ...]:
    return (PlayStarted("site", goal, hosts), *events, PlayEnded("site", 3.0), RunEnded(0, 3.0))


def test_a_play_says_what_it_is_about() -> None:
    assert "PLAY site · plan · 2 hosts\n" in report(*play())
    assert "PLAY site · audit · 1 host\n" in report(*play(goal="audit", hosts=("a",)))


def test_hosts_with_the_same_plan_are_printed_once() -> None:
    shown = report(*play(*(planned(host, "motd", "change", MODE) for host in "ab"), planned("c", "other")))
    assert shown.count("~ motd") == 1
    assert "\n  a b\n    ~ motd\n        mode: 0600 → 0644\n" in shown
    assert "\n  c\n    ~ other\n" in shown


def test_tasks_without_changes_are_shown_only_when_asked_for() -> None:
    events = play(planned("a", "same", "ok"), planned("a", "left", "skipped", reason="when is false"))
    assert "same" not in report(*events)
    shown = report(*events, verbosity=1)
    assert "    = same  site.yml:3\n" in shown
    assert "    - left  (when is false)  site.yml:3\n" in shown


def test_an_unknown_task_says_why_even_in_a_deploy() -> None:
    events = play(planned("a", "later", "unknown", reason="the user shop does not exist yet"), goal="deploy")
    assert "    ? later  (the user shop does not exist yet)\n" in report(*events)


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


def test_the_recap_comes_last_with_every_host_and_its_problem() -> None:
    shown = report(*play(ended("b", "failed", "it broke\n  do this"), ended("a", "changed"), goal="deploy"))
    recap = shown[shown.index("RECAP") :]
    assert recap.index("    a ") < recap.index("    b ")
    assert "    a            changed      1 of 4 tasks  2.0 s\n" in recap
    assert "failed" in recap
    assert "        it broke\n          do this\n" in recap
    assert "nothing to do" not in recap


def test_a_look_tells_only_of_hosts_that_could_not_be_looked_at() -> None:
    assert "RECAP" not in report(*play(ended("a"), ended("b"), goal="status"))
    shown = report(*play(ended("a"), ended("b", "unreachable", "no answer"), goal="history"))
    assert "    b            unreachable " in shown[shown.index("RECAP") :]
    assert "    a  " not in shown


def test_what_is_wrong_alike_on_several_hosts_is_said_once() -> None:
    old, full = "t.yml:1:1: too old\n  build it anew", "t.yml:1:1: no room\n  make some"
    refused = [replace(ended(f"web{i}", "failed", old), code=3) for i in range(1, 21)]
    refused[6] = replace(refused[6], problem=f"{full}\n{old}")
    shown = report(*play(*refused, goal="deploy"))
    recap = shown[shown.index("RECAP") :]
    assert recap.count("too old") == recap.count("build it anew") == recap.count("no room") == 1
    assert "\n        t.yml:1:1: no room\n          make some\n    web8 " in recap, "one host's own stands below it"
    assert recap.rstrip().endswith("        t.yml:1:1: too old\n          build it anew")
    assert len(recap.splitlines()) == 26


def test_a_plan_says_would() -> None:
    assert "would change" in report(*play(ended("a", "changed")))


def test_nothing_to_do_is_said_when_all_is_well() -> None:
    assert report(*play(ended("a"), ended("b"), goal="deploy")).endswith("\n  nothing to do\n")


def test_a_second_play_forgets_the_first() -> None:
    shown = report(*play(planned("a", "first"), ended("a")), *play(planned("a", "second"), ended("a")))
    second = shown[shown.rindex("PLAY") :]
    assert "first" not in second
    assert second.count("    a  ") == 1


HOSTILE = (
    *play(
        planned("a", EVIL, "change", Change("mode", EVIL, EVIL), reason=EVIL),
        planned("a", "t", "change", Change("content", EVIL + "\n", "\n")),
        StepDone("a", EVIL, EVIL, 1, 0.1, EVIL),
        RungRead("a", "n@a", 2, "unit", False, EVIL, EVIL),
        ended("a", "failed", EVIL),
    ),
)


@pytest.mark.parametrize("terminal", [False, True])
def test_a_host_cannot_forge_what_is_printed(terminal: bool) -> None:
    shown = report(*HOSTILE, show_diff=True, verbosity=2, terminal=terminal)
    assert "\x1b[2J" not in shown
    assert "\u202e" not in shown
    assert "ok\r" not in shown
    assert r"ok\x0d\x1b[2Jforged\u202e\xff" in shown


def test_words_in_brackets_are_not_markup() -> None:
    assert "[bold]x[/bold]" in report(*play(ended("a", "failed", "[bold]x[/bold]")))


def test_nothing_is_cut_or_wrapped_on_a_narrow_terminal() -> None:
    assert "word " * 40 + "end" in report(*play(ended("a", "failed", "word " * 40 + "end")), width=40)


def test_the_live_line_runs_only_on_a_terminal_and_goes_away() -> None:
    events = (PlayStarted("site", "plan", ("a",)), Stage("a", "probe"), ended("a"), PlayEnded("site", 1.0))
    assert "\x1b[" not in report(*events)
    assert "\x1b[" in report(*events, terminal=True)


def test_an_error_before_any_host_is_a_sentence_and_a_next_step() -> None:
    out = io.StringIO()
    problem(Console(file=out, width=40), "site.yml:3: port is wrong\x1b[31m\n  give another")
    assert out.getvalue() == "error: site.yml:3: port is wrong\\x1b[31m\n    give another\n"


def test_an_event_nobody_knows_is_an_error_not_silence() -> None:
    class Strange(Event):
        pass

    with pytest.raises(TypeError, match="Strange"):
        report(Strange())


ROLL = RollPlanned((("a",), ("b", "c")), ("before_switch: migrate, once, before the first switch",))


def test_a_plan_shows_batches_and_hooks() -> None:
    shown = report(*play(ROLL))
    assert "2 batches: a | b c\n    before_switch: migrate, once, before the first switch\n" in shown
    assert "batches" not in report(*play(ROLL, goal="deploy")), "a deploy tells each batch as it comes"


def test_a_batch_is_told_with_its_health_and_what_stops_the_roll() -> None:
    batch = BatchStarted(1, 2, ("a",)), BatchEnded(1, 2, ("a",), False, 2, 3, 4.0, f"failed: a {EVIL}")
    shown = report(*play(*batch, ended("b", "not reached"), goal="deploy"))
    assert (
        "BATCH 1 of 2  a\n  ✗ the batch failed; 2 of 3 nodes healthy  4.0 s\n    the roll stops: failed: a ok\\x0d"
        in shown
    )
    assert "b            not reached" in shown


@pytest.mark.parametrize(("rc", "verbosity", "shown"), [(0, 0, False), (0, 1, True), (3, 0, True)])
def test_what_a_hook_printed_is_shown_when_it_fails_or_when_asked(rc: int, verbosity: int, shown: bool) -> None:
    hook = HookDone("a", "after_start", "undrain", "run lbctl", True, rc, 0.5, "from the balancer")
    told = report(*play(hook, goal="deploy"), verbosity=verbosity)
    assert f"{'✗' if rc else '✓'} a            after_start · undrain (on this machine)  0.5 s" in told
    assert ("from the balancer" in told) is shown
