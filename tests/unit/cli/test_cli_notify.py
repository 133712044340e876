"""``notify`` of the inventory, from the command line to a server on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cli.cli_kit import Run, code_of, walk
from tests.unit.hearing import Hearing, hearing_on_loopback


@pytest.fixture
def hearing() -> Iterator[Hearing]:
    with hearing_on_loopback() as found:
        yield found


def notify(address: str, *on: str) -> str:
    return json.dumps({"notify": [{"webhook": address, "on": list(on)}]})


def test_a_deploy_that_changes_something_is_told_once_and_one_that_does_not_is_not(
    run: Run, place: Path, hearing: Hearing, capsys: pytest.CaptureFixture[str]
) -> None:
    words = walk("deploy", place, "-e", notify(f"{hearing.address}/canary", "deploy"))
    assert code_of(run, *words) == 0
    assert code_of(run, *words) == 0
    ((path, message),) = hearing.told
    assert path == "/canary"
    assert (message["event"], message["code"]) == ("deploy", 0)
    assert [(host["host"], host["changed"]) for host in message["hosts"]] == [("this", 1)]
    assert "canary" not in "".join(capsys.readouterr())


def test_an_audit_is_told_and_only_if_it_asks_for_that(run: Run, place: Path, hearing: Hearing) -> None:
    for on in ("audit", "deploy"):
        given = ("-e", notify(hearing.address, on), "--only", "KR-04")
        assert code_of(run, *walk("audit", place, *given)) == 2
    ((_, message),) = hearing.told
    assert (message["event"], message["code"], message["drift"]) == ("audit", 2, 1)


def test_a_webhook_that_fails_changes_no_exit_code_and_is_told(
    run: Run, place: Path, hearing: Hearing, capsys: pytest.CaptureFixture[str]
) -> None:
    hearing.code = 500
    assert code_of(run, *walk("deploy", place, "-e", notify(f"{hearing.address}/canary", "deploy"))) == 0
    shown = "".join(capsys.readouterr())
    assert "the webhook at 127.0.0.1 was not told: it answered 500" in shown
    assert "canary" not in shown


def test_a_webhook_that_is_none_is_refused_before_anything_is_done(
    run: Run, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of(run, *walk("deploy", place, "-e", notify("ftp://canary", "deploy"))) == 3
    assert not place.exists()
    assert "canary" not in "".join(capsys.readouterr())
    assert code_of(run, *walk("deploy", place, "-e", notify("http://a", "deplyo"))) == 3
