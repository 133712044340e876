"""Climbing in rounds: fresh readings until all holds, one is hopeless, or time is up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from deployer.engine.ladder.rung import Rung
from deployer.engine.ladder.verify import PATIENCE
from deployer.events import RungRead
from deployer.model import Secret
from tests.unit.engine.ladder_kit import HTTP_OK, Says, epmd_says, look, unit
from tests.unit.engine.verify_kit import HEALTH, Run, alive, node


def test_a_healthy_node_takes_one_round() -> None:
    host = alive()
    run = Run([host], [node()])
    assert [rung.rung for rung in run.rungs["shop@10.0.0.1"] if rung.ok] == [
        rung for rung in Rung if rung not in (Rung.COOKIE, Rung.MESH)
    ]
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
        ("web1", "shop@10.0.0.1", Rung.HOST),
        ("web1", "shop@10.0.0.1", Rung.UNIT),
    ]
    assert told[1].title == "unit active"
    assert all(event.seconds > 0 for event in told)


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
    assert run.last().rung == Rung.NAME
    assert "not registered" in run.last().detail
    assert "unknown words" in run.last().detail
    assert PATIENCE <= sum(run.clock.slept) < PATIENCE + 2


@pytest.mark.parametrize(("urgent", "waited"), [((), True), (("web1",), False), (("web2",), True)])
def test_who_has_fallen_is_not_kept_waiting_by_who_needs_time(urgent: tuple[str, ...], waited: bool) -> None:
    dead = alive("web1", looks=lambda _: look(ActiveState="failed", SubState="failed", pid="0", exe="gone"))
    slow = alive("web2", streams={4369: lambda _: epmd_says(None)})
    run = Run([dead, slow], [node(), node("web2", "10.0.0.2")], urgent=urgent)
    assert run.last().rung == Rung.UNIT
    assert bool(run.rungs["shop@10.0.0.2"]) is waited, "nobody knows yet"
    assert bool(run.clock.slept) is waited


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
    assert run.last().rung == Rung.UNIT
    assert run.clock.slept == []


def test_a_node_that_runs_at_a_port_outside_of_the_range_is_not_waited_for() -> None:
    streams = {4369: lambda _: epmd_says(9300), 4000: lambda _: Says(HTTP_OK)}
    run = Run(
        [alive(streams=streams, looks=lambda _: look(listening="11/0100007F:2454 12/00000000:0FA0"))],
        [node()],
        patience=600,
    )
    assert (run.last().rung, run.clock.slept) == (Rung.NAME, [])
    assert "at port 9300, outside of 9100-9109" in run.last().detail
    stale = Run([alive(streams=streams, looks=lambda _: look())], [node()], patience=20)
    assert stale.clock.slept, "what EPMD says of a node that has gone may pass"


def test_a_crash_loop_is_seen_by_its_restarts() -> None:
    states = ["activating", "active"]
    host = alive(
        looks=lambda round_: look(ActiveState=states[round_ % 2], NRestarts=str(4 + round_), pid="0", exe="gone"),
        last="Runtime terminating during boot (could not start kernel pid)",
    )
    run = Run([host], [node()], patience=600)
    assert run.last().rung in (Rung.UNIT, Rung.RELEASE)
    assert len(run.clock.slept) == 3


def test_a_node_cannot_have_its_cookie_shown_by_its_last_words() -> None:
    host = alive(looks=lambda _: look(ActiveState="failed", pid="0", exe=""), last=f"Slogan: {'c' * 40} is the cookie")
    detail = Run([host], [node(cookie=Secret("c" * 40, "cluster.cookie"))]).last().detail
    assert "Slogan: *** is the cookie" in detail


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
    assert run.last().rung == Rung.HEALTH
    assert run.last().ok is False
    assert "did not stay up for 10 s" in run.last().detail


def test_a_node_whose_process_ends_between_two_readings_of_a_round_did_not_stay_up() -> None:
    """Its unit is read while it lives, and its name is gone a moment later; the next round has another process."""
    streams: dict[int, Callable[[int], Any]] = {
        4369: lambda round_: epmd_says(9100 if round_ != 2 else None),
        4000: lambda _: Says(HTTP_OK),
    }
    host = alive(looks=lambda round_: look(uptime="103.0", NRestarts=str(int(round_ > 2))), streams=streams)
    run = Run([host], [node(health=HEALTH)], patience=0.05)
    assert (run.last().rung, run.last().ok) == (Rung.HEALTH, False)
    assert "did not stay up for 10 s" in run.last().detail


def test_a_node_that_stops_answering_in_the_handshake_may_still_be_starting() -> None:
    streams: dict[int, Callable[[int], Any]] = {4369: lambda _: epmd_says(9100), 9100: lambda _: Says(b"")}
    host = alive(streams=streams)
    run = Run([host], [node(cookie=Secret("c" * 40))])
    assert run.last().rung == Rung.COOKIE
    assert host.programs.count("look") > 3


def test_nothing_to_verify_is_nothing() -> None:
    run = Run([], [])
    assert run.rungs == {}
    assert run.clock.slept == []


def test_a_node_that_listened_is_asked_while_its_unit_is_read_anew() -> None:
    asked = threading.Event()

    def looks(_: int) -> str:
        assert asked.wait(60), "EPMD was asked only when the unit had been read"
        return look()

    streams = {4369: lambda _: asked.set() or epmd_says(9100), 4000: lambda _: Says(HTTP_OK)}
    run = Run([alive(streams=streams, looks=looks)], [node()], older={"shop@10.0.0.1": unit()})
    assert run.last().ok


@pytest.mark.parametrize(
    "what", [{"MainPID": "4712", "pid": "4712"}, {"NRestarts": "1"}, {"exe": "/opt/other/beam.smp"}]
)
def test_a_node_that_is_another_process_meanwhile_is_asked_anew(what: dict[str, str]) -> None:
    asked = []
    streams = {4369: lambda _: asked.append(4369) or epmd_says(9100), 4000: lambda _: Says(HTTP_OK)}
    known = {"shop@10.0.0.1": unit()}
    Run([alive(streams=streams)], [node()], older=known)
    assert asked == [4369]
    Run([alive(streams=streams, looks=lambda _: look(**what))], [node()], older=known)
    assert asked == [4369] * 3


def test_what_was_read_before_is_no_answer() -> None:
    run = Run(
        [alive(looks=lambda _: look(ActiveState="failed", MainPID="0"))], [node()], older={"shop@10.0.0.1": unit()}
    )
    assert run.last().rung is Rung.UNIT
    assert not run.last().ok
