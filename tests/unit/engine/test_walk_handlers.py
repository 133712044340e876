"""Handlers on a real shell: run once, when they are due, and not lost with a run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deployer.engine.walk.planned import handler_id
from deployer.errors import StepError
from deployer.events import StepDone
from deployer.model import Present
from tests.unit.engine.engine_kit import Broken, DirectoryHost, Events, Folder, Note, Service, action, walk


def test_a_handler_woken_in_the_first_segment_runs_after_the_last(host: DirectoryHost, place: Path) -> None:
    restart = action(Service(log=place.parent / "log", file=place), "restart")
    going = walk(host, action(Folder(path=place), notify=("restart",)), action(Note(path=place / "a", text="x")),
                 handlers=(restart,))  # fmt: skip
    going.plan()
    going.deploy()
    events = going.emit
    assert isinstance(events, Events)
    assert [event.what for event in events.of(StepDone)] == ["make app", "write a", "start"]
    assert (place.parent / "log").read_text() == "start\n"
    assert list((host.home / "notified").iterdir()) == []


def test_a_handler_is_not_lost_when_the_run_ends_before_it(host: DirectoryHost, place: Path) -> None:
    restart = action(Service(log=place.parent / "log", file=place), "restart")
    folder = action(Folder(path=place), notify=("restart",))
    with pytest.raises(StepError):
        walk(host, folder, action(Broken()), handlers=(restart,)).deploy()
    again = walk(host, folder, handlers=(restart,))
    (left,) = again.plan().handlers
    assert left.reason == "an earlier run was stopped before it"
    again.deploy()
    assert (place.parent / "log").read_text() == "start\n"
    third = walk(host, folder, handlers=(restart,))
    assert third.plan().changing == ()


def test_a_foreseen_restart_happens_once(host: DirectoryHost, place: Path) -> None:
    note = action(Note(path=place.parent / "conf", text="x"))
    service = action(Service(log=place.parent / "log", file=place.parent / "conf"))
    walk(host, note, service).deploy()
    os.utime(place.parent / "conf", (1, 1))
    second = walk(host, note, service)
    second.deploy()
    assert second.changed == 0
    assert (place.parent / "log").read_text() == "start\n"


def test_the_id_of_a_handlers_note_is_what_the_probe_reports(host: DirectoryHost, place: Path) -> None:
    noted = host.home / "notified"
    noted.mkdir(parents=True)
    restart = action(Service(log=place, file=place), "restart")
    (noted / handler_id(restart)).touch()
    going = walk(host, action(Folder(path=place.parent)), handlers=(restart,))
    assert [task.action.label for task in going.plan().changing] == ["restart"]
    assert Present({}) == going.host_play.actions[0].module.desired()


def test_flushed_handlers_run_before_what_stands_behind_and_not_again(host: DirectoryHost, place: Path) -> None:
    conf, log = place.parent / "conf", place.parent / "log"
    restart = action(Service(log=log, file=conf), "restart", 9)
    flush = action(Note(path=conf, text="x"), "meta", skip="meta: flush_handlers", flush=True)
    inside = action(Note(path=place / "inside", text="x"), "inside", 5)
    asked = (
        action(Note(path=conf, text="x"), "conf", 1, notify=("restart",)),
        flush,
        action(Folder(path=place), "folder", 3),
        inside,
    )
    going = walk(host, *asked, handlers=(restart,))
    going.deploy()
    events = going.emit
    assert isinstance(events, Events)
    assert [event.task for event in events.of(StepDone)] == ["conf", "restart", "folder", "inside"]
    assert log.read_text() == "start\n"
    assert (going.changed, going.total) == (4, 4)
    again = walk(host, *asked, handlers=(restart,))
    again.deploy()
    assert (again.changed, log.read_text()) == (0, "start\n")
