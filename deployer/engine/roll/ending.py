"""How a play has ended for one host, in one word."""

from __future__ import annotations

from deployer.engine.host_run import ended_by
from deployer.engine.roll.host_roll import HostRoll
from deployer.errors import Reverted
from deployer.events import Ending


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
