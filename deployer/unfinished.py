"""What deploys have left to do: this machine's journals say it, and the hosts' own record has the last word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deployer.engine.host_run import Context
from deployer.errors import ConfigError
from deployer.project import Project
from deployer.report.journal import Head, Journal, Journals
from deployer.resolve import FleetNeeds
from deployer.runtime import pool, stoppable

_WELL = frozenset({"ok", "changed"})


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What a resume is about.

    Attributes:
        left: the hosts to deploy again.
        well: hosts that the newest deploy with any left has brought to what is declared now.
        notes: what to say.
    """

    left: frozenset[str]
    well: frozenset[str]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Rest:
    """What a deploy or a rollback has left of the hosts that no later one has taken.

    Attributes:
        left: the ones to deploy again.
        reverted: the ones that went back.
        done: the ones without an ending that have noted a good one.
        well: the ones that ended well, those that are done among them.
        mid_rollback: the ones that a rollback has not led to its end: to deploy there would undo what it was meant for.
        changed: names of what the deploy read and what has been changed since.
    """

    journal: Journal
    left: frozenset[str]
    reverted: frozenset[str]
    done: frozenset[str]
    well: frozenset[str]
    changed: tuple[str, ...]
    mid_rollback: frozenset[str] = frozenset()


def unfinished(project: Project) -> Unfinished:
    """Return the hosts that their last deploy has not finished, and what to say.

    A host's last deploy is the newest one of the same playbook and inventories that had it among its hosts. A host that
    was sent back is not among them, unless ``deploy_again`` is set: what failed there would fail again. Nor is a host
    that had no ending here, but has noted itself that the same run ended well; nor one that a later rollback had.

    Raises:
        ConfigError: this machine remembers no such deploy; or the canary, which goes before those that are left, went
            back.
    """
    journals = Journals()
    digests = journals.keyed(project.sources)
    last = [_rest(project, digests, journal, hosts) for journal, hosts in _last(project, journals)]
    if not last:
        hint = "deployer deploy takes all hosts, and changes nothing on those that are done"
        problem = f"no deploy of {project.sources[0]} with this inventory was noted on this machine"
        raise ConfigError(problem, hint=hint)
    left = frozenset[str]().union(*(rest.left for rest in last))
    if left and (canaries := _canaries(project, frozenset[str]().union(*(rest.reverted for rest in last)))):
        problem = f"the canary, {_names(canaries)}, went back: no other host gets the release"
        hint = "fix the cause, then deployer deploy; -e deploy_again=true tries this release there again, first"
        raise ConfigError(problem, hint=hint)
    told = [rest for rest in last if rest.left or rest.reverted or rest.done or rest.mid_rollback] or last[:1]
    notes = tuple(note for rest in told for note in _notes(project, rest))
    newest = next((rest for rest in last if rest.left), None)
    well = newest.well if newest and not newest.changed else frozenset[str]()
    return Unfinished(left, well, notes)


def _canaries(project: Project, reverted: frozenset[str]) -> frozenset[str]:
    """Return those of the hosts that went back which go first in a roll, so that the others are spared."""
    found = set[str]()
    for play in project.plays if reverted else ():
        resolver = project.resolver(play, FleetNeeds(tasks=False))
        for host in project.hosts(play):
            own = resolver.fleet(host)[0] if host.name in reverted else None
            found |= {host.name} if own and own.rollout.canary == host.name else set()
    return frozenset(found)


def _last(project: Project, journals: Journals) -> Iterator[tuple[Journal, frozenset[str]]]:
    """Yield deploys, the newest first, with those of their hosts that no later one had, until all hosts are found.

    That a deploy with other tags went well on a host says nothing of the rest of its tasks. A rollback has none.
    """
    playbook, options = project.sources[0], project.options
    open_ = {host.name for play in project.plays for host in project.hosts(play)}
    for number, journal in enumerate(journals.alike(playbook, project.inventories)):
        hosts = open_.intersection(journal.hosts)
        before = (journal.head.tags, journal.head.skip_tags, journal.head.start_at_task)
        others = before != (options.tags, options.skip_tags, options.start_at_task)
        if others and journal.head.goal != "rollback":
            hosts = {host for host in hosts if not _WELL.issuperset(journal.endings(host))}
        open_ -= hosts
        if hosts or not number:
            yield journal, frozenset(hosts)
        if not open_:
            return


def _rest(project: Project, digests: dict[str, str], journal: Journal, hosts: frozenset[str]) -> _Rest:
    ends = {host: set(journal.endings(host)) for host in hosts}
    undone = {host for host, end in ends.items() if end - _WELL}
    changed = tuple(Path(path).name for path, digest in journal.head.digests.items() if digests.get(path) != digest)
    if journal.head.goal == "rollback":
        nobody = frozenset[str]()
        return _Rest(journal, nobody, nobody, nobody, nobody, changed, mid_rollback=frozenset(undone))
    again = str(project.extra.get("deploy_again", "")).lower() == "true"
    reverted = frozenset() if again else frozenset(host for host in undone if "reverted" in ends[host])
    endless = {host for host in undone - reverted if ends[host] <= _WELL | {""}}
    done = _finished(project, endless, journal.head.run)
    return _Rest(journal, frozenset(undone - reverted - done), reverted, done, hosts - undone | done, changed)


def _notes(project: Project, rest: _Rest) -> Iterator[str]:
    head = rest.journal.head
    run, _, who = head.run.partition(" ")
    what = f"{len(rest.left)} of {len(rest.journal.hosts)} hosts are left" if rest.left else "nothing to resume"
    yield f"{what} of {'rollback' if head.goal == 'rollback' else 'run'} {run} by {who}, {rest.journal.plan}"
    if rest.mid_rollback:
        yield f"not back yet: {_names(rest.mid_rollback)}; deployer rollback --to VERSION goes on, deploy turns round"
    if rest.done:
        yield f"finished by their own record: {_names(rest.done)}"
    if rest.reverted:
        again = "-e deploy_again=true tries it again"
        yield f"left out, because the release failed there: {_names(rest.reverted)}; {again}"
    if gone := frozenset(rest.journal.hosts) - project.inventory.hosts.keys():
        yield f"not in the inventory any more: {_names(gone)}"
    if rest.changed:
        yield f"changed since that run: {', '.join(rest.changed)}"
    if flags := _missing(project, head):
        yield f"that run had {' and '.join(flags)}, this one has not"


def _missing(project: Project, head: Head) -> list[str]:
    options = project.options
    words = [("--tags", head.tags, options.tags), ("--skip-tags", head.skip_tags, options.skip_tags)]
    words.append(("--start-at-task", head.start_at_task, options.start_at_task))
    found = [f"{flag} {before}" for flag, before, now in words if before and before != now]
    return found + (["variables of the command line (-e)"] if head.extra_vars and not options.extra_vars else [])


def _finished(project: Project, names: set[str], run: str) -> frozenset[str]:
    """Return those of some hosts that have noted in every play that the run ended well there."""
    from deployer.engine.survey import finished

    found = set(names)
    for play in project.plays if names else ():
        resolver = project.resolver(play)
        hosts = [host for host in project.hosts(play) if host.name in found]
        with pool(project.options.forks, len(hosts)) as executor, stoppable() as stop:
            context = Context(project.opener(resolver), executor, lambda _: None, stop)
            well = finished(resolver, hosts, run, context)
        found -= {host.name for host in hosts} - well
    return frozenset(found)


def _names(hosts: frozenset[str]) -> str:
    return ", ".join(sorted(hosts))
