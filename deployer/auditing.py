"""An audit from end to end: drift where there is a playbook, and the rules; nothing is changed anywhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any, TextIO

from deployer.ansible_core import ansible_run
from deployer.audit.advisories import Advisories, read_advisories
from deployer.audit.catalog import choose, own_profiles
from deployer.audit.changes import changed, read_audit
from deployer.audit.rule import PROFILES, Rule
from deployer.audit.signatures import Signature, look_at_signature
from deployer.audit.waivers import waivers_of
from deployer.engine.auditing import Auditing
from deployer.engine.host_run import Context
from deployer.engine.roll.play import Goal, PlayRun
from deployer.errors import At, ConfigError
from deployer.events import SEVERITIES, Event, Severity
from deployer.fleet import AuditWords
from deployer.model import Host, Mark, Play
from deployer.options import Options
from deployer.plays import RunKind, each_play, worth_telling
from deployer.project import Project, load
from deployer.report.audited import FORMAT, Audited, audit_as_json, gathered
from deployer.report.files import check_directory, write_text
from deployer.report.plain import safe
from deployer.report.rules import age
from deployer.resolve import FleetNeeds, HostPlay, Resolver
from deployer.resolve.members import beside_of
from deployer.runtime import keeping


@dataclass(frozen=True, slots=True)
class AuditChoice:
    """Which rules a person wants judged, in the words of the flags; see `deployer.audit.catalog.choose`.

    Attributes:
        advisories: a file or directory of known vulnerabilities; empty for none.
    """

    only: str = ""
    skip: str = ""
    severity: str = ""
    profile: str = ""
    advisories: str = ""

    def rules(self, own: Mapping[str, frozenset[str]] | None = None) -> tuple[Rule, ...]:
        """Return the rules that are judged; ``own`` has the inventory's profiles. Raises ConfigError."""
        return choose(only=self.only, skip=self.skip, severity=self.severity, profile=self.profile, own=own)

    @property
    def counts(self) -> Severity:
        """A rule that is so severe, or more, makes exit 2 when it FAILs."""
        return next((one for one in SEVERITIES if one == self.severity), "critical")


@dataclass(frozen=True, slots=True)
class Files:
    """Where an audit is written to, and what it is held against.

    Attributes:
        report: files, each in the format of its ending.
        save: keeps it as JSON.
        against: one that was kept.
        quiet_if_same: print nothing when nothing has changed since.
    """

    report: tuple[str, ...] = ()
    save: str = ""
    against: str = ""
    quiet_if_same: bool = False


def audit_fleet(options: Options, wanted: AuditChoice, files: Files | None = None, out: TextIO | None = None) -> int:
    """Audit every host and return the exit code: 2 for drift, or for a rule that counts and FAILs.

    Args:
        options: which hosts; without a playbook the rules alone are judged.
        wanted: by which rules.
        files: what is written, and compared with.
        out: where the report goes.

    Raises:
        ConfigError: what is written is wrong; no host was touched. Or a file cannot be written.
    """
    files, out = files or Files(), out or sys.stdout
    if wanted.profile in ("", *PROFILES):
        wanted.rules()  # what is wrong with it is told before anything is read
    known = read_advisories(Path(wanted.advisories)) if wanted.advisories else None
    before, events = _before(files), list[Event]()
    project = load(options)
    if not options.playbook:
        project = replace(project, plays=(Play("hosts as they are", "all", Mark("no playbook"), ()),))
    held = StringIO() if files.quiet_if_same else None
    walk, notes = _walk(project, wanted, events, known), [age(known)] if known else []

    def worth(seen: Sequence[Event], code: int) -> bool:
        news = before is None or any(changed(before, gathered(seen, code).as_plain()))
        return news and worth_telling(seen, code)

    def through(context: Context, resolver: Resolver, hosts: Sequence[Host]) -> int:
        own = replace(context, emit=keeping(events, context.emit))
        return ansible_run(project, resolver, hosts).run(own, Goal.AUDIT, 2)

    kind = RunKind(what="audit", worth=worth, notes=notes, ahead=True)
    code = each_play(
        walk, project, held or out, kind, needs=FleetNeeds(tarball=bool(options.playbook)), through=through
    )
    audited = gathered(events, code)
    _write(files, audited)
    if before is not None:
        news = list(changed(before, audited.as_plain()))
        if held and news:
            out.write(held.getvalue())
        if not options.json and (news or not held):
            out.write(_since(before, news))
    return code


def _write(files: Files, audited: Audited) -> None:
    """Write an audit to the files that are wanted; raises ConfigError where one cannot be written."""
    if files.report:
        from deployer.report.audit_files import write_files

        write_files(files.report, audited)
    if files.save:
        write_text(Path(files.save), audit_as_json(audited))


def _since(before: Mapping[str, Any], news: Sequence[str]) -> str:
    """Return what is told of the changes since an audit."""
    lines = "".join(f"    {safe(line)}\n" for line in news or ["nothing has changed"])
    return f"\n  SINCE {before.get('time', 'then')}\n{lines}"


def _before(files: Files) -> Mapping[str, Any] | None:
    """Return the audit that is held against; raises ConfigError where that, or a place to write to, is wrong."""
    if files.report:
        from deployer.report.audit_files import check_files  # who writes none starts without its formats

        check_files(files.report)
    if files.save:
        check_directory(Path(files.save))
    if files.quiet_if_same and not files.against:
        raise ConfigError("--quiet-if-same says nothing of what", hint="add --against FILE, which --save has written")
    return read_audit(Path(files.against), FORMAT) if files.against else None


def _deploying(options: Options) -> tuple[str, ...]:
    """Return the command that deploys what is audited; nothing without a playbook."""
    given = [word for path in options.inventory for word in ("-i", path)]
    given += [word for pair in options.extra_vars for word in ("-e", "…" if "=" in pair else pair)]
    return ("deployer", "deploy", options.playbook, *given) if options.playbook else ()


def _signatures(found: Mapping[str, tuple[AuditWords, Mark]]) -> Callable[[HostPlay], Signature | None]:
    """Return what looks at the signature of a host's tarball: once for each, however many hosts run it."""
    look = cache(look_at_signature)

    def signature(play: HostPlay) -> Signature | None:
        words, where = found[play.host.name]
        own = play.fleet[0]
        if not words.signers or own is None or own.release is None:
            return None
        return look(own.release.archive.path, beside_of(where) / Path(words.signers).expanduser())

    return signature


def _walk(
    project: Project,
    wanted: AuditChoice,
    events: list[Event],
    known: Advisories | None,
) -> Callable[[Context, Resolver, Sequence[Host]], int]:
    def walk(context: Context, resolver: Resolver, hosts: Sequence[Host]) -> int:
        names, today, told = project.inventory.hosts.keys(), datetime.now(UTC).date(), context.emit
        found = {host.name: resolver.audit_words(host) for host in hosts}
        given = {}
        for name, (words, where) in found.items():
            with At(where):
                given[name] = waivers_of(words, names)
        rules, counts = wanted.rules(own_profiles(found.values())), wanted.counts
        said = {name: words for name, (words, _) in found.items()}
        command, learn = _deploying(project.options), resolver.learn
        auditing = Auditing(rules, counts, today, given, known, said, command, _signatures(found))

        own = replace(context, emit=keeping(events, told))
        return PlayRun(own, resolver, hosts, Goal.AUDIT, drift_code=2, learn=learn, auditing=auditing).run()

    return walk
