"""What EPMD and the health check may answer, and the rung that tells it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deployer.engine.ladder.rung import Rung
from deployer.fleet.words import Health
from tests.unit.engine.ladder_kit import Says, epmd_says
from tests.unit.engine.verify_kit import HEALTH, Run, alive, node

EPMD = {
    "hangs": (lambda _: TimeoutError(), Rung.EPMD, "no answer"),
    "closed": (lambda _: Says(b""), Rung.EPMD, ""),
    "garbled": (lambda _: Says(b"HTTP/1.1 400 Bad Request\r\n"), Rung.EPMD, ""),
    "another name": (lambda _: epmd_says(9100, "blog"), Rung.EPMD, ""),
}


@pytest.mark.parametrize("name", EPMD)
def test_a_wrong_epmd_is_told_as_what_it_is(name: str) -> None:
    stream, rung, says = EPMD[name]
    run = Run([alive(streams={4369: stream})], [node()])
    assert run.last().rung == rung
    assert says in run.last().detail


HEALTHS: dict[str, tuple[Health, dict[int, Callable[[int], Any]], str]] = {
    "503": (HEALTH, {4000: lambda _: Says(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")}, "answers 503"),
    "302": (
        HEALTH,
        {4000: lambda _: Says(b"HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n")},
        "leads to /login, not 2xx",
    ),
    "nobody listens": (HEALTH, {}, "nobody listens"),
    "hangs": (HEALTH, {4000: lambda _: TimeoutError()}, "no answer in 5 s"),
    "closes": (HEALTH, {4000: lambda _: Says(b"")}, "http://127.0.0.1:4000/health"),
    "no http": (HEALTH, {4000: lambda _: Says(b"SSH-2.0-x\r\n")}, "http://127.0.0.1:4000/health"),
    "tcp nobody": (Health(tcp="127.0.0.1:5000", timeout=60, stable=10), {}, "127.0.0.1:5000: nobody listens"),
    "expression without a cookie": (Health(expr="Shop.ok?()", timeout=60, stable=10), {}, "a declared cookie"),
}


@pytest.mark.parametrize("name", HEALTHS)
def test_an_unhealthy_node_is_told_with_what_it_answered(name: str) -> None:
    health, streams, says = HEALTHS[name]
    run = Run([alive(streams={4369: lambda _: epmd_says(9100), **streams})], [node(health=health)])
    assert run.last().rung == Rung.HEALTH
    assert says in run.last().detail


@pytest.mark.parametrize("status", [200, 204])
def test_a_good_status_is_healthy(status: int) -> None:
    answer = f"HTTP/1.1 {status} Fine\r\nContent-Length: 0\r\n\r\n".encode()
    streams: dict[int, Callable[[int], Any]] = {4369: lambda _: epmd_says(9100), 4000: lambda _: Says(answer)}
    assert Run([alive(streams=streams)], [node()]).last().ok
