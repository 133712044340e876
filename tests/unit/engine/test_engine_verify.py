"""Climbing in rounds: fresh readings until all holds, one is hopeless, or time is up; with the test's own clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from engine_kit import Events
from ladder_kit import HTTP_OK, Clock, Inline, LadderHost, Lost, Says, epmd_says, look, target, unit

from deployer.beam.names import NodeName
from deployer.engine.ladder.judge import Rung
from deployer.engine.ladder.readings import UnitReading
from deployer.engine.ladder.target import Peer, Target
from deployer.engine.ladder.verify import PATIENCE, Session, fragments, verify
from deployer.errors import ConnectionLost, DeployerError, StepError, Unreachable
from deployer.events import RungRead
from deployer.fleet.words import Health
from deployer.model import Secret
from deployer.transport.base import ForwardingForbidden

HEALTH = Health(http="http://127.0.0.1:4000/health", timeout=60, stable=10)


def node(host: str = "web1", address: str = "10.0.0.1", peers: tuple[str, ...] = (), **changed: Any) -> Target:
    others = tuple(Peer(NodeName("shop", f"10.0.0.{name[3:]}"), name, f"10.0.0.{name[3:]}", 4369) for name in peers)
    wanted = {"host": host, "node": NodeName("shop", address), "address": address, "cookie": None, "others": others}
    return target(**{**wanted, **changed})


def alive(name: str = "web1", **changed: Any) -> LadderHost:
    streams: dict[int, Callable[[int], Any]] = {4369: lambda _: epmd_says(9100), 4000: lambda _: Says(HTTP_OK)}
    return LadderHost(name, **{"streams": streams, **changed})


class Run:
    """One call of verify, with everything that came of it."""

    def __init__(self, hosts: list[LadderHost], targets: list[Target], *, patience: float = PATIENCE,
                 known: dict[str, UnitReading] | None = None,
                 absent: dict[str, DeployerError] | None = None) -> None:  # fmt: skip
        self.events, self.clock = Events(), Clock()
        sessions = {host.name: Session(host, become=False) for host in hosts}
        self.rungs: dict[str, list[Rung]] = verify(
            sessions,
            targets,
            known or {},
            patience=lambda _: patience,
            pool=Inline(),  # type: ignore[arg-type]
            emit=self.events,
            absent=absent,
            clock=self.clock,
            sleep=self.clock.sleep,
        )

    def last(self, name: str = "shop@10.0.0.1") -> Rung:
        return self.rungs[name][-1]


def test_a_healthy_node_takes_one_round() -> None:
    host = alive()
    run = Run([host], [node()])
    assert [rung.number for rung in run.rungs["shop@10.0.0.1"] if rung.ok] == [1, 2, 3, 4, 5, 6, 9, 10]
    assert host.programs == ["look"]
    assert run.clock.slept == []


def test_a_reading_that_rode_along_spares_the_exec() -> None:
    host = alive()
    run = Run([host], [node()], known={"shop@10.0.0.1": unit()})
    assert run.last().ok
    assert host.programs == []


def test_every_rung_is_told_as_an_event() -> None:
    run = Run([alive()], [node()])
    told = run.events.of(RungRead)
    assert [(event.host, event.node, event.rung) for event in told][:2] == [
        ("web1", "shop@10.0.0.1", 1),
        ("web1", "shop@10.0.0.1", 2),
    ]
    assert told[1].title == "unit active"
    assert all(event.seconds > 0 for event in told)


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
    assert run.last().number == 6
    assert "from web2: port 9100 no route to host, port 4369 no route to host" in run.last().detail
    assert run.last("shop@10.0.0.2").ok


def test_a_node_that_needs_a_moment_is_looked_at_again() -> None:
    streams: dict[int, Callable[[int], Any]] = {
        4369: lambda round_: epmd_says(9100 if round_ >= 3 else None),
        4000: lambda _: Says(HTTP_OK),
    }
    host = alive(streams=streams)
    run = Run([host], [node()])
    assert run.last().ok
    assert run.clock.slept == [0.1, 0.2, 0.3]
    assert run.events.of(RungRead)[-1].seconds > 0.6


def test_time_is_up_with_the_last_reading() -> None:
    host = alive(streams={4369: lambda _: epmd_says(None)}, last="unknown words")
    run = Run([host], [node()])
    assert run.last().number == 5
    assert "not registered" in run.last().detail
    assert "unknown words" in run.last().detail
    assert PATIENCE <= sum(run.clock.slept) < PATIENCE + 2


def test_only_open_nodes_are_asked_again() -> None:
    well, ill = alive("web1"), alive("web2", streams={})
    Run([well, ill], [node(), node("web2", "10.0.0.2")])
    assert well.programs.count("look") == 1
    assert ill.programs.count("look") > 3


HOPELESS = {
    "failed unit": look(ActiveState="failed", SubState="failed", Result="exit-code"),
    "no unit": look(LoadState="not-found", ActiveState="inactive", pid="0"),
}


@pytest.mark.parametrize("name", HOPELESS)
def test_no_time_is_spent_on_what_waiting_cannot_help(name: str) -> None:
    run = Run([alive(looks=lambda _: HOPELESS[name])], [node()], patience=600)
    assert run.last().number == 2
    assert run.clock.slept == []


def test_a_crash_loop_is_seen_by_its_restarts() -> None:
    states = ["activating", "active"]
    host = alive(
        looks=lambda round_: look(ActiveState=states[round_ % 2], NRestarts=str(4 + round_), pid="0", exe="gone"),
        last="Runtime terminating during boot (could not start kernel pid)",
    )
    run = Run([host], [node()], patience=600)
    assert run.last().number in (2, 3)
    assert len(run.clock.slept) == 3


def test_a_young_node_has_to_live_through_its_stability_window() -> None:
    host = alive(looks=lambda round_: look(uptime=f"{101 + round_ * 2}.0"))
    run = Run([host], [node(health=HEALTH)], patience=60)
    assert run.last().ok
    assert host.programs.count("look") == 6


def test_a_node_that_was_started_a_moment_ago_by_somebody_else_may_take_its_window() -> None:
    clock_like = alive(looks=lambda round_: look(uptime=f"{101 + round_}.0"))
    run = Run([clock_like], [node(health=HEALTH)], patience=PATIENCE)
    assert run.last().ok


def test_a_node_that_keeps_restarting_did_not_stay_up() -> None:
    host = alive(looks=lambda round_: look(uptime="103.0", NRestarts=str(round_ // 4)))
    run = Run([host], [node(health=HEALTH)], patience=20)
    assert run.last().number == 10
    assert run.last().ok is False
    assert "did not stay up for 10 s" in run.last().detail


def test_a_lost_host_fails_at_the_first_rung_and_the_others_go_on() -> None:
    run = Run([Lost("web1"), alive("web2")], [node(peers=("web2",)), node("web2", "10.0.0.2", ("web1",))])
    assert (run.last().number, run.last().detail) == (1, "the connection broke")
    other = {rung.number: rung for rung in run.rungs["shop@10.0.0.2"]}
    assert other[6].ok is None
    assert other[6].detail == "not tried from web1: the connection broke"
    assert other[10].ok


def test_a_host_that_was_never_reached_fails_at_the_first_rung_with_its_own_advice() -> None:
    gone = Unreachable("10.0.0.1:22 did not answer within 10 s", hint="is it up?")
    run = Run([alive("web2")], [node(), node("web2", "10.0.0.2", ("web1",))], absent={"web1": gone})
    assert run.rungs["shop@10.0.0.1"] == [Rung(1, ok=False, detail=gone.message, advice="is it up?")]
    assert run.last("shop@10.0.0.2").ok


def test_of_a_host_whose_deploy_failed_nothing_is_read_and_nothing_is_told() -> None:
    failed = StepError("node: restart shop.service: failed with status 1")
    run = Run([alive("web2")], [node(), node("web2", "10.0.0.2", ("web1",))], absent={"web1": failed})
    assert run.rungs["shop@10.0.0.1"] == []
    assert {event.host for event in run.events.of(RungRead)} == {"web2"}


def test_a_damaged_look_fails_the_node_not_the_run() -> None:
    run = Run([alive(looks=lambda _: "nonsense")], [node()])
    assert run.last().number == 1
    assert run.last().ok is False


FORBIDDEN = ForwardingForbidden("sshd of web1 forbids TCP forwarding")


def test_without_forwarding_the_rungs_that_need_it_are_not_climbed() -> None:
    run = Run([alive(streams={4369: lambda _: FORBIDDEN})], [node()])
    found = {rung.number: rung.ok for rung in run.rungs["shop@10.0.0.1"]}
    assert found[2] is True
    assert found[4] is None
    assert found[10] is None
    assert False not in found.values()


EPMD = {
    "hangs": (lambda _: TimeoutError(), 4, "no answer"),
    "closed": (lambda _: Says(b""), 4, ""),
    "garbled": (lambda _: Says(b"HTTP/1.1 400 Bad Request\r\n"), 4, ""),
    "another name": (lambda _: epmd_says(9100, "blog"), 4, ""),
}


@pytest.mark.parametrize("name", EPMD)
def test_a_wrong_epmd_is_told_as_what_it_is(name: str) -> None:
    stream, rung, says = EPMD[name]
    run = Run([alive(streams={4369: stream})], [node()])
    assert run.last().number == rung
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
    assert run.last().number == 10
    assert says in run.last().detail


@pytest.mark.parametrize("status", [200, 204])
def test_a_good_status_is_healthy(status: int) -> None:
    answer = f"HTTP/1.1 {status} Fine\r\nContent-Length: 0\r\n\r\n".encode()
    streams: dict[int, Callable[[int], Any]] = {4369: lambda _: epmd_says(9100), 4000: lambda _: Says(answer)}
    assert Run([alive(streams=streams)], [node()]).last().ok


def test_a_node_that_stops_answering_in_the_handshake_may_still_be_starting() -> None:
    streams: dict[int, Callable[[int], Any]] = {4369: lambda _: epmd_says(9100), 9100: lambda _: Says(b"")}
    host = alive(streams=streams)
    run = Run([host], [node(cookie=Secret("c" * 40))])
    assert run.last().number == 7
    assert host.programs.count("look") > 3


def test_a_connection_lost_while_talking_is_told() -> None:
    run = Run([alive(streams={4369: lambda _: ConnectionLost("the connection broke")})], [node()])
    assert (run.last().number, run.last().ok) == (1, False)


def test_nothing_to_verify_is_nothing() -> None:
    run = Run([], [])
    assert run.rungs == {}
    assert run.clock.slept == []
