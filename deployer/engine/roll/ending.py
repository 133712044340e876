"""What is wrong with a host when the ladder was climbed, and how its play has ended, in one word."""

from __future__ import annotations

from collections.abc import Sequence

from deployer.engine.host_run import ended_by
from deployer.engine.ladder.rung import RungResult
from deployer.engine.roll.host_roll import HostRoll
from deployer.engine.roll.state import HostState
from deployer.errors import Interrupted, NotConverged, Reverted
from deployer.events import Ending

Fallen = dict[str, RungResult]
"""Node → the rung it failed, of those that failed one for a reason of their own."""


def mark_failed(runs: Sequence[HostRoll], fallen: Fallen) -> list[HostRoll]:
    """Note on each host that one of its nodes fell, and return the hosts for which that is news.

    As long as there are first causes, on these hosts or on others, what only follows from them is not held against a
    host: it would go back, and what it runs would be marked bad there, because of a node that it misses.
    """
    known = {str(target.node) for run in runs if run.problem for target in run.targets}
    first = {node: bad for node, bad in fallen.items() if node not in known and not bad.secondary}
    found = []
    for run in runs:
        if not run.problem and (problem := _problem(run, first or fallen)):
            run.problem = problem
            found.append(run)
    return found


def _problem(run: HostRoll, causes: Fallen) -> NotConverged | None:
    """Return what is wrong with the first node of a host that fell."""
    for target in run.targets:
        if rung := causes.get(str(target.node)):
            what = rung.detail.partition("\n")[0]
            return NotConverged(f"{target.node}: rung {rung.rung}: {what}", hint=rung.advice)
    return None


def mark_interrupted(runs: Sequence[HostRoll]) -> None:
    """Say of hosts which have been touched that nobody saw them well."""
    hint = "deployer verify only verifies them; deployer resume finishes the run"
    for run in runs:
        touched = run.state not in (HostState.WAITING, HostState.NOT_REACHED) and not run.skip_reason
        if touched and not run.problem:
            run.problem = Interrupted("stopped before its nodes were verified", hint=hint)


def ending_of(run: HostRoll, *, audit: bool) -> Ending:
    """Return how a play has ended for a host.

    Args:
        run: the host.
        audit: what is not as declared is drift.
    """
    if run.problem:
        return "reverted" if isinstance(run.problem, Reverted) else ended_by(run.problem)
    if run.skip_reason:
        return "not reached"
    if run.walk and run.walk.first and run.walk.first.unknown:
        return "unknown"
    if audit and (run.drift or run.failing):
        return "drift" if run.drift else "findings"
    return "changed" if run.walk and run.walk.changed else "ok"
