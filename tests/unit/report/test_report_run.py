"""A run as a page: the facts of ``--json`` and no other, nothing that a host says is markup, and it fits."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from deployer.errors import ConfigError
from deployer.events import (
    Event,
    HostEnded,
    HostSeen,
    NodeSeen,
    Note,
    PlayEnded,
    PlayStarted,
    ReleaseEntry,
    RunEnded,
    RungRead,
    Stage,
    StepDone,
    TaskPlanned,
)
from deployer.model import Change
from deployer.report.jsonl import JsonLines
from deployer.report.run_page import check_pages, run_html, run_json, write_pages
from deployer.roll_events import (
    BatchEnded,
    BatchStarted,
    FactChanged,
    HookDone,
    HostMoved,
    MigrationEnded,
    MigrationSaid,
    RollPlanned,
)

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
EVIL = "</td><script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m\x07\u202e\udce4&amp;\"'`"


def every(say: str = "") -> list[Event]:
    """One event of each kind, every text in it another one, with ``say`` at the end of each."""
    number = iter(range(1000))

    def text(word: str) -> str:
        return f"{word}{next(number)}{say}"

    host, node, play, task = text("host"), text("node"), text("play"), text("task")
    node_seen = NodeSeen(node, text("active"), text("1.2-bb"), 6.25)
    change = Change(text("key"), text("was"), text("will"))
    around = (text("hook"),), (text("unsure"),), (text("migrate"),), (text("opens"),), (text("closes"),)
    entry = ReleaseEntry(7, 1_790_000_001, text("switch"), text("1.4-aa"), text("run"), text("detail"))
    return [
        PlayStarted(play, "deploy", (host,)),
        Stage(host, text("stage")),
        RollPlanned(((host,),), *around),
        TaskPlanned(host, task, text("site.yml"), "change", (change,), text("why")),
        FactChanged(host, task, text("mode"), text("0644"), text("0600")),
        BatchStarted(1, 1, (host,)),
        HookDone(host, text("before"), text("drain"), text("what"), True, 3, 1.25, text("said")),
        MigrationSaid(host, text("1.4-bb"), text("migrating")),
        MigrationEnded(host, text("1.4-cc"), text("expression"), 2.25, text("trouble")),
        StepDone(host, text("write"), text("step"), 4, 3.25, text("output")),
        HostMoved(host, text("state"), text("1.3-aa"), text("reason")),
        RungRead(host, node, 6, text("reachable"), False, text("refused"), text("advice"), 4.25),
        BatchEnded(1, 1, (host,), False, 5, 8, 5.25, text("stops")),
        HostSeen(host, text("shop"), text("1.2-aa"), (node_seen,), (text("1.1-aa"),), ((text("1.0-aa"), text("bad")),),
                 (entry,), 7.25),
        Note(text("note")),
        HostEnded(host, "failed", 11, 13, 8.25, text("problem"), 1, text("1.4-dd")),
        PlayEnded(play, 9.25),
        RunEnded(1, 10.25),
    ]  # fmt: skip


class Texts(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, list[str]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, [name for name, _ in attrs]))

    def handle_data(self, data: str) -> None:
        self.text += data


def leaves(value: Any) -> Iterator[str]:
    """Every text and every number that a line of ``--json`` holds; its flags are signs or words on the page."""
    if isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def test_every_fact_of_json_is_on_the_page() -> None:
    out, events = StringIO(), every()
    lines = JsonLines(out)
    for event in events:
        lines(event)
    text = Texts(run_html(events, NOW)).text
    for line in out.getvalue().splitlines():
        told = json.loads(line)
        kind = told.pop("event")
        missing = [leaf for leaf in leaves(told) if leaf not in text and leaf != "deploy"]
        assert not missing, (kind, missing)


def test_there_is_one_of_each_kind_of_event_that_a_run_has() -> None:
    seen = {type(event).__name__ for event in every()}
    modules = ("deployer.events", "deployer.roll_events")
    known = {kind.__name__ for kind in Event.__subclasses__() if kind.__module__ in modules}
    assert known - seen == {"RuleJudged", "DriftTraced", "MatrixTried"}, "those are an audit's and a matrix's"


def test_the_file_of_json_has_the_lines_of_json() -> None:
    told = json.loads(run_json(every(), NOW))
    assert told["format"] == "deployer-run/1"
    lines = [{"event": type(event).__name__, **asdict(event)} for event in every()]
    assert told["events"] == json.loads(json.dumps(lines))


def test_nothing_that_a_host_says_becomes_markup() -> None:
    page = run_html(every(EVIL), NOW)
    found = Texts(page)
    assert not {"script", "img", "iframe", "object", "a", "link"} & {tag for tag, _ in found.tags}
    assert not [name for _, names in found.tags for name in names if name.startswith("on") or name in ("src", "href")]
    assert "<script>alert(1)</script>" in found.text, "it is told, as text"
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e\udc80-\udcff]", page)
    assert "default-src 'none'" in page
    page.encode()


def test_two_hundred_hosts_fit_and_what_is_equal_is_told_once() -> None:
    events: list[Event] = [PlayStarted("shop", "deploy", tuple(f"web{n}" for n in range(200)))]
    for number in range(200):
        host = f"web{number}"
        events += [Stage(host, stage) for stage in ("connect", "probe", "apply")]
        events += [
            TaskPlanned(host, f"task {n}", "site.yml:3", "change", (Change("mode", "0644", "0600"),)) for n in range(12)
        ]
        events += [StepDone(host, f"task {n}", "write", 0, 0.1) for n in range(6)]
        events += [RungRead(host, f"shop@10.0.0.{number}", n, f"rung {n}", True, "ok") for n in range(1, 11)]
        events.append(HostEnded(host, "changed", 12, 20, 3.0))
    page = run_html(events, NOW)
    assert len(page.encode()) <= 600_000
    assert page.count("change: task 3 site.yml:3") == 1
    assert "Deploy of 200 hosts" in page


def test_both_formats_are_written_and_others_refused(tmp_path: Path) -> None:
    paths = [str(tmp_path / "run.html"), str(tmp_path / "run.json")]
    check_pages(paths)
    assert write_pages(paths, every()) == ()
    assert all("task" in Path(path).read_text() for path in paths)
    for name in ("run.htm", "run", "none/run.html"):
        with pytest.raises(ConfigError):
            check_pages([str(tmp_path / name)])
    (tmp_path / "is.html").mkdir()
    assert "cannot be written" in write_pages([str(tmp_path / "is.html")], every())[0]
