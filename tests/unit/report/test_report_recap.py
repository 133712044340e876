"""What stands last in the report for a person: every host, what is wrong with it, and what to do."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.report.terminal_kit import ended, play, report


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
