"""A node is asked over TLS where that is declared, and what it does instead has a name of its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from deployer.beam import tls
from deployer.beam.authority import Authority
from deployer.beam.distribution import DistributionError
from deployer.engine.ladder import asking
from tests.unit.beam.beam_streams import Peer
from tests.unit.engine.ladder_kit import NODE, LadderHost, target

NOW = datetime.now(UTC)
OURS = Authority.make("shop", NOW)
OVER_TLS = target(tls=OURS.issue("deployer", 1, NOW))
PLAIN = b"\0\x03sok"


def asked(*streams: Any) -> tuple[str, str, int]:
    """Outcome, detail, and how many of the streams were opened."""
    left = list(streams)
    host = LadderHost("web1", streams={9100: lambda _: left.pop(0)})
    said = asking.ask(host, OVER_TLS, 9100, timeout=1)
    return said.outcome, said.detail, len(streams) - len(left)


@pytest.mark.parametrize("first", [Peer(b"", TimeoutError()), Peer(b""), Peer(PLAIN), Peer(b"\0\x03snok")])
def test_a_node_that_answers_only_in_plain_text_is_told_by_a_second_look(first: Peer) -> None:
    second = Peer(PLAIN)
    outcome, detail, opened = asked(first, second)
    assert (outcome, opened) == ("plain text", 2)
    assert f"{NODE} answers in plain text" in detail
    assert b"deployer-" in second.sent
    assert second.closed


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [
        (Peer(b"", TimeoutError()), Peer(b"", TimeoutError()), "not alive"),
        (Peer(b""), Peer(b""), "nobody answers"),
        (Peer(b""), ConnectionRefusedError(), "nobody answers"),
        (Peer(b"HTTP/1.0 400 Bad Request"), Peer(b"HTTP/1.0 400 Bad Request"), "plain text"),
    ],
)
def test_one_that_answers_in_neither_keeps_the_name_of_the_first_look(first: Peer, second: Any, outcome: str) -> None:
    assert asked(first, second)[0] == outcome


def test_each_way_of_not_trusting_has_its_own_short_name_and_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = (tls.ForeignCertificate, tls.ExpiredCertificate, tls.OtherHost, tls.OurCertificate)
    told = set()
    for kind in kinds:
        monkeypatch.setattr(tls, "secure", refusing(kind("why")))
        said = asking.ask(LadderHost("web1", streams={9100: lambda _: Peer(b"")}), OVER_TLS, 9100, timeout=1)
        assert (said.detail, said.outcome.final) == ("why", True)
        told |= {(said.outcome, said.advice)}
    assert len(told) == len(kinds)


def refusing(error: DistributionError) -> Callable[..., Any]:
    def secure(*_: object) -> Any:
        raise error

    return secure
