"""The matrix: who may reach which port of whom, and which answers differ from that."""

from __future__ import annotations

import pytest

from deployer.engine.matrix import differing_cell, tried_from
from deployer.errors import ConnectionLost
from deployer.firewall.cells import Cell, Walled, cells
from deployer.firewall.nft import RulesPart

PART = RulesPart(
    cluster="shop",
    admin=("10.0.0.0/28",),
    members=("10.0.0.2", "10.0.0.3"),
    ports="9100-9109",
    epmd_port=4369,
    public=("4000/tcp", "514/udp"),
    allow=(("9187/tcp", ("10.0.9.0/24",)), ("9101/tcp", ("fd00::/8",))),
)


def walled(name: str, address: str, *ports: int) -> Walled:
    return Walled(name, address, 22, PART, ports)


def test_every_pair_and_port_has_one_cell_and_the_rules_decide() -> None:
    hosts = [walled("a", "10.0.0.2", 9100, 9101), walled("b", "10.0.0.3")]
    hosts += [walled("c", "10.0.9.4"), walled("d", "fd00::1")]
    found = {(cell.source, cell.host, cell.port): cell.open for cell in cells(hosts)}
    assert len(found) == len(list(cells(hosts)))
    assert not any(source == host for source, host, _ in found)
    assert {port: found["b", "a", port] for _, host, port in found if host == "a"} == {
        22: True, 4369: True, 9100: True, 9101: True, 4000: True, 9187: False, 514: True,
    }  # fmt: skip
    assert {port for port in (22, 4369, 9100, 9101, 4000, 9187) if found["c", "a", port]} == {4000, 9187}
    assert {cell.port for cell in cells(hosts) if cell.protocol == "udp"} == {514}
    assert [found["d", "a", port] for port in (22, 9101, 4000)] == [False, True, True]


def cell(*, declared: bool) -> Cell:
    return Cell("a", "b", "10.0.0.3", 22, "SSH", declared)


@pytest.mark.parametrize(
    ("declared", "tried", "differs"),
    [
        (True, "open", False), (True, "refused", False), (True, "no answer", True),
        (False, "open", True), (False, "refused", True), (False, "no answer", False),
        (True, "not tried: gone", False), (False, "not tried: gone", False),
    ],
)  # fmt: skip
def test_silence_is_shut_and_any_answer_is_open(declared: bool, tried: str, differs: bool) -> None:
    assert differing_cell(cell(declared=declared), tried) is differs


class Way:
    def __init__(self, problem: Exception) -> None:
        self.problem = problem

    def connect(self, address: str, port: int, *, timeout: float) -> object:
        raise self.problem


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (ConnectionRefusedError(), "refused"),
        (TimeoutError(), "no answer"),
        (ConnectionLost("it is gone"), "not tried: it is gone"),
    ],
)
def test_what_could_not_be_tried_is_said(problem: Exception, said: str) -> None:
    assert tried_from(Way(problem), cell(declared=True)) == said  # type: ignore[arg-type]
