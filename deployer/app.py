"""THE flow: load, then for each play resolve, probe, plan, apply, verify, and report all of it as events."""

from __future__ import annotations

import getpass
import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO, TypeAlias

from deployer.engine.lanes import worst
from deployer.engine.play import Goal, PlayRun
from deployer.errors import ConfigError
from deployer.events import Emit, RunEnded
from deployer.fields import nearest
from deployer.load.inventory import Inventory, load_inventory
from deployer.load.playbook import load_playbook
from deployer.load.secrets import Vaults, ask_vault_pass, password_file, vault_id
from deployer.load.variables import extra_variables
from deployer.model import Host, Play, Secret
from deployer.resolve import CliConnection, Resolver
from deployer.runtime import asker, pool, report, stoppable
from deployer.transport import SshOptions, Transport, open_transport


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a person asked for on the command line; the names are the flags'."""

    playbook: str
    inventory: tuple[str, ...] = ()
    limit: str = ""
    tags: str = ""
    skip_tags: str = ""
    extra_vars: tuple[str, ...] = ()
    forks: int = 50
    user: str = ""
    private_key: str = ""
    become: bool = False
    ask_become_pass: bool = False
    accept_new_host_keys: bool = False
    vault_password_file: tuple[str, ...] = ()
    vault_id: tuple[str, ...] = ()
    ask_vault_pass: bool = False
    allow_empty: bool = False
    detailed_exitcode: bool = False
    diff: bool = False
    json: bool = False
    verbose: int = 0


How: TypeAlias = tuple[Callable[[Host], Transport], Executor, Emit, threading.Event]
"""What every walk needs: how to connect, where hosts run in parallel, where events go, and what asks to stop."""


@dataclass(frozen=True, slots=True)
class Project:
    """Everything loaded: what the whole run is about."""

    inventory: Inventory
    plays: tuple[Play, ...]
    vaults: Vaults
    extra: dict[str, Any]


def load(options: Options) -> Project:
    """Read inventory, playbook and variables; raises ConfigError. Nothing is connected to."""
    opened = vaults(options)
    playbook = Path(options.playbook) if options.playbook else None
    plays = load_playbook(playbook, vaults=opened) if playbook else ()
    directory = plays[0].directory if plays else None
    if not options.inventory:
        raise ConfigError("no inventory is given", hint="add -i INVENTORY; inventory.example.yml shows one")
    opener = opened if playbook or opened else None  # looking at an inventory needs no vault password
    inventory = load_inventory(options.inventory, playbook_dir=directory, vaults=opener)
    return Project(inventory, plays, opened, extra_variables(options.extra_vars, opened))


def run(goal: Goal, options: Options, out: TextIO | None = None) -> int:
    """Walk every play to the goal and return the exit code; raises ConfigError before any host is touched."""

    def walk(resolver: Resolver, hosts: Sequence[Host], *how: *How) -> int:
        # A deploy with drift has mended it, or failed.
        counts = goal is Goal.AUDIT or (goal is Goal.PLAN and options.detailed_exitcode)
        return PlayRun(resolver, hosts, goal, *how, drift_code=2 if counts else 0, ask=asker(json=options.json)).run()

    return _each_play(walk, options, out)


def rotate(options: Options, *, check: bool, out: TextIO | None = None) -> int:
    """Give every cluster of the playbook its new cookie, live, climb the ladder, and return the exit code.

    Args:
        options: without limits and tags: whole clusters take part.
        check: stop after the plan.
        out: where the report goes.

    Raises:
        ConfigError: before any host is touched.
    """
    from deployer.engine.rotate import Rotation

    def walk(resolver: Resolver, hosts: Sequence[Host], *how: *How) -> int:
        code = Rotation(resolver, hosts, check, *how).run()
        return code if code or check else PlayRun(resolver, hosts, Goal.VERIFY, *how).run()

    return _each_play(walk, options, out)


def rollback(options: Options, to: str, *, check: bool, out: TextIO | None = None) -> int:
    """Send every host back to a release that was good on it, in the play's batches, and return the exit code.

    Args:
        options: which hosts.
        to: a version or an id; empty: the last good one before the current.
        check: stop after the plan.
        out: where the report goes.

    Raises:
        ConfigError: what is written is wrong; no host was touched.
    """
    from deployer.engine.rollback import Back

    def walk(resolver: Resolver, hosts: Sequence[Host], *how: *How) -> int:
        back, goal = Back(resolver, to, how[2]), Goal.PLAN if check else Goal.DEPLOY
        return PlayRun(back, hosts, goal, *how, ask=asker(json=options.json), gather=back.gather).run()

    return _each_play(walk, options, out, need_tarball=False)


def init_tls(options: Options) -> tuple[str, ...]:
    """Make the certificate authorities that the playbook's clusters need, and return a line about each.

    Raises:
        ConfigError: none is needed, or one cannot be made or opened.
    """
    from deployer.fleet.pki import establish

    project, now = load(options), datetime.now(UTC)
    found = {
        kept.file: kept for play in project.plays for kept in _resolver(project, play, options, None).authorities()
    }
    if not found:
        hint = "cluster: {tls: true, pki: {passphrase: …}}; certificates that are given need none"
        raise ConfigError("no cluster of the playbook has an authority of its own", hint=hint)
    made = {kept: establish(kept, now) for kept in found.values()}
    return tuple(
        f"{'made' if new else 'is there already'}: {kept.file}, the authority of the cluster {kept.cluster}, until "
        f"{kept.authority(now).certificate.not_valid_after_utc:%Y-%m-%d}"
        for kept, new in made.items()
    )


def survey(goal: str, options: Options, *, lines: int = 50, out: TextIO | None = None) -> int:
    """Ask every host what it runs and remembers, and return the exit code; raises ConfigError.

    Args:
        goal: ``status`` or ``history``.
        options: which hosts.
        lines: how much of its history each host tells.
        out: where the report goes.
    """
    from deployer.engine.survey import Survey

    def walk(resolver: Resolver, hosts: Sequence[Host], *how: *How) -> int:
        return Survey(resolver, hosts, goal, lines, *how).run()

    return _each_play(walk, options, out, need_tarball=False)


def _each_play(
    walk: Callable[[Resolver, Sequence[Host], *How], int],
    options: Options,
    out: TextIO | None,
    *,
    need_tarball: bool = True,
) -> int:
    begin = time.monotonic()
    project = load(options)
    become_password = _become_password(options)
    work = [(play, _chosen(project, play, options)) for play in project.plays]
    _check_tags(project.plays, _words(options.tags))
    if not any(hosts for _, hosts in work) and not options.allow_empty:
        raise ConfigError(
            "no host is left to work on", hint="see hosts: of the plays, and --limit; --allow-empty permits it"
        )
    codes, most = {0}, max(len(hosts) for _, hosts in work)
    told = report(out or sys.stdout, json=options.json, diff=options.diff, verbose=options.verbose)
    with told as emit, pool(options.forks, most) as executor, stoppable() as stop:
        for play, hosts in work:
            resolver = _resolver(project, play, options, become_password, need_tarball=need_tarball)
            codes.add(walk(resolver, hosts, _opener(resolver, options), executor, emit, stop))
            if codes - {0, 2}:
                break
        code = worst(codes, stop)
        emit(RunEnded(code, time.monotonic() - begin))
    return code


def render(options: Options, name: str) -> str:
    """Return the programs that would run on one host: its probe, and every step as if nothing were there yet."""
    from deployer.engine.render import programs

    if not name:
        raise ConfigError("say whose programs to print", hint="--host HOST")
    project = load(options)
    parts = [
        programs(_resolver(project, play, options, None).resolve(host, None))
        for play in project.plays
        for host in _chosen(project, play, options)
        if host.name == name
    ]
    if not parts:
        raise ConfigError(f"no play works on a host {name!r}", hint="deployer inventory --graph shows the hosts")
    return "\n".join(parts)


def show_inventory(options: Options, *, graph: bool, host: str) -> str:
    """Return the inventory as a tree, or as JSON, all of it or one host."""
    inventory = load(options).inventory
    if graph:
        return inventory.graph()
    return json.dumps(inventory.host(host) if host else inventory.as_list(), indent=2, default=str)


def _chosen(project: Project, play: Play, options: Options) -> tuple[Host, ...]:
    return project.inventory.select(
        play.hosts, options.limit, where=play.mark, allow_empty=options.allow_empty or len(project.plays) > 1
    )


def _resolver(
    project: Project, play: Play, options: Options, become_password: Secret | None, *, need_tarball: bool = True
) -> Resolver:
    cli = CliConnection(
        user=options.user or None,
        private_key=Path(options.private_key) if options.private_key else None,
        become=options.become or None,
        become_password=become_password,
    )
    return Resolver(
        project.inventory,
        play,
        extra_vars=project.extra,
        tags=_words(options.tags),
        skip_tags=_words(options.skip_tags),
        vaults=project.vaults,
        cli=cli,
        need_tarball=need_tarball,
    )


def _opener(resolver: Resolver, options: Options) -> Callable[[Host], Transport]:
    ssh = SshOptions(accept_new=options.accept_new_host_keys, ask=_ask if sys.stdin.isatty() else None)
    return lambda host: open_transport(host.name, resolver.connection(host), ssh)


def _check_tags(plays: Sequence[Play], wanted: frozenset[str]) -> None:
    """Refuse a tag that no task has: a run that does nothing must not look like one that had nothing to do."""
    tags = {tag for play in plays for task in play.tasks for tag in task.tags}
    for name in sorted(wanted - tags - {"all", "tagged", "untagged", "always", "never"}):
        raise ConfigError(f"--tags: no task has the tag {name!r}", hint=nearest(name, tags))


def _words(text: str) -> frozenset[str]:
    return frozenset(word.strip() for word in text.split(",") if word.strip())


def _ask(prompt: str) -> str:
    return getpass.getpass(f"{prompt.rstrip(': ')}: ")


def _become_password(options: Options) -> Secret | None:
    return Secret(_ask("sudo password"), "sudo password") if options.ask_become_pass else None


def vaults(options: Options) -> Vaults:
    """Return the vault passwords of the command line, none of them read yet."""
    makers = [vault_id(word, _ask) for word in options.vault_id]
    makers += [password_file(Path(word)) for word in options.vault_password_file]
    makers += [ask_vault_pass(_ask)] if options.ask_vault_pass else []
    return Vaults(makers)
