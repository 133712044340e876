"""``console``, ``rpc``, ``eval``, ``run``, ``logs``, ``top``, ``trace``, ``observe``, ``ssh``: a window to nodes."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.context import Context

from deployer.cli.command import Flag, Subcommand
from deployer.cli.flags import CHECK, CONNECTION, REPORT, SOURCE_FLAGS, options
from deployer.cli.words import carried
from deployer.errors import ConfigError

if TYPE_CHECKING:
    from deployer.window.choice import Fleet
    from deployer.window.commands import Asked

_NODES = Flag("nodes", "nodes, hosts, groups or patterns, with commas between")
_EXPRESSION = Flag("expression", "the expression")
_FILE = Flag("file", "read the expression from this file; - is standard input")
_ONE = Flag("one", "only on the first node that is chosen", default=False)
_QUIET = Flag("quiet-journal", "the host's journal is told that something was asked, and not what", default=False)
_RELEASE = Flag("release", "which release of those that lie there: a version, or its whole id; default: the current")
_ENDS = Flag("timeout", "end it there after so many seconds; 0: never", "", 0)
_COMMAND = Flag("command", "what runs; stands behind --", "", ())
_REACH = (*SOURCE_FLAGS, *CONNECTION)


def colourful() -> bool:
    """Whether output is painted: it goes to a terminal, and nobody has asked for none (NO_COLOR)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _fleet(given: dict[str, Any]) -> Fleet:
    from deployer.window.choice import Fleet

    return Fleet.of(options(given | {"playbook": ""}))


def _asked(given: dict[str, Any], nodes: str, *, one: bool, quiet: bool) -> Asked:
    from deployer.window.commands import Asked

    fleet = _fleet(given)
    spots = fleet.choose([nodes])
    return Asked(fleet, spots[:1] if one else spots, colourful(), quiet, given["forks"])


def _expression(typed: str, file: str) -> str:
    try:
        text = typed if not file else sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--file {file}: {getattr(error, 'strerror', '') or 'it is not UTF-8'}") from None
    if not text.strip():
        raise ConfigError("the expression is empty", hint="deployer rpc NODE 'Node.list()'")
    return text


def _console(c: Context, *, nodes: str, dot_iex: str, quiet_journal: bool, **given: Any) -> int:
    """Open the shell of a running node in this terminal: IEx, or Erlang's."""
    del c, quiet_journal  # a console's note has no more than that it was opened
    from deployer.window.shells import console as open_console

    return open_console(_fleet(given), nodes, dot_iex=dot_iex)


def _rpc(
    c: Context, *, nodes: str, expression: str, file: str, one: bool, timeout: int, quiet_journal: bool, **given: Any
) -> int:
    """Evaluate an expression in running nodes, and print its output and value."""
    del c
    from deployer.window.commands import rpc as ask

    text = _expression(expression, file)
    return ask(_asked(given, nodes, one=one, quiet=quiet_journal), text, timeout=timeout or 365 * 86400)


def _eval(c: Context, *, nodes: str, expression: str, file: str, one: bool, **given: Any) -> int:
    """Evaluate an expression with a node's release, user and environment; the node need not run."""
    del c
    from deployer.window.commands import evaluate_apart

    text, quiet = _expression(expression, file), given.pop("quiet_journal")
    how = {key: given.pop(key) for key in ("release", "timeout")}
    return evaluate_apart(_asked(given, nodes, one=one, quiet=quiet), text, **how)


def _run(c: Context, *, nodes: str, command: list[str], one: bool, **given: Any) -> int:
    """Run a release script (bin/migrate) or a host program with the node's user, environment and sandbox."""
    del c
    from deployer.window.commands import run_window as run_there

    quiet = given.pop("quiet_journal")
    how = {key: given.pop(key) for key in ("release", "timeout")}
    return run_there(_asked(given, nodes, one=one, quiet=quiet), carried(command), **how)


def _observe(c: Context, *, nodes: str, print: bool, **given: Any) -> int:  # noqa: A002 - the flag's name
    """Open this machine's Erlang observer on a running node, through the SSH connection."""
    del c
    from deployer.window.observe import observe

    return observe(_fleet(given), nodes, printed=print)


def _ssh(c: Context, *, nodes: str, command: list[str], quiet_journal: bool, **given: Any) -> int:
    """Log in to a host as the inventory says (with -b as root), or run one command there."""
    del c
    from deployer.window.shells import ssh_to_node as log_in

    return log_in(_fleet(given), nodes, carried(command), become=given["become"], quiet=quiet_journal)


def logs(c: Context, *, nodes: str, crash: bool, save: str, **given: Any) -> int:
    """Show the journals of nodes, merged by time. -f follows them, --crash summarizes the last crash dump."""
    del c
    from deployer.window.showing import Flags, show_crashes, show_logs

    flags = Flags(**{key: given.pop(key) for key in ("follow", "since", "grep", "lines")})
    fleet = _fleet(given)
    spots = fleet.choose([nodes])
    if save and not crash:
        raise ConfigError("--save goes with --crash", hint="deployer logs NODE --crash --save FILE")
    if crash:
        return show_crashes(fleet, spots, save)
    return show_logs(fleet, spots, flags, colour=colourful())


def top(c: Context, *, nodes: str, once: bool, json: bool, interval: int, **given: Any) -> int:
    """Watch nodes on one screen: memory, processes, queues, schedulers; p shows a node's biggest processes."""
    del c
    from deployer.window.watching import watch

    if interval < 1:
        raise ConfigError(f"--interval is {interval}", hint="give a number of seconds from 1 on")
    fleet = _fleet(given)
    return watch(fleet, fleet.choose([nodes]), once=once, as_json=json, interval=interval)


def _restart(c: Context, *, nodes: str, check: bool, **given: Any) -> int:
    """Restart nodes in batches like a deploy: with the playbook's hooks, min_healthy, and the ladder after each."""
    del c
    from deployer.operations import again

    return again(options(given), "restarted", nodes, check=check)


def start(c: Context, *, nodes: str, check: bool, **given: Any) -> int:
    """Start nodes that do not run, and climb the ladder of all nodes."""
    del c
    from deployer.operations import again

    return again(options(given), "started", nodes, check=check)


def _stop(c: Context, *, nodes: str, check: bool, **given: Any) -> int:
    """Drain and stop nodes, if the remaining ones are healthy and not fewer than min_healthy."""
    del c
    from deployer.operations import stop as halt

    return halt(options(given), nodes, check=check)


def _trace(c: Context, *, nodes: str, function: str, max: int, quiet_journal: bool, **given: Any) -> int:  # noqa: A002 - the flag's name
    """Show calls of a function in running nodes: arguments, result and time. The node itself limits the trace."""
    del c
    from deployer.window.commands import trace as trace_there

    age = given.pop("for")
    return trace_there(_asked(given, nodes, one=False, quiet=quiet_journal), function, age, most=max)


_ROLL = (
    _NODES,
    Flag("playbook", "the playbook with the hooks, batches and hosts", default="release.yml"),
    *_REACH,
    CHECK,
    *REPORT,
)
COMMANDS = (
    Subcommand(
        _console,
        (_NODES, *_REACH, Flag("dot-iex", "first evaluate this file of this machine, like .iex.exs"), _QUIET),
        usage="NODE",
    ),
    Subcommand(
        _rpc,
        (_NODES, _EXPRESSION, *_REACH, _FILE, _ONE, Flag("timeout", "seconds; 0: no limit", "", 60), _QUIET),
        usage="NODE… 'EXPR'",
    ),
    Subcommand(
        _eval,
        (_NODES, _EXPRESSION, *_REACH, _FILE, _ONE, _RELEASE, _ENDS, _QUIET),
        usage="NODE… 'EXPR'",
    ),
    Subcommand(_run, (_NODES, _COMMAND, *_REACH, _ONE, _RELEASE, _ENDS, _QUIET), usage="NODE… -- COMMAND…"),
    Subcommand(
        _observe,
        (_NODES, *_REACH, Flag("print", "print the command, and keep the connection to the node open", default=False)),
        usage="NODE",
    ),
    Subcommand(_ssh, (_NODES, _COMMAND, *_REACH, _QUIET), usage="HOST [-- COMMAND…]"),
    Subcommand(
        logs,
        (
            _NODES,
            *(flag for flag in _REACH if flag.name != "forks"),  # whose letter is here what everybody's logs have
            Flag("follow", "follow the journals; reconnects by itself", "f", default=False),
            Flag("since", "only lines newer than 90s, 10m, 2h, 1d, or 2026-11-27 14:30"),
            Flag("grep", "only lines that match this regular expression, by the host's journalctl"),
            Flag("lines", "number of last lines for each node; 0: all", "n", 50),
            Flag("crash", "summarize the last crash dump: slogan, memory, biggest processes", default=False),
            Flag("save", "with --crash: save the dump of one node in this new file"),
        ),
        usage="[NODE…]",
    ),
    Subcommand(
        top,
        (
            _NODES,
            *_REACH,
            Flag("once", "print one table after a second, and exit", default=False),
            Flag(
                "json",
                "print a JSON object per node at each refresh, one a line",
                default=False,
            ),
            Flag("interval", "seconds between two refreshes", "n", 2),
        ),
        usage="[NODE…]",
    ),
    Subcommand(
        _trace,
        (
            _NODES,
            Flag("function", "the function"),
            *_REACH,
            Flag("for", "trace at most this long: 10s, 2m", default="10s"),
            Flag("max", "trace at most this many calls on each node", "", 100),
            _QUIET,
        ),
        usage="NODE… 'MOD.FUN/ARITY'",
    ),
    Subcommand(_restart, _ROLL, usage="NODE…"),
    Subcommand(start, _ROLL, usage="NODE…"),
    Subcommand(_stop, _ROLL, usage="NODE…"),
)
