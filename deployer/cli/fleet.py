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
    """Make every host match the playbook, read it again, and climb the verify ladder."""
    del c
    return _walk("plan" if check else "deploy", given)


def plan(c: Context, *, out: str, expires: str, show: bool, **given: Any) -> int:
    """Show what a deploy would change. --out saves the plan for apply, --show prints a saved one. Changes nothing."""
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
    """Apply a saved plan exactly, or refuse when anything that it depends on has changed."""
    del c
    from deployer.planning import apply_plan

    return apply_plan(Path(plan), options({"playbook": "", **given}))


def _verify(c: Context, **given: Any) -> int:
    """Check every node with the verify ladder, from "host reachable" to "healthy". Changes nothing."""
    del c
    return _walk("verify", given)


def _rollback(c: Context, *, to: str, check: bool, **given: Any) -> int:
    """Roll every host back to its last good release, batch by batch, and climb the ladder."""
    del c
    from deployer.operations import rollback as back

    return back(options(given), to, check=check)


def _resume(c: Context, **given: Any) -> int:
    """Deploy again to the hosts where the last deploy failed, was stopped or did not arrive."""
    del c
    from deployer.app import resume as again

    return again(options(given))


def _status(c: Context, **given: Any) -> int:
    """Ask the hosts what runs on them: version, since when, who switched it, what failed."""
    del c
    from deployer.operations import survey

    return survey("status", options(given))


def history(c: Context, *, lines: int, **given: Any) -> int:
    """Ask the hosts for their history, run by run: what was deployed, verified and rolled back."""
    del c
    from deployer.operations import survey

    if lines < 1:
        raise ConfigError(f"--lines is {lines}", hint="give a number from 1 on")
    return survey("history", options(given), lines=lines)


def _retire(c: Context, *, hosts: str, purge: bool, lost: bool, check: bool, **given: Any) -> int:
    """Take hosts or single nodes out of their cluster: drain, stop, remove from the other members, delete secrets."""
    del c
    from deployer.retiring import retire as take_out

    return take_out(options(given), hosts, purge=purge, lost=lost, check=check)


def _render(c: Context, *, host: str, **given: Any) -> None:
    """Print the exact programs that would run on a host, without connecting; tasks under no_log are left out."""
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
            Flag("out", "save the plan in this file, for deployer apply"),
            Flag("expires", "how long the saved plan is valid: 90s, 30m, 2h or 1d; default 1h"),
            Flag("show", "print the saved plan given in place of the playbook", default=False),
        ),
    ),
    Subcommand(
        _apply,
        (
            Flag("plan", "a file written by plan --out", word=True),
            SOURCE_FLAGS[1],
            *REPORT,
            PAGE,
        ),
    ),
    Subcommand(_verify, (*COMMON, PAGE)),
    Subcommand(
        _rollback,
        (*ASK, Flag("to", "a version or id that was good; default: the last good one before the current"), CHECK),
    ),
    Subcommand(_resume, REST),
    Subcommand(_status, (*ASK, PAGE)),
    Subcommand(history, (*ASK, Flag("lines", "number of entries for each host", "n", 50), PAGE)),
    Subcommand(
        _retire,
        (
            PLAYBOOK,
            Flag("hosts", "hosts, groups or node names to take out, such as jobs@10.0.0.4", word=True),
            *SOURCE_FLAGS,
            *CONNECTION,
            *REPORT,
            CHECK,
            Flag(
                "purge", "remove everything that deployer installed, not only cookie, keys and secrets", default=False
            ),
            Flag("lost", "the hosts are gone for good: connect only to the remaining ones", default=False),
        ),
    ),
    Subcommand(_render, (*COMMON, Flag("host", "the host to print programs for"))),
)
