"""What a person lets off: for a host, until a day; what has ended fails again, what is misspelt is refused."""

from __future__ import annotations

from datetime import date

import pytest

from deployer.audit.rule import Finding
from deployer.audit.waivers import Waiver, waive, waivers_of
from deployer.errors import ConfigError
from deployer.fields import build
from deployer.fleet import AuditWords

HOSTS = ("web1", "web2")
ONE = {"rule": "ck-04", "until": "2027-03-01", "by": "ana", "why": "one user only"}
FAIL = Finding("FAIL", "the cookie is listed")


def given(**words: str) -> tuple[Waiver, ...]:
    return waivers_of(build(AuditWords, {"waive": [ONE | words]}), HOSTS)


def test_a_finding_is_let_off_until_the_day_and_says_by_whom() -> None:
    (waiver,) = given()
    finding, used = waive("CK-04", "web1", FAIL, [waiver], date(2027, 3, 1))
    assert (finding.answer, used) == ("WAIVED", waiver)
    assert "until 2027-03-01: one user only" in finding.reason


def test_a_waiver_that_has_ended_fails_and_counts_as_used() -> None:
    (waiver,) = given()
    finding, used = waive("CK-04", "web1", FAIL, [waiver], date(2027, 3, 2))
    assert (finding.answer, used) == ("FAIL", waiver)
    assert "by ana until 2027-03-01, which has passed" in finding.reason


@pytest.mark.parametrize(
    ("rule", "host", "finding"),
    [("CK-04", "web1", FAIL), ("CK-03", "web2", FAIL), ("CK-04", "web2", Finding("UNKNOWN", "hidden")),
     ("CK-04", "web2", Finding("PASS"))],
)  # fmt: skip
def test_other_hosts_rules_and_answers_are_not_let_off(rule: str, host: str, finding: Finding) -> None:
    assert waive(rule, host, finding, given(host="web2"), date(2026, 1, 1)) == (finding, None)


def test_of_several_the_one_that_lasts_longest_counts() -> None:
    both = (*given(until="2026-01-01"), *given())
    assert waive("CK-04", "web1", FAIL, both, date(2026, 6, 1))[0].answer == "WAIVED"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"rule": "CK-44"}, "there is no rule 'CK-44'"),
        ({"host": "web3"}, "there is no host 'web3'"),
        ({"until": "tomorrow"}, "until"),
        ({"until": "2027-02-30"}, "until"),
        ({"untill": "2027-03-01"}, "untill"),
        ({"why": ""}, "why"),
    ],
)
def test_a_word_that_is_wrong_is_refused(words: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        given(**words)
