"""THE flow: load, then for each play resolve, probe, plan, apply, verify, and report all of it as events."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from datetime import UTC, datetime
from typing import TextIO, TypeAlias

from deployer.engine.lanes import worst
from deployer.engine.roll.play import Goal, PlayRun
from deployer.errors import ConfigError
from deployer.events import Emit, Note, RunEnded
from deployer.gathering import Gathering
from deployer.model import Host, Play
from deployer.project import Options, Project, load
from deployer.report.journal import Head, Journals, Writer
from deployer.resolve import Resolver
from deployer.retiring import leaving
from deployer.runtime import asker, pool, report, stoppable
from deployer.sh.frame import this_run
from deployer.transport import Transport
from deployer.unfinished import unfinished

How: TypeAlias = tuple[Callable[[Host], Transport], Executor, Emit, threading.Event]
"""What every walk needs: how to connect, where hosts run in parallel, where events go, and what asks to stop."""


def run(goal: Goal, options: Options, out: TextIO | None = None) -> int:
    """Walk every play to the goal and return the exit code; raises ConfigError before any host is touched."""
    return _run(goal, load(options), out)


def resume(options: Options, out: TextIO | None = None) -> int:
    """Deploy again to the hosts whose last deploy has not ended well, as this machine and they themselves remember it.

    Raises:
        ConfigError: no deploy of this playbook and these inventories is remembered; or as `run`.
    """
    project = load(options)
    found = unfinished(project)
    if found.left:
        return _run(Goal.DEPLOY, replace(project, only=found.left, done=found.well), out, found.notes)
    with report(out or sys.stdout, json=options.json, diff=options.diff, verbose=options.verbose) as emit:
        for note in found.notes:
            emit(Note(note))
        emit(RunEnded(0, 0.0))
    return 0


def _run(goal: Goal, project: Project, out: TextIO | None, notes: Iterable[str] = ()) -> int:
    options = project.options

    def walk(resolver: Resolver, hosts: Sequence[Host], *how: *How) -> int:
        # A deploy with drift has fixed it, or failed.
        counts = goal is Goal.AUDIT or (goal is Goal.PLAN and options.detailed_exitcode)
        ask, code = asker(how[3], json=options.json), 2 if counts else 0
        learn = resolver.learn
        return PlayRun(resolver, hosts, goal, *how, drift_code=code, ask=ask, done=project.done, learn=learn).run()

    return _each_play(walk, project, out, ahead=True, noted="deploy" if goal is Goal.DEPLOY else "", notes=notes)


def rotate(options: Options, *, check: bool, out: TextIO | None = None) -> int:
    """Give every cluster of the playbook its new cookie, live, climb the ladder, and return the exit code.

    Args:
        options: without limits and tags: whole clusters take part.
        check: stop after the plan.
        out: where the report goes.

    Raises:
        ConfigError: before any host is touched.
    """
    from deployer.engine.rotate.rotation import Rotation

    def walk(resolver: Resolver, hosts: Sequence[Host], *how: *How) -> int:
        code = Rotation(resolver, hosts, check, *how).run()
        return code if code or check else PlayRun(resolver, hosts, Goal.VERIFY, *how).run()

    return _each_play(walk, load(options), out)


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
    from deployer.engine.roll.rollback import Back

    def walk(resolver: Resolver, hosts: Sequence[Host], *how: *How) -> int:
        back, goal = Back(resolver, to, how[2]), Goal.PLAN if check else Goal.DEPLOY
        return PlayRun(back, hosts, goal, *how, ask=asker(how[3], json=options.json), gather=back.gather).run()

    return _each_play(walk, load(options), out, need_tarball=False, noted="" if check else "rollback")


def retire(options: Options, whom: str, *, purge: bool, lost: bool, check: bool, out: TextIO | None = None) -> int:
    """Take nodes out of their clusters, and return the exit code.

    They are drained, stopped and disabled; those that stay forget them; at last what they kept is removed.

    Args:
        options: without limits and tags: whole clusters take part.
        whom: hosts, groups and names of nodes, with commas between.
        purge: remove all that was put on their hosts, not only secrets.
        lost: their hosts are gone for good, and nobody connects to them.
        check: stop after the plan.
        out: where the report goes.

    Raises:
        ConfigError: what is written is wrong; no host was touched.
    """
    from deployer.engine.retire import Retirement

    project = load(options)
    gone = leaving(project, whom)
    nodes = frozenset[str]().union(*gone.values())
    rest = replace(project, options=replace(options, tags="members"))
    goal = Goal.PLAN if check else Goal.DEPLOY

    def walk(resolver: Resolver, hosts: Sequence[Host], *how: *How) -> int:
        stay = rest.resolver(resolver.play, without=nodes)
        staying = [host for host in hosts if host.name not in gone or stay.fleet(host)[0]]
        away = [host for host in hosts if host.name in gone and not lost]
        leave = Retirement(resolver, away, gone, check, purge, *how)
        if staying and away and not check:
            code = PlayRun(stay, staying, Goal.VERIFY, *how).run()
            if code:
                how[2](Note("nobody was stopped: those that stay are not all healthy without who leaves"))
                return code
        code = leave.stop()
        if not code and staying:
            seen = nodes if check and not lost else frozenset[str]()  # a plan has stopped nobody
            code = PlayRun(stay, staying, goal, *how, ask=asker(how[3], json=options.json), leaving=seen).run()
        return leave.end() or code if code else leave.forget()

    told = f"when this is done, take {', '.join(sorted(nodes))} out of the inventory: a deploy brings back who is in it"
    return _each_play(walk, project, out, notes=[told])


def init_tls(options: Options) -> tuple[str, ...]:
    """Make the certificate authorities that the playbook's clusters need, and return a line about each.

    Raises:
        ConfigError: none is needed, or one cannot be made or opened.
    """
    from deployer.fleet.pki import establish

    project, now = load(options, ask=False), datetime.now(UTC)
    found = {kept.file: kept for play in project.plays for kept in project.resolver(play).authorities()}
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
        goal: ``status`` or ``history``; or a person's word on what waits to be confirmed: ``show``, ``now``, ``undo``.
        options: which hosts.
        lines: how much of its history each host tells.
        out: where the report goes.
    """
    from deployer.engine.pending import WORDS, Pending
    from deployer.engine.survey import Survey

    def walk(resolver: Resolver, hosts: Sequence[Host], *how: *How) -> int:
        if goal in WORDS:
            return Pending(resolver, hosts, goal, *how).run()
        return Survey(resolver, hosts, goal, lines, *how).run()

    return _each_play(walk, load(options, need_secrets=False), out, need_tarball=False, need_secrets=False)


def _each_play(
    walk: Callable[[Resolver, Sequence[Host], *How], int],
    project: Project,
    out: TextIO | None,
    *,
    need_tarball: bool = True,
    need_secrets: bool = True,
    ahead: bool = False,
    noted: str = "",
    notes: Iterable[str] = (),
) -> int:
    """Walk one play after the other; ``ahead``: no host is touched unless all plays are right as they are written."""
    begin, options = time.monotonic(), project.options
    work = project.work()
    resolvers = [project.resolver(play, need_tarball=need_tarball, need_secrets=need_secrets) for play, _ in work]
    problems = Gathering()
    for (_, hosts), resolver in zip(work, resolvers, strict=True):
        with problems.going_on():
            resolver.prepare(hosts if ahead else ())
    problems.check()
    codes, most = {0}, max(len(hosts) for _, hosts in work)
    journal = Writer(_head(project, work, noted)) if noted else None
    told = report(out or sys.stdout, journal, json=options.json, diff=options.diff, verbose=options.verbose)
    with told as emit, pool(options.forks, most) as executor, stoppable(emit) as stop:
        for note in notes:
            emit(Note(note))
        for (play, hosts), resolver in zip(work, resolvers, strict=True):
            if not hosts:
                emit(Note(project.why_none(play)))
                continue
            codes.add(walk(resolver, hosts, project.opener(resolver), executor, emit, stop))
            if codes - {0, 2}:
                break
        code = worst(codes, stop)
        emit(RunEnded(code, time.monotonic() - begin))
    return code


def _head(project: Project, work: Sequence[tuple[Play, Sequence[Host]]], goal: str) -> Head:
    options, (playbook, *inventories) = project.options, project.sources
    return Head(
        run=this_run(),
        goal=goal,
        playbook=str(playbook),
        inventories=tuple(map(str, inventories)),
        limit=options.limit,
        tags=options.tags,
        skip_tags=options.skip_tags,
        extra_vars=bool(options.extra_vars),
        digests=Journals().keyed(project.sources),
        plays=tuple(tuple(host.name for host in hosts) for _, hosts in work),
    )


def render(options: Options, name: str) -> str:
    """Return the programs that would run on one host: its probe, and every step as if nothing were there yet."""
    from deployer.engine.render import programs

    if not name:
        raise ConfigError("say whose programs to print", hint="--host HOST")
    project = load(options, ask=False)
    parts = [
        programs(project.resolver(play).resolve(host, None))
        for play in project.plays
        for host in project.hosts(play)
        if host.name == name
    ]
    if not parts:
        raise ConfigError(f"no play works on a host {name!r}", hint="deployer inventory --graph shows the hosts")
    return "\n".join(parts)


def show_inventory(options: Options, *, graph: bool, host: str) -> str:
    """Return the inventory as a tree, or as JSON, all of it or one host."""
    inventory = load(options, ask=False).inventory
    if graph:
        return inventory.graph()
    return json.dumps(inventory.host(host) if host else inventory.as_list(), indent=2, default=str)
