"""Hosts that are directories with a node each, and a roll over them with a ladder that says what a test wants."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from deployer.beam.names import NodeName
from deployer.engine.ladder.rung import Rung, RungResult
from deployer.engine.roll.back import Reverter
from deployer.engine.roll.batch import BatchRunner
from deployer.engine.roll.climb import Climb
from deployer.engine.roll.ending import Fallen
from deployer.engine.roll.hooks import Hooks
from deployer.engine.roll.host_roll import HostRoll
from deployer.engine.roll.migrations import Migrations
from deployer.engine.roll.roll import Roll
from deployer.engine.roll.rules import RolloutRules
from deployer.engine.roll.state import HostState, Verification
from deployer.engine.walk.elsewhere import Elsewhere
from deployer.engine.walk.walk import Walk
from deployer.errors import Reverted, Unreachable
from deployer.fleet import Declaration, Rollout, declare
from deployer.model import Connection, Host, Mark, Present
from deployer.modules.base import Changes, Module, Observed, State, Step, records, sh
from deployer.modules.shell import Shell
from deployer.resolve import Action, HostPlay, Limits
from deployer.sh import Sh
from tests.unit.engine.engine_kit import DirectoryHost, Events, action
from tests.unit.engine.ladder_kit import look, target


@dataclass(frozen=True, kw_only=True)
class Node(Module):
    """A node whose release is a word in a file; unpacking and switching leave lines in a log that all hosts share."""

    RESTARTS_NODES: ClassVar[bool] = True
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

    def run(
        self,
        runs: Sequence[HostRoll],
        busy: Collection[str],
        unhealthy: frozenset[str] = frozenset(),
        urgent: Collection[str] = (),
    ) -> Fallen:
        turned = [
            run for run in runs if run.state not in (HostState.WAITING, HostState.NOT_REACHED) and not run.problem
        ]
        self.seen.append([run.name for run in turned])
        self.nodes = frozenset(str(t.node) for run in runs for t in run.targets)
        bad = {
            str(t.node): RungResult(rung=Rung(self.falls[run.name]), ok=False, detail="it fell")
            for run in turned
            for t in run.targets
            if run.name in self.falls
        }
        failed = {
            str(t.node)
            for run in runs
            if run.problem and not (run.reverted_to or run.state is HostState.KEPT)
            for t in run.targets
        }
        self.healthy = self.nodes - bad.keys() - failed
        for run in runs:
            well = all(str(t.node) in self.healthy for t in run.targets)
            run.health = Verification.HEALTHY if well else Verification.UNHEALTHY
        return bad


@dataclass(frozen=True, slots=True)
class Backwards(Reverter):
    """A way back that leaves a line in the log, where a host's own record would lead back."""

    log: Path = Path()
    good: bool = True

    def _send(self, run: HostRoll, why: str) -> None:
        if self.good:
            with self.log.open("a") as log:
                log.write(f"back {run.name}\n")
            run.advance(HostState.REVERTING)
            run.advance(HostState.REVERTED, to="1.4.1-0f3a9c71")
            run.problem = run.problem or Reverted(why)
        else:
            Reverter._send(self, run, why)


class Fleet:
    """Hosts that are directories, and one roll over them."""

    def __init__(self, place: Path, count: int = 4, new: int = 0) -> None:
        self.place, self.events, self.stop = place, Events(), threading.Event()
        self.log = place / "log"
        place.mkdir(exist_ok=True)
        self.log.touch()
        self.new, self.names = new, [f"web{i}" for i in range(1, count + 1)]
        self.kind: type[Node] = Node
        self.ladder: type[Scripted] = Scripted
        self.fails: set[str] = set()
        self.away: set[str] = set()
        self.outside: list[str] = []
        self.unseen: frozenset[str] = frozenset()
        self.strangers: frozenset[str] = frozenset()
        self.good = self.fatal = False
        self.falls: dict[str, int] = {}
        self.before: tuple[Action, ...] = ()
        self.after: tuple[Action, ...] = ()
        self.more: dict[str, tuple[Action, ...]] = {}
        self.answers: list[str] = []
        self.absent: set[str] = set()
        self.done_before: frozenset[str] = frozenset()
        self.migrating: type[Migrations] = Migrations
        self.elsewhere = Elsewhere(lambda host: DirectoryHost(self.place / host.name, host.name))

    @property
    def members(self) -> tuple[Declaration, ...]:
        words = {"cluster": {"name": "shop"}, "nodes": [{"name": "shop", "service": "shop.service"}]}
        names = enumerate([*self.names, *self.outside])
        found = (declare(words, host=name, address=f"10.0.0.{i}", where=None) for i, name in names)
        return tuple(one for one in found if one)

    def run(self, name: str) -> HostRoll:
        root = self.place / name
        root.mkdir(exist_ok=True)
        node = self.kind(file=root / "release", log=self.log, host=name, fails=name in self.fails)
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
        if name in self.away:
            return HostRoll(play.host, 0.0, emit=self.events, problem=Unreachable("no route", where=name))
        return HostRoll(
            play.host, 0.0, emit=self.events, transport=walk.transport, play=play, walk=walk, targets=(one,)
        )

    def roll(self, *serial: int | str, order: str = "inventory", percentage: float | None = None,
             ask: Callable[[str], bool] | None = None, **words: Any) -> Roll:  # fmt: skip
        runs = [self.run(name) for name in self.names if name not in self.absent]
        with ThreadPoolExecutor(4) as pool:
            climb = self.ladder(
                pool, self.events, self.stop, unseen=self.unseen, strangers=self.strangers, falls=self.falls
            )
            hooks = Hooks(self.events, lambda: DirectoryHost(self.place / "web1", "localhost"), self.elsewhere)
            limits = Limits(serial, percentage, Rollout(**words))
            due = [run for run in runs if run.changes and not run.problem]
            migrations = self.migrating(runs, pool, self.events, self.stop)
            switching = BatchRunner(hooks, migrations, pool, self.stop)
            back = Backwards(pool, self.events, log=self.log, good=self.good)
            rules = RolloutRules(runs, due, limits, self.fatal, climb, self.stop, self.done_before)
            roll = Roll(rules, order, climb, switching, back, self.events, self.stop, ask)
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
        return {run.name: "failed" if run.problem else "not reached" if run.skip_reason else "new" for run in roll.runs}


def hook(text: str, line: int, **words: Any) -> Action:
    made = action(Shell(cmd=text), text.split(maxsplit=1)[0], line)
    return replace(made, task=replace(made.task, **words))
