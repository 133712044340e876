"""THE flow: load, then for each play resolve, probe, plan, apply, verify, and report all of it as events."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO, TypeAlias

from deployer.engine import facts
from deployer.engine.host_run import Context, worst
from deployer.engine.lease import RunLease, Way
from deployer.engine.roll.play import Goal, PlayRun
from deployer.errors import ConfigError
from deployer.events import Event, HostEnded, Note, RunEnded
from deployer.fleet import NotifyWords
from deployer.gathering import Gathering
from deployer.model import Host, Mark, Play
from deployer.options import Options
from deployer.project import Project, load
from deployer.report.journal import Head, Journals, Writer
from deployer.resolve import Resolver
from deployer.runtime import asker, keeping, pool, report, stoppable
from deployer.sh.frame import this_run
from deployer.transport import Transport
from deployer.unfinished import unfinished

if TYPE_CHECKING:
    from deployer.ansible_core.run import AnsibleRun

Walking: TypeAlias = Callable[[Context, Resolver, Sequence[Host]], int]
"""One play over its hosts; gives the exit code."""


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
    # A deploy with drift has fixed it, or failed.
    counts = goal is Goal.AUDIT or (goal is Goal.PLAN and options.detailed_exitcode)

    def walk(context: Context, resolver: Resolver, hosts: Sequence[Host]) -> int:
        ask, code = asker(context.stop, json=options.json), 2 if counts else 0

        def gather(transport: Transport, host: Host) -> Mapping[str, Any]:
            return facts.gather(transport, become=resolver.connection(host).become)

        words: dict[str, Any] = {"drift_code": code, "ask": ask, "done": project.done, "learn": resolver.learn}
        return PlayRun(context, resolver, hosts, goal, gather=gather, **words).run()

    def through(context: Context, resolver: Resolver, hosts: Sequence[Host]) -> int:
        return _ansible(project, resolver, hosts).run(context, goal, 2 if counts else 0)

    noted = "deploy" if goal is Goal.DEPLOY else ""
    heard: dict[str, Any] = {"noted": noted, "notes": notes, "what": noted, "doing": goal.value}
    heard |= {} if goal is Goal.VERIFY else {"through": through}
    return each_play(walk, project, out, ahead=True, **heard)


def _ansible(project: Project, resolver: Resolver, hosts: Sequence[Host]) -> AnsibleRun:
    from deployer.ansible_core import ansible_run

    return ansible_run(project, resolver, hosts)


def worth_telling(events: Iterable[Event], code: int) -> bool:
    """Return whether a run has changed or found anything, or has failed."""
    return bool(code) or any(isinstance(event, HostEnded) and event.changed for event in events)


def each_play(
    walk: Walking,
    project: Project,
    out: TextIO | None,
    *,
    need_tarball: bool = True,
    need_secrets: bool = True,
    ahead: bool = False,
    noted: str = "",
    notes: Iterable[str] = (),
    what: str = "",
    worth: Callable[[Sequence[Event], int], bool] = worth_telling,
    doing: str = "",
    absent: Collection[str] = (),
    through: Walking = lambda *_: 0,
) -> int:
    """Walk one play after the other; ``ahead``: no host is touched unless all plays are right as they are written.

    Webhooks are told of ``what`` was done (audit, deploy, rollback) when that is ``worth`` it. Whoever comes while the
    run has the lease of its hosts is told what it is ``doing``. Nobody connects to hosts that are ``absent``. Those
    of its plays that are ansible-core's are left out unless ``through`` takes them.
    """
    begin, options = time.monotonic(), project.options
    work = project.work()
    resolvers = [project.resolver(play, need_tarball=need_tarball, need_secrets=need_secrets) for play, _ in work]
    plays = _prepared(project, work, resolvers, ahead=ahead)
    asked = plays if what else ()
    hooks = _webhooks([each.resolver.notify_words(host) for each in asked for host in each.hosts], what)
    seen: list[Event] = []
    if options.report:
        from deployer.report.run_page import check_pages

        check_pages(options.report)
    codes, most = {0}, max(len(each.hosts) for each in plays)
    journal = Writer(_head(project, work, noted)) if noted else None
    ways = {host.name: partial(_way, each, host) for each in plays for host in each.hosts if host.name not in absent}
    told = report(out or sys.stdout, journal, json=options.json, diff=options.diff, verbose=options.verbose)
    with told as out_loud, pool(options.forks, most) as executor, stoppable(out_loud) as stop:
        emit = keeping(seen, out_loud) if hooks or options.report else out_loud
        for note in (*project.notes, *notes):
            emit(Note(note))
        lease = RunLease(" ".join(filter(None, (doing, Path(options.playbook).name))), emit, ways)
        try:
            for each in plays:
                if not each.hosts:
                    emit(Note(project.why_none(each.play)))
                    continue
                taken = through if each.play.ansible else walk
                codes.add(taken(Context(each.opener, executor, emit, stop, lease=lease), each.resolver, each.hosts))
                if codes - {0, 2}:
                    break
        except Exception:  # not where the person has said to end at once
            lease.release()
            raise
        lease.release()
        code = worst(codes, stop)
        if hooks and worth(seen, code):
            from deployer.notifying import tell

            for failed in tell(hooks, what, seen, code):
                emit(Note(failed))
        ended = RunEnded(code, time.monotonic() - begin)
        for failed in _report_to(options.report, (*seen, ended)):
            emit(Note(failed))
        emit(ended)
    return code


class _Prepared(NamedTuple):
    """A play of the run, with what resolves it and what opens the connections to its hosts."""

    play: Play
    hosts: Sequence[Host]
    resolver: Resolver
    opener: Callable[[Host], Transport]


def _prepared(
    project: Project, work: Sequence[tuple[Play, Sequence[Host]]], resolvers: Sequence[Resolver], *, ahead: bool
) -> list[_Prepared]:
    """Return the plays; ``ahead``: all of them are right as they are written.

    Raises:
        ConfigError: what is written is wrong; `Problems` has all of it.
    """
    problems = Gathering()
    for (play, hosts), resolver in zip(work, resolvers, strict=True):
        with problems.going_on():
            resolver.prepare(hosts if ahead else ())
            if play.ansible and ahead and hosts:
                _ansible(project, resolver, hosts).check()
    problems.check()
    both = zip(work, resolvers, strict=True)
    return [_Prepared(play, hosts, resolver, project.opener(resolver)) for (play, hosts), resolver in both]


def _way(prepared: _Prepared, host: Host) -> Way:
    return lambda: prepared.opener(host), prepared.resolver.connection(host).become


def _webhooks(words: Sequence[tuple[Sequence[NotifyWords], Mark]], what: str) -> tuple[NotifyWords, ...]:
    if not any(said for said, _ in words):
        return ()
    from deployer.notifying import webhooks

    return webhooks(words, what)


def _report_to(paths: Sequence[str], events: Sequence[Event]) -> tuple[str, ...]:
    if not paths:
        return ()
    from deployer.report.run_page import write_pages

    return write_pages(paths, events)


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
        start_at_task=options.start_at_task,
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
