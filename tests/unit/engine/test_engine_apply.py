"""Apply: a plan becomes one program of steps; notes before, forgetting after, uploads numbered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deployer.engine.walk.apply import apply
from deployer.engine.walk.elsewhere import Elsewhere
from deployer.engine.walk.plan import Plan, make
from deployer.engine.walk.planned import handler_id
from deployer.engine.walk.probe import Reading
from deployer.engine.walk.steps import STEP_TIMEOUT, jobs, patience, step_program
from deployer.errors import ConnectionLost, Reverted, StepError
from deployer.events import StepDone
from deployer.model import Absent, Observed, Present, Secret
from deployer.modules.base import Changes, Step, sh
from deployer.resolve import Action
from deployer.sh import Frame, encode, payload
from tests.recorded import RecordedTransport
from tests.unit.engine.engine_kit import Broken, DirectoryHost, Events, Folder, Note, Service, action


def planned(*asked: tuple[Action, Observed], handlers: tuple[Action, ...] = (), pending: tuple[str, ...] = ()) -> Plan:
    reading = Reading(tuple(observed for _, observed in asked), frozenset(pending))
    return make([a for a, _ in asked], reading, handlers, frozenset())


def texts(plan: Plan, handlers: tuple[Action, ...] = ()) -> list[str]:
    return [job.text.text for job in jobs(plan, handlers)]


def test_nothing_to_change_is_no_job_and_no_exec(place: Path, tmp_path: Path) -> None:
    host = DirectoryHost(tmp_path)
    plan = planned((action(Folder(path=place)), Present({})))
    assert texts(plan) == []
    list(apply(host, plan, (), become=False, emit=Events()))
    assert host.programs == []


def test_a_handler_is_noted_before_the_task_that_notifies_it_and_forgotten_after_it_ran(place: Path) -> None:
    restart = action(Service(log=place, file=place), "restart")
    one = action(Note(path=place, text="x"), notify=("restart",))
    found = texts(planned((one, Absent()), handlers=(restart,)), (restart,))
    note, write, start, forget = found
    assert handler_id(restart) in note
    assert "mkdir -p" in note
    assert "cat" in write
    assert "start" in start
    assert forget == f'rm -f "$home/notified/"{handler_id(restart)}'


def test_what_has_to_be_confirmed_ends_a_program_and_nothing_runs_before_it_is(place: Path, tmp_path: Path) -> None:
    class Held(Note):
        """Waits for a login."""

        def fix(self, changes: Changes) -> tuple[Step, ...]:
            """Write, and wait."""
            return tuple(replace(step, confirm=60) for step in super().fix(changes))

    class Host(DirectoryHost):
        """Notes when further connections are made, and answers there that all is well."""

        def another(self) -> RecordedTransport:
            """Log in anew."""
            made.append(len(self.programs))
            assert elsewhere._machine(self.name).turn.locked(), "what others do there would meet what waits"
            return RecordedTransport("h", [[Frame(0, answers.pop(0), "it has gone back")]])

    made, answers, events, elsewhere = list[int](), [0, 0, 0, 0, 6, 6], Events(), Elsewhere()
    held = action(Held(path=place / "a", text="x"))
    plan = planned(
        (action(Folder(path=place)), Absent()), (held, Absent()), (action(Note(path=place / "b", text="y")), Absent())
    )
    host = Host(tmp_path)
    assert len(list(apply(host, plan, (), become=False, emit=events, elsewhere=elsewhere))) == 3
    assert (made, [len(one.fragments) for one in host.programs]) == ([1, 1], [2, 1])
    assert [event.what for event in events if isinstance(event, StepDone)][2] == "confirm it over a new connection"
    waits = planned((held, Absent()))
    with pytest.raises(ConnectionLost):
        for _ in apply(host, waits, (), become=False, emit=events, elsewhere=elsewhere):
            raise ConnectionLost("whoever applies it is lost")
    with pytest.raises(Reverted, match="held: it has gone back") as caught:
        list(apply(host, waits, (), become=False, emit=events, elsewhere=elsewhere))
    assert caught.value.where == str(held.task.mark)
    assert len(host.programs) == 4
    assert not elsewhere._machine(host.name).turn.locked(), "however it ends, others have their turn"


def test_a_handler_that_is_skipped_or_not_named_is_not_noted(place: Path) -> None:
    skipped = action(Service(log=place, file=place), "restart", skip="when: false")
    other = action(Service(log=place, file=place), "other")
    one = action(Note(path=place, text="x"), notify=("restart",))
    handlers = (skipped, other)
    assert len(texts(planned((one, Absent()), handlers=handlers), handlers)) == 1


def test_each_step_finds_its_own_uploads(place: Path) -> None:
    two = Step("two", sh("cat {} {}", "x", "y"))
    plan = planned(
        (action(Note(path=place / "a", text="first")), Absent()),
        (action(Folder(path=place)), Absent()),
        (action(Note(path=place / "b", text="second")), Absent()),
    )
    made = step_program(list(jobs(plan, ())), become=True)
    assert [blob.text for blob in made.blobs] == [b"first", b"second"]
    assert [fragment.text.splitlines()[0] for fragment in made.fragments] == [
        'set -- "$blobs/0"',
        f"mkdir {place}",
        'set -- "$blobs/1"',
    ]
    assert made.writes
    assert made.become
    assert not two.blobs


def test_a_secret_upload_is_not_in_the_program(place: Path) -> None:
    from dataclasses import dataclass

    from deployer.model import Blob

    @dataclass(frozen=True, kw_only=True)
    class Hidden(Note):
        def fix(self, changes: object) -> tuple[Step, ...]:
            return (Step("write", sh('cat "$1" >{}', self.path), (Blob.of(Secret("canary-8812")),)),)

    made = step_program(list(jobs(planned((action(Hidden(path=place, text="x")), Absent())), ())), become=False)
    assert "canary-8812" not in encode(made) + repr(made)
    assert made.blobs


def test_what_a_task_does_not_show_is_not_in_the_program_either(place: Path) -> None:
    shown, hushed = action(Note(path=place, text="seen")), action(Note(path=place, text="canary-8813"), hushed=True)
    made = step_program(list(jobs(planned((shown, Absent()), (hushed, Absent())), ())), become=False)
    assert "seen" in encode(made) and "canary-8813" not in encode(made)
    assert b"canary-8813" in b"".join(payload(made))


def test_a_user_and_an_environment_go_with_the_step_not_with_the_bookkeeping(place: Path) -> None:
    restart = action(Service(log=place, file=place), "restart")
    one = action(Note(path=place, text="x"), notify=("restart",), user="shop", environment={"A": "it's"})
    made = step_program(list(jobs(planned((one, Absent()), handlers=(restart,)), (restart,))), become=True)
    assert (made.users, set(made.bounds)) == ({1: "shop"}, {1})
    assert STEP_TIMEOUT < made.bounds[1] < patience(made)
    assert "export A='it'\"'\"'s'" in made.fragments[1].text
    assert "export" not in made.fragments[0].text


def test_steps_run_and_are_told_one_by_one(place: Path, tmp_path: Path) -> None:
    restart = action(Service(log=place / "log", file=place / "a"), "restart")
    one = action(Note(path=place / "a", text="text"), notify=("restart",))
    plan = planned((action(Folder(path=place)), Absent()), (one, Absent()), handlers=(restart,))
    events, host = Events(), DirectoryHost(tmp_path)
    list(apply(host, plan, (restart,), become=False, emit=events, clock=iter(range(99)).__next__))
    assert [(event.task, event.what, event.rc) for event in events.of(StepDone)] == [
        ("folder", "make app", 0),
        ("note", "write a", 0),
        ("restart", "start", 0),
    ]
    assert (place / "a").read_text() == "text"
    assert (place / "log").read_text() == "start\n"
    assert list((host.home / "notified").iterdir()) == []
    assert len(host.programs) == 1


def test_the_first_failure_ends_it_with_the_last_words_and_the_place(place: Path, tmp_path: Path) -> None:
    restart = action(Service(log=place / "log", file=place / "a"), "restart")
    plan = planned(
        (action(Folder(path=place), notify=("restart",)), Absent()),
        (action(Broken(), "break", 5), Present({"state": "wrong"})),
        (action(Note(path=place / "a", text="x")), Absent()),
        handlers=(restart,),
    )
    events, host = Events(), DirectoryHost(tmp_path)
    with pytest.raises(StepError) as caught:
        list(apply(host, plan, (restart,), become=False, emit=events))
    assert str(caught.value) == "site.yml:5: break: try: failed with status 7\n    because"
    assert [(event.task, event.rc, event.output) for event in events.of(StepDone)] == [
        ("folder", 0, ""),
        ("break", 7, "because"),
    ]
    assert not (place / "a").exists()
    assert [left.name for left in (host.home / "notified").iterdir()] == [handler_id(restart)]


def test_only_the_last_twenty_lines_of_a_failure_are_in_the_message(tmp_path: Path) -> None:
    chatty = Broken(does="i=0; while [ $i -lt 100 ]; do echo line $i; i=$((i + 1)); done; exit 1")
    plan = planned((action(chatty), Present({"state": "wrong"})))
    with pytest.raises(StepError) as caught:
        list(apply(DirectoryHost(tmp_path), plan, (), become=False, emit=Events()))
    said = caught.value.message.splitlines()
    assert said[1:] == [f"    line {i}" for i in range(80, 100)]
