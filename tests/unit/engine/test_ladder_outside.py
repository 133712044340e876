"""Public ports from outside: who tries them, what is asked of the host when they do not answer, and what that means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from deployer.engine.ladder.outside import HERE, public_places, with_seen, with_walls
from deployer.engine.ladder.rung import Rung
from deployer.sh import Frame, Program
from tests.recorded import RecordedTransport
from tests.unit.engine.ladder_kit import reading, rungs, target, unit

PUBLIC = target(public=("4000/tcp", "5000-5001/tcp", "53/udp"))
LISTENING = "1/00000000:0FA0 2/0100000A:1388 3/0200000A:1389 4/00000000:0050"
"""4000 everywhere, 5000 on 10.0.0.1, 5001 on another address, 80 that is not declared."""
DROPS = (
    "table ip x {\n\tchain y {\n\t\ttype filter hook input priority 0; policy accept;\n\t\ttcp dport 4000 drop\n\t}\n}"
)
PLACES = {("10.0.0.1", 4000): "web1", ("10.0.0.1", 5000): "web1"}


class Knocked(RecordedTransport):
    """A host whose ports give one answer to this machine."""

    def __init__(self, answer: str | None, *said: str) -> None:
        super().__init__("web1", [[Frame(0, 0, text)] for text in said])
        self.answer, self.knocks = answer, list[int]()

    def knock(self, port: int, *, timeout: float) -> str | None:
        """Count, and answer."""
        del timeout
        self.knocks.append(port)
        return self.answer


def test_what_is_declared_and_listens_on_the_address_or_on_all_is_tried() -> None:
    seen = reading(unit=unit(listening=LISTENING))
    assert public_places({PUBLIC: seen}) == PLACES
    assert public_places({target(): seen, PUBLIC: reading(unit=None)}) == {}


def test_other_hosts_of_the_run_try_it_and_this_machine_only_where_there_are_none() -> None:
    host = Knocked("")
    answers: dict[str, Any] = {
        "web2": {("10.0.0.1", 4000): "no answer in 3 s", ("10.0.0.1", 5000): ""},
        "web3": "no bash",
    }
    assert with_seen(PUBLIC, reading(), PLACES, answers, host).outside == {"web2": "port 4000 no answer in 3 s"}
    assert host.knocks == []
    assert with_seen(PUBLIC, reading(), PLACES, {"web3": "no bash"}, host).outside == {HERE: ""}
    assert host.knocks == [4000, 5000]
    assert with_seen(PUBLIC, reading(), PLACES, {}, Knocked(None)).outside == {}
    assert with_seen(PUBLIC, reading(), {}, {}, host).outside == {}


def test_what_has_answered_in_this_climb_is_not_tried_again_and_what_has_not_is() -> None:
    answers: dict[str, Any] = {"web2": dict.fromkeys(PLACES, "")}
    begun = reading(unit=unit(listening=LISTENING))
    once = with_seen(PUBLIC, begun, PLACES, answers, Knocked(None))
    assert (once.outside, public_places({PUBLIC: once})) == ({"web2": ""}, {})
    assert with_seen(PUBLIC, once, {}, {}, Knocked(None)).outside == {"web2": ""}
    more = replace(once, unit=unit(listening=LISTENING + " 5/00000000:1389"))
    assert public_places({PUBLIC: more}) == {("10.0.0.1", 5001): "web1"}
    answers["web2"]["10.0.0.1", 4000] = "no answer in 3 s"
    shut = with_seen(PUBLIC, begun, PLACES, answers, Knocked(None))
    assert (shut.outside, public_places({PUBLIC: shut})) == (
        {"web2": "port 4000 no answer in 3 s"},
        {("10.0.0.1", 4000): "web1"},
    )
    assert with_seen(PUBLIC, shut, PLACES, {"web2": dict.fromkeys(PLACES, "")}, Knocked(None)).outside == {"web2": ""}
    answers["web3"] = {("10.0.0.1", 4000): "", ("10.0.0.1", 5000): "no answer in 3 s"}
    assert with_seen(PUBLIC, begun, PLACES, answers, Knocked(None)).open == frozenset(), "each must have come through"
    part: dict[str, Any] = {"web2": {("10.0.0.1", 4000): ""}}
    assert with_seen(PUBLIC, begun, PLACES, part, Knocked(None)).open == {4000}, "nobody has tried 5000"


@pytest.fixture
def shut() -> Iterator[Any]:
    yield reading(outside={"web2": "port 4000 no answer in 3 s"})


def test_a_table_of_others_that_drops_it_fails_the_rung(shut: Any) -> None:
    told = with_walls(PUBLIC, shut, Knocked("", DROPS), become=True)
    assert told.walls == ("table ip x, chain y, drops 4000/tcp from everyone",)
    assert rungs(PUBLIC, told)[Rung.REACH].ok is False


def test_where_nothing_on_the_host_drops_it_the_rung_holds_and_says_so(shut: Any) -> None:
    told = rungs(PUBLIC, with_walls(PUBLIC, shut, Knocked("", ""), become=True))[Rung.REACH]
    assert told.ok is True
    assert "public, from web2: port 4000 no answer in 3 s: no known table on this host drops it" in told.detail


def test_where_all_came_through_the_host_is_not_asked() -> None:
    host = Knocked("")
    assert with_walls(PUBLIC, reading(outside={"web2": ""}), host, become=True).walls == ()
    assert host.programs == list[Program]()


def test_a_member_that_does_not_come_through_is_led_through_the_tables_by_its_address() -> None:
    drops = DROPS.replace("tcp dport 4000", "ip saddr 10.0.0.3 tcp dport 9100-9109")
    seen = reading(reach={"web2": "port 9100 no answer", "web3": "port 9100 no answer"})
    told = with_walls(PUBLIC, seen, Knocked("", drops), become=True)
    assert told.walls == ("table ip x, chain y, drops 9100-9109/tcp from web3",)
