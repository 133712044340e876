"""``lock``: who is at work on hosts, an end to what nobody gives back, maintenance; ``confirm``: what waits there."""

from __future__ import annotations

from typing import Any

from invoke.collection import Collection
from invoke.context import Context

from deployer.cli.command import Flag, Subcommand
from deployer.cli.flags import ASK, CONNECTION, REPORT, SOURCE_FLAGS, options
from deployer.errors import ConfigError

_HOSTS = Flag("hosts", "hosts, groups or patterns, with commas between; or all")
_WHY = Flag("why", "the reason, shown to other runs; a break is recorded in the host's journal")
_REACH = (*SOURCE_FLAGS, *CONNECTION, *REPORT[1:])


def _show(c: Context, *, hosts: str, **given: Any) -> int:
    """Show who is changing or holding the hosts: since when, from where, for what. Changes nothing."""
    del c
    from deployer.locking import lock

    return lock(options(given | {"playbook": ""}), "show", hosts)


def _break(c: Context, *, hosts: str, why: str, **given: Any) -> int:
    """End the lease of hosts, whoever has it: that run writes nothing more there. Requires a reason."""
    del c
    from deployer.locking import lock

    return lock(options(given | {"playbook": ""}), "break", hosts, why=why)


def _hold(c: Context, *, hosts: str, why: str, **given: Any) -> int:
    """Keep every run away from hosts for a while, even across a reboot. lock break ends it sooner."""
    del c
    from deployer.locking import lock

    within = given.pop("for")
    return lock(options(given | {"playbook": ""}), "hold", hosts, why=why, within=within)


def _confirm(c: Context, *, show: bool, now: bool, undo: bool, hosts: str, **given: Any) -> int:
    """Show changes that wait for confirmation (--show, the default), keep them (--now) or undo them (--undo)."""
    del c
    from deployer.locking import confirm_pending

    said = [word for word, is_said in (("show", show), ("now", now), ("undo", undo)) if is_said]
    if len(said) > 1:
        raise ConfigError(f"--{' and --'.join(said)} contradict each other", hint="say one of them")
    return confirm_pending(options(given), next(iter(said), "show"), hosts)


COMMANDS = (
    Subcommand(
        _confirm,
        (
            _HOSTS,
            Flag("playbook", "a playbook file: the hosts of its plays, and the users that it names"),
            *ASK[1:],
            Flag("show", "show what waits, whose it is and when it goes back; the default", default=False),
            Flag("now", "make it permanent: this login got through", default=False),
            Flag("undo", "undo it at once", default=False),
        ),
        usage="[PLAYBOOK] [HOST…]",
    ),
    Collection(
        "lock",
        Subcommand(_show, (_HOSTS, *_REACH), usage="[HOST…]"),
        Subcommand(_break, (_HOSTS, _WHY, *_REACH), usage="HOST…"),
        Subcommand(_hold, (_HOSTS, Flag("for", "for how long: 30m, 2h, 1d"), _WHY, *_REACH), usage="HOST…"),
    ),
)
