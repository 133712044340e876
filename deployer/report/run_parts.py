"""The parts of a run's page: hosts, plays, roll, ladder, plan, steps, what hosts remember, notes, and the course."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from deployer.events import (
    Event,
    HostEnded,
    HostSeen,
    Note,
    PlayEnded,
    PlayStarted,
    RungRead,
    Stage,
    StepDone,
    TaskPlanned,
)
from deployer.report.charts import fleet_map, timeline
from deployer.report.plain import by_number
from deployer.report.sheet import escaped, html_table
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

EventT = TypeVar("EventT", bound=Event)
_MARKS = {True: "✓", False: "✗", None: "?"}


def run_parts(events: Sequence[Event]) -> Iterator[str]:
    """Yield the parts of the page in their order, each as HTML; a part about which nothing was told is left out."""
    yield from _hosts(of_kind(events, HostEnded))
    for part in (_plays, _roll, _ladder, _plan, _steps, _seen, _notes, _course):
        yield from part(events)


def of_kind(events: Iterable[Event], kind: type[EventT]) -> list[EventT]:
    """Return those events that are of a kind."""
    return [event for event in events if isinstance(event, kind)]


def _hosts(ends: Sequence[HostEnded]) -> Iterator[str]:
    heads = ("host", "ended", "changed", "of", "seconds", "release", "exit code", "trouble")
    rows = (
        (end.host, end.ending, end.changed, end.total, end.seconds, end.release, end.code, end.problem)
        for end in sorted(ends, key=lambda end: by_number(end.host))
    )
    yield from _section("Hosts", html_table(heads, rows))


def _plays(events: Sequence[Event]) -> Iterator[str]:
    ended = {one.play: one.seconds for one in of_kind(events, PlayEnded)}
    rows = ((one.play, one.goal, ", ".join(one.hosts), ended.get(one.play, "")) for one in of_kind(events, PlayStarted))
    yield from _section("Plays", html_table(("play", "goal", "hosts", "seconds"), rows))


def _roll(events: Sequence[Event]) -> Iterator[str]:
    """Yield what was planned of the roll, its batches one after the other, and what ran between them."""
    parts = []
    for one in of_kind(events, RollPlanned):
        shown = " | ".join(", ".join(batch) for batch in one.batches)
        told = [("batches", shown), ("unknown until run", ", ".join(one.unsure))]
        told += [("migration", text) for text in one.migrations] + [("hook", text) for text in one.hooks]
        told += [("first, on all hosts", text) for text in one.opens] + [("last", text) for text in one.closes]
        parts.append(html_table(("roll", "what"), (pair for pair in told if pair[1])))
    yield from _section("Roll", "".join((*parts, *_batches(events), *_between(events))))


def _batches(events: Sequence[Event]) -> Iterator[str]:
    """Yield the batches as a chart and as a table, with how many nodes were healthy."""
    began = {one.number: one for one in of_kind(events, BatchStarted)}
    ended = {one.number: one for one in of_kind(events, BatchEnded)}
    at, rows = 0.0, []
    for number in sorted({*began, *ended}):
        hosts = ", ".join((began.get(number) or ended[number]).hosts)
        last = ended.get(number)
        if last is None:
            rows.append((f"{number} of {began[number].of}", hosts, "did not end", "", ""))
            continue
        span = f"{at:.1f} to {at + last.seconds:.1f} s ({last.seconds} s)"
        at += last.seconds
        healthy = f"{last.healthy} of {last.nodes} nodes healthy"
        rows.append((f"{number} of {last.of}", hosts, span, healthy, f"{last.ended} {last.stops}"))
    yield timeline(began, ended)
    yield html_table(("batch", "hosts", "time", "availability", "ended"), rows)


def _between(events: Sequence[Event]) -> Iterator[str]:
    """Yield hooks and migrations."""
    hooks = (
        (one.host, one.when, one.hook, one.what, "here" if one.local else "there", one.rc, one.seconds, one.output)
        for one in of_kind(events, HookDone)
    )
    yield html_table(("host", "when", "hook", "what", "where", "status", "seconds", "output"), hooks)
    ran = [(one.host, one.release, one.what, f"{one.seconds}", one.problem) for one in of_kind(events, MigrationEnded)]
    ran += [(one.host, one.release, one.text, "", "") for one in of_kind(events, MigrationSaid)]
    yield html_table(("host", "migration of", "what", "seconds", "trouble"), ran)


def _ladder(events: Sequence[Event]) -> Iterator[str]:
    nodes: dict[tuple[str, str], list[RungRead]] = defaultdict(list)
    for rung in of_kind(events, RungRead):
        nodes[rung.host, rung.node].append(rung)
    rows = []
    for (host, node), rungs in nodes.items():
        marks = {rung.rung: _MARKS[rung.ok] for rung in rungs}
        rows.append((node, host, *(marks.get(number, "") for number in range(1, 11)), rungs[-1].seconds))
    told = html_table(("node", "host", *map(str, range(1, 11)), "seconds"), rows)
    kinds: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    for rung in of_kind(events, RungRead):
        kinds[rung.rung, rung.title, rung.ok, rung.detail, rung.advice].append(rung.node)
    for (number, title, ok, detail, advice), whose in sorted(kinds.items(), key=_worst):
        advised = f"<pre>{escaped(advice)}</pre>" if advice else ""
        head = f"{_MARKS[ok]} {number} {title}: {detail}"
        told += f"<details{' open' if ok is False else ''}><summary>{escaped(head)}</summary>"
        told += f"<p>{escaped(', '.join(whose))}</p>{advised}</details>"
    yield from (*_section("Fleet", fleet_map(of_kind(events, RungRead))), *_section("Ladder", told))


def _worst(item: tuple[tuple[Any, ...], list[str]]) -> tuple[Any, ...]:
    number, _, ok, *_ = item[0]
    return ok is not False, ok is not None, number


def _plan(events: Sequence[Event]) -> Iterator[str]:
    """Yield what would change or has changed, each once for all hosts of which the same is told."""
    told: dict[TaskPlanned, list[str]] = defaultdict(list)
    for task in of_kind(events, TaskPlanned):
        told[TaskPlanned("", task.task, task.where, task.verdict, task.changes, task.reason, task.handler)].append(
            task.host
        )
    parts = []
    for task, hosts in told.items():
        kind = "handler " if task.handler else ""
        head = f"{task.verdict}: {kind}{task.task} {task.where} {task.reason}"
        values = html_table(("what", "before", "after"), (
            (change.key, "" if change.before is None else change.before, "" if change.after is None else change.after)
            for change in task.changes
        ))  # fmt: skip
        opened = " open" if task.verdict in ("change", "refused") and len(told) <= 30 else ""
        whom = f"<p>{escaped(', '.join(hosts))}</p>"
        parts.append(f"<details{opened}><summary>{escaped(head)}</summary>{whom}{values}</details>")
    moved = ((one.host, one.task, one.key, one.before, one.now) for one in of_kind(events, FactChanged))
    parts.append(html_table(("host", "task", "not as it was", "planned", "now"), moved))
    yield from _section("Plan", "".join(parts))


def _steps(events: Sequence[Event]) -> Iterator[str]:
    rows = ((one.host, one.task, one.what, one.rc, one.seconds, one.output) for one in of_kind(events, StepDone))
    yield from _section("Steps", html_table(("host", "task", "step", "status", "seconds", "output"), rows))


def _seen(events: Sequence[Event]) -> Iterator[str]:
    seen, parts = sorted(of_kind(events, HostSeen), key=lambda one: by_number(one.host)), []
    nodes = [
        (its.node, one.host, one.release, its.state, its.release, "" if its.age is None else its.age)
        for one in seen
        for its in one.nodes
    ]
    parts.append(html_table(("host", "release", "current", "good", "away for"), (
        (one.host, one.release, one.current, ", ".join(one.good), "" if one.away is None else one.away) for one in seen
    )))  # fmt: skip
    parts.append(html_table(("node", "host", "release", "state", "runs", "up for seconds"), nodes))
    bad = ((release, one.host, why) for one in seen for release, why in one.bad)
    parts.append(html_table(("bad release", "host", "why"), bad))
    entries = ((entry, one.host) for one in seen for entry in one.history)
    parts.append(html_table(("time", "host", "number", "what", "release", "run", "detail"), (
        (_day(entry.time), host, entry.number, entry.event, entry.release, entry.run, entry.detail)
        for entry, host in sorted(entries, key=lambda pair: -pair[0].time)
    )))  # fmt: skip
    yield from _section("Releases", "".join(parts))


def _day(seconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} ({seconds})"
    except (ValueError, OverflowError, OSError):
        return str(seconds)


def _notes(events: Sequence[Event]) -> Iterator[str]:
    yield from _section("Notes", "".join(f"<p>{escaped(one.text)}</p>" for one in of_kind(events, Note)))


def _course(events: Sequence[Event]) -> Iterator[str]:
    """Yield each host's stages and states in their order, which a person seldom needs."""
    course: dict[str, list[str]] = defaultdict(list)
    for event in events:
        if isinstance(event, Stage):
            course[event.host].append(event.stage)
        elif isinstance(event, HostMoved):
            course[event.host].append(" ".join(part for part in (event.state, event.release, event.reason) if part))
    rows = ((host, " → ".join(words)) for host, words in course.items())
    if told := html_table(("host", "course"), rows):
        yield f"<h2>Course</h2><details><summary>every stage</summary>{told}</details>"


def _section(heading: str, body: str) -> Iterator[str]:
    if body:
        yield f"<h2>{heading}</h2>{body}"
