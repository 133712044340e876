"""A host's state in a roll has one writer and a table of moves, and every move is told."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import deployer
from deployer.engine.roll.state import MOVES, HostState
from deployer.roll_events import HostMoved
from tests.unit.engine.roll_kit import Fleet

ROOT = Path(deployer.__file__).parent
WRITTEN_BY_ADVANCE = {"state", "reverted_to", "skip_reason"}


def told(fleet: Fleet, host: str) -> list[str]:
    return [event.state for event in fleet.events.of(HostMoved) if event.host == host]


def test_every_state_has_its_moves_and_is_reached() -> None:
    assert set(MOVES) == set(HostState)
    reached = frozenset().union(*MOVES.values())
    assert set(HostState) - reached == {HostState.SETTLED}, "where a host begins"


def test_only_one_place_writes_a_hosts_state() -> None:
    found = {
        (path.name, node.attr)
        for path in (ROOT / "engine").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and node.attr in WRITTEN_BY_ADVANCE
    }
    assert found == {("host_roll.py", name) for name in WRITTEN_BY_ADVANCE}


def test_a_move_that_is_not_in_the_table_is_a_fault_of_the_program(tmp_path: Path) -> None:
    run = Fleet(tmp_path).run("web1")
    with pytest.raises(AssertionError, match="web1 cannot go from settled to reverted"):
        run.advance(HostState.REVERTED, to="1.4.1-0f3a9c71")


def test_a_roll_tells_each_move_of_each_host(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    fleet.roll(1)
    assert told(fleet, "web4") == ["waiting", "turn", "switching", "switched"]


def test_what_falls_goes_back_and_who_comes_after_is_not_reached(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    fleet.good, fleet.falls = True, {"web2": 5}
    fleet.roll(1)
    assert told(fleet, "web2") == ["waiting", "turn", "switching", "switched", "reverting", "reverted"]
    assert told(fleet, "web3") == ["waiting", "not reached"]
    (why,) = [event.reason for event in fleet.events.of(HostMoved) if event.host == "web3" and event.reason]
    assert "web2" in why
