"""``lock``: who is at work on hosts, an end to what nobody gives back, and maintenance."""

from __future__ import annotations

from typing import Any

from invoke.collection import Collection
from invoke.context import Context

from deployer.cli.command import Flag, Subcommand
from deployer.cli.flags import CONNECTION, REPORT, SOURCE_FLAGS, options

_HOSTS = Flag("hosts", "hosts, groups or patterns, with commas between; or all")
_WHY = Flag("why", "the reason: whoever comes is told, and a break is noted in the host's journal")
_REACH = (*SOURCE_FLAGS, *CONNECTION, *REPORT[1:])


def _show(c: Context, *, hosts: str, **given: Any) -> int:
    """Say who changes the hosts, or keeps runs away from them: since when, from where, for what. Changes nothing."""
    del c
    from deployer.locking import lock

    return lock(options(given | {"playbook": ""}), "show", hosts)


def _break(c: Context, *, hosts: str, why: str, **given: Any) -> int:
    """End the lease of hosts whatever has it: that run writes nothing more there. It takes a reason."""
    del c
    from deployer.locking import lock

    return lock(options(given | {"playbook": ""}), "break", hosts, why=why)


def _hold(c: Context, *, hosts: str, why: str, **given: Any) -> int:
    """Keep every run away from hosts for a while, also across a restart of theirs; lock break ends it sooner."""
    del c
    from deployer.locking import lock

    within = given.pop("for")
    return lock(options(given | {"playbook": ""}), "hold", hosts, why=why, within=within)


COMMANDS = (
    Collection(
        "lock",
        Subcommand(_show, (_HOSTS, *_REACH)),
        Subcommand(_break, (_HOSTS, _WHY, *_REACH)),
        Subcommand(_hold, (_HOSTS, Flag("for", "for how long: 30m, 2h, 1d"), _WHY, *_REACH)),
    ),
)
