"""One run over plays: its lease, its report and its journal, and who is told when it is over."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TextIO, TypeAlias

from deployer.engine.host_run import Context, worst
from deployer.engine.lease import RunLease, Way
from deployer.events import Emit, Event, HostEnded, Note, RunEnded
from deployer.fleet import NotifyWords
from deployer.gathering import Gathering
from deployer.model import Host, Play
from deployer.project import Project
from deployer.report.journal import Head, Journals, Writer
from deployer.resolve import EVERYTHING, FleetNeeds, Resolver, walked_together
from deployer.runtime import keeping, pool, report, stoppable
from deployer.sh.frame import this_run
from deployer.transport import Transport

if TYPE_CHECKING:
    from deployer.ansible_core.run import AnsibleRun

_Work: TypeAlias = Sequence[tuple[Play, Sequence[Host]]]
Walking: TypeAlias = Callable[[Context, Resolver, Sequence[Host]], int]
"""One play over its hosts; gives the exit code."""


def worth_telling(events: Iterable[Event], code: int) -> bool:
    """Return whether a run has changed or found anything, or has failed."""
    return bool(code) or any(isinstance(event, HostEnded) and event.changed for event in events)


@dataclass(frozen=True, slots=True)
class RunKind:
    """What a run is, beside its walk.

    Attributes:
        doing: what is told to whoever comes while the run has the lease of its hosts; empty: the run only reads.
        check: it stops after the plan, and only reads.
        what: what webhooks are told was done (audit, deploy, rollback); empty: nobody is told.
        worth: says of what a run has told, and of its exit code, whether webhooks are told.
        noted: the goal in the journal of this machine; empty: it has none.
        notes: what is told at the beginning.
        ahead: no host is touched unless all plays are right as they are written.
        absent: names of hosts that nobody connects to.
    """

    doing: str = ""
    check: bool = False
    what: str = ""
    worth: Callable[[Sequence[Event], int], bool] = worth_telling
    noted: str = ""
    notes: Iterable[str] = ()
    ahead: bool = False
    absent: Collection[str] = ()

    @contextmanager
    def leased(self, plays: Sequence[_Prepared], playbook: str, emit: Emit) -> Iterator[RunLease]:
        """Yield the lease of all hosts, and give it back, though not where the person has said to end at once."""
        there = ((one, host) for one in plays for host in one.hosts if host.name not in self.absent)
        ways = {host.name: partial(_way, one, host) for one, host in there}
        title = " ".join(filter(None, (self.doing, Path(playbook).name)))
        lease = RunLease(title, emit, ways, told=self.check or not self.doing)
        try:
            yield lease
        except Exception:
            lease.release()
            raise
        lease.release()


LOOKING = RunKind()
"""A run that only reads, and that nobody is told of."""


def each_play(
    walk: Walking,
    project: Project,
    out: TextIO | None,
    kind: RunKind = LOOKING,
    *,
    needs: FleetNeeds = EVERYTHING,
    through: Walking | None = None,
) -> int:
    """Walk one play after the other, and return the exit code.

    Args:
        walk: what is done to a play's hosts.
        project: what was loaded.
        out: where the report goes.
        kind: what the run is.
        needs: what of the fleet is read.
        through: takes the plays that are ansible-core's; None leaves them out.

    Raises:
        ConfigError: what is written is wrong.
    """
    begin, options, work = time.monotonic(), project.options, project.work()
    resolvers = [project.resolver(play, needs) for play, _ in work]
    plays = _prepared(project, work, resolvers, ahead=kind.ahead, others=through is not None)
    audience = _Audience.of(plays, kind, options.report)
    journal = Writer(_head(project, work, kind.noted)) if kind.noted else None
    told = report(out or sys.stdout, journal, json=options.json, diff=options.diff, verbose=options.verbose)
    most = max(len(each.hosts) for each in plays)
    with told as aloud, pool(options.forks, most) as executor, stoppable(aloud) as stop:
        emit = audience.listening(aloud)
        for note in (*project.notes, *kind.notes):
            emit(Note(note))
        with kind.leased(plays, options.playbook, emit) as lease:
            context = partial(Context, pool=executor, emit=emit, stop=stop, lease=lease, doing=kind.doing)
            codes = _walked(plays, walk, through or (lambda *_: 0), context)
        code = worst(codes, stop)
        for failed in audience.notified(code):
            emit(Note(failed))
        ended = RunEnded(code, time.monotonic() - begin)
        for failed in audience.written(ended):
            emit(Note(failed))
        emit(ended)
    return code


@dataclass(slots=True)
class _Audience:
    """Who learns of the run when it is over: webhooks of what was done, and the readers of its pages."""

    hooks: tuple[NotifyWords, ...]
    kind: RunKind
    pages: Sequence[str]
    seen: list[Event] = field(default_factory=list)

    @classmethod
    def of(cls, plays: Sequence[_Prepared], kind: RunKind, pages: Sequence[str]) -> _Audience:
        """Return it before the run begins; raises ConfigError where an address or a page's place is wrong."""
        hooks = tuple[NotifyWords, ...]()
        words = [each.resolver.notify_words(host) for each in plays for host in each.hosts] if kind.what else []
        if any(said for said, _ in words):
            from deployer.notifying import webhooks

            hooks = webhooks(words, kind.what)
        if pages:
            from deployer.report.run_page import check_pages

            check_pages(pages)
        return cls(hooks, kind, pages)

    def listening(self, emit: Emit) -> Emit:
        """Return what tells an event, and keeps it where somebody will be told of it."""
        return keeping(self.seen, emit) if self.hooks or self.pages else emit

    def notified(self, code: int) -> Iterator[str]:
        """Tell the webhooks, and yield what went wrong with that."""
        if self.hooks and self.kind.worth(self.seen, code):
            from deployer.notifying import tell

            yield from tell(self.hooks, self.kind.what, self.seen, code)

    def written(self, ended: RunEnded) -> Sequence[str]:
        """Write the pages, and return what went wrong with that."""
        if not self.pages:
            return ()
        from deployer.report.run_page import write_pages

        return write_pages(self.pages, (*self.seen, ended))


def _walked(plays: Sequence[_Prepared], walk: Walking, through: Walking, context: Callable[..., Context]) -> set[int]:
    """Walk the plays, up to the first that fails, and return their exit codes."""
    codes = {0}
    for number, each in enumerate(plays, start=1):
        here = context(each.opener, behind=number > 1)
        if not each.hosts:
            here.emit(Note(each.why_none()))
            continue
        mine = each.resolver
        left = [each.hosts] if each.play.ansible else walked_together(mine.connection, mine.declares, each.hosts)
        while left:
            codes.add((through if each.play.ansible else walk)(here, each.resolver, left.pop(0)))
            if left and codes - {0, 2} and (each.play.any_errors_fatal or each.play.turns.serial):
                here.emit(Note(f"not begun, because one has failed: {', '.join(host.name for host, *_ in left)}"))
                break
        if codes - {0, 2}:
            if later := [one.play.name for one in plays[number:]]:
                here.emit(Note(f"not run, because that play failed: {', '.join(later)}"))
            break
    return codes


def ansible_core_play(project: Project, resolver: Resolver, hosts: Sequence[Host]) -> AnsibleRun:
    """Return what has ansible-core walk a play."""
    from deployer.ansible_core import ansible_run

    return ansible_run(project, resolver, hosts)


class _Prepared(NamedTuple):
    """A play of the run, with what resolves it and what opens the connections to its hosts."""

    play: Play
    hosts: Sequence[Host]
    resolver: Resolver
    opener: Callable[[Host], Transport]
    why_none: Callable[[], str]


def _prepared(
    project: Project, work: _Work, resolvers: Sequence[Resolver], *, ahead: bool, others: bool
) -> list[_Prepared]:
    """Return the plays; ``ahead``: all of them are right as they are written, with ``others`` ansible-core's, too.

    Raises:
        ConfigError: what is written is wrong; `Problems` has all of it.
    """
    problems, found = Gathering(), list[_Prepared]()
    for (play, hosts), resolver in zip(work, resolvers, strict=True):
        found.append(_Prepared(play, hosts, resolver, project.opener(resolver), partial(project.why_none, play)))
        with problems.going_on():
            resolver.prepare(hosts if ahead else ())
            if play.ansible and ahead and others and hosts:
                ansible_core_play(project, resolver, hosts).check()
    problems.check()
    return found


def _way(prepared: _Prepared, host: Host) -> Way:
    return lambda: prepared.opener(host), prepared.resolver.connection(host).become


def _head(project: Project, work: _Work, goal: str) -> Head:
    options = project.options
    return Head(
        run=this_run(),
        goal=goal,
        playbook=str(project.sources[0]),
        inventories=project.inventories,
        limit=options.limit,
        tags=options.tags,
        skip_tags=options.skip_tags,
        start_at_task=options.start_at_task,
        extra_vars=bool(options.extra_vars),
        digests=Journals().keyed(project.sources),
        plays=tuple(tuple(host.name for host in hosts) for _, hosts in work),
    )
