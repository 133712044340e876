"""``lock show``, ``break`` and ``hold``, ``confirm``: over hosts of an inventory, whatever is deployed to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TextIO

from deployer.engine.host_run import Context
from deployer.engine.locking import LeaseWalk, LockWord
from deployer.engine.pending import Pending
from deployer.errors import ConfigError
from deployer.model import Host, Mark, Play
from deployer.options import Options
from deployer.plays import each_play
from deployer.project import Project, load
from deployer.resolve import FleetNeeds, Resolver
from deployer.window.journal_lines import seconds_of

_LONGEST = 7 * 86_400
_WORDS = 200


def lock(
    options: Options, word: LockWord, hosts: str, *, why: str = "", within: str = "", out: TextIO | None = None
) -> int:
    """Show who has the hosts' leases, break them, or hold the hosts for maintenance; return the exit code.

    Args:
        options: the inventory, and how to connect.
        word: which of the three.
        hosts: names, groups and patterns, with commas between; empty means all, where nothing is changed.
        why: the reason, for whoever comes; one to break or to hold is needed.
        within: how long they are held: ``30m``, ``2h``, ``1d``.
        out: where the report goes.

    Raises:
        ConfigError: a word is wrong; no host was touched.
    """
    if word != "show" and not hosts:
        raise ConfigError(
            f"name the hosts: deployer lock {word} HOSTS", hint="give host names, groups or patterns, or all"
        )
    if word != "show":
        _check_reason(word, why)
    seconds = _seconds(within) if word == "hold" else 0

    def walk(context: Context, resolver: Resolver, hosts: Sequence[Host]) -> int:
        return LeaseWalk(context, resolver, hosts, word, why, seconds).run()

    whole = _hosts_alone(options, hosts, "the lease of each host")
    return each_play(walk, whole, out, needs=FleetNeeds(tarball=False, secrets=False))


def confirm_pending(options: Options, word: str, hosts: str, out: TextIO | None = None) -> int:
    """Pass on a person's word on what waits on hosts to be confirmed; return the exit code.

    Args:
        options: the inventory, and how to connect; with a playbook the hosts of its plays, and its users.
        word: one of `deployer.engine.pending.PENDING_WORDS`.
        hosts: names, groups and patterns, with commas between; empty means all of the playbook, or of the inventory
            where nothing is changed.
        out: where the report goes.

    Raises:
        ConfigError: a word is wrong; no host was touched.
    """
    if word != "show" and not (hosts or options.playbook):
        hint = "give host names, groups or patterns, or all"
        raise ConfigError(f"name the host: deployer confirm --{word} HOST", hint=hint)

    def walk(context: Context, resolver: Resolver, hosts: Sequence[Host]) -> int:
        return Pending(context, resolver, hosts, word).run()

    if options.playbook:
        whole = load(options, need_secrets=False)
        if hosts:  # a pattern of its own: joined to the limit's, its parts would be counted with those
            whole = replace(whole, only=frozenset(host.name for host in whole.inventory.select(hosts)))
    else:
        whole = _hosts_alone(options, hosts, "what waits on each host")
    return each_play(walk, whole, out, needs=FleetNeeds(tarball=False, secrets=False))


def _hosts_alone(options: Options, hosts: str, about: str) -> Project:
    """Load an inventory, and one play over hosts of it, as root."""
    play = Play(about, hosts or "all", Mark("the command line"), (), become=True)
    return replace(load(options, need_secrets=False), plays=(play,))


def _check_reason(word: str, why: str) -> None:
    if not why.strip():
        hint = "other runs are shown the reason, and a break is recorded in the host's journal"
        raise ConfigError(f"give a reason: deployer lock {word} HOSTS --why 'REASON'", hint=hint)
    if not why.isprintable() or not why.isascii() or len(why) > _WORDS:
        raise ConfigError(f"--why is one line of plain ASCII text, at most {_WORDS} characters")


def _seconds(text: str) -> int:
    seconds = seconds_of(text)
    if not seconds or seconds > _LONGEST:
        problem = f"--for {text!r} is not a duration" if text else "--for is missing"
        raise ConfigError(problem, hint="write --for 30m, 2h or 1d; at most 7d")
    return seconds
