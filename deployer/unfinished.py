"""What the last deploy has left to do: this machine's journal says it, and the hosts' own record has the last word."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deployer.engine.survey import finished
from deployer.errors import ConfigError
from deployer.project import Project
from deployer.report.journal import Head, Journal, Journals
from deployer.runtime import pool, stoppable


def unfinished(project: Project) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return the hosts that the last deploy of the same playbook and inventories has not finished, and what to say.

    A host that was sent back is not among them, unless ``deploy_again`` is set: what failed there would fail again. Nor
    is a host that had no ending here, but has noted itself that the same run ended well.

    Raises:
        ConfigError: this machine remembers no such deploy.
    """
    playbook, *inventories = project.sources
    journals = Journals()
    last = journals.newest(playbook, inventories)
    if last is None:
        hint = "deployer deploy takes all hosts; where everything is done already, it changes nothing"
        raise ConfigError(f"no deploy of {playbook} with this inventory was noted on this machine", hint=hint)
    ends = {host: set(last.endings(host)) for host in last.hosts if host in project.inventory.hosts}
    undone = {host for host, end in ends.items() if end - {"ok", "changed"}}
    again = str(project.extra.get("deploy_again", "")).lower() == "true"
    reverted = set() if again else {host for host in undone if "reverted" in ends[host]}
    open_ended = {host for host in undone - reverted if ends[host] <= {"", "ok", "changed"}}
    done = _finished(project, open_ended, last.head.run)
    left = frozenset(undone - reverted - done)
    return left, tuple(_notes(project, journals, last, left, reverted, done))


def _notes(
    project: Project, journals: Journals, last: Journal, left: frozenset[str], reverted: set[str], done: set[str]
) -> list[str]:
    run, _, who = last.head.run.partition(" ")
    what = f"{len(left)} of {len(last.hosts)} hosts are left" if left else "nothing to resume"
    found = [f"{what} of run {run} by {who}, {last.plan}"]
    if done:
        found.append(f"finished by their own record: {_names(done)}")
    if reverted:
        found.append(
            f"left out, because the release failed there: {_names(reverted)}; -e deploy_again=true tries it again"
        )
    if gone := [host for host in last.hosts if host not in project.inventory.hosts]:
        found.append(f"not in the inventory any more: {_names(gone)}")
    digests = journals.keyed(project.sources)
    if changed := [Path(path).name for path, digest in last.head.digests.items() if digests.get(path) != digest]:
        found.append(f"changed since that run: {', '.join(changed)}")
    if flags := _missing(project, last.head):
        found.append(f"that run had {' and '.join(flags)}, this one has not")
    return found


def _missing(project: Project, head: Head) -> list[str]:
    options = project.options
    words = (("--tags", head.tags, options.tags), ("--skip-tags", head.skip_tags, options.skip_tags))
    found = [f"{flag} {before}" for flag, before, now in words if before and before != now]
    return found + (["variables of the command line (-e)"] if head.extra_vars and not options.extra_vars else [])


def _finished(project: Project, names: set[str], run: str) -> set[str]:
    """Return those of some hosts that have noted in every play that the run ended well there."""
    found = set(names)
    for play in project.plays if names else ():
        resolver = project.resolver(play)
        hosts = [host for host in project.hosts(play) if host.name in found]
        with pool(project.options.forks, len(hosts)) as executor, stoppable() as stop:
            well = finished(resolver, hosts, run, project.opener(resolver), executor, stop)
        found -= {host.name for host in hosts} - well
    return found


def _names(hosts: Sequence[str] | set[str]) -> str:
    return ", ".join(sorted(hosts))
