"""SARIF as the standard has it, whatever a host says; and what holds it against the standard sees what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from deployer.report.exchange import sarif
from tests.unit.report.sarif_kit import errors_of
from tests.unit.report.test_report_audit import ANSWERS, audited, drift, ended, evil, judged


def told() -> dict[str, Any]:
    some = [judged(host, f"A{n}-1", answer) for host in ("web1", "web2") for n, answer in enumerate(ANSWERS)]
    found: dict[str, Any] = json.loads(sarif(audited(*some, drift("web1"), ended("web1"), ended("web2"))))
    return found


def test_an_audit_is_as_the_standard_has_it() -> None:
    whole = told()
    assert len(whole["runs"][0]["results"]) == 2 * len(ANSWERS) + 1
    assert list(errors_of(whole)) == []


def test_an_audit_of_a_hostile_host_and_one_without_any_answer_are_too() -> None:
    assert list(errors_of(json.loads(sarif(evil())))) == []
    assert list(errors_of(json.loads(sarif(audited(ended("web1")))))) == []


def first(whole: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = whole["runs"][0]["results"][0]
    return found


WRONG: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "another version": (lambda whole: whole.update(version="2.0.0"), "$.version is '2.0.0'"),
    "no runs": (lambda whole: whole.pop("runs"), "$ has no runs"),
    "no array": (lambda whole: whole.update(runs={}), "$.runs is no array"),
    "a word of nobody's": (lambda whole: first(whole).update(host="web1"), "$.runs[0].results[0] has host"),
    "another level": (lambda whole: first(whole).update(level="high"), "$.runs[0].results[0].level is 'high'"),
    "another kind": (lambda whole: first(whole).update(kind="PASS"), "$.runs[0].results[0].kind is 'PASS'"),
    "no message": (lambda whole: first(whole).pop("message"), "$.runs[0].results[0] has no message"),
    "an index that is true": (lambda whole: first(whole).update(ruleIndex=True), "ruleIndex is True"),
    "a place that is no address": (
        lambda whole: first(whole)["locations"][0]["physicalLocation"]["artifactLocation"].update(uri="hosts/a b"),
        "uri is 'hosts/a b'",
    ),
    "line zero": (
        lambda whole: first(whole)["locations"][0]["physicalLocation"]["region"].update(startLine=0),
        "region.startLine is 0",
    ),
    "a rule twice": (
        lambda whole: whole["runs"][0]["tool"]["driver"]["rules"].append(
            whole["runs"][0]["tool"]["driver"]["rules"][0]
        ),
        "rules holds one thing twice",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_not_as_the_standard_has_it_is_seen(kind: str) -> None:
    whole = told()
    change, error = WRONG[kind]
    change(whole)
    (found,) = errors_of(whole)
    assert error in found
