"""What has changed between two audits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deployer.audit.changes import changed, read_audit
from deployer.errors import ConfigError

FORM = "deployer-audit/1"


def audit(findings: dict[str, str], drift: tuple[str, ...] = (), host: str = "web1", tasks: int = 9) -> dict[str, Any]:
    told = [
        {"host": host, "rule": rule, "answer": answer, "reason": "17 MiB left"} for rule, answer in findings.items()
    ]
    hosts = [{"host": host, "ending": "findings" if findings else "unreachable", "total": tasks}]
    return {"format": FORM, "hosts": hosts, "findings": told, "drift": [{"host": host, "task": task} for task in drift]}


def test_what_is_another_answer_now_is_told_and_nothing_else() -> None:
    before = audit({"CK-01": "PASS", "CK-02": "FAIL"}, ("nodes",))
    after = audit({"CK-01": "FAIL", "CK-02": "FAIL"}, ("unit",))
    assert list(changed(before, after)) == [
        "web1: CK-01 PASS → FAIL",
        "web1: drift is new: unit",
        "web1: drift is gone: nodes",
    ]
    assert list(changed(after, after)) == []


def test_a_rule_that_only_one_of_the_two_was_asked_about_has_not_changed() -> None:
    before = audit({"CK-01": "PASS", "CK-03": "PASS", "CK-05": "FAIL"})
    after = audit({"CK-01": "PASS", "CK-04": "FAIL"})
    assert list(changed(before, after)) == [
        "not compared, because only this audit has them: rules CK-04",
        "not compared, because only the last audit has them: rules CK-03, CK-05",
    ]


def test_a_rule_that_one_host_alone_was_asked_about_is_told_of_that_host() -> None:
    both, one = {"CK-01": "PASS", "CK-03": "FAIL"}, {"CK-01": "PASS"}
    mixed = [{key: [*a[key], *b[key]] for key in ("hosts", "findings", "drift")}
             for a, b in ((audit(one), audit(both, host="web2")), (audit(both), audit(both, host="web2")))]  # fmt: skip
    assert list(changed(mixed[0], mixed[1])) == ["web1: not compared, because only this audit has them: rules CK-03"]
    assert list(changed(mixed[1], mixed[0])) == [
        "web1: not compared, because only the last audit has them: rules CK-03"
    ]


def test_a_host_that_was_left_out_is_another_thing_than_one_that_is_away() -> None:
    before, other = audit({"CK-01": "PASS"}, ("nodes",)), audit({"CK-01": "PASS"}, ("unit",), "web2")
    assert list(changed(before, other)) == [
        "not compared, because only this audit has them: hosts web2",
        "not compared, because only the last audit has them: hosts web1",
    ]
    away = audit({}, tasks=0)
    assert list(changed(before, away)) == ["web1: audited → unreachable"]
    assert list(changed(away, before)) == ["web1: unreachable → audited"]


def test_where_no_playbook_was_given_drift_is_neither_new_nor_gone() -> None:
    before, without = audit({"CK-01": "PASS"}, ("nodes",)), audit({"CK-01": "PASS"}, tasks=0)
    assert list(changed(before, without)) == []
    assert list(changed(without, before)) == []


NONE = (
    "",
    "[]",
    "{}",
    '{"format": "deployer-audit/1"}',
    '{"format": "deployer-audit/1", "findings": [1], "drift": []}',
    '{"format": "deployer-audit/1", "findings": [], "drift": [], "hosts": 5}',
)


@pytest.mark.parametrize("text", NONE)
def test_a_file_that_is_no_audit_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "kept.json").write_text(text)
    with pytest.raises(ConfigError, match="not a saved audit"):
        read_audit(tmp_path / "kept.json", FORM)


def test_a_kept_audit_is_read(tmp_path: Path) -> None:
    (tmp_path / "kept.json").write_text(json.dumps(audit({"CK-01": "PASS"})))
    assert read_audit(tmp_path / "kept.json", FORM)["findings"]
    with pytest.raises(ConfigError, match="cannot be read"):
        read_audit(tmp_path / "none.json", FORM)
