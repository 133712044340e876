"""A kept plan for a person: what it is about, until when it is good, the turns, and what will be done where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from deployer.events import TaskPlanned, Verdict
from deployer.model import Change
from deployer.report.plain import safe
from deployer.report.plans import plan_lines
from deployer.saved.digests import DIGEST
from deployer.saved.facts import SavedHost, SavedPlay, SavedTask
from deployer.saved.plan_file import SavedPlan

_VERDICTS: Mapping[str, Verdict] = {"change": "change", "runs": "runs", "unknown": "unknown"}
_SHORT = len(DIGEST) + 8


def until(plan: SavedPlan) -> str:
    """Return when a plan ends, in words."""
    return f"{datetime.fromtimestamp(plan.expires, UTC):%Y-%m-%d %H:%M:%S} UTC"


def plan_text(plan: SavedPlan, used: str, now: float) -> Iterator[str]:
    """Yield the lines that tell a plan: its head, and each play."""
    yield from plan_head(plan, used, now)
    for play in plan.plays:
        yield from _play(play)


def plan_head(plan: SavedPlan, used: str, now: float) -> Iterator[str]:
    """Yield the lines that tell whose plan it is, until when it is good, and what it was made from.

    Args:
        plan: whose seal holds.
        used: which run has applied it; empty: none.
        now: seconds since 1970.
    """
    state = f"applied by the run {used}" if used else "it has ended" if now >= plan.expires else "it can be applied"
    yield f"plan {plan.id} by {safe(plan.by)}, with deployer {plan.version}"
    yield f"  good until {until(plan)}: {safe(state)}"
    options = plan.options
    said = [name for name in ("limit", "tags", "skip_tags", "start_at_task") if options.get(name)]
    flags = [f"--{name.replace('_', '-')} {options[name]}" for name in said]
    flags += ["-e … (given again when it is applied)"] if plan.extra_vars else []
    words = (Path(options["playbook"]).name, *(f"-i {path}" for path in options["inventory"]), *flags)
    yield f"  of {safe(' '.join(words))}; {len(plan.sources)} files read"


def _play(play: SavedPlay) -> Iterator[str]:
    hosts = len(play.hosts)
    yield f"\nPLAY {safe(play.play)} · {hosts} host{'s' if hosts != 1 else ''}"
    if play.batches:
        yield f"  batches: {' | '.join(' '.join(batch) for batch in play.batches)}"
    told = {name: [_event(name, task) for task in worth_showing(host)] for name, host in play.hosts.items()}
    for line in plan_lines(told, show_diff=False, verbosity=0):
        yield "".join(text for text, _ in line)
    if idle := [name for name, tasks in told.items() if not tasks]:
        yield f"\n  {' '.join(idle)}\n    = nothing to do"


def worth_showing(host: SavedHost) -> list[SavedTask]:
    """Return what will or may be done on a host."""
    return [task for task in host.tasks if task.verdict in _VERDICTS]


def _event(host: str, task: SavedTask) -> TaskPlanned:
    changes = tuple(Change(key, shown_word(before), shown_word(after)) for key, before, after in task.changes)
    verdict = _VERDICTS[task.verdict]
    return TaskPlanned(host, task.task, task.where, verdict, changes, task.reason, task.kind == "handler")


def shown_word(value: str | None) -> str | None:
    """Return a value as it is shown: of what could be content the beginning of its digest."""
    return value if value is None or not value.startswith(DIGEST) else f"{value[:_SHORT]}…"
