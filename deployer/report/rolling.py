"""A roll for a person: its batches, what became of each, its hooks, and the ladder of the nodes after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from deployer.events import RungRead
from deployer.report.plain import Part, safe, short
from deployer.roll_events import (
    BatchEnded,
    BatchStarted,
    FactChanged,
    HookDone,
    MatrixTried,
    MigrationEnded,
    MigrationSaid,
    RollPlanned,
)

OPAQUE = ("what is declared", "machine-id")
"""Keys of facts whose values are digests, which tell a person nothing."""
RollTold = BatchStarted | BatchEnded | HookDone | MigrationSaid | MigrationEnded | FactChanged | MatrixTried
"""What is told as it happens."""
Rolling = RollPlanned | RollTold


def rolling_lines(event: Rolling, verbosity: int = 0) -> Iterator[tuple[Part, ...]]:
    """Yield the lines that tell an event; with ``verbosity`` also what hooks printed that went well."""
    if isinstance(event, RollPlanned):
        yield from _planned(event)
    elif isinstance(event, BatchStarted):
        yield (f"\n  BATCH {event.number} of {event.of}", "bold"), (f"  {' '.join(event.hosts)}", "")
    elif isinstance(event, BatchEnded):
        yield _ended(event)
        if event.stops:
            yield ((f"    the roll stops: {safe(event.stops)}", "red"),)
    elif isinstance(event, FactChanged):
        yield _fact(event)
    elif isinstance(event, MatrixTried):
        from deployer.report.matrix import matrix_lines

        yield from matrix_lines(event.cells)
    elif isinstance(event, MigrationSaid):
        for line in safe(event.text).splitlines():
            yield ((f"    {event.host:<12} ", "dim"), (line, "dim"))
    elif isinstance(event, MigrationEnded):
        yield _ran(event, f"migrate · {safe(event.what)}", bool(event.problem))
    else:
        yield from _hook(event, verbosity)


def _hook(event: HookDone, verbosity: int) -> Iterator[tuple[Part, ...]]:
    place = " (on this machine)" if event.local else ""
    yield _ran(event, f"{event.when} · {safe(event.hook)}{place}", bool(event.rc))
    for line in safe(event.output).splitlines() if event.rc or verbosity else ():
        yield ((f"        {line}", "dim"),)


def _fact(event: FactChanged) -> tuple[Part, ...]:
    what = ": ".join(filter(None, (event.task, event.key)))
    told = f"{safe(what)}: {short(event.before)} → {short(event.now)}"
    if event.key in OPAQUE:
        told = f"{safe(what)} is not as it was planned"
    return ("  ! ", "red"), (f"{event.host or 'all hosts':<12} ", "bold"), (told, "")


def _planned(event: RollPlanned) -> Iterator[tuple[Part, ...]]:
    count = len(event.batches)
    shown = " | ".join(" ".join(batch) for batch in event.batches)
    yield (f"\n  {count} batch{'es' if count != 1 else ''}", "bold"), (f": {shown}", "")
    for what in event.opens:
        yield ((f"    first, on all hosts: {safe(what)}", ""),)
    for what in event.closes:
        yield ((f"    last, on all hosts:  {safe(what)}", ""),)
    if event.unsure:
        yield (("    unknown until run whether nodes are switched on: ", "magenta"), (" ".join(event.unsure), ""))
    for hook in (*event.migrations, *event.hooks):
        yield ((f"    {safe(hook)}", "dim"),)


def _ended(event: BatchEnded) -> tuple[Part, ...]:
    sign, style = {"ok": ("✓", "green"), "stopped": ("?", "magenta"), "failed": ("✗", "bold red")}[event.ended]
    ended = {"ok": "", "stopped": "the batch was stopped; ", "failed": "the batch failed; "}[event.ended]
    said = f"{ended}{event.healthy} of {event.nodes} nodes healthy"
    return (f"  {sign} ", style), (said, style), (f"  {event.seconds:.1f} s", "dim")


def _ran(event: HookDone | MigrationEnded, what: str, failed: bool) -> tuple[Part, ...]:
    sign, style = ("✗", "bold red") if failed else ("✓", "green")
    return (f"  {sign} ", style), (f"{event.host:<12} ", "bold"), (what, ""), (f"  {event.seconds:.1f} s", "dim")


def ladder_lines(nodes: Mapping[tuple[str, str], Sequence[RungRead]], verbosity: int) -> Iterator[tuple[Part, ...]]:
    """Yield the lines of all nodes, which are known by host and name; with ``verbosity`` every rung."""
    if nodes:
        yield (("\n  LADDER", "bold"),)
    for (host, node), rungs in nodes.items():
        bad = any(rung.ok is False for rung in rungs)
        marks = " ".join(f"{rung.rung}{'' if rung.ok else '✗' if rung.ok is False else '?'}" for rung in rungs)
        sign, style = ("✗", "bold red") if bad else ("✓", "green")
        told = (f"{host:<12} ", "bold"), (f"{safe(node):<28} {marks}", ""), (f"  {rungs[-1].seconds:.1f} s", "dim")
        yield (f"    {sign} ", style), *told
        for rung in rungs:
            if rung.ok is not True or verbosity:
                yield from _rung(rung)


def _rung(rung: RungRead) -> Iterator[tuple[Part, ...]]:
    style = {True: "dim", False: "red", None: "magenta"}[rung.ok]
    first, *more = safe(rung.detail).splitlines() or [""]
    yield ((f"        {rung.rung} {rung.title}: {first}", style),)
    for line in more:
        yield ((f"          {line}", "dim"),)
    for number, line in enumerate(safe(rung.advice).splitlines() if rung.ok is False else ()):
        yield ((f"          {'→' if number == 0 else ' '} {line.strip()}", "cyan"),)
