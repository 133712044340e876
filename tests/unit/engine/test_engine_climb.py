"""The climb over a play's hosts: whom Ctrl-C leaves unjudged, and which members of other hosts nobody sees."""

from __future__ import annotations

import threading

import pytest

from deployer.beam.names import NodeName
from deployer.engine.ladder.meeting import unseen
from deployer.engine.ladder.rung import Rung, RungResult
from deployer.engine.roll.climb import Climb
from deployer.engine.roll.ending import ending_of, mark_failed
from deployer.engine.roll.host_roll import HostRoll
from deployer.engine.roll.state import HostState, Verification
from deployer.errors import Interrupted
from deployer.events import RungRead, Stage
from deployer.fleet import Member
from deployer.model import Host
from tests.unit.engine.engine_kit import Events, host_play
from tests.unit.engine.ladder_kit import HTTP_OK, PEERS, Inline, LadderHost, Says, epmd_says, look, target


@pytest.fixture
def climb() -> Climb:
    return Climb(Inline(), Events(), threading.Event())  # type: ignore[arg-type]


def run(name: str, port: int | None = 9100, **changed: object) -> HostRoll:
    """A host whose node is well, or not registered yet."""
    streams = {4369: lambda _: epmd_says(port), 4000: lambda _: Says(HTTP_OK)}
    play, node = host_play(), NodeName("shop", f"10.0.0.{name[3:]}")
    made = target(host=name, node=node, address=node.host, cookie=None, others=())
    transport = LadderHost(name, streams=streams, **changed)  # type: ignore[arg-type]
    host = Host(name, {}, (), play.host.mark)
    return HostRoll(host, 0.0, transport=transport, play=play, targets=(made,))


def test_ctrl_c_before_the_climb_leaves_who_was_proven_proven(climb: Climb) -> None:
    runs = [run("web1"), run("web2"), run("web3")]
    assert climb.run(runs[:2], busy=()) == {}
    assert [one.proven for one in runs] == [True, True, False]
    runs[1].health = Verification.UNVERIFIED  # its turn has come
    climb.stop.set()
    assert climb.run(runs, busy=()) == {}
    assert [type(one.problem) for one in runs] == [type(None), Interrupted, Interrupted]
    assert [ending_of(one, audit=False) for one in runs] == ["ok", "stopped", "stopped"]
    assert runs[0].proven


def told(climb: Climb, runs: list[HostRoll]) -> list[tuple[str, bool | None]]:
    """What is said of the last rung of each node that anything is said of."""
    climb.tell(runs)
    last = {rung.node: rung.ok for rung in climb.emit.of(RungRead)}  # type: ignore[attr-defined]
    return sorted(last.items())


def test_after_ctrl_c_nothing_of_before_the_switch_is_said_of_who_was_switched(climb: Climb) -> None:
    runs = [run("web1"), run("web2")]
    climb.run(runs, busy=())
    runs[1].health = Verification.UNVERIFIED  # its turn has come
    climb.stop.set()
    climb.run(runs, busy=())
    assert climb.healthy == {"shop@10.0.0.1"}
    assert len(climb.nodes) == 2
    assert told(climb, runs) == [("shop@10.0.0.1", True)]


def test_ctrl_c_leaves_open_how_a_node_is_that_has_not_stayed_up_for_long_enough(climb: Climb) -> None:
    young = run("web1", looks=lambda _: look(uptime="101.0"))
    climb.emit.when(Stage, lambda _: climb.stop.set())  # type: ignore[attr-defined]
    assert climb.run([young, run("web2")], busy=["web1"]) == {}
    assert isinstance(young.problem, Interrupted)
    assert told(climb, [young]) == [("shop@10.0.0.1", None), ("shop@10.0.0.2", True)]


def test_ctrl_c_in_the_climb_blames_nobody_who_needs_time(climb: Climb) -> None:
    """Who is cut off in mid-start is not sent back for that, and its release is not marked bad."""
    starting, gone = run("web1", port=None), run("web2", looks=lambda _: look(ActiveState="failed", pid="0"))
    climb.emit.when(Stage, lambda _: climb.stop.set())  # type: ignore[attr-defined]
    fallen = climb.run([starting, gone], busy=["web1", "web2"])
    assert list(fallen) == ["shop@10.0.0.2"], "systemd has given up: no time would help"
    assert (starting.health, gone.health) == (Verification.UNVERIFIED, Verification.UNHEALTHY)
    assert isinstance(starting.problem, Interrupted)
    assert gone.problem is None, "it is blamed by who called"


def test_who_fell_in_an_earlier_climb_keeps_its_line_in_the_report(climb: Climb) -> None:
    gone, well = run("web1", looks=lambda _: look(ActiveState="failed", pid="0")), run("web2")
    assert mark_failed([gone, well], climb.run([gone, well], busy=())) == [gone]
    climb.run([gone, well], busy=())
    assert told(climb, [gone, well]) == [("shop@10.0.0.1", False), ("shop@10.0.0.2", True)]
    climb.emit = Events()
    gone.state = HostState.SWITCHING  # it has not come to its end, and what was seen was seen before
    climb.run([gone, well], busy=())
    assert told(climb, [gone, well]) == [("shop@10.0.0.2", True)]


OUTSIDE = {
    "seen by both": ([(), ()], set()),
    "missed by one": ([("shop@10.0.0.3",), ()], set()),
    "missed by both": ([("shop@10.0.0.3",), ("shop@10.0.0.3",)], {"shop@10.0.0.3"}),
    "one was not asked": ([("shop@10.0.0.3",), None], {"shop@10.0.0.3"}),
    "nobody was asked": ([None, None], set()),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_member_of_another_host_is_unseen_when_nobody_who_was_asked_sees_it(name: str) -> None:
    said, expected = OUTSIDE[name]
    two = PEERS[0]
    other = Member(NodeName("shop", "10.0.0.1"), "web1", "10.0.0.1", 4369)
    targets = [target(), target(host="web2", node=two.node, others=(other, PEERS[1]))]
    climbed = {
        str(one.node): [
            RungResult(rung=Rung.MESH, ok=None if outside is None else True, detail="", outside=outside or ())
        ]
        for one, outside in zip(targets, said, strict=True)
    }
    assert unseen(targets, climbed, {"web1", "web2"}) == expected
