"""The report for a person: live steps, a plan grouped by equal hosts, the ladder, and a recap on one screen."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from functools import singledispatchmethod
from typing import TYPE_CHECKING, TextIO

from deployer.events import (
    DriftTraced,
    Event,
    HostEnded,
    HostSeen,
    Note,
    PlayEnded,
    PlayStarted,
    RuleJudged,
    RunEnded,
    RungRead,
    Stage,
    StepDone,
    TaskPlanned,
)
from deployer.report import plans, recap, releases, rolling
from deployer.report.journal import Journals
from deployer.report.plain import Line, Part, Plain, print_parts, safe
from deployer.roll_events import (
    BatchEnded,
    HostMoved,
    RollPlanned,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

_COLOURED = ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
"""What makes rich take any output for a terminal."""


def rich_console(out: TextIO) -> Console | Plain:
    """Return what prints to ``out``; rich is loaded only where there is something to draw."""
    if not out.isatty() and not any(name in os.environ for name in _COLOURED):
        return Plain(out)
    from deployer.report.drawn import Drawn

    return Drawn(file=out)


class TerminalReport:
    """Prints events; colours and the live line only where the output is a terminal.

    Args:
        console: where to print.
        show_diff: print unified diffs of file contents.
        verbosity: 1 adds tasks without changes, 2 adds the values of every change.
    """

    def __init__(self, console: Console | Plain, *, show_diff: bool = False, verbosity: int = 0) -> None:
        self._console = console
        self._show_diff = show_diff
        self._verbosity = verbosity
        self._goal = ""
        self._stages: dict[str, str] = {}
        self._plans: dict[str, list[TaskPlanned]] = defaultdict(list)
        self._ends: list[HostEnded] = []
        self._seen: list[HostSeen] = []
        self._audited: list[RuleJudged | DriftTraced] = []
        self._rungs: dict[tuple[str, str], list[RungRead]] = defaultdict(list)
        self._steps: dict[tuple[str, str], list[StepDone]] = defaultdict(list)
        self._status: Status | None = None
        self._roll: RollPlanned | None = None

    def __call__(self, event: Event) -> None:
        """Take one event."""
        self._take(event)

    def close(self) -> None:
        """Take the live line away."""
        if self._status:
            self._status.stop()
            self._status = None

    def _wait(self) -> None:
        if not isinstance(self._console, Plain) and self._console.is_terminal and not self._status:
            self._status = self._console.status("")
            self._status.start()

    @singledispatchmethod
    def _take(self, event: Event) -> None:
        raise TypeError(type(event).__name__)

    @_take.register
    def _(self, event: PlayStarted) -> None:
        self._goal = event.goal
        self._stages = dict.fromkeys(event.hosts, "wait")
        count = f"{len(event.hosts)} host{'s' if len(event.hosts) != 1 else ''}"
        self._line(("\nPLAY ", "bold"), (safe(event.play), "bold"), (f" · {safe(event.title)} · {count}", ""))
        self._roll = None
        self._wait()

    @_take.register
    def _(self, event: Stage) -> None:
        self._stages[event.host] = event.stage
        if self._status:
            counts: dict[str, int] = defaultdict(int)
            for stage in self._stages.values():
                counts[stage] += 1
            self._status.update(" · ".join(f"{stage} {count}" for stage, count in counts.items()))

    @_take.register
    def _(self, event: TaskPlanned) -> None:
        self._plans[event.host].append(event)

    @_take.register
    def _(self, event: StepDone) -> None:
        """Steps that went well are told once for all hosts, when the last of them is there; a failure at once."""
        if event.rc:
            self._flush_steps()  # what went well before it comes first
        if event.rc or self._verbosity:
            self._print_step(event, event.host)
            return
        done = self._steps[event.task, event.what]
        done.append(event)
        planned = {host for host, plan in self._plans.items() if any(t.task == event.task and t.changes for t in plan)}
        if planned <= {step.host for step in done}:
            self._flush_steps(event.task, event.what)

    def _flush_steps(self, *key: str) -> None:
        for task, what in [(key[0], key[1])] if key else list(self._steps):
            steps = self._steps.pop((task, what))
            everybody = len(steps) == len(self._stages) > 1
            hosts = "all hosts" if everybody else f"{len(steps)} hosts" if len(steps) > 1 else steps[0].host
            self._print_step(max(steps, key=lambda step: step.seconds), hosts)

    def _print_step(self, event: StepDone, hosts: str) -> None:
        sign, style = ("✗", "bold red") if event.rc else ("✓", "green")
        what = "" if event.what == event.task else f" · {event.what}"
        told = (f"{hosts:<12} ", "bold"), (safe(f"{event.task}{what}"), ""), (f"  {event.seconds:.1f} s", "dim")
        self._line((f"  {sign} ", style), *told)

    @_take.register
    def _(self, event: RollPlanned) -> None:
        self._roll = event

    @_take.register
    def _(self, event: rolling.RollTold) -> None:
        self._flush_steps()
        for line in rolling.rolling_lines(event, self._verbosity):
            self._line(*line)
        if isinstance(event, BatchEnded):
            self.close()  # a question may follow
        else:
            self._wait()

    @_take.register
    def _(self, event: HostMoved) -> None:
        """Batches, hooks and endings say it to a person; the states are for programs."""

    @_take.register
    def _(self, event: Note) -> None:
        self._print_plans()
        self._plans.clear()
        self._line((f"\n{safe(event.text)}", "cyan"))

    @_take.register
    def _(self, event: RungRead) -> None:
        self._rungs[event.host, event.node].append(event)

    @_take.register
    def _(self, event: HostSeen) -> None:
        self._seen.append(event)

    @_take.register
    def _(self, event: RuleJudged | DriftTraced) -> None:
        self._audited.append(event)

    @_take.register
    def _(self, event: HostEnded) -> None:
        self._ends.append(event)
        self._stages[event.host] = "done"

    @_take.register
    def _(self, event: PlayEnded) -> None:
        self.close()
        self._flush_steps()
        self._print_plans()
        roll = rolling.rolling_lines(self._roll) if self._roll and self._goal == "plan" else ()
        for line in (*roll, *rolling.ladder_lines(self._rungs, self._verbosity), *self._found()):
            self._line(*line)
        self._print_releases()
        self._print_recap(event.seconds)
        self._audited = []
        # Another play may have begun before this one ended, as when hosts retire: what is told is told once.
        self._ends = []
        self._plans.clear()
        self._rungs.clear()

    @_take.register
    def _(self, _: RunEnded) -> None:
        self.close()

    def _found(self) -> Iterable[Line]:
        if not self._audited:
            return ()
        from deployer.report.findings import audit_lines

        return audit_lines(self._audited, self._verbosity)

    def _print_plans(self) -> None:
        worth = {host: [task for task in plan if self._worth(task)] for host, plan in self._plans.items()}
        for line in plans.plan_lines(worth, show_diff=self._show_diff, verbosity=self._verbosity):
            self._line(*line)

    def _worth(self, task: TaskPlanned) -> bool:
        said = task.verdict == "ok" and bool(task.reason)
        if self._goal == "deploy" and not self._show_diff and self._verbosity < 2:
            return said or task.verdict == "unknown"
        return said or task.verdict in ("change", "runs", "unknown", "refused") or self._verbosity > 0

    def _print_releases(self) -> None:
        if self._seen:
            self._line(("", ""))
        for text, style in releases.survey_lines(self._goal, self._seen, self._ends, Journals()):
            self._line((f"  {text}", style))
        self._seen = []

    def _print_recap(self, seconds: float) -> None:
        lines = list(recap.recap_lines(self._ends, self._goal))
        if not lines and self._goal in recap.LOOKS:
            return
        for parts in ((("\n  RECAP", "bold"), (f"  {seconds:.1f} s", "dim")), *lines):
            self._line(*parts)
        if self._goal in recap.LOOKS:
            return
        if self._ends and all(end.ending == "ok" and not end.ran for end in self._ends):
            nothing = self._goal != "verify" or not self._rungs
            said = "nothing to do" if nothing else "all rungs hold"
            words = "as declared" if self._goal in ("audit", "matrix") else said
            fails = any(isinstance(one, RuleJudged) and one.answer == "FAIL" for one in self._audited)
            self._line((f"\n  {'no drift; no FAIL is severe enough to count' if fails else words}", "green"))

    def _line(self, *parts: Part) -> None:
        print_parts(self._console, *parts)
