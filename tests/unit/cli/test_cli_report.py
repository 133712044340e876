"""``--report`` of the commands that walk: the file has what ``--json`` printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.cli_kit import Run, code_of, walk


@pytest.mark.parametrize("command", ["plan", "deploy", "verify", "status", "history"])
def test_the_file_has_the_lines_that_json_prints(
    run: Run, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    page, told = tmp_path / "run.html", tmp_path / "run.json"
    assert code_of(run, *walk(command, place, "--json", "--report", str(page), "--report", str(told))) == 0
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert json.loads(told.read_text())["events"] == printed
    assert {one["event"] for one in printed} >= {"PlayStarted", "HostEnded", "RunEnded"}
    assert f"{command.capitalize()} of 1 host" in page.read_text()


def test_a_report_that_cannot_be_written_is_refused_before_anything_is_done(run: Run, place: Path) -> None:
    assert code_of(run, *walk("deploy", place, "--report", "run.htm")) == 3
    assert not place.exists()
