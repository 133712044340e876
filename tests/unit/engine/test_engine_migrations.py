"""When a migration is due, what a person reads of it, and what becomes of a roll when it does not end well."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest

from deployer.engine.ledger import Ledger, parse_ledger
from deployer.engine.roll.host_roll import HostRoll
from deployer.engine.roll.migrations import MIGRATION_PATIENCE, Due, Migrations, _Heard
from deployer.engine.roll.state import HostState
from deployer.errors import ConnectionLost, DeployerError, Interrupted, StepError
from deployer.events import ReleaseEntry
from deployer.fleet import Migration, declare
from deployer.model import Connection, Host, Mark
from deployer.modules.beam_nodes import BeamNodes
from deployer.resolve import HostPlay
from deployer.roll_events import BatchEnded, HookDone, HostMoved, MigrationSaid
from tests.unit.engine.engine_kit import Events, action
from tests.unit.engine.roll_kit import Fleet, hook

MIGRATE = Migration(("eval", "Shop.Release.migrate()"), 600, "shop")
NEW, OLD = "1.4.2-", "1.4.1-0f3a9c71"


def run(name: str, record: Ledger | None = None, cluster: str = "shop", **release: Any) -> HostRoll:
    words = {
        "release": {"name": "shop", "version": "1.4.2", "tarball": "x.tar.gz", "migrate": "M.up()", **release},
        "cluster": {"name": cluster},
    }
    own = declare(words, host=name, address="10.0.0.2", where=None, need_tarball=False)
    assert own
    module = BeamNodes(root="/opt/shop", id=NEW, nodes=())
    play = HostPlay(Host(name, {}, (), Mark("i.yml", 1)), Connection("x"), (action(module),), fleet=(own, (own,)))
    return HostRoll(play.host, 0.0, play=play, record=record or Ledger(), state=HostState.AT_SWITCH)


def migrations(*runs: HostRoll) -> Migrations:
    return Migrations(runs, ThreadPoolExecutor(1), Events(), threading.Event())


def words(*runs: HostRoll) -> tuple[str, ...]:
    return migrations(*runs).words([runs])


def test_a_new_release_is_migrated_on_the_first_host_that_is_switched() -> None:
    due = ("migrate: M.up(), once, on a as shop, before the first switch",)
    assert words(run("a"), run("b")) == due, "a first deploy, too"
    assert words(run("a", Ledger(current=OLD, good=(OLD,))), run("b")) == due


def test_one_that_has_begun_and_whose_end_nobody_knows_is_said_to_run_again() -> None:
    def noted(*details: str) -> Ledger:
        entries = tuple(ReleaseEntry(number, 0, "migrate", NEW, "r", detail) for number, detail in enumerate(details))
        return Ledger(current=OLD, entries=entries)

    (told,) = words(run("a", noted("failed: x", "began: M.up()")), run("b"))
    assert told.endswith("before the first switch; it began on a before, and it is not known how it ended")
    (told,) = words(run("a", noted("began: M.up()", "failed: M.up(): failed with status 1")), run("b"))
    assert told.endswith("before the first switch")


def test_what_any_host_of_the_cluster_remembers_counts_for_all() -> None:
    ran, good = Ledger(current=OLD, migrated=frozenset({NEW})), Ledger(current=OLD, good=(NEW, OLD))
    assert words(run("a"), run("b", ran)) == (f"migrate: not due: that of {NEW} has run, by the record of b",)
    assert words(run("a"), run("b", good)) == (f"migrate: not due: {NEW} is known to be good on b",)
    assert words(run("a"), run("b", ran, cluster="other"))[0].startswith("migrate: M.up(), once, on a")


def test_where_a_release_only_restarts_nothing_migrates() -> None:
    current = Ledger(current=NEW)
    assert words(run("a", current)) == (f"migrate: not due: {NEW} is already current on a",)
    both = migrations(run("a", current), run("b"))
    assert [bool(both.due(one)) for one in both.runs] == [False, True]


def test_without_the_word_nothing_is_said() -> None:
    assert words(run("a", migrate=None)) == ()


def test_a_script_and_another_node_are_named() -> None:
    nodes = {"command": "bin/migrate --all 'a b'", "node": "shop"}
    assert words(run("a", migrate=nodes)) == (
        "migrate: bin/migrate --all a b, once, on a as shop, before the first switch",
    )


def test_a_host_tells_which_migrations_it_remembers() -> None:
    assert parse_ledger("current=versions/1-a\x1emigrated=1-a\n2-b\x1e").migrated == {"1-a", "2-b"}
    assert parse_ledger("").migrated == frozenset()


# What is heard -------------------------------------------------------------------------------------------------------


def heard(events: Events, now: list[float], stop: threading.Event) -> _Heard:
    return _Heard("a", NEW, MIGRATE, events, stop, lambda: now[0])


def test_what_it_prints_is_handed_on_by_whole_lines() -> None:
    events = Events()
    listen = heard(events, [0.0], threading.Event())
    first, second = "über\nund ".encode()[:1], "über\nund ".encode()[1:]
    for part in (first, second, b"", b"so\nweiter\nende"):
        listen(part.decode("utf-8", "surrogateescape"))
    listen.end()
    assert [event.text for event in events.of(MigrationSaid)] == ["über", "und so\nweiter", "ende"]


def test_it_is_listened_to_until_a_person_wants_no_more_or_its_deadline_is_long_over() -> None:
    now, stop = [0.0], threading.Event()
    listen = heard(Events(), now, stop)
    now[0] = MIGRATE.timeout + MIGRATION_PATIENCE
    listen("")
    now[0] += 1
    with pytest.raises(ConnectionLost, match="its deadline has passed long ago"):
        listen("")
    stop.set()
    with pytest.raises(Interrupted):
        listen("")


# In a roll -----------------------------------------------------------------------------------------------------------


class Scripted(Migrations):
    """A migration that every host wants until it has run, and that ends as a test wants."""

    fleet: Fleet
    problem: DeployerError | None = None

    def due(self, run: HostRoll) -> Due | None:
        return None if "migrate" in " ".join(self.fleet.done) else cast("Due", MIGRATE)

    def _migrate(self, due: Due, run: HostRoll) -> None:
        if self.problem:
            raise self.problem
        with self.fleet.log.open("a") as log:
            log.write(f"migrate {run.name}\n")

    def _remember(self, run: HostRoll, due: Due) -> None:
        pass


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    made = Fleet(tmp_path)
    made.migrating = Scripted
    Scripted.fleet, Scripted.problem = made, None
    return made


def test_it_runs_once_when_all_is_there_and_before_anything_is_switched_or_drained(fleet: Fleet) -> None:
    fleet.before = (hook(f"echo drain >>{fleet.log}", 7),)
    fleet.roll(1, 3)
    done = [line for line in fleet.done if not line.startswith("unpack")]
    assert done[:3] == ["migrate web1", "drain", "switch web1"]
    assert sum(line.startswith("migrate") for line in done) == 1


def test_one_that_fails_stops_the_roll_before_any_hook_and_any_switch(fleet: Fleet) -> None:
    Scripted.problem = StepError("no such table")
    fleet.before = fleet.after = (hook(f"echo hook >>{fleet.log}", 7),)
    roll = fleet.roll(2, max_failed=4)
    assert (fleet.switched(), fleet.events.of(HookDone)) == ([], [])
    assert fleet.ends(roll) == {"web1": "failed", **dict.fromkeys(["web2", "web3", "web4"], "not reached")}
    assert {run.skip_reason for run in roll.runs[1:]} == {"the migration on web1 has failed"}


def test_one_that_was_lost_or_stopped_says_so(fleet: Fleet) -> None:
    Scripted.problem = ConnectionLost("it went silent")
    roll = fleet.roll(1)
    assert roll.runs[1].skip_reason == "the migration on web1 was not seen to its end: it went silent"
    Scripted.problem = Interrupted("stopped")
    assert fleet.roll(1).runs[1].skip_reason == "the migration on web1 was stopped"


def test_a_batch_that_a_person_has_stopped_before_its_migration_has_not_failed(fleet: Fleet) -> None:
    fleet.events.when(HostMoved, lambda event: fleet.stop.set() if event.state == "at switch" else None)
    roll = fleet.roll(1)
    assert isinstance(roll.runs[0].problem, Interrupted)
    assert [batch.ended for batch in fleet.events.of(BatchEnded)] == ["stopped"]


def test_nobody_waits_for_nodes_that_were_never_started(fleet: Fleet) -> None:
    fleet.new, Scripted.problem = 4, StepError("no database")
    roll = fleet.roll()
    assert [one.idle for one in roll.runs] == [True] * 4
    assert not any(one.readable for one in roll.runs)
    fleet.new = 0
    assert [one.idle for one in fleet.roll().runs] == [False] * 4, "these run, and are looked at"
