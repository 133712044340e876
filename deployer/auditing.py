"""An audit from end to end: drift where there is a playbook, and the rules; nothing is changed anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TextIO

from deployer.app import each_play
from deployer.audit.catalog import choose
from deployer.audit.rule import SEVERITIES, Severity
from deployer.audit.waivers import waivers_of
from deployer.engine.auditing import Auditing
from deployer.engine.host_run import Context
from deployer.engine.roll.play import Goal, PlayRun
from deployer.model import Host, Mark, Play
from deployer.project import Options, load
from deployer.resolve import Resolver


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rules a person wants judged, in the words of the flags; see `deployer.audit.catalog.choose`."""

    only: str = ""
    skip: str = ""
    severity: str = ""
    profile: str = ""

    @property
    def counts(self) -> Severity:
        """A rule that is so severe, or more, makes exit 2 when it FAILs."""
        return next((one for one in SEVERITIES if one == self.severity), "critical")


def audit_fleet(options: Options, wanted: Wanted, out: TextIO | None = None) -> int:
    """Audit every host and return the exit code: 2 for drift, or for a rule that counts and FAILs.

    Args:
        options: which hosts; without a playbook the rules alone are judged.
        wanted: by which rules.
        out: where the report goes.

    Raises:
        ConfigError: what is written is wrong; no host was touched.
    """
    rules = choose(only=wanted.only, skip=wanted.skip, severity=wanted.severity, profile=wanted.profile)
    project = load(options)
    if not options.playbook:
        project = replace(project, plays=(Play("hosts as they are", "all", Mark("no playbook"), ()),))

    def walk(context: Context, resolver: Resolver, hosts: Sequence[Host]) -> int:
        names, today = project.inventory.hosts.keys(), datetime.now(UTC).date()
        words = {host.name: resolver.audit_words(host) for host in hosts}
        given = {name: waivers_of(said, names, where) for name, (said, where) in words.items()}
        auditing = Auditing(rules, wanted.counts, today, given)
        learn = resolver.learn
        return PlayRun(context, resolver, hosts, Goal.AUDIT, drift_code=2, learn=learn, auditing=auditing).run()

    return each_play(walk, project, out, ahead=True, need_tarball=bool(options.playbook))
