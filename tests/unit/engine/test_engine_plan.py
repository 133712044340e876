"""The plan: desired minus observed, with three answers, and the handlers that follow. Pure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deployer.engine.walk.plan import Plan, make
from deployer.engine.walk.planned import handler_id
from deployer.engine.walk.probe import Reading
from deployer.events import TaskPlanned
from deployer.model import MASK, Absent, Change, Observed, Present
from deployer.resolve import Action
from tests.unit.engine.engine_kit import Folder, Note, Service, action, unknown

FILE, LOG = Path("/srv/app/conf"), Path("/srv/app/log")
NOTE = action(Note(path=FILE, text="new"), "write conf", 3, notify=("restart app",))
SERVICE = action(Service(log=LOG, file=FILE), "run app", 4)
RESTART = action(Service(log=LOG, file=FILE), "restart app", 9)
RIGHT, WRONG, GONE = Present({"text": "new"}), Present({"text": "old"}), Absent()


def plan(*asked: tuple[Action, Observed | None], handlers: tuple[Action, ...] = (), notified: tuple[str, ...] = (),
         pending: tuple[str, ...] = ()) -> Plan:  # fmt: skip
    answers = tuple(observed for _, observed in asked if observed is not None)
    return make([a for a, _ in asked], Reading(answers, frozenset(pending)), handlers, frozenset(notified))


@pytest.mark.parametrize(
    ("observed", "verdict", "changes"),
    [
        (RIGHT, "ok", ()),
        (WRONG, "change", (Change("text", "old", "new"),)),
        (GONE, "change", (Change("state", "absent", "present"), Change("text", None, "new"))),
        (Present({"text": "new", "more": "than asked"}), "ok", ()),
        (unknown("its directory does not exist yet"), "unknown", ()),
    ],
)
def test_a_task_has_one_of_three_answers(observed: Observed, verdict: str, changes: tuple[Change, ...]) -> None:
    (planned,) = plan((NOTE, observed)).tasks
    assert (planned.verdict, planned.changes) == (verdict, changes)
    assert bool(planned.steps) == (verdict == "change")


def test_a_thing_that_should_not_be_there_is_removed_once() -> None:
    absent = action(Note(path=FILE, text="", present=False))
    assert plan((absent, WRONG)).tasks[0].changes == (Change("state", "present", "absent"),)
    assert plan((absent, GONE)).tasks[0].verdict == "ok"


def test_a_skipped_task_takes_no_answer() -> None:
    skipped = action(Note(path=FILE, text="x"), "left out", skip="when: false")
    found = plan((skipped, None), (NOTE, WRONG), (skipped, None), (SERVICE, Present({"runs": "yes"})))
    assert [task.verdict for task in found.tasks] == ["skipped", "change", "skipped", "change"]
    assert found.tasks[0].reason == "when: false"


def test_what_an_earlier_task_will_touch_is_foreseen() -> None:
    runs = Present({"runs": "yes"})
    assert plan((NOTE, RIGHT), (SERVICE, runs)).tasks[1].verdict == "ok"
    assert plan((NOTE, WRONG), (SERVICE, runs)).tasks[1].verdict == "change"
    assert plan((NOTE, unknown()), (SERVICE, runs)).tasks[1].verdict == "change"


def test_what_a_later_task_touches_is_not_foreseen() -> None:
    assert plan((SERVICE, Present({"runs": "yes"})), (NOTE, WRONG)).tasks[0].verdict == "ok"


def test_a_change_wakes_its_handler() -> None:
    (woken,) = plan((NOTE, WRONG), handlers=(RESTART,)).handlers
    assert (woken.verdict, woken.handler, woken.reason) == ("change", True, "")
    assert [step.what for step in woken.steps] == ["start"]
    assert woken.changes == (Change("run", None, "start"),)


def test_without_a_change_no_handler_wakes() -> None:
    assert plan((NOTE, RIGHT), handlers=(RESTART,)).handlers == ()


def test_a_handler_that_nobody_names_sleeps() -> None:
    other = action(Service(log=LOG, file=FILE), "restart other")
    assert plan((NOTE, WRONG), handlers=(other,)).handlers == ()


def test_a_handler_of_an_unknown_task_is_unknown() -> None:
    (woken,) = plan((NOTE, unknown()), handlers=(RESTART,)).handlers
    assert (woken.verdict, woken.steps) == ("unknown", ())
    assert "unknown until run" in woken.reason


def test_a_handler_that_one_task_surely_wakes_is_sure() -> None:
    (woken,) = plan((NOTE, unknown()), (NOTE, WRONG), handlers=(RESTART,)).handlers
    assert woken.verdict == "change"


def test_a_handler_of_an_earlier_segment_wakes() -> None:
    assert len(plan((NOTE, RIGHT), handlers=(RESTART,), notified=("restart app",)).handlers) == 1


def test_a_handler_that_an_earlier_run_left_wakes_and_says_why() -> None:
    (woken,) = plan((NOTE, RIGHT), handlers=(RESTART,), pending=(handler_id(RESTART),)).handlers
    assert (woken.verdict, woken.reason) == ("change", "an earlier run was stopped before it")


def test_a_note_of_a_handler_that_is_no_more_is_ignored() -> None:
    assert plan((NOTE, RIGHT), handlers=(RESTART,), pending=("0123456789abcdef",)).handlers == ()


def test_handlers_run_once_and_in_the_order_of_their_definition() -> None:
    first, second = (action(Service(log=LOG, file=FILE), name) for name in ("first", "second"))
    one = action(Note(path=FILE, text="new"), notify=("second", "first"))
    found = plan((one, WRONG), (one, WRONG), handlers=(first, second))
    assert [woken.action.label for woken in found.handlers] == ["first", "second"]


@pytest.mark.parametrize(
    ("chain", "ran"),
    [
        ("a>b b>c c", "a b c"),
        ("c b>c a>b", "a b c"),
        ("y a>y,z z>w w", "a z w y"),
        ("a>z y z>y", "a z y"),
        ("a>y,z y z>y", "a y z y"),
        ("a>b b>a", "a b a b"),
        ("a>a", "a a"),
        ("a b>c c", "a"),
    ],
    ids=lambda text: text.replace(" ", "+"),
)
def test_a_handler_that_a_handler_notifies_runs_in_the_same_run(chain: str, ran: str) -> None:
    pairs = [word.partition(">") for word in chain.split()]
    handlers = tuple(
        action(Service(log=LOG, file=FILE), name, notify=tuple(filter(None, names.split(","))))
        for name, _, names in pairs
    )
    first = action(Note(path=FILE, text="new"), notify=("a",))
    assert [woken.action.label for woken in plan((first, WRONG), handlers=handlers).handlers] == ran.split()
    maybe = plan((first, unknown()), handlers=handlers).handlers
    assert {woken.verdict for woken in maybe} == {"unknown"}
    assert {woken.action.label for woken in maybe} == set(ran.split())


def test_a_skipped_handler_sleeps() -> None:
    skipped = action(Service(log=LOG, file=FILE), "restart app", skip="when: false")
    assert plan((NOTE, WRONG), handlers=(skipped,)).handlers == ()


def test_a_handlers_id_tells_roles_apart() -> None:
    one, other = (action(Folder(path=FILE), "restart", role=role) for role in ("epmd", "node"))
    assert handler_id(one) != handler_id(other)
    assert handler_id(one) == handler_id(action(Folder(path=LOG), "restart", 77, role="epmd"))


def test_the_known_part_ends_before_the_first_unknown_task_and_leaves_handlers_for_later() -> None:
    found = plan(
        (NOTE, WRONG), (SERVICE, Present({"runs": "yes"})), (NOTE, unknown()), (NOTE, WRONG), handlers=(RESTART,)
    )
    part = found.known_part()
    assert len(part.tasks) == 2
    assert part.handlers == ()
    assert [len(found.changing), len(found.unknown)] == [4, 1]


def test_an_answer_becomes_an_event_with_its_place() -> None:
    (planned,) = plan((NOTE, WRONG)).tasks
    expected = TaskPlanned("web1", "write conf", "site.yml:3", "change", (Change("text", "old", "new"),))
    assert planned.event("web1") == expected


FLUSH = action(Note(path=FILE, text="x"), "meta", skip="meta: flush_handlers", flush=True)


def test_handlers_that_are_flushed_run_where_that_is_written_and_once() -> None:
    later = action(Note(path=FILE, text="new"), "write more", 5, notify=("restart app",))
    found = plan((NOTE, WRONG), (FLUSH, None), (SERVICE, Present({"runs": "yes"})), handlers=(RESTART,))
    assert [task.action.label for task in found.tasks] == ["write conf", "meta", "restart app", "run app"]
    assert [task.handler for task in found.tasks] == [False, False, True, False]
    assert found.handlers == ()
    again = plan((NOTE, WRONG), (FLUSH, None), (later, WRONG), handlers=(RESTART,))
    assert [task.action.label for task in again.handlers] == ["restart app"], "notified again behind the flush"
    assert plan((NOTE, RIGHT), (FLUSH, None), handlers=(RESTART,), pending=(handler_id(RESTART),)).handlers == ()
    assert len(plan((NOTE, RIGHT), (FLUSH, None), handlers=(RESTART,), notified=("restart app",)).tasks) == 3


def test_what_a_task_says_is_told_with_its_answer() -> None:
    said = action(Note(path=FILE, text="x"), "debug", skip="debug", says="port: 4000")
    (planned,) = plan((said, None)).tasks
    assert (planned.verdict, planned.reason) == ("ok", "port: 4000")


def test_what_must_not_be_logged_is_masked() -> None:
    hidden = replace(NOTE, task=replace(NOTE.task, no_log=True))
    event = plan((hidden, Present({"text": "canary-7f1e"}))).tasks[0].event("web1")
    assert event.changes == (Change("text", MASK, MASK),)
    assert "canary" not in repr(event)
    assert plan((hidden, GONE)).tasks[0].event("web1").changes[1] == Change("text", None, MASK)
