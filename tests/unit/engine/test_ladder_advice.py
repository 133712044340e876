"""What a failed rung advises, and which last words of a node change it."""

from __future__ import annotations

from deployer.engine.ladder.explaining import explained
from deployer.engine.ladder.outcome import Outcome
from deployer.engine.ladder.rung import Rung, RungResult
from tests.unit.engine.ladder_kit import reading, rungs, target, unit


def test_an_epmd_that_cannot_start_on_this_host_is_explained_by_its_version() -> None:
    gone = reading(epmd="nobody listens there", unit=unit(listening="11/0100007F:1389"))
    assert "OTP 27.3.4.16" in rungs(target(erts="15.2.7.11"), gone)[Rung.EPMD].advice
    assert "OTP" not in rungs(target(erts="15.2.7.12"), gone)[Rung.EPMD].advice


def test_every_way_a_handshake_fails_has_its_own_name_and_advice() -> None:
    own = [outcome for outcome in Outcome if outcome.error]
    assert len({outcome.error for outcome in own}) == len(own) >= 13
    assert all(outcome.advice for outcome in own)


def test_a_known_cause_in_the_last_lines_replaces_the_advice() -> None:
    rung = explained(
        RungResult(rung=Rung.UNIT, ok=False, detail="is failed", advice="journalctl"),
        ["boot", "Protocol 'inet_tcp': the name shop@h seems to be in use by another Erlang node"],
    )
    assert rung.detail.startswith("is failed\n")
    assert "seems to be in use" in rung.detail
    assert rung.advice != "journalctl"


def test_unknown_last_lines_are_shown_as_they_are() -> None:
    rung = explained(
        RungResult(rung=Rung.UNIT, ok=False, detail="is failed", advice="journalctl"), [f"line {i}" for i in range(20)]
    )
    assert rung.detail.splitlines() == ["is failed", *(f"line {i}" for i in range(12, 20))]
    assert rung.advice == "journalctl"


def test_what_a_node_says_of_a_broken_handshake_is_shown_on_the_seventh_rung_and_nothing_else_of_it() -> None:
    said = ["Starting", *(f"TLS server: In state hello, ALERT {i}" for i in range(5)), '{keyfile,"/x"}', "a request"]
    rung = explained(RungResult(rung=Rung.COOKIE, ok=False, detail="the handshake broke", advice="see its log"), said)
    assert rung.detail.splitlines() == ["the handshake broke", *said[4:7]]
    assert rung.advice == "see its log"


def test_last_lines_do_not_drown_a_rung_they_say_nothing_about() -> None:
    bad = RungResult(rung=Rung.MESH, ok=False, detail="does not see x")
    assert explained(bad, ["some line"]) == bad
