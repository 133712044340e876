"""A roll on real shells: who is switched when, what stops it, and what becomes of those it does not reach."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from engine_kit import DirectoryHost, Events, Note, action
from ladder_kit import look, target

from deployer.beam.names import NodeName
from deployer.engine.ladder.rung import Rung
from deployer.engine.roll.back import WayBack, settle
from deployer.engine.roll.batch import Switching
from deployer.engine.roll.climb import Climb, Fallen, blame
from deployer.engine.roll.hooks import Hooks
from deployer.engine.roll.host_lane import HostLane
from deployer.engine.roll.roll import Roll
from deployer.engine.walk.walk import Walk
from deployer.errors import ConfigError, DeployerError, Interrupted, NotConverged, Reverted, StepError
from deployer.events import BatchEnded, BatchStarted, HookDone, RollPlanned
from deployer.fleet import Declaration, Rollout, declare
from deployer.model import Connection, Host, Mark, Present
from deployer.modules.base import Changes, Module, Observed, State, Step, records, sh
from deployer.modules.shell import Shell
from deployer.resolve import Action, HostPlay, Limits
from deployer.sh import Sh


@dataclass(frozen=True, kw_only=True)
class Node(Module):
    """A node whose release is a word in a file; unpacking and switching leave lines in a log that all hosts share."""

    SWITCHES: ClassVar[bool] = True
    file: Path
    log: Path
    host: str
    fails: bool = False

    def desired(self) -> State:
        return Present({"runs": "new"})

    def probe(self) -> Sh:
        return sh('emit runs "$(cat {} 2>/dev/null || echo old)"', self.file)

    def parse(self, out: str) -> Observed:
        return Present(records(out, "runs"))

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        if not changes:
            return ()
        verb = Sh("exit 9" if self.fails else ":")
        switch = sh("echo switch {} >>{}; {}; echo new >{}", self.host, self.log, verb, self.file)
        return (
            Step("unpack", sh("echo unpack {} >>{}", self.host, self.log), ahead=True),
            Step("switch", switch),
        )

    def touches(self) -> tuple[str, ...]:
        return ("shop.service",)


@dataclass(slots=True)
class Scripted(Climb):
    """A ladder that says what a test wants: host → the rung its node falls off once its turn has come."""

    falls: dict[str, int] = field(default_factory=dict)
    seen: list[list[str]] = field(default_factory=list)

    def run(self, lanes: Sequence[HostLane], busy: Collection[str], unsound: frozenset[str] = frozenset()) -> Fallen:
        turned = [lane for lane in lanes if lane.turned and not lane.problem]
        self.seen.append([lane.name for lane in turned])
        self.nodes = frozenset(str(t.node) for lane in lanes for t in lane.targets)
        bad = {
            str(t.node): Rung(self.falls[lane.name], ok=False, detail="it fell")
            for lane in turned
            for t in lane.targets
            if lane.name in self.falls
        }
        failed = {str(t.node) for lane in lanes if lane.problem for t in lane.targets}
        self.healthy = self.nodes - bad.keys() - failed
        for lane in lanes:
            lane.sound = all(str(t.node) in self.healthy for t in lane.targets)
        return bad


class Fleet:
    """Hosts that are directories, and one roll over them."""

    def __init__(self, place: Path, count: int = 4, new: int = 0) -> None:
        self.place, self.events, self.stop = place, Events(), threading.Event()
        self.log = place / "log"
        place.mkdir(exist_ok=True)
        self.log.touch()
        self.new, self.names = new, [f"web{i}" for i in range(1, count + 1)]
        self.fails: set[str] = set()
        self.falls: dict[str, int] = {}
        self.before: tuple[Action, ...] = ()
        self.after: tuple[Action, ...] = ()
        self.more: dict[str, tuple[Action, ...]] = {}
        self.answers: list[str] = []
        self.absent: set[str] = set()
        self.done_before: frozenset[str] = frozenset()

    @property
    def members(self) -> tuple[Declaration, ...]:
        words = {"cluster": {"name": "shop"}, "nodes": [{"name": "shop", "service": "shop.service"}]}
        found = (declare(words, host=name, address=f"10.0.0.{i}", where=None) for i, name in enumerate(self.names))
        return tuple(one for one in found if one)

    def lane(self, name: str) -> HostLane:
        root = self.place / name
        root.mkdir(exist_ok=True)
        node = Node(file=root / "release", log=self.log, host=name, fails=name in self.fails)
        index = self.names.index(name)
        one = target(host=name, node=NodeName("shop", f"10.0.0.{index}"), others=())
        actions = (*self.more.get(name, ()), action(node))
        play = HostPlay(
            Host(name, {}, (), Mark("i.yml", 1)), Connection("192.0.2.1"), actions, fleet=(None, self.members),
            before_switch=self.before, after_start=self.after,
        )  # fmt: skip
        rider = sh("printf %s {}", look(pid="0") if index >= len(self.names) - self.new else look())
        walk = Walk(DirectoryHost(root, name), play, self.events, (rider,), units=frozenset({one.unit}))
        walk.plan()
        return HostLane(play.host, 0.0, transport=walk.transport, play=play, walk=walk, targets=(one,))

    def roll(self, *serial: int | str, order: str = "inventory", percentage: float | None = None,
             ask: Callable[[str], bool] | None = None, **words: Any) -> Roll:  # fmt: skip
        lanes = [self.lane(name) for name in self.names if name not in self.absent]
        with ThreadPoolExecutor(4) as pool:
            climb = Scripted(pool, self.events, self.stop, falls=self.falls)
            hooks = Hooks(self.events, lambda: DirectoryHost(self.place / "web1", "localhost"))
            limits = Limits(serial, percentage, Rollout(**words))
            due = [lane for lane in lanes if lane.changes]
            switching = Switching(hooks, pool, self.stop)
            back = WayBack(pool, self.events, self.stop)
            how = (climb, switching, back, self.events, self.stop, ask)
            roll = Roll(lanes, due, limits, order, *how, done=self.done_before)
            roll.survey()
            roll.arrange()
            roll.run()
        return roll

    @property
    def done(self) -> list[str]:
        return self.log.read_text().splitlines()

    def switched(self) -> list[str]:
        return [line.split()[1] for line in self.done if line.startswith("switch")]

    def ends(self, roll: Roll) -> dict[str, str]:
        return {
            lane.name: "failed" if lane.problem else "not reached" if lane.unreached else "new" for lane in roll.lanes
        }


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
    assert [[lane.name for lane in batch] for batch in roll.batches] == [["web3", "web4", "web5"], ["web1"], ["web2"]]


class Kind(Node):
    """What no host may be without when others have it."""

    TOGETHER = True


def test_what_cannot_be_rolled_is_one_batch_whatever_else_is_said(fleet: Fleet) -> None:
    kind = Kind(file=fleet.place / "web2" / "kind", log=fleet.place / "kinds", host="web2")
    fleet.more = {"web2": (action(kind),)}
    roll = fleet.roll(1, min_healthy="75%", canary="web1")
    assert [[lane.name for lane in batch] for batch in roll.batches] == [fleet.names]
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


def test_a_first_deploy_is_one_batch(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, 5, new=5)
    assert len(fleet.roll(1).batches) == 1
    assert fleet.events.of(BatchStarted) == []


def test_a_failed_step_stops_the_roll(fleet: Fleet) -> None:
    fleet.fails = {"web2"}
    roll = fleet.roll(1)
    assert fleet.switched() == ["web1", "web2"]
    assert fleet.ends(roll) == {"web1": "new", "web2": "failed", "web3": "not reached", "web4": "not reached"}
    assert roll.lanes[2].unreached == "failed: web2; rollout.max_failed is 0"
    assert fleet.events.of(BatchEnded)[-1].stops == "failed: web2; rollout.max_failed is 0"


def test_a_failed_ladder_stops_the_roll(fleet: Fleet) -> None:
    fleet.falls = {"web1": 10}
    roll = fleet.roll(1)
    assert fleet.switched() == ["web1"]
    assert isinstance(roll.lanes[0].problem, NotConverged)
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


def hook(text: str, line: int, **words: Any) -> Action:
    made = action(Shell(cmd=text), text.split(maxsplit=1)[0], line)
    return replace(made, task=replace(made.task, **words))


def test_hooks_run_around_the_switch_and_one_runs_once(fleet: Fleet) -> None:
    log = fleet.log
    fleet.before = (
        hook(f"echo drain $(basename $PWD) >>{log}", 7),
        hook(f"echo migrate >>{log}", 8, run_once=True),
    )
    fleet.after = (hook(f"echo undrain >>{log}", 9, local=True),)
    fleet.roll(1, 3)
    assert [line.split()[0] for line in fleet.done if not line.startswith("unpack")] == [
        *("drain", "migrate", "switch", "undrain"),
        *("drain", "drain", "drain", "switch", "switch", "switch", "undrain", "undrain", "undrain"),
    ]
    told = fleet.events.of(HookDone)
    assert [(event.when, event.local) for event in told[:3]] == [
        ("before_switch", False), ("before_switch", False), ("after_start", True),
    ]  # fmt: skip


def test_what_runs_once_runs_before_any_host_of_the_batch_is_switched(fleet: Fleet) -> None:
    fleet.before = (hook(f"sleep 0.3; echo migrate >>{fleet.log}", 8, run_once=True),)
    fleet.roll()
    assert fleet.done.count("migrate") == 1
    assert fleet.done.index("migrate") < min(fleet.done.index(f"switch {name}") for name in fleet.names)


def test_a_hook_that_fails_leaves_the_old_node_alone(fleet: Fleet) -> None:
    fleet.before = (hook("echo cannot drain; exit 3", 7),)
    fleet.after = (hook(f"echo undrain >>{fleet.log}", 9),)
    roll = fleet.roll(1)
    assert fleet.switched() == []
    assert fleet.ends(roll)["web2"] == "not reached"
    problem = roll.lanes[0].problem
    assert isinstance(problem, StepError)
    assert str(problem) == "site.yml:7: before_switch: echo: failed with status 3\n    cannot drain"
    assert fleet.events.of(HookDone)[0].output == "cannot drain"


def test_a_failed_migration_stops_its_whole_batch(fleet: Fleet) -> None:
    fleet.before = (hook("exit 1", 8, run_once=True),)
    roll = fleet.roll()
    assert fleet.switched() == []
    assert fleet.ends(roll) == {"web1": "failed", **dict.fromkeys(["web2", "web3", "web4"], "not reached")}
    assert "runs once has failed on web1" in roll.lanes[1].unreached


def test_no_hook_runs_where_nothing_is_switched(fleet: Fleet) -> None:
    fleet.roll()
    fleet.before = fleet.after = (hook(f"echo hook >>{fleet.log}", 7),)
    fleet.roll()
    assert "hook" not in fleet.done
    assert fleet.events.of(HookDone) == []


def test_a_no_ends_the_roll_and_is_no_failure_of_what_is_switched(fleet: Fleet) -> None:
    def ask(question: str) -> bool:
        fleet.answers.append(question)
        return len(fleet.answers) < 2

    roll = fleet.roll(1, pause="ask", ask=ask)
    assert fleet.switched() == ["web1", "web2"]
    assert fleet.answers == ["still to come: web2, web3, web4. Go on?", "still to come: web3, web4. Go on?"]
    assert [type(lane.problem) for lane in roll.lanes] == [type(None), type(None), Interrupted, Interrupted]


def test_ctrl_c_ends_the_batch_and_begins_no_other(fleet: Fleet) -> None:
    def stop(_: str) -> bool:
        fleet.stop.set()
        return True

    roll = fleet.roll(1, pause="ask", ask=stop)
    assert fleet.switched() == ["web1"]
    assert roll.lanes[0].problem is None
    assert fleet.ends(roll)["web3"] in ("not reached", "failed")


def test_a_pause_waits_between_batches_only(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waited.append(timeout or 0)
            return False

    fleet.stop = Stop()
    fleet.roll(2, pause=30.0)
    assert waited == [30.0]


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
    assert "3 nodes, 1 of them not healthy" in roll.lanes[1].unreached


def fall(number: int, *, second: bool = False) -> Rung:
    return Rung(number, ok=False, detail="it fell", second=second)


def node_of(lane: HostLane) -> str:
    return str(lane.targets[0].node)


def test_who_only_misses_an_ill_node_is_not_blamed_for_it(fleet: Fleet) -> None:
    one, two, three, _ = lanes = [fleet.lane(name) for name in fleet.names]
    fallen = {node_of(one): fall(8, second=True), node_of(two): fall(3), node_of(three): fall(8, second=True)}
    assert blame(lanes, fallen) == [two]
    assert (one.problem, three.problem) == (None, None)
    assert str(two.problem) == f"{node_of(two)}: rung 3: it fell"
    assert blame(lanes, {node_of(one): fall(8, second=True)}) == [one], "when nobody else explains it"


def test_a_host_without_a_good_release_stays_failed_and_says_so(fleet: Fleet) -> None:
    fleet.falls = {"web1": 10}
    problem = fleet.roll(1).lanes[0].problem
    assert isinstance(problem, NotConverged)
    assert "there is no good release on the host to go back to" in problem.hint


@pytest.mark.parametrize(
    ("problem", "sound", "kind"),
    [
        (NotConverged("it fell"), True, Reverted),
        (Reverted("it did not start"), True, Reverted),
        (NotConverged("it fell"), False, NotConverged),
        (Reverted("because the roll stopped"), False, NotConverged),
    ],
)
def test_who_went_back_is_reverted_only_when_it_is_well_there(
    fleet: Fleet, problem: DeployerError, sound: bool, kind: type[DeployerError]
) -> None:
    lane = fleet.lane("web1")
    lane.back, lane.problem, lane.sound = "1.4.1-0f3a9c71", problem, sound
    settle([lane])
    assert type(lane.problem) is kind
    assert problem.message in str(lane.problem)
    assert "1.4.1-0f3a9c71" in str(lane.problem)


def test_what_a_node_is_judged_against_follows_its_turn(fleet: Fleet) -> None:
    lane = fleet.lane("web1")
    (declared,) = lane.judged(frozenset())
    lane.turned = False
    (waiting,) = lane.judged(frozenset())
    lane.turned, lane.back = True, "1.4.1-0f3a9c71"
    (back,) = lane.judged(frozenset())
    assert [(each.release_dir, each.version) for each in (declared, waiting, back)] == [
        ("/opt/shop/versions/1.4.2-0123abcd", "1.4.2"),
        (None, None),
        ("/opt/shop/versions/1.4.1-0f3a9c71", "1.4.1"),
    ]
