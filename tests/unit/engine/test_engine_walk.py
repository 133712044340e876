"""A host's walk on a real shell: the first deploy changes, the second does not, and what fails says where."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deployer.engine.walk.walk import Walk
from deployer.errors import (
    ConfigError,
    ConnectionLost,
    DeployerError,
    NotConverged,
    ProbeError,
    Problems,
    StepError,
)
from deployer.events import Stage, TaskPlanned
from deployer.model import Observed
from deployer.sh import Frame, Sh
from deployer.transport.wrappers import ReadOnly
from tests.recorded import RecordedTransport
from tests.unit.engine.engine_kit import Broken, DirectoryHost, Events, Folder, Note, action, host_play, walk


def verdicts(events: object) -> list[str]:
    assert isinstance(events, Events)
    return [event.verdict for event in events.of(TaskPlanned)]


def test_a_deploy_is_three_execs_and_the_second_one_is_one(host: DirectoryHost, place: Path) -> None:
    actions = (action(Folder(path=place.parent / "other")), action(Note(path=place.parent / "a", text="x")))
    first = walk(host, *actions)
    first.plan()
    first.deploy()
    assert (first.changed, first.total, len(host.programs)) == (2, 2, 3)
    assert [program.writes for program in host.programs] == [False, True, False]
    second = walk(host, *actions)
    second.plan()
    second.deploy()
    assert (second.changed, len(host.programs)) == (0, 4)
    assert verdicts(second.emit) == ["ok", "ok"]


class Refusing(Note):
    """What a deploy would not touch, for two reasons."""

    def parse(self, out: str) -> Observed:
        hint = ConfigError("the port is taken", hint="stop what listens there")
        raise Problems([hint, ConfigError(f"it says {out!r}")])


def test_what_a_module_refuses_ends_a_plan_and_is_drift_to_an_audit(host: DirectoryHost, place: Path) -> None:
    asked = (action(Refusing(path=place.parent / "a", text="x"), "a", 7), action(Folder(path=place), "app"))
    planning = walk(host, *asked)
    with pytest.raises(Problems) as caught:
        planning.plan()
    assert [(each.message, each.where) for each in caught.value.each] == [
        ("a: the port is taken", "site.yml:7"), ("a: it says ''", "site.yml:7"),
    ]  # fmt: skip
    assert verdicts(planning.emit) == [], "it is refused as a whole"
    auditing = walk(host, *asked)
    plan = auditing.audit()
    assert ([task.verdict for task in plan.all], auditing.changed) == (["refused", "change"], 2)
    assert plan.refused[0].reason == "the port is taken\n  stop what listens there\nit says ''"
    assert verdicts(auditing.emit) == ["refused", "change"]


def test_a_plan_is_one_exec_and_changes_nothing(host: DirectoryHost, place: Path) -> None:
    planning = Walk(ReadOnly(host), host_play(action(Folder(path=place))), Events())
    plan = planning.plan()
    assert (planning.changed, len(plan.changing), len(host.programs)) == (1, 1, 1)
    assert not place.exists()


def test_a_plan_handed_a_read_only_transport_cannot_deploy(host: DirectoryHost, place: Path) -> None:
    with pytest.raises(DeployerError, match="must not write"):
        Walk(ReadOnly(host), host_play(action(Folder(path=place))), Events()).deploy()
    assert not place.exists()


def test_what_needs_an_earlier_task_runs_in_a_second_segment(host: DirectoryHost, place: Path) -> None:
    actions = (
        action(Folder(path=place)),
        action(Note(path=place / "a", text="x")),
        action(Note(path=place / "b", text="y")),
    )
    going = walk(host, *actions)
    assert [task.verdict for task in going.plan().tasks] == ["change", "unknown", "unknown"]
    going.deploy()
    assert (place / "b").read_text() == "y"
    assert going.changed == 3
    assert [program.writes for program in host.programs] == [False, True, False, True, False]
    assert verdicts(going.emit) == ["change", "unknown", "unknown", "change", "change"]


def test_a_failed_run_counts_what_it_has_changed(host: DirectoryHost, place: Path) -> None:
    going = walk(host, action(Folder(path=place)), action(Broken()), action(Note(path=place.parent / "a", text="x")))
    going.plan()
    with pytest.raises(StepError):
        going.deploy()
    assert going.changed == 1


def test_a_task_that_stays_unknown_is_an_error_at_its_place(host: DirectoryHost, place: Path) -> None:
    with pytest.raises(StepError) as caught:
        walk(host, action(Note(path=place / "a", text="x"), "early", 8)).deploy()
    assert str(caught.value) == "site.yml:8: early: its directory does not exist yet"


def test_a_change_that_does_not_hold_is_not_converged(host: DirectoryHost, place: Path) -> None:
    with pytest.raises(NotConverged, match="note: every step returned 0, but the second reading still differs: absent"):
        walk(host, action(Note(path=place.parent / "a", text="x", lies=True))).deploy()


def test_two_tasks_that_want_different_ends_are_not_converged(host: DirectoryHost, place: Path) -> None:
    one, other = (action(Note(path=place.parent / "a", text=text), text) for text in ("one", "other"))
    with pytest.raises(NotConverged, match="one: every step returned 0"):
        walk(host, one, other).deploy()


def test_an_unreadable_host_is_left_alone(host: DirectoryHost, place: Path) -> None:
    with pytest.raises(ProbeError) as caught:
        walk(host, action(Folder(path=place)), action(Broken(asks="echo so >&2; exit 9"), "odd", 6)).deploy()
    assert str(caught.value) == "site.yml:6: odd: its probe failed with status 9: so"
    assert not place.exists()


@pytest.mark.parametrize(
    "asks", ["echo nonsense", "emit other x", "printf 'state=a\\036state=b\\036'", "emit state x; echo tail"]
)
def test_a_probe_that_answers_nonsense_is_an_error_at_its_place(host: DirectoryHost, asks: str) -> None:
    with pytest.raises(ProbeError, match=r"^site.yml:6: odd: "):
        walk(host, action(Broken(asks=asks), "odd", 6)).plan()


def test_riders_come_along_and_cost_no_exec(host: DirectoryHost, place: Path) -> None:
    going = walk(host, action(Folder(path=place)), extra_probes=(Sh("echo look"), Sh("exit 4")))
    going.plan()
    assert [(frame.rc, frame.out) for frame in going.extra_results] == [(0, "look"), (4, "")]
    assert len(host.programs) == 1


def test_a_skipped_task_is_neither_asked_nor_counted(host: DirectoryHost, place: Path) -> None:
    going = walk(host, action(Folder(path=place), skip="when: false"))
    going.plan()
    going.deploy()
    assert (going.total, going.changed, len(host.programs)) == (0, 0, 1)
    assert not place.exists()


def test_stages_are_told(host: DirectoryHost, place: Path) -> None:
    going = walk(host, action(Folder(path=place)))
    going.plan()
    going.deploy()
    assert isinstance(going.emit, Events)
    assert [event.stage for event in going.emit.of(Stage)] == ["probe", "apply", "probe"]


def test_a_connection_lost_in_a_step_is_the_hosts_error(place: Path) -> None:
    answers = [[Frame(0, 0, ""), Frame(1, 0, "")], [ConnectionLost("gone")]]
    lost = RecordedTransport("web1", answers)
    with pytest.raises(ConnectionLost):
        Walk(lost, host_play(action(Folder(path=place))), Events()).deploy()


def test_what_a_task_without_log_said_when_it_failed_is_not_told(host: DirectoryHost) -> None:
    loud = action(Broken(does="echo canary-55aa; exit 7"))
    going = walk(host, replace(loud, task=replace(loud.task, no_log=True)))
    with pytest.raises(StepError, match="not shown: no_log") as caught:
        going.deploy()
    assert "canary" not in str(caught.value)
    assert "canary" not in repr(going.emit)


def test_what_a_task_says_is_told_once_however_many_segments_there_are(host: DirectoryHost, place: Path) -> None:
    said = action(Note(path=place, text="x"), "debug", skip="debug", says="hello")
    going = walk(host, action(Folder(path=place)), action(Note(path=place / "a", text="x")), said)
    going.deploy()
    events = going.emit
    assert isinstance(events, Events)
    assert [event.reason for event in events.of(TaskPlanned) if event.task == "debug"] == ["hello"]
