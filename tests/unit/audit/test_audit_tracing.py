"""What is told of a task that has drifted: what the host knew, or why nothing could be read; and the ways out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from deployer.engine.tracing import trace_drift
from deployer.engine.walk.plan import Plan
from deployer.engine.walk.planned import Planned
from deployer.errors import ConnectionLost
from deployer.events import DriftTraced, Event
from deployer.model import Change, Mark, Task
from deployer.modules.file import File
from deployer.resolve import Action
from deployer.sh import Frame, Program

COMMAND = ("deployer", "deploy", "my site.yml", "-i", "hosts")


@dataclass
class Answering:
    """A host that says one thing to whatever program it gets; None: it is lost."""

    said: str | None
    asked: list[Program] = field(default_factory=list)

    def run(self, program: Program, *, timeout: float) -> Iterator[Frame]:
        del timeout
        self.asked.append(program)
        if self.said is None:
            raise ConnectionLost("the connection broke")
        yield Frame(0, 0, self.said)


def planned(*changes: Change, role: str = "", verdict: Any = "change") -> Planned:
    task = Task("motd", "file", {"path": "/etc/motd"}, Mark("site.yml", 3), role=role)
    return Planned(Action(task, "motd", File(path="/etc/motd", mode="0644", state="file")), verdict, changes)


def traced(host: Answering, *tasks: Planned) -> list[DriftTraced]:
    told: list[Event] = []
    play: Any = SimpleNamespace(host=SimpleNamespace(name="web1"), actions=(), become=False)
    trace_drift(play, Plan(tasks), host, told.append, COMMAND)  # type: ignore[arg-type]
    return [one for one in told if isinstance(one, DriftTraced)]


MODE = Change("mode", "0600", "0644")


def test_what_is_known_comes_with_both_ways_out() -> None:
    (one,) = traced(Answering("marks=/etc/motd\n100 100 root\n\x1eroot=yes\x1e"), planned(MODE))
    assert (one.since, one.sure, one.where) == (100, "unknown", "site.yml:3")
    assert one.restore == "deployer deploy 'my site.yml' -i hosts --limit web1"
    assert one.accept == 'file: {mode: "0600"}'


@pytest.mark.parametrize("host", [Answering(None), Answering("no record")])
def test_a_host_that_cannot_be_read_has_the_ways_out_all_the_same(host: Answering) -> None:
    (one,) = traced(host, planned(MODE))
    assert one.since is None
    assert one.how.startswith("nothing could be read: ")
    assert one.restore
    assert one.accept


def test_what_no_argument_says_is_accepted_by_leaving_the_host_out() -> None:
    host = Answering("")
    (one,) = traced(host, planned(Change("sha256", "aa", "bb")))
    assert one.accept == "when: \"inventory_hostname != 'web1'\""
    (one,) = traced(host, planned(MODE, role="epmd"))
    assert one.accept.splitlines()[0] == "- role: epmd"


def test_without_drift_nothing_is_asked() -> None:
    host = Answering("")
    assert traced(host, planned(verdict="ok")) == []
    assert host.asked == []
