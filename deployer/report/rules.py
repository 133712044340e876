"""The rules of an audit, for a person and for a page: a table of them, and everything about one."""

from __future__ import annotations

import json as written
from collections.abc import Sequence
from textwrap import indent

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


def table(rules: Sequence[Rule]) -> str:
    """Return the rules as a table in Markdown."""
    head = "| rule | severity | holds when | what is read | profile | Lynis, dev-sec, CIS |\n|---|---|---|---|---|---|"
    rows = [
        f"| {rule.id} | {rule.severity} | {rule.title} | {rule.reads} | {rule.profile} | "
        f"{'; '.join(f'{name} {ids}' for name, ids in rule.others.items()) or '–'} |"
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
