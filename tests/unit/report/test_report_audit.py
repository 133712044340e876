"""An audit in every format: the same facts, nothing that a host says becomes markup, and the limits are kept."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree as ET  # what it reads is our own

import pytest

from deployer.errors import ConfigError
from deployer.events import HostEnded, RuleJudged, TaskPlanned
from deployer.model import Change
from deployer.report.audit_files import check_files, write_files
from deployer.report.audited import Audited, audit_as_json, gathered
from deployer.report.exchange import LONGEST_COMMENT, junit, markdown, sarif, table_of
from deployer.report.page import html

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
EVIL = (
    "</li><script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m\x07\u202e\udce4]]>&amp;\"'`|[x](javascript:1)"
)
ANSWERS = ("FAIL", "UNKNOWN", "WAIVED", "PASS", "NOT APPLICABLE")


def judged(
    host: str, rule: str = "CK-01", answer: str = "FAIL", severity: str = "critical", reason: str = "why"
) -> RuleJudged:
    return RuleJudged(host, rule, severity, f"title of {rule}", answer, reason, "do: this" if answer == "FAIL" else "")


def drift(host: str, task: str = "nodes") -> TaskPlanned:
    return TaskPlanned(host, task, "site.yml:1", "change", (Change("mode", "0644", "0600"),))


def ended(host: str, problem: str = "") -> HostEnded:
    return HostEnded(host, "drift", 1, 3, 0.5, problem, 2)


def audited(*events: RuleJudged | TaskPlanned | HostEnded) -> Audited:
    return gathered(events, 2, NOW)


def fleet(count: int) -> Audited:
    """So many hosts on which 58 rules were judged, a third of which FAIL, each with words of its own."""
    events: list[RuleJudged | TaskPlanned | HostEnded] = []
    for number in range(count):
        host = f"web{number}.example.net"
        for rule in range(58):
            answer = "FAIL" if rule % 3 == 0 else "UNKNOWN" if rule % 7 == 0 else "PASS"
            severity = ("critical", "high", "medium", "low")[rule % 4]
            reason = (
                f"shop@10.0.{number // 250}.{number % 250}: something of it is not as it should be"
                if answer != "PASS"
                else ""
            )
            events.append(judged(host, f"XX-{rule:02}", answer, severity, reason))
        events += [drift(host), ended(host)]
    return audited(*events)


def read_xml(text: str) -> ET.Element:
    """Our own XML, as a reader sees it."""
    return ET.fromstring(text)  # noqa: S314


class Texts(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def read(page: str) -> Texts:
    found = Texts()
    found.feed(page)
    return found


def evil() -> Audited:
    """A host that says the worst in every field that it can write."""
    of_rules = [replace(judged(EVIL, "CK-01", answer, reason=EVIL), remedy=EVIL, title=EVIL) for answer in ANSWERS]
    change = TaskPlanned(EVIL, EVIL, EVIL, "change", (Change(EVIL, EVIL, f"{EVIL}\n{EVIL}"),), EVIL)
    return audited(*of_rules, change, ended(EVIL, EVIL))


def test_nothing_that_a_host_says_becomes_markup_in_the_page() -> None:
    page = html(evil())
    found = read(page)
    assert not {"script", "img", "iframe", "object", "a", "link"} & {tag for tag, _ in found.tags}
    assert not [
        name for _, attributes in found.tags for name in attributes if name.startswith("on") or name in ("src", "href")
    ]
    assert "<script>alert(1)</script>" in found.text, "it is told, as text"
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e\udc80-\udcff]", page)
    page.encode()


def test_the_page_asks_for_nothing_and_runs_nothing() -> None:
    page = html(fleet(2))
    assert "http://" not in page
    assert "https://" not in page
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src 'none'" in page
    assert "prefers-color-scheme" in page
    assert '<html lang="en">' in page
    assert page.count("<h1>") == 1


def test_page_and_json_tell_the_same_facts() -> None:
    whole = fleet(3)
    told, text = json.loads(audit_as_json(whole)), read(html(whole)).text
    assert len(told["findings"]) == 3 * 58
    for one in told["findings"]:
        assert one["rule"] in text
        assert one["reason"] in text
        assert one["host"] in text
    assert all(one["task"] in text for one in told["drift"])


def test_two_hundred_hosts_fit() -> None:
    whole = fleet(200)
    assert len(html(whole).encode()) <= 600_000
    assert len(markdown(whole)) <= LONGEST_COMMENT
    shown = markdown(whole)
    assert shown.index("critical") < shown.index("medium")
    assert "XX-00" in shown


def test_one_host_is_one_host() -> None:
    whole = audited(judged("web1", "XX-01"), ended("web1"))
    assert markdown(whole).startswith("## Audit of 1 host: 1 finding, ")
    assert "Audit of 1 host<" in html(whole)


def test_a_comment_that_does_not_fit_says_how_much_is_missing() -> None:
    lines = [judged(f"web{n}", f"R{n}-{m:02}", reason="x" * 500) for n in range(40) for m in range(9)]
    shown = markdown(audited(*lines, ended("web1")))
    assert len(shown) <= LONGEST_COMMENT
    assert re.search(r"… and \d+ more: the other formats have them all\n$", shown)


def test_markdown_of_a_hostile_host_is_text() -> None:
    shown = markdown(evil())
    assert "<" not in shown
    assert "](" not in shown.replace("\\](", "")
    assert "\x1b" not in shown


def test_sarif_has_what_its_readers_need() -> None:
    told = json.loads(
        sarif(
            audited(
                *(judged("web1", f"A{n}-1", answer) for n, answer in enumerate(ANSWERS)), drift("web1"), ended("web1")
            )
        )
    )
    (run,) = told["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert told["version"] == "2.1.0"
    assert len(set(rules)) == len(rules) == 6
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["kind"] in ("pass", "open", "notApplicable", "fail")
        assert result["level"] in ("none", "note", "warning", "error")
        assert (result["level"] == "none") == (result["kind"] != "fail"), "SARIF 3.27.10"
        assert result["message"]["text"]
        (location,) = result["locations"]
        assert location["physicalLocation"]["artifactLocation"]["uri"] == "hosts/web1"
        assert location["logicalLocations"] == [{"name": "web1", "kind": "host"}]
    prints = [result["partialFingerprints"]["hostAndRule/v1"] for result in run["results"]]
    assert len(set(prints)) == len(prints)
    assert [result["ruleId"] for result in run["results"] if "suppressions" in result] == ["A2-1"]


def test_sarif_of_a_hostile_host_is_text_that_can_be_written() -> None:
    for result in json.loads(sarif(evil()).encode())["runs"][0]["results"]:
        place = result["locations"][0]
        assert re.fullmatch(r"hosts/[A-Za-z0-9_.~%/-]+", place["physicalLocation"]["artifactLocation"]["uri"])
        assert place["logicalLocations"][0]["name"].isprintable()


def test_junit_counts_and_can_be_read_whatever_a_host_says() -> None:
    suite = read_xml(
        junit(
            audited(
                *(judged("web1", f"A{n}-1", answer) for n, answer in enumerate(ANSWERS)), drift("web1"), ended("web1")
            )
        )
    )[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped"), suite.get("errors")) == (
        "6",
        "2",
        "3",
        "0",
    )
    assert len(suite.findall("testcase")) == 6
    assert len(suite.findall("testcase/failure")) == 2
    assert read_xml(junit(evil()))[0].findall("testcase/error")


def test_a_cell_is_never_a_formula() -> None:
    rows = list(
        csv.reader(StringIO(table_of(audited(judged("web1", reason="=cmd|' /C calc'!A0"), drift("web1", "@x")))))
    )
    assert rows[1][5] == "'=cmd|' /C calc'!A0"
    assert rows[2][4] == "'@x"
    assert {len(row) for row in rows} == {7}


def test_every_format_is_written_by_its_ending(tmp_path: Path) -> None:
    paths = [str(tmp_path / f"audit.{ending}") for ending in ("html", "json", "sarif", "xml", "csv", "md")]
    check_files(paths)
    write_files(paths, fleet(2))
    assert all("XX-00" in Path(path).read_text() for path in paths)


@pytest.mark.parametrize("name", ["audit.htm", "audit", "none/audit.html"])
def test_a_file_that_cannot_be_is_refused_before_any_host(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError):
        check_files([str(tmp_path / name)])
