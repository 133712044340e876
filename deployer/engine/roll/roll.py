"""A roll: all is prepared everywhere, then batch after batch is switched, each when the one before it is well."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from deployer.engine.roll import hooks
from deployer.engine.roll.back import Reverter, settle
from deployer.engine.roll.batch import Batch, BatchRunner
from deployer.engine.roll.climb import Climb
from deployer.engine.roll.ending import Fallen, mark_failed
from deployer.engine.roll.host_roll import HostRoll
from deployer.engine.roll.rules import RolloutRules
from deployer.engine.roll.state import HostState
from deployer.engine.roll.witness import NOBODY, Witness
from deployer.engine.walk.planned import Planned
from deployer.errors import ConfigError, Interrupted
from deployer.events import Emit, Note
from deployer.modules import Step
from deployer.roll_events import BatchEnded, BatchStarted, RollPlanned


@dataclass(slots=True)
class Roll:
    """The hosts of a play in turns.

    Attributes:
        rules: which hosts there are, and what may be done with them when.
        order: of the hosts, as the play has it, or their names.
        stop: set when a person wants no more; a no to a question sets it too.
        ask: puts a question to the person.
        batches: who is switched together.
        witness: sees all that is planned.
    """

    rules: RolloutRules
    order: str | Sequence[str]
    climb: Climb
    switching: BatchRunner
    way_back: Reverter
    emit: Emit
    stop: threading.Event
    ask: Callable[[str], bool] | None = None
    clock: Callable[[], float] = time.monotonic
    batches: list[Batch] = field(default_factory=list)
    witness: Witness = NOBODY
    _done: list[Batch] = field(default_factory=list)
    _unhealthy: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for run in self.due:
            run.advance(HostState.WAITING)

    @property
    def runs(self) -> Sequence[HostRoll]:
        """All hosts of the play."""
        return self.rules.runs

    @property
    def due(self) -> Sequence[HostRoll]:
        """Those where there is something to do."""
        return self.rules.due

    @property
    def _wish(self) -> str:
        """What becomes of those that are well when the roll stops; that a person stops it is no failure."""
        return "stop" if self.stop.is_set() else self.rules.limits.rollout.on_failure

    def survey(self) -> None:
        """Look at all nodes before anything begins, where nodes that run will be switched.

        Nobody has to see a node that is unhealthy already, and it counts as that in ``min_healthy``.
        """
        others = self.rules.limits.rollout.min_healthy and self.rules.outside()
        due = any(run.disruptive or run.closes for run in self.due) or self.rules.joining()
        if (len(self.runs) > 1 or others) and due:
            self.climb.run(self.runs, busy=())
            self._unhealthy = self.climb.nodes - self.climb.healthy
            if others and self.climb.unseen:
                names = ", ".join(sorted(self.climb.unseen))
                self.emit(Note(f"no node of this run sees these, so they do not count as healthy: {names}"))

    def foretell(self) -> None:
        """Say in a plan what would keep a deploy from beginning now."""
        if self.batches and (why := self.rules.start_blocker()):
            self.emit(Note(f"a deploy would not begin: {why}"))

    def arrange(self) -> None:
        """Decide on the batches, and tell them where there is something to tell.

        Raises:
            ConfigError: not even one host could be switched without falling below ``min_healthy``; or hosts have to
                change together, and a member of their cluster takes no part.
        """
        self.batches = self.witness.judge(self.runs, self.rules.batches(self.order))
        words, migrations = hooks.hook_words(self.due), self.switching.migrations.words(self.batches)
        joining = self.rules.joining()
        first = self.due if len(self.batches) > 1 or joining else ()
        opens = _steps([(run, run.goes_first(ready=bool(joining))) for run in first], lambda step: step.ahead)
        closes = _steps([(run, run.plan.changing) for run in self.due], lambda step: step.late)
        if len(self.batches) > 1 or (self.batches and (words or migrations or opens or closes)):
            unsure = tuple(run.name for batch in self.batches for run in batch if run.unsure)
            batches = tuple(_names(batch) for batch in self.batches)
            self.emit(RollPlanned(batches, words, unsure, migrations, opens, closes))

    def run(self) -> None:
        """Switch batch after batch and climb the ladder of all nodes after each; what goes wrong is in the runs."""
        left, number, stops = list(self.batches), 0, self.rules.start_blocker()
        stops = stops or self._open()
        while left and not stops:
            batch, number = left.pop(0), number + 1
            stops = self._turn(batch, number, number + len(left))
            if left and not stops:
                left, stops = self._resized(left)
            if left and not stops:
                stops = self._pause(left)
        _leave(left, stops)
        if not number:
            mark_failed(self.runs, self.climb.run(self.runs, busy=()))
        self._close()

    def _open(self) -> str:
        """Do on all hosts what only adds, prove that new members can join, and return why nothing may be switched."""
        joining = self.rules.joining()
        if len(self.batches) > 1 or joining:
            self.switching.prepare(self.due, ready=bool(joining))
        if joining:
            joining.prove(self.climb.unseen, self.switching.pool)
        return self.rules.stop_reason()

    def _close(self) -> None:
        """Take away on all hosts what nothing needs any more, when all of them have had their turn and are healthy."""
        due = [run for run in self.due if run.walk and run.walk.waits.all]
        wrong = [run.name for run in self.due if run.problem or run.skip_reason]
        if due and wrong:
            names, why = ", ".join(run.name for run in due), ", ".join(wrong)
            self.emit(Note(f"not removed on {names}, because {why} may need it: what is no longer declared"))
        elif due:
            self.switching.close(due)
            mark_failed(self.runs, self.climb.run(self.runs, busy=()))

    def _turn(self, batch: Batch, number: int, of: int) -> str:
        """Switch one batch, climb, and return why the roll has to stop; empty when it may go on."""
        begin, names = self.clock(), _names(batch)
        if of > 1:
            self.emit(BatchStarted(number, of, names))
        for run in batch:
            run.advance(HostState.TURN)
        stops = self.switching.run([run for run in batch if not run.problem])
        fallen = self._judge(batch, last=number == of, alone=of == 1)
        self._done.append(batch)
        held = self._wish if stops or self.rules.stop_reason(batch) else "stop"
        # Who is well and goes back at once gets no traffic before.
        self.switching.undrain([run for run in batch if run.problem or held == "stop"])
        stops = stops or self.rules.stop_reason(batch)
        if stops:
            self._return(stops)
        if of > 1:
            ok = not fallen and not any(run.problem for run in batch)
            healthy, nodes = len(self.climb.healthy), len(self.climb.nodes)
            self.emit(BatchEnded(number, of, names, ok, healthy, nodes, self.clock() - begin, stops))
        return stops

    def _climb(self, *, last: bool, urgent: Collection[str] = ()) -> Fallen:
        """Climb all nodes; as long as others wait for their turn, nobody minds those that were unhealthy before."""
        if len(self.batches) < 2:
            changed = {run.name for run in self.due if run.walk and (run.walk.changed or run.walk.ran)}
            return self.climb.run(self.runs, changed, urgent=urgent)
        waiting = {name for run in self.due if run.state is HostState.WAITING for name in run.names}
        unhealthy = frozenset() if last else self._unhealthy & waiting
        sound = {run.name for run in self.runs if not unhealthy.issuperset(run.names)}
        fallen = self.climb.run(self.runs, sound, unhealthy, urgent)
        return {node: bad for node, bad in fallen.items() if node not in unhealthy}

    def _judge(self, batch: Batch, *, last: bool, alone: bool) -> Fallen:
        """Climb, send back who fell as soon as it has, and climb again, until nobody falls for a reason of its own."""
        news = [run for run in batch if run.problem]
        while True:
            self.way_back.send(news)
            fallen = self._climb(last=last, urgent={run.name for run in batch if not run.problem})
            settle(batch)
            news = mark_failed(batch, fallen)
            if not news:
                break
        if alone or all(run.problem is None or run.reverted_to for run in batch):
            mark_failed(self.runs, fallen)
        return fallen

    def _return(self, stops: str) -> None:
        """Send back who has not failed, as ``on_failure`` wants it when the roll stops; traffic is led away before."""
        due = {"stop": [], "rollback_batch": self._done[-1:], "rollback_fleet": self._done[::-1]}
        for batch in due[self._wish]:
            others = [run for run in batch if not (run.problem or run.skip_reason)]
            self.switching.drain(others)
            self.way_back.send(others, f"went back because the roll stopped ({stops})")
            if any(run.reverted_to for run in others):
                self._climb(last=False)
                settle(others)
            self.switching.undrain(others)

    def _resized(self, left: list[Batch]) -> tuple[list[Batch], str]:
        """Return the batches to come, smaller where too few nodes are healthy now, and why none can come."""
        try:
            fitted = self.rules.resized(left)
        except ConfigError as error:
            return left, error.message
        as_planned = fitted == left or not self.witness.holds
        return fitted, "" if as_planned else f"too few nodes are healthy for {' '.join(_names(left[0]))}, as planned"

    def _pause(self, left: Sequence[Batch]) -> str:
        """Wait, or ask, and return why no other batch may follow: a no is as good as Ctrl-C."""
        pause, to_come = self.rules.limits.rollout.pause, [name for batch in left for name in _names(batch)]
        stops = ""
        if pause != "ask":
            self.stop.wait(pause)
        elif self.ask and not self.ask(f"still to come: {', '.join(to_come)}. Go on?") and not self.stop.is_set():
            stops = "stopped by your answer"
            self.stop.set()
        stops = stops or self.rules.stop_reason()
        if stops:
            had = [run.name for batch in self._done for run in batch if not run.problem]
            words = f"{stops}; switched: {', '.join(had) or 'none'}; not reached: {', '.join(to_come)}"
            self.emit(Note(f"{words}\n  go on with: --limit {','.join(to_come)}"))
        return stops


def _steps(given: Iterable[tuple[HostRoll, Sequence[Planned]]], which: Callable[[Step], bool]) -> tuple[str, ...]:
    """Return each of certain steps of hosts once, with its hosts."""
    found: dict[str, list[str]] = {}
    for run, changing in given:
        for step in (step for planned in changing for step in planned.steps if which(step)):
            found.setdefault(step.what, []).append(run.name)
    return tuple(f"{what}: {' '.join(names)}" for what, names in found.items())


def _names(batch: Batch) -> tuple[str, ...]:
    return tuple(run.name for run in batch)


def _leave(left: Sequence[Batch], stops: str) -> None:
    """Say of hosts whose turn never came why; that Ctrl-C kept one from being prepared is no more than that."""
    for run in (run for batch in left for run in batch):
        if isinstance(run.problem, Interrupted):
            run.problem = None
        if not run.problem:
            run.advance(HostState.NOT_REACHED, reason=stops)
