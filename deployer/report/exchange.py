"""An audit in the formats of other programs: SARIF, JUnit, CSV, and Markdown for a comment."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

from deployer import __version__
from deployer.events import SEVERITIES, RuleJudged, TaskPlanned
from deployer.report.audited import Audited
from deployer.report.findings import worst_first
from deployer.report.plain import safe, summary

LONGEST_COMMENT = 65_536
"""The most characters that a comment may have."""
_LEVELS: Mapping[str, str] = {"critical": "error", "high": "error", "medium": "warning", "low": "note"}
_SCORES: Mapping[str, str] = {"critical": "9.5", "high": "8.0", "medium": "5.0", "low": "2.0"}
_KINDS: Mapping[str, str] = {"PASS": "pass", "UNKNOWN": "open", "NOT APPLICABLE": "notApplicable"}
_DRIFT = "DRIFT"


def drift_words(task: TaskPlanned) -> str:
    """Return the differences to the declaration, on one line."""
    changes = "; ".join(summary(change) for change in task.changes)
    return safe(": ".join(part for part in (task.task, changes or task.reason) if part)).replace("\n", " ")


def sarif(audited: Audited) -> str:
    """Return SARIF 2.1.0: one result for each rule and host, and one for each task that has drifted."""
    rules: dict[str, dict[str, Any]] = {}
    for one in audited.judged:
        rules[one.rule] = {
            "id": one.rule,
            "shortDescription": {"text": one.title},
            "defaultConfiguration": {"level": _LEVELS[one.severity]},
            "properties": {"security-severity": _SCORES[one.severity], "severity": one.severity},
        }
    if audited.drift:
        rules[_DRIFT] = {"id": _DRIFT, "shortDescription": {"text": "a host is as the playbook declares it"}}
    at = {rule: index for index, rule in enumerate(rules)}
    results = [_judged(one, at) for one in worst_first(audited.judged)]
    results += [
        _result(_DRIFT, at, one.host, drift_words(one), {"kind": "fail", "level": "warning"}, one.task)
        for one in audited.drift
    ]
    driver = {"name": "deployer", "version": __version__, "rules": list(rules.values())}
    run = {"tool": {"driver": driver}, "results": results, "columnKind": "unicodeCodePoints"}
    schema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"


def _judged(one: RuleJudged, at: Mapping[str, int]) -> dict[str, Any]:
    fails = one.answer in ("FAIL", "WAIVED")
    words = {"kind": "fail", "level": _LEVELS[one.severity]} if fails else {"kind": _KINDS[one.answer], "level": "none"}
    text = f"{one.title}: {one.reason}" if one.reason else one.title
    found = _result(one.rule, at, one.host, safe(text), words, "")
    if one.answer == "WAIVED":
        found["suppressions"] = [{"kind": "external", "status": "accepted", "justification": safe(one.reason)}]
    return found


def _result(
    rule: str, at: Mapping[str, int], host: str, text: str, words: Mapping[str, str], more: str
) -> dict[str, Any]:
    key = hashlib.sha256(f"{host}\0{rule}\0{more}".encode("utf-8", "surrogateescape")).hexdigest()[:32]
    place = {
        "physicalLocation": {"artifactLocation": {"uri": f"hosts/{quote(safe(host))}"}, "region": {"startLine": 1}},
        "logicalLocations": [{"name": safe(host), "kind": "host"}],
    }
    return {
        "ruleId": rule,
        "ruleIndex": at[rule],
        **words,
        "message": {"text": text},
        "locations": [place],
        "partialFingerprints": {"hostAndRule/v1": key},
    }


def junit(audited: Audited) -> str:
    """Return JUnit's XML: a suite for each host, a case for each rule and each task that has drifted."""
    root = ET.Element("testsuites", name="deployer audit")
    for host in audited.hosts:
        judged = [one for one in audited.judged if one.host == host.host]
        drift = [one for one in audited.drift if one.host == host.host]
        failed = len(drift) + sum(one.answer == "FAIL" for one in judged)
        skipped = sum(one.answer in ("UNKNOWN", "NOT APPLICABLE", "WAIVED") for one in judged)
        name = safe(host.host)
        words = {"name": name, "time": f"{host.seconds:.3f}", "errors": "1" if host.problem else "0"}
        words |= {"tests": str(len(judged) + len(drift)), "failures": str(failed), "skipped": str(skipped)}
        suite = ET.SubElement(root, "testsuite", words)
        for one in judged:
            case = ET.SubElement(suite, "testcase", classname=name, name=safe(f"{one.rule} {one.title}"))
            if one.answer == "FAIL":
                ET.SubElement(case, "failure", type=one.severity, message=safe(one.reason)).text = safe(one.remedy)
            elif one.answer != "PASS":
                ET.SubElement(case, "skipped", message=safe(f"{one.answer}: {one.reason}"))
        for task in drift:
            case = ET.SubElement(suite, "testcase", classname=name, name=safe(f"drift: {task.task}"))
            ET.SubElement(case, "failure", type="drift", message=safe(drift_words(task)))
        if host.problem:
            case = ET.SubElement(suite, "testcase", classname=name, name="host")
            ET.SubElement(case, "error", type=host.ending, message=safe(host.problem))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def table_of(audited: Audited) -> str:
    """Return CSV: a line for each answer of a rule, and for each task that has drifted."""
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(["host", "rule", "severity", "answer", "title", "reason", "remedy"])
    for one in worst_first(audited.judged):
        cells = [one.host, one.rule, one.severity, one.answer, one.title, one.reason, one.remedy]
        lines.writerow([_cell(cell) for cell in cells])
    for task in audited.drift:
        lines.writerow([_cell(cell) for cell in (task.host, _DRIFT, "", "FAIL", task.task, drift_words(task), "")])
    return out.getvalue()


def _cell(text: str) -> str:
    """Return a cell, quoted if a spreadsheet would run it as a formula."""
    text = safe(text)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text


def markdown(audited: Audited) -> str:
    """Return Markdown for a comment, the most important first; lines that do not fit are only counted."""
    bad = sum(one.answer == "FAIL" for one in audited.judged)
    head = f"## {audited.title}: {bad} finding{'s'[: bad != 1]}, {len(audited.drift)} of drift\n"
    lines = [f"* **{_md(host.host)}**: {_md(host.problem)}" for host in audited.hosts if host.problem]
    by_rule: dict[tuple[str, str], list[RuleJudged]] = defaultdict(list)
    for one in worst_first(audited.judged):
        if one.answer in ("FAIL", "UNKNOWN"):
            by_rule[one.answer, one.rule].append(one)
    drifted: dict[str, list[str]] = defaultdict(list)
    for task in audited.drift:
        drifted[drift_words(task)].append(task.host)
    failing = [ones for (answer, _), ones in by_rule.items() if answer == "FAIL"]
    lines += [_block(ones) for ones in failing if ones[0].severity in SEVERITIES[:2]]
    lines += [f"* drift: {_md(words)} ({_hosts(hosts)})" for words, hosts in drifted.items()]
    lines += [_block(ones) for ones in failing if ones[0].severity not in SEVERITIES[:2]]
    lines += [_block(ones) for (answer, _), ones in by_rule.items() if answer == "UNKNOWN"]
    return _fitting(head, lines)


def _block(ones: list[RuleJudged]) -> str:
    first = ones[0]
    words = (
        f"* **{first.rule}** {first.severity}{'' if first.answer == 'FAIL' else ' ' + first.answer}: {_md(first.title)}"
    )
    return f"{words} ({_hosts([one.host for one in ones])})\n  {_md(first.reason)[:600]}"


def _hosts(names: list[str]) -> str:
    return _md(", ".join(names[:8])) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _md(text: str) -> str:
    plain = safe(text).replace("\n", " ").replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{char}" if char in "\\`*_[]|!#@~>" else char for char in plain)


def _fitting(head: str, lines: list[str]) -> str:
    text, left = head, len(lines)
    for line in lines:
        if len(text) + len(line) + 60 > LONGEST_COMMENT:
            return f"{text}\n… and {left} more: the other formats have them all\n"
        text, left = f"{text}{line}\n", left - 1
    return text
