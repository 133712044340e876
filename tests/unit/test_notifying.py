"""Webhooks: one message a run, in both formats, no secret in it, and a failing one is told and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from deployer.errors import ConfigError
from deployer.events import Event, HostEnded, PlayStarted, RuleJudged
from deployer.fleet import NotifyWords
from deployer.model import Mark, Secret
from deployer.notifying import tell, webhooks
from deployer.plays import worth_telling
from tests.unit.hearing import Hearing, hearing_on_loopback

WHERE = Mark("inventory.yml", 4)
EVENTS: list[Event] = [
    PlayStarted("shop", "deploy", ("web1", "web2")),
    HostEnded("web1", "changed", 3, 9, 1.0, "", 0, "1.4.2-aa"),
    HostEnded("web2", "failed", 0, 9, 1.0, "it <broke> & \x1b[31mfell\nsecond line: canary", 1),
    RuleJudged("web1", "CK-01", "critical", "title", "FAIL", "why"),
]


@pytest.fixture
def hearing() -> Iterator[Hearing]:
    with hearing_on_loopback() as found:
        yield found


def hook(url: str, **words: Any) -> NotifyWords:
    return NotifyWords(webhook=Secret(url, "notify"), **words)


def test_a_generic_webhook_gets_one_message_with_the_facts(hearing: Hearing) -> None:
    assert tell([hook(f"{hearing.address}/T0/canary-path")], "deploy", EVENTS, 1) == ()
    ((path, message),) = hearing.told
    assert path == "/T0/canary-path"
    assert (message["event"], message["code"], message["plays"]) == ("deploy", 1, ["shop"])
    assert [(host["host"], host["ending"], host["changed"]) for host in message["hosts"]] == [
        ("web1", "changed", 3), ("web2", "failed", 0),
    ]  # fmt: skip
    assert message["hosts"][1]["problem"].startswith("it <broke> & ")
    assert "\x1b" not in str(message)
    assert "canary" not in str(message), "of a problem only the first line"
    assert message["findings"] == [{"host": "web1", "rule": "CK-01", "severity": "critical"}]


def test_slacks_format_is_a_text_without_markup(hearing: Hearing) -> None:
    tell([hook(hearing.address, format="slack")], "deploy", EVENTS, 1)
    ((_, message),) = hearing.told
    assert message.keys() == {"text"}
    assert "it &lt;broke&gt; &amp; " in message["text"]
    assert "deployer deploy: exit code 1; 1 changed, 1 failed" in message["text"]


@pytest.mark.parametrize(("code", "said"), [(500, "it answered 500"), (404, "it answered 404")])
def test_one_that_fails_is_told_without_its_address_and_the_next_gets_its_message(
    hearing: Hearing, code: int, said: str
) -> None:
    hearing.code = code
    (problem, other) = tell([hook(f"{hearing.address}/canary"), hook(hearing.address)], "audit", EVENTS, 2)
    assert said in problem
    assert "canary" not in problem
    assert other
    assert len(hearing.told) == 2


def test_no_redirection_is_followed(hearing: Hearing) -> None:
    hearing.code, hearing.headers = 307, {"Location": f"{hearing.address}/elsewhere"}
    assert "it answered 307" in tell([hook(hearing.address)], "deploy", EVENTS, 0)[0]
    assert len(hearing.told) == 1


def test_nobody_there_is_told_by_the_kind_of_error(hearing: Hearing) -> None:
    port = hearing.address.rpartition(":")[2]
    assert "ConnectionRefusedError" in tell([hook("http://127.0.0.1:1/canary")], "deploy", EVENTS, 0)[0]
    assert port


@pytest.mark.parametrize(
    "url", ["", "ftp://a/canary", "http://", "https://a b/canary", "canary", "http://[::1/x", "http://a:x/"]
)
def test_an_address_that_is_none_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        webhooks([((hook(url),), WHERE)], "deploy")
    assert "canary" not in f"{refused.value} {refused.value.hint}"


def test_each_is_told_once_and_only_of_what_it_asks_for() -> None:
    some = (hook("http://127.0.0.1/a", on=("audit",)), hook("http://127.0.0.1/b"))
    assert len(webhooks([(some, WHERE), (some, WHERE)], "audit")) == 2
    assert webhooks([(some, WHERE)], "deploy") == (some[1],)


def test_a_run_that_found_and_changed_nothing_is_not_told() -> None:
    quiet = [HostEnded("web1", "ok", 0, 9, 1.0)]
    assert not worth_telling(quiet, 0)
    assert worth_telling(quiet, 2)
    assert worth_telling(EVENTS, 0)
