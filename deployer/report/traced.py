"""When a drift began, who caused it, and the two ways to end it; equal drifts of several hosts are one block."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from deployer.audit.trace import day
from deployer.events import DriftTraced
from deployer.report.plain import Line, safe


def traced_words(one: DriftTraced) -> str:
    """Return what is known of it, in a sentence."""
    by = f"by {one.by} ({one.sure})" if one.by else "by an unknown user"
    when = f"since {day(one.since)}" if one.since is not None else day(None)
    return f"{when}, {by}: {one.how}"


def traced_lines(traced: Sequence[DriftTraced]) -> Iterator[Line]:
    """Yield a block for each task that has drifted, with each host's words, and both ways out."""
    blocks: dict[tuple[str, str], list[DriftTraced]] = defaultdict(list)
    for one in traced:
        blocks[one.task, one.where].append(one)
    if blocks:
        yield (("\n  DRIFT", "bold"),)
    for (task, where), ones in blocks.items():
        yield (f"    {safe(task)}", "bold"), (f"  {safe(where)}", "dim")
        for one in ones:
            yield (f"        {safe(one.host)}  ", "bold"), (safe(traced_words(one)), "")
        first, more = ones[0], f"  (and so on for {len(ones) - 1} more)" if len(ones) > 1 else ""
        yield (("        put it back: ", "dim"), (safe(first.restore) + more, "cyan"))
        yield (("        accept it:", "dim"),)
        for line in first.accept.splitlines():
            yield ((f"        | {safe(line)}", "cyan"),)
