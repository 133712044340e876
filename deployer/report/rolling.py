"""A roll for a person: its batches, what became of each, and its hooks."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.report.plain import Part, safe
from deployer.roll_events import BatchEnded, BatchStarted, HookDone, RollPlanned


def lines(event: RollPlanned | BatchStarted | BatchEnded | HookDone, verbosity: int = 0) -> Iterator[tuple[Part, ...]]:
    """Yield the lines that tell an event; with ``verbosity`` also what hooks printed that went well."""
    if isinstance(event, RollPlanned):
        count = len(event.batches)
        shown = " | ".join(" ".join(batch) for batch in event.batches)
        yield (f"\n  {count} batch{'es' if count != 1 else ''}", "bold"), (f": {shown}", "")
        if event.unsure:
            yield (("    unknown until run whether nodes are switched on: ", "magenta"), (" ".join(event.unsure), ""))
        for hook in event.hooks:
            yield ((f"    {safe(hook)}", "dim"),)
    elif isinstance(event, BatchStarted):
        yield (f"\n  BATCH {event.number} of {event.of}", "bold"), (f"  {' '.join(event.hosts)}", "")
    elif isinstance(event, BatchEnded):
        yield _ended(event)
        if event.stops:
            yield ((f"    the roll stops: {safe(event.stops)}", "red"),)
    else:
        yield _hook(event)
        for line in safe(event.output).splitlines() if event.rc or verbosity else ():
            yield ((f"        {line}", "dim"),)


def _ended(event: BatchEnded) -> tuple[Part, ...]:
    sign, style = ("✓", "green") if event.ok else ("✗", "bold red")
    said = f"{'' if event.ok else 'the batch failed; '}{event.healthy} of {event.nodes} nodes healthy"
    return (f"  {sign} ", style), (said, style), (f"  {event.seconds:.1f} s", "dim")


def _hook(event: HookDone) -> tuple[Part, ...]:
    sign, style = ("✗", "bold red") if event.rc else ("✓", "green")
    what = f"{event.when} · {safe(event.hook)}{' (on this machine)' if event.local else ''}"
    return (f"  {sign} ", style), (f"{event.host:<12} ", "bold"), (what, ""), (f"  {event.seconds:.1f} s", "dim")
