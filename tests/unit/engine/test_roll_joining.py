"""New members beside old ones: all is opened first, who cannot join fails alone, and what is gone is closed last."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest

from deployer.beam.names import NodeName
from deployer.engine.roll.climb import Climb
from deployer.engine.roll.host_roll import HostRoll
from deployer.engine.roll.joining import Joining
from deployer.errors import ConfigError, HostError, NotConverged
from deployer.events import Note as Said
from deployer.fleet import Member
from deployer.model import Host, Present
from deployer.modules.base import Changes, Module, Observed, State, Step, records, sh
from deployer.roll_events import RollPlanned
from deployer.sh import Sh
from tests.unit.engine.engine_kit import Events, Folder, action, host_play
from tests.unit.engine.ladder_kit import Inline, LadderHost, target
from tests.unit.engine.roll_kit import Fleet


@dataclass(frozen=True, kw_only=True)
class Wall(Module):
    """What lets more in at first and less in the end; each leaves a line in the log."""

    file: Path
    log: Path
    host: str

    def desired(self) -> State:
        return Present({"wall": "closed"})

    def probe(self) -> Sh:
        return sh('emit wall "$(cat {} 2>/dev/null || echo old)"', self.file)

    def parse(self, out: str) -> Observed:
        return Present(records(out, "wall"))

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        if not changes:
            return ()
        opened = sh("echo open {} >>{}; echo opened >{}", self.host, self.log, self.file)
        closed = sh("echo close {} >>{}; echo closed >{}", self.host, self.log, self.file)
        return Step("open", opened, ahead=True), Step("close", closed, late=True)


def walled(fleet: Fleet) -> Fleet:
    for name in fleet.names:
        (fleet.place / name).mkdir(exist_ok=True)
        wall = Wall(file=fleet.place / name / "wall", log=fleet.log, host=name)
        fleet.more[name] = (action(wall),)
    return fleet


def kinds(fleet: Fleet) -> list[str]:
    return [line.split()[0] for line in fleet.done]


def test_all_hosts_open_before_a_node_is_switched_and_close_when_all_have_had_their_turn(tmp_path: Path) -> None:
    fleet = walled(Fleet(tmp_path, 3))
    roll = fleet.roll(1)
    assert sorted(kinds(fleet)[:6]) == [*["open"] * 3, *["unpack"] * 3]
    assert kinds(fleet)[6:] == [*["switch"] * 3, *["close"] * 3]
    assert fleet.ends(roll) == {"web1": "new", "web2": "new", "web3": "new"}
    (planned,) = fleet.events.of(RollPlanned)
    assert planned.opens == ("open: web1 web2 web3", "unpack: web1 web2 web3")
    assert planned.closes == ("close: web1 web2 web3",)
    assert all((fleet.place / name / "wall").read_text() == "closed\n" for name in fleet.names)


def test_beside_nodes_that_run_a_new_one_starts_when_all_are_open(tmp_path: Path) -> None:
    fleet = walled(Fleet(tmp_path, 3, new=1))
    fleet.roll()
    assert sorted(kinds(fleet)[:6]) == [*["open"] * 3, *["unpack"] * 3], "also where all is one batch"


@dataclass(frozen=True, kw_only=True)
class FreeWall(Wall):
    """One that needs nothing of what comes before it."""

    STANDS_ALONE: ClassVar[bool] = True


@pytest.mark.parametrize("kind", [Wall, FreeWall])
def test_what_needs_no_earlier_task_is_opened_on_all_hosts_first_whatever_comes_before_it(
    tmp_path: Path, kind: type[Wall]
) -> None:
    fleet = walled(Fleet(tmp_path, 3))
    for name in fleet.names:
        wall = kind(file=fleet.place / name / "wall", log=fleet.log, host=name)
        fleet.more[name] = (action(Folder(path=fleet.place / name / "etc")), action(wall))
    fleet.roll(1)
    (planned,) = fleet.events.of(RollPlanned)
    free = kind is FreeWall
    assert planned.opens == (("open: web1 web2 web3",) if free else ()), "a plan says what is done first, no more"
    assert (sorted(kinds(fleet)[:3]) == ["open"] * 3) is free
    assert all((fleet.place / name / "wall").read_text() == "closed\n" for name in fleet.names)


def test_nothing_is_closed_while_a_host_may_need_it(tmp_path: Path) -> None:
    fleet = walled(Fleet(tmp_path, 3))
    fleet.fails = {"web2"}
    fleet.roll(1)
    assert "close" not in kinds(fleet)
    (note,) = [event.text for event in fleet.events.of(Said) if "not removed" in event.text]
    assert note == "not removed on web1, web2, because web2, web3 may need it: what is no longer declared"


def test_nothing_is_closed_to_a_node_that_is_connected_and_no_member(tmp_path: Path) -> None:
    fleet = walled(Fleet(tmp_path, 3))
    fleet.strangers = frozenset({"shop@10.0.0.9"})
    with pytest.raises(ConfigError, match=r"shop@10\.0\.0\.9 is connected to the cluster, but not in") as caught:
        fleet.roll(1)
    assert "deployer retire" in (caught.value.hint or "")
    assert fleet.done == []
    fleet.strangers = frozenset({"old@10.0.0.1"})  # of a host of this play: its own task sees to it
    fleet.roll(1)
    assert kinds(fleet)[-3:] == ["close"] * 3


@pytest.mark.parametrize("quiet", ["", "it leaves", "the play is refused for it"])
def test_a_node_that_is_connected_and_no_member_is_told_with_the_way_out_where_nothing_is_closed(quiet: str) -> None:
    told, name = Events(), "shop@10.0.0.9"
    climb = Climb(Inline(), told, threading.Event(), strangers=frozenset({name, "old@10.0.0.1"}))  # type: ignore[arg-type]
    run = member(1)
    run.problem = ConfigError("it is connected") if quiet.startswith("the play") else None
    climb.tell([run], {name} if quiet == "it leaves" else ())
    said = [event.text for event in told.of(Said)]
    if quiet:
        assert said == []
    else:
        (text,) = said
        assert text.startswith(f"{name} is connected to the cluster, but not in this inventory")
        assert "deployer retire PLAYBOOK HOST" in text


def member(number: int, blocked: str = "", *, running: bool = True) -> HostRoll:
    """One of web1 to web3 as a host of the play; ``blocked``: what it is told wherever it knocks."""
    peers = tuple(Member(NodeName("shop", f"10.0.0.{i}"), f"web{i}", f"10.0.0.{i}", 4369) for i in (1, 2, 3))
    node = peers[number - 1]
    others = tuple(peer for peer in peers if peer != node)
    one = target(host=node.host, node=node.node, address=node.address, others=others)
    play = host_play()
    host = Host(node.host, {}, (), play.host.mark)
    play = replace(play, host=host)
    transport = LadderHost(node.host, blocked=blocked)
    return HostRoll(host, 0.0, transport=transport, play=play, targets=(one,))  # type: ignore[arg-type]


WAYS = {
    "open": ("", "", ""),
    "nothing listens yet": ("Connection refused", "Connection refused", ""),
    "a member does not reach it": ("No route to host", "", "web1 cannot reach 10.0.0.3:4369 (no route to host)"),
    "it does not reach a member": ("", "Connection timed out", "web3 cannot reach 10.0.0.1:4369"),
}


@pytest.mark.parametrize("name", WAYS)
def test_a_new_member_that_is_cut_off_fails_alone_before_it_starts(name: str) -> None:
    theirs, its, said = WAYS[name]
    old, new = [member(1, theirs), member(2)], member(3, its)
    Joining([new], old).prove(frozenset(), Inline())  # type: ignore[arg-type]
    assert [run.problem for run in old] == [None, None]
    if said:
        assert isinstance(new.problem, NotConverged)
        assert said in new.problem.message
    else:
        assert new.problem is None


def test_members_outside_of_the_run_have_to_be_reached_unless_nobody_sees_them() -> None:
    far = member(3, "Connection timed out")
    Joining([far], []).prove(frozenset({"shop@10.0.0.1", "shop@10.0.0.2"}), Inline())  # type: ignore[arg-type]
    assert far.problem is None
    Joining([far], []).prove(frozenset({"shop@10.0.0.1"}), Inline())  # type: ignore[arg-type]
    assert far.problem is not None
    assert "10.0.0.2:4369" in far.problem.message


def test_a_host_that_is_lost_meanwhile_is_its_own_trouble() -> None:
    class Gone(LadderHost):
        def run(self, program, *, timeout):  # type: ignore[no-untyped-def]
            raise HostError("the connection broke", where=self.name)

    old, new = member(1), member(3)
    old.transport = Gone("web1")  # type: ignore[assignment]
    Joining([new], [old]).prove(frozenset(), Inline())  # type: ignore[arg-type]
    assert isinstance(old.problem, HostError)
    assert new.problem is None
