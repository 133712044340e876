"""A roll on real shells: who is switched when, what stops it, and what becomes of those it does not reach."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.errors import ConfigError, NotConverged
from deployer.events import Note as Said
from deployer.modules.base import Sh, sh
from deployer.roll_events import BatchEnded, BatchStarted, RollPlanned
from tests.unit.engine.engine_kit import Folder, Note, action
from tests.unit.engine.roll_kit import Fleet, Node, Scripted


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


def test_all_is_prepared_everywhere_before_the_first_is_switched(fleet: Fleet) -> None:
    fleet.roll(1)
    assert sorted(fleet.done[:4]) == ["unpack web1", "unpack web2", "unpack web3", "unpack web4"]
    assert fleet.done[4:] == ["switch web1", "switch web2", "switch web3", "switch web4"]


def test_batches_are_told_with_how_many_are_healthy(fleet: Fleet) -> None:
    fleet.roll(1, 3, canary="web3")
    order = [("web3",), ("web1",), ("web2", "web4")]
    assert fleet.events.of(RollPlanned)[0].batches == tuple(order)
    assert [event.hosts for event in fleet.events.of(BatchStarted)] == order
    assert [(e.number, e.of, e.ok, e.healthy, e.nodes, e.stops) for e in fleet.events.of(BatchEnded)] == [
        (1, 3, True, 4, 4, ""),
        (2, 3, True, 4, 4, ""),
        (3, 3, True, 4, 4, ""),
    ]


def test_without_serial_all_are_switched_at_once_and_climbed_once(fleet: Fleet) -> None:
    roll = fleet.roll()
    assert isinstance(roll.climb, Scripted)
    assert roll.climb.seen == [[], ["web1", "web2", "web3", "web4"]]
    assert fleet.events.of(BatchStarted) == []


def test_where_nothing_runs_yet_hosts_are_switched_first_and_together(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, 5, new=3)
    roll = fleet.roll(1)
    assert [[run.name for run in batch] for batch in roll.batches] == [["web3", "web4", "web5"], ["web1"], ["web2"]]


class Kind(Node):
    """What no host may be without when others have it."""

    ALL_HOSTS_AT_ONCE = True


def test_what_cannot_be_rolled_is_one_batch_whatever_else_is_said(fleet: Fleet) -> None:
    kind = Kind(file=fleet.place / "web2" / "kind", log=fleet.place / "kinds", host="web2")
    fleet.more = {"web2": (action(kind),)}
    roll = fleet.roll(1, min_healthy="75%", canary="web1")
    assert [[run.name for run in batch] for batch in roll.batches] == [fleet.names]
    assert sorted(fleet.switched()) == fleet.names


def test_what_cannot_be_rolled_is_refused_where_a_member_takes_no_part(fleet: Fleet) -> None:
    kind = Kind(file=fleet.place / "web2" / "kind", log=fleet.place / "kinds", host="web2")
    fleet.more, fleet.absent = {"web2": (action(kind),)}, {"web3", "web4"}
    with pytest.raises(ConfigError, match="web3, web4 are of cluster shop and take no part here") as caught:
        fleet.roll()
    assert "--limit" in caught.value.hint
    assert fleet.done == []
    fleet.done_before = frozenset(fleet.absent)  # an earlier run has changed them
    fleet.roll()
    assert sorted(fleet.switched()) == ["web1", "web2"]


class Reader(Node):
    """A node that runs as declared, and has to be switched when something has written the file that it reads."""

    def probe(self) -> Sh:
        read = self.file.parent / "made" / "read"
        return sh("if [ -e {} ] && [ ! -e {} ]; then emit runs stale; else emit runs new; fi", read, self.file)


def test_a_node_that_may_turn_out_to_be_due_takes_its_turn_and_the_plan_says_so(fleet: Fleet) -> None:
    """What it reads is written by a task that is unknown until run, and which the node's task knows nothing of."""
    fleet.kind = Reader
    for name in fleet.names:
        made = fleet.place / name / "made"
        places = (made / "read", made / "more" / "note")
        fleet.more[name] = tuple(
            action(made) for path in places for made in (Folder(path=path.parent), Note(path=path, text="x"))
        )
    fleet.roll(1)
    assert fleet.switched() == fleet.names
    assert [event.hosts for event in fleet.events.of(BatchStarted)] == [(name,) for name in fleet.names]
    assert fleet.events.of(RollPlanned)[0].unsure == tuple(fleet.names)
    fleet.kind, fleet.more = Node, {}
    (fleet.place / "web1" / "release").unlink()
    (fleet.place / "web2" / "release").unlink()
    fleet.roll(1)
    assert fleet.events.of(RollPlanned)[1].unsure == (), "what is known to be due is no question"


def test_a_first_deploy_is_one_batch(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, 5, new=5)
    assert len(fleet.roll(1).batches) == 1
    assert fleet.events.of(BatchStarted) == []


def test_a_failed_step_stops_the_roll(fleet: Fleet) -> None:
    fleet.fails = {"web2"}
    roll = fleet.roll(1)
    assert fleet.switched() == ["web1", "web2"]
    assert fleet.ends(roll) == {"web1": "new", "web2": "failed", "web3": "not reached", "web4": "not reached"}
    assert roll.runs[2].skip_reason == "failed: web2; rollout.max_failed is 0"
    assert fleet.events.of(BatchEnded)[-1].stops == "failed: web2; rollout.max_failed is 0"


def test_a_failed_ladder_stops_the_roll(fleet: Fleet) -> None:
    fleet.falls = {"web1": 10}
    roll = fleet.roll(1)
    assert fleet.switched() == ["web1"]
    assert isinstance(roll.runs[0].problem, NotConverged)
    assert fleet.events.of(BatchEnded)[-1].ok is False


def test_a_budget_lets_some_fail(fleet: Fleet) -> None:
    fleet.fails = {"web1", "web3"}
    roll = fleet.roll(1, max_failed=1)
    assert fleet.ends(roll) == {"web1": "failed", "web2": "new", "web3": "failed", "web4": "not reached"}


def test_a_percentage_of_a_batch_may_fail(fleet: Fleet) -> None:
    fleet.fails = {"web1"}
    assert fleet.ends(fleet.roll(2, percentage=49))["web3"] == "not reached"
    assert fleet.ends(fleet.roll(2, percentage=50))["web3"] == "new"


def test_an_earlier_task_that_changes_keeps_the_unpack_in_its_turn(fleet: Fleet) -> None:
    fleet.more = {"web4": (action(Note(path=fleet.place / "note", text="x")),)}
    fleet.roll(1)
    assert fleet.done.index("switch web3") < fleet.done.index("unpack web4")


def test_too_few_healthy_nodes_are_refused_before_anything_begins(fleet: Fleet) -> None:
    with pytest.raises(ConfigError, match="min_healthy"):
        fleet.roll(1, min_healthy="100%")
    assert fleet.done == []


def test_a_batch_shrinks_when_fewer_nodes_are_healthy_than_before(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "a", 6)
    fleet.fails = {"web1"}
    fleet.roll(2, min_healthy=3, max_failed=1)
    assert [event.hosts for event in fleet.events.of(BatchStarted)] == [
        ("web1", "web2"), ("web3", "web4"), ("web5", "web6"),
    ]  # fmt: skip
    tighter = Fleet(tmp_path / "b", 6)
    tighter.fails = {"web1"}
    tighter.roll(2, min_healthy=4, max_failed=1)
    assert [event.hosts for event in tighter.events.of(BatchStarted)][1:] == [
        ("web3",),
        ("web4",),
        ("web5",),
        ("web6",),
    ]


def test_the_roll_stops_when_not_even_one_more_may_go(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, 3)
    fleet.fails = {"web1"}
    roll = fleet.roll(1, min_healthy=2, max_failed=1)
    assert fleet.ends(roll) == {"web1": "failed", "web2": "not reached", "web3": "not reached"}
    assert "3 nodes, 1 of them not healthy" in roll.runs[1].skip_reason


def test_a_node_outside_of_the_run_counts_as_what_the_run_sees_of_it(fleet: Fleet) -> None:
    fleet.names, fleet.outside = ["web1"], ["web2", "web3"]
    fleet.unseen = frozenset({"shop@10.0.0.2"})
    with pytest.raises(ConfigError, match="3 nodes, 1 of them not healthy"):
        fleet.roll(1, min_healthy=2)
    assert fleet.done == []
    (note,) = fleet.events.of(Said)
    assert note.text == "no node of this run sees these, so they do not count as healthy: shop@10.0.0.2"
    fleet.unseen = frozenset()
    fleet.roll(1, min_healthy=2)
    assert fleet.switched() == ["web1"]


def test_the_nodes_of_a_host_that_was_not_reached_are_not_healthy_whatever_is_known_of_them(fleet: Fleet) -> None:
    fleet.away, fleet.blank = {"web4"}, True
    with pytest.raises(ConfigError, match="4 nodes, 1 of them not healthy"):
        fleet.roll(1, min_healthy=3)
