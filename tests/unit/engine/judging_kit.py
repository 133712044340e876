"""Readings of nodes that something is wrong with, and the one rung that tells it."""

from __future__ import annotations

from typing import Any

from deployer.engine.ladder.outcome import Outcome
from deployer.engine.ladder.reading import NodeReading, PeerView
from deployer.engine.ladder.rung import Rung, RungResult, climb, failed
from deployer.engine.ladder.target import Target
from tests.unit.engine.ladder_kit import dist, reading


def asked(outcome: str, says: str, advice: str = "") -> NodeReading:
    return reading(dist=dist(outcome=Outcome(outcome), detail=says, advice=advice, nodes=None))


def lacks_web3(sight: PeerView, **changed: Any) -> NodeReading:
    hosts = frozenset({"web1", "web2", "web3"})
    seen = dist(nodes=("shop@10.0.0.2",), **changed)
    return reading(dist=seen, members={"shop@10.0.0.3": sight}, hosts=hosts)


def judged(wanted: Target, seen: NodeReading, rung: Rung) -> RungResult:
    found = list(climb(wanted, seen))
    bad = failed(found)
    assert bad is not None
    assert bad is found[-1] or bad.secondary
    assert bad.rung == rung
    assert all(each.ok is not False for each in found if each is not bad)
    return bad
