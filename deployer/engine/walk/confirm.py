"""A step that could cut off the next login is confirmed by a new login, or the host goes back to the state before it.

The open connection proves nothing, because a firewall lets established connections through. A single new connection
is not enough either: by chance it may use the port of an old connection whose end the host's connection tracking has
not seen (for example when tracking rules are loaded, removed and loaded again), and pass as that old one. So two new
connections log in, from two ports at the same time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

from deployer.errors import AuthError, HostError, Reverted, StepError, Unreachable
from deployer.sh import Program, Sh, lines, script
from deployer.transport.base import Transport

CONFIRM_GRACE = 5.0
"""Seconds after the deadline within which a host has gone back."""
_AGAIN = 1.0
_PENALTY = 5.0
"""Seconds by which a failed login lengthens sshd's penalty for this address (PerSourcePenalties). Faster tries would
keep us out even after the host has gone back."""
KEEP = Sh("""place=/run/deployer/pending
[ -e "$place/keep" ] || { echo 'it was not confirmed in time, and has gone back'; exit 6; }
run="$run" /bin/sh -eu "$place/keep\"""")
UNDO = lines(script("pending.sh", "deployer.firewall"), Sh("undo"))


def confirm(
    transport: Transport,
    within: int,
    *,
    become: bool,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> None:
    """Log in again, by every way that the inventory declares, and make a step permanent over a new connection.

    Args:
        transport: the connection over which the step has run.
        within: seconds after which the host undoes the step by itself.
        become: run as root.
        clock: seconds; only differences count.
        sleep: waits between tries to reach a host that goes back by itself.

    Raises:
        Reverted: the login failed, or was not in time; the host is as it was.
        StepError: the login succeeded, but making the step permanent failed.
        Unreachable: the login fails, and the host does not become reachable again.
    """
    until = clock() + within + CONFIRM_GRACE
    try:
        transport.prove_ways()
        with closing(transport.another()), closing(transport.another()) as fresh:
            (frame,) = fresh.run(Program((KEEP,), writes=True, become=become), timeout=within + CONFIRM_GRACE)
    except HostError as error:
        _go_back(transport, become, until, clock, sleep)
        problem = f"it would have cut off the next login, so the host has gone back: {error.message}"
        raise Reverted(problem, hint=error.hint or "check the filters between this machine and the host") from None
    if frame.rc == Reverted.exit_code:
        raise Reverted(
            frame.out.strip(), hint="to give it more time, set confirm: 120s, or firewall.confirm for a firewall"
        )
    if frame.rc:
        problem = f"a new login came through, but making it permanent failed: {frame.out.strip()[-500:]}"
        raise StepError(
            problem, hint="it is in force, but may be lost at the host's next restart: fix the cause, and run again"
        )


def _go_back(
    transport: Transport, become: bool, until: float, clock: Callable[[], float], sleep: Callable[[float], object]
) -> None:
    """Undo the step now over the old connection, or wait until the host has undone it by itself."""
    while not _undone(transport, become):
        if clock() > until:
            hint = "it should have gone back by itself; journalctl -t deployer on its console shows whether it did"
            raise Unreachable("logging in to the host does not work any more", where=transport.name, hint=hint)
        sleep(_AGAIN)
        try:
            transport.reopen()
        except AuthError:
            sleep(_PENALTY)
        except HostError:
            continue


def _undone(transport: Transport, become: bool) -> bool:
    try:
        frames = list(transport.run(Program((UNDO,), writes=True, become=become), timeout=30))
    except HostError:
        return False
    return not any(frame.rc for frame in frames)
