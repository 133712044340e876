"""Blocks whose tasks fail: what rescues them, what is done always, and what a plan says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.errors import ConfigError, NotConverged, StepError
from deployer.events import TaskPlanned
from tests.unit.engine.engine_kit import DirectoryHost, Events
from tests.unit.engine.test_results import Trial
from tests.unit.project_files import Project


@pytest.fixture
def trial(project: Project, tmp_path: Path) -> Trial:
    return Trial(project, DirectoryHost(tmp_path))


def log(trial: Trial) -> str:
    return trial.read("log").replace("\n", " ").strip() if (trial.place / "log").exists() else ""


def say(word: str, more: str = "") -> str:
    return f"- name: {word}\n  shell: echo {word} >>HERE/log{more}\n"


def inside(tasks: str, by: int = 4) -> str:
    return "".join(f"{' ' * by}{line}\n" for line in tasks.splitlines())


def block(tasks: str, rescue: str = "", always: str = "", name: str = "whole") -> str:
    parts = {"block": tasks, "rescue": rescue, "always": always}
    return f"- name: {name}\n" + "".join(f"  {part}:\n{inside(text)}" for part, text in parts.items() if text)


def failed(trial: Trial, tasks: str, match: str) -> str:
    with pytest.raises(StepError, match=match):
        trial.deploy(tasks)
    return log(trial)


BAD = say("bad", "; echo why; exit 3")


def test_a_rescue_runs_where_a_task_fails_and_the_play_goes_on(trial: Trial) -> None:
    tasks = say("a") + block(say("b") + BAD + say("c"), say("r"), say("z")) + say("d")
    planned = trial.plan(tasks)
    assert planned == [("a", "runs"), ("b", "runs"), ("bad", "runs"), ("c", "runs"), ("r", "skipped"), *runs("z", "d")]
    walk = trial.deploy(tasks)
    assert (log(trial), walk.ran) == ("a b bad r z d", 5)
    assert isinstance(walk.emit, Events)
    (told,) = [one.reason for one in walk.emit.of(TaskPlanned) if "rescue of its block" in one.reason]
    assert told == "it failed, and the rescue of its block goes on"


def runs(*names: str) -> list[tuple[str, str]]:
    return [(name, "runs") for name in names]


def test_nothing_of_a_rescue_runs_where_nothing_fails(trial: Trial) -> None:
    trial.deploy(block(say("a"), say("r"), say("z")))
    assert log(trial) == "a z"


def test_what_is_done_always_is_done_and_the_host_has_failed_all_the_same(trial: Trial) -> None:
    assert failed(trial, block(say("a") + BAD + say("b"), "", say("z")) + say("d"), "bad: run it|bad: .*status 3") == (
        "a bad z"
    )


@pytest.mark.parametrize(
    ("tasks", "found"),
    {
        "a rescue that fails": (block(BAD, say("r") + BAD + say("s"), say("z")) + say("d"), "bad r bad z"),
        "always that fails": (block(BAD, "", say("y") + BAD + say("z")) + say("d"), "bad y bad"),
        "a block in a block": (block(block(BAD + say("b"), "", say("y")) + say("c"), "", say("z")), "bad y z"),
    }.values(),
    ids=["rescue", "always", "nested"],
)
def test_what_fails_for_good_fails_the_host(trial: Trial, tasks: str, found: str) -> None:
    assert failed(trial, tasks, "bad") == found


@pytest.mark.parametrize(
    ("tasks", "found"),
    {
        "caught by the outer": (block(block(BAD + say("b"), "", say("y")) + say("c"), say("r"), say("z")), "bad y r z"),
        "caught by the inner": (block(block(BAD, say("q")) + say("c"), say("r"), say("z")), "bad q c z"),
        "thrown on": (block(block(BAD, say("q") + BAD + say("s")) + say("c"), say("r")), "bad q bad r"),
        "twice": (block(BAD, say("q")) + block(BAD, say("r")) + say("d"), "bad q bad r d"),
        "a fail at its place": (block(block(BAD, say("q") + "- fail: {msg: on}\n") + say("c"), say("r")), "bad q r"),
        "a loop": (
            block("- shell: echo {{ item }} >>HERE/log; [ {{ item }} = 1 ]\n  loop: [1, 2, 3]\n", say("r")),
            "1 2 r",
        ),
        "its words": (
            block(BAD, "- shell: echo {{ ansible_failed_task.name }} {{ ansible_failed_result.stdout }} >>HERE/log\n"),
            "bad bad why",
        ),
        "not there yet": (block("- copy: {dest: HERE/no/such, content: x}\n", say("r")), "r"),
    }.values(),
    ids=["outer", "inner", "thrown", "twice", "fail", "loop", "words", "unknown"],
)
def test_what_is_rescued_does_not_fail_the_host(trial: Trial, tasks: str, found: str) -> None:
    trial.deploy(tasks)
    assert log(trial) == found


LOOK = "- name: look\n  command: cat HERE/there\n  changed_when: false\n  register: x\n"


def test_a_reading_that_fails_has_the_rescue_in_the_plan(trial: Trial) -> None:
    tasks = block(LOOK + say("found"), say("r", "; echo {{ x.rc }} >>HERE/log"), say("z"))
    assert trial.plan(tasks) == [("look", "ok"), ("found", "skipped"), ("r", "runs"), ("z", "runs")]
    trial.deploy(tasks)
    assert log(trial) == "r 1 z"
    (trial.place / "there").touch()
    assert trial.plan(tasks) == [("look", "ok"), ("found", "runs"), ("r", "skipped"), ("z", "runs")]


def test_an_assertion_in_a_block_is_rescued_and_that_is_known_in_the_plan(trial: Trial) -> None:
    tasks = block(say("a") + "- name: no\n  assert: {that: 1 > 2}\n" + say("b"), say("r"))
    assert trial.plan(tasks) == [("a", "runs"), ("no", "ok"), ("b", "skipped"), ("r", "runs")]
    trial.deploy(tasks)
    assert log(trial) == "a r"
    with pytest.raises(ConfigError, match="does not hold"):
        trial.plan(block("- assert: {that: 1 > 2}\n", "", say("z")))


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("assert: {that: 1 > 2, fail_msg: 'one is {{ 1 }}'}", "one is 1"),
        ("assert: {that: 1 > 2}", "Assertion failed"),
        ("fail: {msg: no}", "no"),
        ("fail:", "Failed as requested from task"),
    ],
)
def test_a_rescue_is_told_what_ansible_would_tell_it(trial: Trial, task: str, said: str) -> None:
    trial.deploy(block(f"- {task}\n", "- shell: echo {{ ansible_failed_result.msg }} >>HERE/log\n"))
    assert log(trial) == said


def test_a_rescue_shows_nothing_of_what_failed_with_what_no_log_has_set(trial: Trial) -> None:
    hidden = "- {set_fact: {word: canary-91c4}, no_log: true}\n"
    fails = "- shell: echo {{ word }}; exit 3\n"
    walk = trial.deploy(hidden + block(fails, "- debug: {var: ansible_failed_result}\n") + say("d"))
    assert log(trial) == "d"
    assert isinstance(walk.emit, Events)
    assert "canary" not in str(walk.emit.of(TaskPlanned))
    assert "(not shown: no_log)" in str(walk.emit.of(TaskPlanned))


def test_what_a_rescue_makes_is_looked_at_again_and_what_its_block_made_is_not(trial: Trial) -> None:
    write = "- copy: {{dest: HERE/file, content: {}}}\n"
    trial.deploy(block(write.format("new") + BAD, write.format("old")))
    assert trial.read("file") == "old"
    undone = "- copy: {dest: HERE/more, content: x}\n- shell: rm HERE/more\n"
    with pytest.raises(NotConverged):
        trial.deploy(block(BAD, undone))


def test_handlers_run_after_a_rescue_and_not_on_a_host_that_has_failed(trial: Trial) -> None:
    handlers = f"[{{name: h, shell: echo h >>{trial.place}/log}}]"
    tasks = block(say("a", "\n  notify: h") + BAD, say("r"))
    trial.deploy(tasks, handlers=handlers)
    assert log(trial) == "a bad r h"
    with pytest.raises(StepError):
        trial.deploy(block(say("b", "\n  notify: h") + BAD, "", say("z")), handlers=handlers)
    assert log(trial) == "a bad r h b bad z"


def test_a_block_in_a_file_that_is_included_twice_is_two_blocks(trial: Trial) -> None:
    text = block(say("'{{ word }}'", "; [ {{ word }} = y ]"), say("'r{{ word }}'"))
    trial.project.write("more.yml", text.replace("HERE", str(trial.place)))
    include = "- include_tasks: '{{ \"more\" }}.yml'\n  loop: [x, y, w]\n  loop_control: {loop_var: word}\n"
    trial.deploy(include)
    assert log(trial) == "x rx y w rw"


def test_handlers_have_no_rescue(trial: Trial) -> None:
    with pytest.raises(ConfigError, match="neither rescue nor always"):
        trial.plan(say("a"), handlers="[{block: [{shell: 'true'}], rescue: [{shell: 'true'}]}]")
    with pytest.raises(ConfigError, match="rescue belongs to a block"):
        trial.plan("- name: x\n  rescue: []\n")
