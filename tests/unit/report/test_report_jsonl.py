"""JSON lines: every event is one object on one line, whatever a host said."""

from __future__ import annotations

import io
import json

import pytest

from deployer.events import (
    Event,
    HostEnded,
    PlayEnded,
    PlayStarted,
    RunEnded,
    RungRead,
    Stage,
    StepDone,
    TaskPlanned,
)
from deployer.model import Change
from deployer.report.jsonl import JsonLines

EVENTS: list[Event] = [
    PlayStarted("site", "deploy", ("a", "b")),
    Stage("a", "probe"),
    TaskPlanned("a", "copy", "site.yml:3", "change", (Change("mode", None, "0644"),), "why", handler=True),
    StepDone("a", "copy", "write", 1, 0.5, "caf\udce9\n\x1b[31m\u2028 NaN"),
    RungRead("a", "n@a", 7, "cookie accepted", None, "no"),
    HostEnded("a", "changed", 1, 2, 3.0, "line one\nline two", 1),
    PlayEnded("site", 1.0),
    RunEnded(2, 1.5),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_is_one_line_with_its_name_and_fields(event: Event) -> None:
    out = io.StringIO()
    JsonLines(out)(event)
    (line,) = out.getvalue().splitlines()
    assert line.encode("ascii")
    read = json.loads(line)
    assert read.pop("event") == type(event).__name__
    assert set(read) == {name for name in type(event).__slots__ if not name.startswith("_")}


def test_changes_and_strange_bytes_survive() -> None:
    out = io.StringIO()
    report = JsonLines(out)
    for event in EVENTS:
        report(event)
    report.close()
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert lines[2]["changes"] == [{"key": "mode", "before": None, "after": "0644"}]
    assert lines[3]["output"] == "caf\udce9\n\x1b[31m\u2028 NaN"
    assert lines[4]["ok"] is None
