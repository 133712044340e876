"""A kept plan as one page that stands alone, for whoever has to agree: what ``plan --show`` says, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from deployer.errors import ConfigError
from deployer.report.sheet import escaped, html_table, sheet
from deployer.saved.facts import SavedPlay, SavedTask
from deployer.saved.plan_file import SavedPlan
from deployer.saved.shown import plan_head, shown_word, worth_showing

_SAID = {"change": "changes", "runs": "runs every time", "unknown": "unknown until run"}


def plan_page(plan: SavedPlan, used: str, now: float) -> str:
    """Return the page of a plan.

    Args:
        plan: whose seal holds.
        used: which run has applied it; empty: none.
        now: seconds since 1970.
    """
    head = "".join(f"<p>{escaped(line.strip())}</p>" for line in plan_head(plan, used, now))
    return sheet(f"Plan {plan.id}", [head, *(part for play in plan.plays for part in _play(play))])


def write_plan_pages(paths: Sequence[str], plan: SavedPlan, used: str, now: float) -> None:
    """Write the page to files, whose names end in .html; what ``--json`` prints is the plan itself.

    Raises:
        ConfigError: a name has another ending, or the file cannot be written.
    """
    for path in map(Path, paths):
        if path.suffix != ".html":
            raise ConfigError(f"{path}: a plan is shown as .html", hint="its JSON is the plan itself")
        try:
            path.write_text(plan_page(plan, used, now), encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"the page cannot be written: {error.strerror}", where=path) from None


def _play(play: SavedPlay) -> Iterator[str]:
    yield f"<h2>{escaped(play.play)}</h2>"
    yield html_table(("batch", "hosts"), ((number, " ".join(each)) for number, each in enumerate(play.batches, 1)))
    alike: dict[SavedTask, list[str]] = {}
    for name, host in play.hosts.items():
        for task in worth_showing(host):
            alike.setdefault(task, []).append(name)
    rows = ((_label(task), " ".join(hosts), _SAID[task.verdict], _changes(task), "\n".join(task.does), task.where)
            for task, hosts in alike.items())  # fmt: skip
    yield html_table(("task", "hosts", "it", "what changes", "how", "written at"), rows)
    busy = {name for hosts in alike.values() for name in hosts}
    if idle := [name for name in play.hosts if name not in busy]:
        yield f"<p>Nothing to do: {escaped(' '.join(idle))}</p>"
    said = ((name, host.host_key, host.release or "none", " ".join(host.running) or "none")
            for name, host in play.hosts.items())  # fmt: skip
    yield html_table(("host", "host key", "current release", "nodes that run"), said)


def _label(task: SavedTask) -> str:
    return f"{task.task} (handler)" if task.kind == "handler" else task.task


def _changes(task: SavedTask) -> str:
    lines = [f"{key}: {shown_word(old) or 'absent'} → {shown_word(new) or 'absent'}" for key, old, new in task.changes]
    return "\n".join([*lines, *([task.reason] if task.reason else [])])
