"""What would change, for a person: what is equal on several hosts is told once, with the names of all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from deployer.events import TaskPlanned
from deployer.report.plain import Line, by_number, diff, is_text, safe, summary

_SIGNS = {
    "change": ("~", "yellow"), "runs": (">", "yellow"), "ok": ("=", "dim"), "unknown": ("?", "magenta"),
    "skipped": ("-", "dim"), "refused": ("!", "bold red"),
}  # fmt: skip
_DIFF_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def plan_lines(plans: Mapping[str, Sequence[TaskPlanned]], *, show_diff: bool, verbosity: int) -> Iterator[Line]:
    """Yield a block for each set of hosts: what is told of all of them in the same words, in the order of the tasks.

    Args:
        plans: by host, only what is worth being told.
        show_diff: with unified diffs of file contents.
        verbosity: 1 adds where each task is written.
    """
    tasks: dict[_Key, dict[tuple[Line, ...], list[str]]] = defaultdict(lambda: defaultdict(list))
    for host in sorted(plans, key=by_number):
        for key, task in _keyed(plans[host]):
            tasks[key][tuple(_task(task, show_diff, verbosity))].append(host)
    blocks: dict[tuple[str, ...], list[Line]] = defaultdict(list)
    for key in _order(plans):
        for told, hosts in tasks[key].items():
            blocks[tuple(hosts)] += told
    for block, inside in blocks.items():
        yield ((f"\n  {' '.join(block)}", "bold"),)
        yield from inside


_Key = tuple[str, str, bool, int]
"""Label, place, whether it is a handler, and how many of the same came before."""


def _keyed(plan: Sequence[TaskPlanned]) -> Iterator[tuple[_Key, TaskPlanned]]:
    count: dict[tuple[str, str, bool], int] = defaultdict(int)
    for task in plan:
        name = task.task, task.where, task.handler
        yield (*name, count[name]), task
        count[name] += 1


def _order(plans: Mapping[str, Sequence[TaskPlanned]]) -> list[_Key]:
    """Return all tasks so that each host's are in its own order, where hosts agree on one."""
    order: list[_Key] = []
    for host in sorted(plans, key=by_number):
        at = 0
        for key, _ in _keyed(plans[host]):
            if key not in order:
                order.insert(at, key)
            at = order.index(key) + 1
    return order


def _task(task: TaskPlanned, show_diff: bool, verbosity: int) -> Iterator[Line]:
    sign, style = _SIGNS[task.verdict]
    kind = "handler " if task.handler else ""
    refused = task.verdict == "refused"
    reason = "  (a deploy refuses)" if refused else f"  ({safe(task.reason)})" if task.reason else ""
    where = f"  {task.where}" if verbosity else ""
    yield (f"    {sign} ", style), (f"{kind}{safe(task.task)}", style), (reason, "italic"), (where, "dim")
    for line in safe(task.reason).splitlines() if refused else ():
        yield ((f"        {line}", "red"),)
    for change in task.changes:
        yield ((f"        {summary(change)}", "dim"),)
        for line in diff(change) if show_diff and is_text(change) else ():
            yield ((f"        {line}", _DIFF_COLOURS.get(line[:1], "")),)
