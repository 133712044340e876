"""Events of a run, and the report for a person printed into a string."""

from __future__ import annotations

import io

from rich.console import Console

from deployer.events import Event, HostEnded, PlayEnded, PlayStarted, RunEnded, TaskPlanned
from deployer.model import Change
from deployer.report.terminal import TerminalReport

MODE = Change("mode", "0600", "0644")
EVIL = "ok\r\x1b[2Jforged\u202e\udcff"


def report(
    *events: Event, show_diff: bool = False, verbosity: int = 0, terminal: bool = False, width: int = 200
) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=terminal, color_system="truecolor" if terminal else None)
    printer = TerminalReport(console, show_diff=show_diff, verbosity=verbosity)
    for event in events:
        printer(event)
    printer.close()
    return out.getvalue()


def planned(host: str, task: str, verdict: str = "change", *changes: Change, reason: str = "") -> TaskPlanned:
    return TaskPlanned(host, task, "site.yml:3", verdict, changes, reason)  # type: ignore[arg-type]


def ended(host: str, ending: str = "ok", problem: str = "") -> HostEnded:
    return HostEnded(host, ending, 1, 4, 2.0, problem)  # type: ignore[arg-type]


def play(*events: Event, goal: str = "plan", hosts: tuple[str, ...] = ("a", "b")) -> tuple[Event, ...]:
    return (PlayStarted("site", goal, hosts), *events, PlayEnded("site", 3.0), RunEnded(0, 3.0))
