"""Hosts that hold several nodes, reach each other or do not, or go away."""

from __future__ import annotations

from deployer.beam.names import NodeName
from deployer.engine.ladder.rung import Rung, RungResult
from deployer.engine.ladder.verify import fragments
from deployer.errors import ConnectionLost, StepError, Unreachable
from deployer.events import RungRead
from deployer.transport.base import ForwardingForbidden
from tests.unit.engine.ladder_kit import Lost, look
from tests.unit.engine.verify_kit import Run, alive, node


def test_two_nodes_of_a_host_are_looked_at_in_one_exec() -> None:
    host = alive()
    one, two = node(), node(node=NodeName("blog", "10.0.0.1"), unit="blog.service")
    run = Run([host], [one, two])
    assert host.programs == ["look"]
    assert set(run.rungs) == {"shop@10.0.0.1", "blog@10.0.0.1"}
    assert len(fragments([one, two])) == 2


def test_members_reach_each_other_in_one_exec_a_host() -> None:
    hosts = [alive("web1"), alive("web2")]
    run = Run(hosts, [node(peers=("web2",)), node("web2", "10.0.0.2", ("web1",))])
    assert [host.programs for host in hosts] == [["look", "reach"], ["look", "reach"]]
    assert all(rungs[-1].ok for rungs in run.rungs.values())


def test_a_firewall_between_members_is_told_on_the_node_that_cannot_be_reached() -> None:
    hosts = [alive("web1"), alive("web2", blocked="No route to host")]
    run = Run(hosts, [node(peers=("web2",)), node("web2", "10.0.0.2", ("web1",))])
    assert run.last().rung == Rung.REACH
    assert "from web2: port 9100 no route to host, port 4369 no route to host" in run.last().detail
    assert run.last("shop@10.0.0.2").ok


def test_a_host_that_no_member_counts_among_the_members_does_not_knock_at_ports_that_are_shut_to_it() -> None:
    hosts = [alive("web1"), alive("web2"), alive("web3", looks=lambda _: look(LoadState="not-found", pid="0"))]
    newcomer = node("web3", "10.0.0.3", ("web1", "web2"))
    run = Run(hosts, [node(peers=("web2",)), node("web2", "10.0.0.2", ("web1",)), newcomer])
    assert [host.programs for host in hosts] == [["look", "reach"], ["look", "reach"], ["look", "last words"]]
    assert run.last().ok
    assert run.last("shop@10.0.0.3").rung == Rung.UNIT


def test_a_lost_host_fails_at_the_first_rung_and_the_others_go_on() -> None:
    run = Run([Lost("web1"), alive("web2")], [node(peers=("web2",)), node("web2", "10.0.0.2", ("web1",))])
    assert (run.last().rung, run.last().detail) == (Rung.HOST, "the connection broke")
    other = {rung.rung: rung for rung in run.rungs["shop@10.0.0.2"]}
    assert other[Rung.REACH].ok is None
    assert other[Rung.REACH].detail == "not tried from web1: the connection broke"
    assert other[Rung.HEALTH].ok


def test_a_host_that_was_never_reached_fails_at_the_first_rung_with_its_own_advice() -> None:
    gone = Unreachable("10.0.0.1:22 did not answer within 10 s", hint="is it up?")
    run = Run([alive("web2")], [node(), node("web2", "10.0.0.2", ("web1",))], absent={"web1": gone})
    assert run.rungs["shop@10.0.0.1"] == [RungResult(rung=Rung.HOST, ok=False, detail=gone.message, advice="is it up?")]
    assert run.last("shop@10.0.0.2").ok


def test_of_a_host_whose_deploy_failed_nothing_is_read_and_nothing_is_told() -> None:
    failed = StepError("node: restart shop.service: failed with status 1")
    run = Run([alive("web2")], [node(), node("web2", "10.0.0.2", ("web1",))], absent={"web1": failed})
    assert run.rungs["shop@10.0.0.1"] == []
    assert {event.host for event in run.events.of(RungRead)} == {"web2"}


def test_a_damaged_look_fails_the_node_not_the_run() -> None:
    run = Run([alive(looks=lambda _: "nonsense")], [node()])
    assert run.last().rung == Rung.HOST
    assert run.last().ok is False


FORBIDDEN = ForwardingForbidden("sshd of web1 forbids TCP forwarding")


def test_without_forwarding_the_rungs_that_need_it_are_not_climbed() -> None:
    run = Run([alive(streams={4369: lambda _: FORBIDDEN})], [node()])
    found = {rung.rung: rung.ok for rung in run.rungs["shop@10.0.0.1"]}
    assert found[Rung.UNIT] is True
    assert found[Rung.EPMD] is None
    assert found[Rung.HEALTH] is None
    assert False not in found.values()


def test_a_connection_lost_while_talking_is_told() -> None:
    run = Run([alive(streams={4369: lambda _: ConnectionLost("the connection broke")})], [node()])
    assert (run.last().rung, run.last().ok) == (Rung.HOST, False)
    assert run.clock.slept == [], "a connection that is lost does not come back by waiting"
