"""What nodes were judged by comes back as it was told, whatever is declared by then; no record of it stops anybody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deployer.beam.names import NodeName
from deployer.engine.ladder.expected import as_it_was, told_words
from deployer.engine.ledger import Ledger
from deployer.engine.roll.host_roll import HostRoll
from deployer.engine.roll.state import HostState
from deployer.fleet import Member
from deployer.fleet.words import Health
from deployer.model import Connection, Host, Mark
from tests.unit.engine.ladder_kit import NODE, PEERS, target

OLD = target(applications={"shop": "1.4.1"}, otp="25", mesh="boot")
NEW = target(
    health=Health(tcp="127.0.0.1:5000", timeout=9, stable=0),
    ports=(9200, 9200),
    epmd_port=None,
    address="10.9.9.9",
    node=NodeName("shop", "web1.lan"),
    mesh="none",
    otp="27",
    applications={"shop": "1.5.0"},
    others=(*PEERS, Member(NodeName("shop", "10.0.0.4"), "web4", "10.0.0.4", 4369)),
)


def same(one: object, other: object) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in type(one).__slots__)  # type: ignore[attr-defined]


def test_everything_that_a_rung_compares_with_comes_back() -> None:
    (was,) = as_it_was([NEW], told_words([OLD]))
    assert same(was, OLD)


def test_the_same_declaration_tells_the_same_line_without_a_secret() -> None:
    line = told_words([OLD])
    assert line == told_words([replace(OLD, others=PEERS[::-1])])
    assert "\n" not in line
    assert "c" * 40 not in line, "the cookie"


def test_a_node_that_was_not_there_is_not_judged_and_a_member_that_left_is_not_missed() -> None:
    jobs = target(node=NodeName("jobs", "10.0.0.1"), unit="jobs.service")
    (was,) = as_it_was([replace(NEW, others=PEERS[1:]), jobs], told_words([OLD]))
    assert (was.node, was.others) == (NODE, PEERS[1:])


@pytest.mark.parametrize(
    "line", ["", "{", "[]", "7", '{"shop.service": 1}', '{"shop.service": {"ports": "ab"}}', told_words([OLD])[:-20]]
)
def test_a_line_that_cannot_be_understood_changes_nothing(line: str) -> None:
    assert as_it_was([NEW], line) == (NEW,)


def test_a_host_that_went_back_or_waits_is_judged_as_it_was_good() -> None:
    host = Host("web1", {}, Connection(address="10.0.0.1"), Mark("inventory.yml", 3))
    good, bad = "1.4.1-0f3a9c71", "1.5.0-77ab01c2"
    record = Ledger(current=good, expected={good: told_words([OLD])})

    def run(state: HostState = HostState.SETTLED, to: str = "") -> HostRoll:
        return HostRoll(host, 0.0, targets=(NEW,), record=record, state=state, reverted_to=to)

    (declared,) = run().judged(frozenset())
    assert declared is NEW
    assert run().names == {"shop@web1.lan"}
    assert run(HostState.WAITING).names == {"shop@10.0.0.1"}, "until its turn it has its old name"
    (waiting,) = run(HostState.WAITING).judged(frozenset())
    assert (waiting.health, waiting.release_dir) == (OLD.health, None)
    (back,) = run(HostState.REVERTED, good).judged(frozenset())
    assert (back.health, back.ports, back.version) == (OLD.health, OLD.ports, "1.4.1")
    (unknown,) = run(HostState.REVERTED, bad).judged(frozenset())
    assert unknown.health == NEW.health
