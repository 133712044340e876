"""What is wrong with a host after a climb of the ladder, and how its play has ended, in one word."""

from __future__ import annotations

from collections.abc import Sequence

from deployer.engine.host_run import ended_by
from deployer.engine.ladder.rung import Rung, RungResult
from deployer.engine.roll.host_roll import HostRoll
from deployer.engine.roll.state import HostState
from deployer.errors import Interrupted, NotConverged, Reverted
from deployer.events import Ending

Fallen = dict[str, RungResult]
"""Node → the rung that it failed."""


def mark_failed(runs: Sequence[HostRoll], fallen: Fallen) -> list[HostRoll]:
    """Set the problem of each host with a failed node, and return the hosts that had none before.

    As long as some node has failed for its own reason, nodes that failed only because of another node do not count:
    otherwise their host would go back and mark its release bad just because it misses a node. A node of another host
    that only these hosts do not reach is no such reason, because the fault may be theirs.
    """
    known = {str(target.node) for run in runs if run.problem for target in run.targets}
    able = [run for run in runs if not run.problem]
    ours, hosts = {str(target.node) for run in able for target in run.targets}, {run.name for run in able}
    first = {
        node: bad
        for node, bad in fallen.items()
        if node not in known and not bad.secondary and (node in ours or not _unreached_by(bad, hosts))
    }
    found = []
    for run in runs:
        if not run.problem and (problem := _problem(run, first or fallen)):
            run.problem = problem
            found.append(run)
    return found


def _unreached_by(bad: RungResult, hosts: set[str]) -> bool:
    """Return whether a node fell only because some of these hosts do not reach it."""
    return bad.rung is Rung.REACH and bool(bad.missing) and hosts.issuperset(bad.missing)


def _problem(run: HostRoll, causes: Fallen) -> NotConverged | None:
    """Return the problem of the first node of a host that failed."""
    for target in run.targets:
        if rung := causes.get(str(target.node)):
            what = rung.detail.partition("\n")[0]
            return NotConverged(f"{target.node}: rung {rung.rung}: {what}", hint=rung.advice)
    return None


def mark_interrupted(runs: Sequence[HostRoll]) -> None:
    """Mark hosts that were changed, but not verified because the run was stopped."""
    hint = "deployer verify only verifies them; deployer resume finishes the run"
    for run in runs:
        touched = run.state not in (HostState.WAITING, HostState.NOT_REACHED) and not run.skip_reason
        if touched and not run.problem:
            run.problem = Interrupted("stopped before its nodes were verified", hint=hint)


def ending_of(run: HostRoll, *, audit: bool) -> Ending:
    """Return how a play has ended for a host.

    Args:
        run: the host.
        audit: report drift and findings.
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
