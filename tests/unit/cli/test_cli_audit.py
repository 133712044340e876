"""``audit`` on the command line: with and without a playbook, and what it tells of its rules without any host."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deployer.audit.catalog import RULES
from deployer.cli.program import _with_playbook
from tests.unit.cli.cli_kit import Run, code_of


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["site.yml", "-i", "hosts"], ["--playbook", "site.yml", "-i", "hosts"]),
        (["-b", "site.yml", "-i", "hosts"], ["-b", "--playbook", "site.yml", "-i", "hosts"]),
        (["-i", "hosts", "--only", "CK"], ["-i", "hosts", "--only", "CK"]),
        (["-f", "5", "-vv", "-i", "hosts", "site.yml"], ["-f", "5", "-vv", "-i", "hosts", "--playbook", "site.yml"]),
        (["-i=hosts", "site.yml"], ["-i=hosts", "--playbook", "site.yml"]),
        (["--list"], ["--list"]),
    ],
)
def test_the_playbook_is_the_one_word_that_belongs_to_no_flag(words: list[str], found: list[str]) -> None:
    assert _with_playbook(words) == found


def test_the_rules_are_listed_for_people_and_for_programs(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(run, "audit", "--list") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(RULES)
    assert code_of(run, "audit", "--list", "--severity", "critical", "--json") == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {one["severity"] for one in found} == {"critical"}
    assert all(one["remedy"] and one["sources"] for one in found)


def test_a_rule_explains_itself(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(run, "audit", "--explain", "ck-01") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("CK-01: the cookie is long")
    assert "remedy:" in shown


@pytest.mark.parametrize(
    "words", [("--explain", "CK-99"), ("--only", "CK-99", "--hosts", "a"), ("--severity", "hihg", "--hosts", "a")]
)
def test_a_wrong_word_is_exit_3_before_any_host(run: Run, words: tuple[str, ...]) -> None:
    assert code_of(run, "audit", *words) == 3


def test_an_audit_that_cannot_be_kept_is_not_begun(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of(run, "audit", "--hosts", "127.0.0.1", "--save", str(tmp_path / "missing/last.json")) == 3
    told = capsys.readouterr()
    assert "missing: there is no such directory" in told.err
    assert "PLAY" not in told.out


def test_no_inventory_and_no_hosts_is_one_clear_error(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(run, "audit") == 3
    assert "no inventory is given" in capsys.readouterr().err


def test_a_host_that_is_named_badly_is_refused(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(run, "audit", "--hosts", "we b1;id") == 3
    assert "host name" in capsys.readouterr().err


def test_advisories_says_how_to_get_them_and_how_old_they_are(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert code_of(run, "advisories") == 0
    assert "--advisories advisories" in capsys.readouterr().out
    affected = [{"package": {"ecosystem": "Hex", "name": "plug"}, "versions": ["1.0.0"]}]
    old = {"id": "X-1", "modified": "2020-01-01T00:00:00Z", "affected": affected}
    (tmp_path / "one.json").write_text(json.dumps(old))
    assert code_of(run, "advisories", "--path", str(tmp_path)) == 0
    shown = capsys.readouterr().out
    assert "1 advisory is known, the newest" in shown
    assert "1 packages of Hex, 0 applications of OTP" in shown
    assert "that is old" in shown
    assert code_of(run, "advisories", "--path", str(tmp_path / "none")) == 3
