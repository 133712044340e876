"""What has changed between two audits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deployer.audit.changes import changed, read_audit
from deployer.errors import ConfigError

FORM = "deployer-audit/1"


def audit(findings: dict[str, str], drift: tuple[str, ...] = ()) -> dict[str, object]:
    told = [
        {"host": "web1", "rule": rule, "answer": answer, "reason": "17 MiB left"} for rule, answer in findings.items()
    ]
    return {"format": FORM, "findings": told, "drift": [{"host": "web1", "task": task} for task in drift]}


def test_what_is_another_answer_now_is_told_and_nothing_else() -> None:
    before = audit({"CK-01": "PASS", "CK-02": "FAIL", "CK-03": "PASS"}, ("nodes",))
    after = audit({"CK-01": "FAIL", "CK-02": "FAIL", "CK-04": "PASS"}, ("unit",))
    assert list(changed(before, after)) == [
        "web1: CK-01 PASS → FAIL",
        "web1: CK-03 PASS → not judged",
        "web1: CK-04 not judged → PASS",
        "web1: drift is new: unit",
        "web1: drift is gone: nodes",
    ]
    assert list(changed(after, after)) == []


NONE = (
    "",
    "[]",
    "{}",
    '{"format": "deployer-audit/1"}',
    '{"format": "deployer-audit/1", "findings": [1], "drift": []}',
)


@pytest.mark.parametrize("text", NONE)
def test_a_file_that_is_no_audit_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "kept.json").write_text(text)
    with pytest.raises(ConfigError, match="no audit"):
        read_audit(tmp_path / "kept.json", FORM)


def test_a_kept_audit_is_read(tmp_path: Path) -> None:
    (tmp_path / "kept.json").write_text(json.dumps(audit({"CK-01": "PASS"})))
    assert read_audit(tmp_path / "kept.json", FORM)["findings"]
    with pytest.raises(ConfigError, match="cannot be read"):
        read_audit(tmp_path / "none.json", FORM)
