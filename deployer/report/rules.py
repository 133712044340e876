"""The rules of an audit, for a person and for a page: a table of them, and everything about one."""

from __future__ import annotations

import json as written
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from textwrap import indent

from deployer.audit.advisories import Advisories, read_advisories
from deployer.audit.rule import Rule


def listed(rules: Sequence[Rule], *, json: bool = False) -> str:
    """Return the rules, one a line; or as JSON, one object a line."""
    if json:
        return "\n".join(written.dumps(_plain(rule)) for rule in rules)
    return "\n".join(f"{rule.id}  {rule.severity:<8}  {rule.profile:<8}  {rule.title}" for rule in rules)


def rule_page(rule: Rule) -> str:
    """Return everything about one rule."""
    parts = [
        f"{rule.id}: {rule.title}",
        f"severity {rule.severity}, profile {rule.profile}",
        f"read: {rule.reads}",
        f"remedy:\n{indent(rule.remedy, '  ')}",
        f"from: {'; '.join(rule.sources)}",
    ]
    if rule.others:
        parts.append("elsewhere: " + "; ".join(f"{name} {ids}" for name, ids in rule.others.items()))
    return "\n".join(parts)


def others_of(rule: Rule) -> str:
    """Return what Lynis, dev-sec and CIS call something of the kind; a dash where they have nothing."""
    return "; ".join(f"{name} {ids}" for name, ids in rule.others.items()) or "–"


def table(rules: Sequence[Rule]) -> str:
    """Return the rules as a table in Markdown."""
    head = "| rule | severity | holds when | what is read | profile | Lynis, dev-sec, CIS |\n|---|---|---|---|---|---|"
    rows = [
        f"| {rule.id} | {rule.severity} | {rule.title} | {rule.reads} | {rule.profile} | {others_of(rule)} |"
        for rule in rules
    ]
    return "\n".join([head, *rows])


def _plain(rule: Rule) -> dict[str, object]:
    return {
        "id": rule.id,
        "severity": rule.severity,
        "profile": rule.profile,
        "title": rule.title,
        "reads": rule.reads,
        "remedy": rule.remedy,
        "sources": list(rule.sources),
        "others": dict(rule.others),
    }


_GET = """\
known vulnerabilities come as files that you fetch yourself, in the OSV format (https://ossf.github.io/osv-schema):

    mkdir -p advisories
    curl -fLo all.zip https://osv-vulnerabilities.storage.googleapis.com/Hex/all.zip
    unzip -qo all.zip -d advisories
    deployer audit site.yml -i inventory.yml --advisories advisories

Those of Erlang/OTP and Elixir come from the CNA of the Erlang Ecosystem Foundation (https://cna.erlef.org). In the OSV
format they name commits, which nobody finds on a host; their CVE records have the versions. Put those, CVE-….json, into
the same directory. Fetch anew at least once a week: deployer advisories --path advisories says how old they are."""
_OLD = 14


def age(known: Advisories) -> str:
    """Return how many advisories there are, and how old the newest is."""
    days = f", the newest {(datetime.now(UTC) - known.newest).days} days old" if known.newest else ""
    return f"{known.count} {'advisory is' if known.count == 1 else 'advisories are'} known{days}"


def told_of_advisories(path: str) -> str:
    """Return how to get advisories; with a path, what is there and how old it is.

    Raises:
        ConfigError: nothing is there, or it is no advisory.
    """
    if not path:
        return _GET
    known = read_advisories(Path(path))
    packages = sum(not some[0].otp for some in known.by_package.values())
    told = f"{path}: {age(known)}; {packages} packages of Hex, {len(known.by_package) - packages} applications of OTP"
    if known.commits:
        first = known.commits[0]
        told += f"\n{len(known.commits)} name commits and no version, such as {first}: their CVE records have both"
    if known.newest is None:
        return f"{told}\nnone says when it was changed, so nobody knows how old they are"
    stale = (datetime.now(UTC) - known.newest).days > _OLD
    return f"{told}\nthat is old; fetch them anew: deployer advisories says how" if stale else told
