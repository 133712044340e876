"""``audit``: drift from the playbook, and the rules; with and without a playbook."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from invoke.context import Context

from deployer.cli.command import Flag, Subcommand, out
from deployer.cli.flags import CHOICE, CONNECTION, FALLBACK, REPORT, SOURCE_FLAGS, options

RULES_FLAGS = (
    Flag("only", "judge by these rules alone: ids or their first letters, comma-separated, such as CK,ED-01"),
    Flag("skip", "judge by none of these rules"),
    Flag("severity", "no rule that is less severe: critical, high, medium or low; one that FAILs makes exit 2"),
    Flag("profile", "baseline (the default), strict, which has more rules, or one of the inventory's audit.profiles"),
)
ADVISORIES = Flag("advisories", "known vulnerabilities in the OSV format, a file or a directory, for the rule SB-01")
FILES = (
    Flag("report", "write it to a file too: .html, .json, .sarif, .xml (JUnit), .csv or .md; may be repeated", "", ()),
    Flag("save", "keep what was found in a file, for --against"),
    Flag("against", "tell what has changed since the audit that --save kept in this file"),
    Flag("quiet-if-same", "with --against: print nothing when nothing has changed", default=False),
)
ASKING = (
    Flag("list", "list the rules, and audit nothing", default=False),
    Flag("explain", "tell everything about one rule, and audit nothing"),
    Flag("hosts", "without a playbook: these hosts alone, comma-separated; they need no inventory"),
)
PLAYBOOK_OR_NONE = Flag("playbook", "a playbook file; without one the rules alone are judged")
AUDIT_FLAGS = (
    PLAYBOOK_OR_NONE,
    *SOURCE_FLAGS,
    *CONNECTION,
    *CHOICE,
    FALLBACK,
    *REPORT,
    *RULES_FLAGS,
    ADVISORIES,
    *FILES,
    *ASKING,
)


def audit(c: Context, **given: Any) -> int:
    """Find drift from the playbook, and check hosts and their BEAMs against rules. Exits 2 on findings.

    Drift exits 2. So does a failed rule that is critical, or, with --severity, at least that severe.
    Without a playbook (-i INVENTORY or --hosts) only the rules are checked. Changes nothing.
    """
    del c
    words = {name: given.pop(name) for name in ("only", "skip", "severity", "profile", "advisories", "list", "explain")}
    files = {name: given.pop(name) for name in ("report", "save", "against", "quiet_if_same")}
    if words["explain"] or words["list"]:
        return _tell(words, json=given["json"])
    from deployer.auditing import AuditChoice, Files, audit_fleet

    wanted = AuditChoice(**{name: words[name] for name in ("only", "skip", "severity", "profile", "advisories")})
    asked = options(given)
    if asked.hosts and asked.inventory:
        asked = replace(asked, limit=f"{asked.hosts}:&{asked.limit}" if asked.limit else asked.hosts, hosts="")
    files["report"] = tuple(files["report"])
    return audit_fleet(asked, wanted, Files(**files))


def advisories(c: Context, *, path: str) -> None:
    """Explain how to get vulnerability data for --advisories, or say how old yours is.

    Fetches nothing: what you fetch, and when, is up to you.
    """
    del c
    from deployer.report.rules import told_of_advisories

    out(told_of_advisories(path))


def _tell(words: dict[str, Any], *, json: bool) -> int:
    from deployer.audit.catalog import choose, find_rule
    from deployer.report.rules import listed, rule_page

    if words["explain"]:
        out(rule_page(find_rule(words["explain"])))
        return 0
    profile = words["profile"] or "strict"
    chosen = choose(only=words["only"], skip=words["skip"], severity=words["severity"], profile=profile)
    out(listed(chosen, json=json))
    return 0


COMMANDS = (
    Subcommand(audit, AUDIT_FLAGS, usage="[PLAYBOOK]"),
    Subcommand(advisories, (Flag("path", "a file or directory in the OSV format that you have already"),)),
)
