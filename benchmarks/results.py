"""What was measured as a table, and how it compares with what is aimed at."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from benchmarks.bench import Bench

MIB = 1024 * 1024
AIMS = (
    ("deploy, nothing to do", "floor: connect, true", 2.0),
    ("plan, nothing to do", "floor: connect, true", 2.0),
    ("first deploy", "floor: tar, restart, epmd", 1.3),
    ("verify, two nodes a host", "floor: demo rpc, one a host", 1.0),
)
MEMORY = 80 * MIB
READING = 0.060
"""Seconds of a host's processor that the rules of an audit may take, over those of one of drift alone."""


def table(bench: Bench) -> Iterator[str]:
    """Yield what was measured, and how it compares with the aims."""
    yield f"\n{len(bench.addresses)} hosts, {bench.repeat} times; medians, (best)\n"
    yield (
        f"{'':<28} {'wall s':>8} {'(best)':>8} {'cpu s':>8} {'peak MiB':>9} {'host ms':>8} {'forks':>6} {'trips':>6}"
        f" {'KiB':>6}"
    )
    median: dict[str, float] = {}
    for title, costs in bench.costs.items():
        wall, cpu, peak = ([getattr(cost, name) for cost in costs] for name in ("wall", "cpu", "peak"))
        median[title] = statistics.median(wall)
        best = f"({min(wall):.2f})"
        busy, forks = (min(getattr(cost, name) for cost in costs) for name in ("host_cpu", "forks"))
        yield (
            f"{title:<28} {median[title]:8.2f} {best:>8} {statistics.median(cpu):8.2f} {max(peak) / MIB:9.0f}"
            f" {busy * 1000:8.0f} {forks:6.0f} {bench.trips.get(title, ''):>6}"
            f" {round(bench.kib.get(title, 0)) or '':>6}"
        )
    yield f"\n{'ratio':<60} {'':>6}   aim"
    for title, floor, aim in AIMS:
        if title in median and floor in median:
            ratio = median[title] / median[floor]
            yield f"{title + ' / ' + floor:<60} {ratio:6.2f}   ≤ {aim:g}  {'✓' if ratio <= aim else '✗'}"
    if not bench.costs:
        return
    if "audit by the rules too" in bench.costs:
        pairs = zip(bench.costs["audit by the rules too"], bench.costs["audit of drift alone"], strict=True)
        more = statistics.median(rules.host_cpu - drift.host_cpu for rules, drift in pairs)
        good = "✓" if more <= READING else "✗"
        yield f"{'host CPU for the rules of an audit, ms':<60} {more * 1000:6.0f}   ≤ {READING * 1000:g}  {good}"
    ours = [cost.peak for title, costs in bench.costs.items() if not title.startswith("floor") for cost in costs]
    yield f"{'peak memory of deployer, MiB':<60} {max(ours) / MIB:6.0f}   < 80  {'✓' if max(ours) < MEMORY else '✗'}"
