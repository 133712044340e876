"""``deploy``, ``plan``, ``verify``, ``render``: one walk, stopped at different places."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from invoke.context import Context

from deployer.cli.command import Flag, Subcommand
from deployer.cli.command import out as print_out
from deployer.cli.flags import (
    ASK,
    CHECK,
    COMMON,
    CONNECTION,
    LISTS,
    PAGE,
    PLAYBOOK,
    REPORT,
    REST,
    SOURCE_FLAGS,
    WALKED,
    options,
)
from deployer.errors import ConfigError
from deployer.lean import loading


def _walk(goal: str, given: dict[str, Any]) -> int:
    asked = {flag.name: given.pop(flag.name.replace("-", "_"), False) for flag in LISTS}
    if any(asked.values()):
        from deployer.listing import listing

        hosts, tasks, tags = (asked[name] for name in ("list-hosts", "list-tasks", "list-tags"))
        print_out(listing(options(given), hosts=hosts, tasks=tasks, tags=tags))
        return 0
    with loading():
        from deployer.app import run
        from deployer.engine.roll.play import Goal

        report = "report.jsonl" if given["json"] else "report.terminal"
        for needed in ("load.sandbox", "transport.auth", "transport.paramiko", report):
            import_module(f"deployer.{needed}")

    return run(Goal(goal), options(given))


def deploy(c: Context, *, check: bool, **given: Any) -> int:
    """Bring every host to what the playbook declares, look again, and climb the verify ladder."""
    del c
    return _walk("plan" if check else "deploy", given)


def plan(c: Context, *, out: str, expires: str, show: bool, **given: Any) -> int:
    """Say what a deploy would change, or keep it in a file for apply (--out), or tell such a file. Changes nothing."""
    del c
    if out and show:
        raise ConfigError("--out and --show contradict each other", hint="say one of them")
    if expires and not out:
        raise ConfigError("--expires goes with --out: a plan that is not kept does not end")
    if show:
        from deployer.planning import show_plan

        print_out(show_plan(Path(given["playbook"]), as_json=given["json"], pages=given["report"]))
        return 0
    if not out or any(given[flag.name.replace("-", "_")] for flag in LISTS):
        return _walk("plan", given)
    from deployer.planning import keep

    listed = {flag.name.replace("-", "_") for flag in LISTS}
    return keep(
        options({name: value for name, value in given.items() if name not in listed}), Path(out), expires or "1h"
    )


def _apply(c: Context, *, plan: str, **given: Any) -> int:
    """Do what a plan that was kept says: exactly that, or nothing where what it rests on has changed."""
    del c
    from deployer.planning import apply_plan

    return apply_plan(Path(plan), options({"playbook": "", **given}))


def _verify(c: Context, **given: Any) -> int:
    """Climb the verify ladder on every node, from "host reachable" to "healthy". Changes nothing."""
    del c
    return _walk("verify", given)


def _rollback(c: Context, *, to: str, check: bool, **given: Any) -> int:
    """Send every host back to the last release that was good on it, batch by batch, and climb the ladder."""
    del c
    from deployer.operations import rollback as back

    return back(options(given), to, check=check)


def _resume(c: Context, **given: Any) -> int:
    """Deploy again to the hosts whose last deploy has not ended well: failed, stopped or not reached."""
    del c
    from deployer.app import resume as again

    return again(options(given))


def _status(c: Context, **given: Any) -> int:
    """Say what runs where, from the hosts themselves: versions, since when, who switched them, what failed there."""
    del c
    from deployer.operations import survey

    return survey("status", options(given))


def history(c: Context, *, lines: int, **given: Any) -> int:
    """Say what was deployed, judged and gone back from, run by run, from the hosts themselves."""
    del c
    from deployer.operations import survey

    if lines < 1:
        raise ConfigError(f"--lines is {lines}", hint="give a number from 1 on")
    return survey("history", options(given), lines=lines)


def _retire(c: Context, *, hosts: str, purge: bool, lost: bool, check: bool, **given: Any) -> int:
    """Take hosts, or single nodes, out of their cluster: drained, stopped, forgotten by the others, secrets removed."""
    del c
    from deployer.retiring import retire as take_out

    return take_out(options(given), hosts, purge=purge, lost=lost, check=check)


def _render(c: Context, *, host: str, **given: Any) -> None:
    """Print the exact programs that would run on a host, without connecting: the probe, then every step."""
    del c
    from deployer.app import render as programs

    print_out(programs(options(given), host))


COMMANDS = (
    Subcommand(deploy, (*COMMON, CHECK, *WALKED)),
    Subcommand(
        plan,
        (
            *COMMON,
            *WALKED,
            Flag("out", "keep the plan in this file, for deployer apply"),
            Flag("expires", "how long a plan that is kept is good: 90s, 30m, 2h or 1d; 1h unasked"),
            Flag("show", "the word is a plan that was kept: tell what it says", default=False),
        ),
    ),
    Subcommand(
        _apply,
        (
            Flag("plan", "a file that plan --out has made", word=True),
            SOURCE_FLAGS[1],
            *REPORT,
            PAGE,
        ),
    ),
    Subcommand(_verify, (*COMMON, PAGE)),
    Subcommand(
        _rollback, (*ASK, Flag("to", "a version or an id that was good; default: the one before the current"), CHECK)
    ),
    Subcommand(_resume, REST),
    Subcommand(_status, (*ASK, PAGE)),
    Subcommand(history, (*ASK, Flag("lines", "how many entries of each host", "n", 50), PAGE)),
    Subcommand(
        _retire,
        (
            PLAYBOOK,
            Flag("hosts", "who leaves: hosts, groups, or names of nodes such as jobs@10.0.0.4", word=True),
            *SOURCE_FLAGS,
            *CONNECTION,
            *REPORT,
            CHECK,
            Flag("purge", "remove all that was put there, not only cookie, keys and secrets", default=False),
            Flag("lost", "the hosts are gone for good: connect only to those that stay", default=False),
        ),
    ),
    Subcommand(_render, (*COMMON, Flag("host", "the host whose programs are printed"))),
)
