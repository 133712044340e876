"""Findings that a person has waived until a day, with a name and a reason; expired and unused waivers are reported."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from deployer.audit.catalog import find_rule
from deployer.audit.rule import Finding
from deployer.errors import ConfigError
from deployer.fields import nearest
from deployer.fleet import AuditWords


@dataclass(frozen=True, slots=True)
class Waiver:
    """One of them; ``host`` is empty when it is for every host with this setting."""

    rule: str
    host: str
    until: date
    by: str
    why: str

    def __str__(self) -> str:
        return f"{self.rule}{' on ' if self.host else ''}{self.host}, until {self.until}, by {self.by}: {self.why}"


def waivers_of(words: AuditWords, hosts: Collection[str]) -> tuple[Waiver, ...]:
    """Return what a host's setting ``audit`` waives.

    Raises:
        ConfigError: there is no such rule, or no such host in the inventory.
    """
    found = []
    for at, one in enumerate(words.waive):
        try:
            rule = find_rule(one.rule).id
        except ConfigError as error:
            raise ConfigError(f"audit.waive[{at}].rule: {error.message}", hint=error.hint) from None
        if one.host and one.host not in hosts:
            hint = nearest(one.host, hosts)
            raise ConfigError(f"audit.waive[{at}].host: there is no host {one.host!r}", hint=hint)
        found.append(Waiver(rule, one.host or "", date.fromisoformat(one.until), one.by, one.why))
    return tuple(found)


def waive(
    rule: str, host: str, finding: Finding, given: Iterable[Waiver], today: date
) -> tuple[Finding, Waiver | None]:
    """Return what becomes of a finding, and the waiver that was meant for it; None where there is none, or no FAIL."""
    meant = [one for one in given if one.rule == rule and one.host in ("", host)]
    if finding.answer != "FAIL" or not meant:
        return finding, None
    last = max(meant, key=lambda one: one.until)
    if last.until < today:
        return Finding("FAIL", f"{finding.reason} (waived by {last.by} until {last.until}, which has passed)"), last
    return Finding("WAIVED", f"{finding.reason} (waived by {last.by} until {last.until}: {last.why})"), last
