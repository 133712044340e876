"""The ladder for a person: a line for each node, and what is to be said of its rungs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from deployer.events import RungRead
from deployer.report.plain import Part, safe


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
