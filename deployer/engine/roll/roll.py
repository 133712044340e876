"""A roll: prepare all hosts, then switch batch after batch, each only when the batch before it is healthy."""

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
    """Lets the hosts of a play take turns.

    Attributes:
        rules: the hosts, and the rules that decide when a batch may begin.
        order: the play's word ``order``, or names of hosts in their order.
        stop: set by Ctrl-C, or by the answer no to a question.
        ask: asks the user a yes-no question.
        batches: the hosts that are switched together, in order; `arrange` sets it.
        witness: sees everything that is planned.
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
        """The hosts on which there is something to do."""
        return self.rules.due

    @property
    def _wish(self) -> str:
        """What to do with healthy hosts when the roll stops: ``on_failure``, but nothing after Ctrl-C."""
        return "stop" if self.stop.is_set() else self.rules.limits.rollout.on_failure

    def survey(self) -> None:
        """Climb the ladder of all nodes before anything begins, if the roll may disturb what runs.

        No node has to see one that is unhealthy already, and ``min_healthy`` counts it as unhealthy.
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
        """Say in a plan why a deploy could not begin now, if so."""
        if self.batches and (why := self.rules.start_blocker()):
            self.emit(Note(f"a deploy would not begin: {why}"))

    def arrange(self) -> None:
        """Decide on the batches, and report them if they are worth a line.

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
        """Switch batch after batch, and climb the ladder of all nodes after each; failures are kept in the runs."""
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
        """Prepare all hosts, prove that new members can join, and return why nothing may be switched, or ""."""
        joining = self.rules.joining()
        if len(self.batches) > 1 or joining:
            self.switching.prepare(self.due, ready=bool(joining))
        if joining:
            joining.prove(self.climb.unseen, self.switching.pool)
        return self.rules.stop_reason()

    def _close(self) -> None:
        """Remove on all hosts what nothing needs any more, if all of them have had their turn and none has failed."""
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
        # A healthy host that goes back at once must not get traffic before that.
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
        """Climb all nodes; until the last batch, waiting nodes that were unhealthy from the start are ignored."""
        if len(self.batches) < 2:
            changed = {run.name for run in self.due if run.walk and (run.walk.changed or run.walk.ran)}
            return self.climb.run(self.runs, changed, urgent=urgent)
        waiting = {name for run in self.due if run.state is HostState.WAITING for name in run.names}
        unhealthy = frozenset() if last else self._unhealthy & waiting
        sound = {run.name for run in self.runs if not unhealthy.issuperset(run.names)}
        fallen = self.climb.run(self.runs, sound, unhealthy, urgent)
        return {node: bad for node, bad in fallen.items() if node not in unhealthy}

    def _judge(self, batch: Batch, *, last: bool, alone: bool) -> Fallen:
        """Climb, send failed hosts back at once, and climb again, until no further host fails for its own reason."""
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
        """When the roll stops, send healthy hosts back, too, as ``on_failure`` says; their traffic is drained first."""
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
        """Return the remaining batches, smaller if too few nodes are healthy now, and why none may follow (or "")."""
        try:
            fitted = self.rules.resized(left)
        except ConfigError as error:
            return left, error.message
        as_planned = fitted == left or not self.witness.holds
        return fitted, "" if as_planned else f"too few nodes are healthy for {' '.join(_names(left[0]))}, as planned"

    def _pause(self, left: Sequence[Batch]) -> str:
        """Pause or ask between batches; return why no other batch may follow. The answer no counts as Ctrl-C."""
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
    """Return the steps that ``which`` selects, each once, with the names of its hosts."""
    found: dict[str, list[str]] = {}
    for run, changing in given:
        for step in (step for planned in changing for step in planned.steps if which(step)):
            found.setdefault(step.what, []).append(run.name)
    return tuple(f"{what}: {' '.join(names)}" for what, names in found.items())


def _names(batch: Batch) -> tuple[str, ...]:
    return tuple(run.name for run in batch)


def _leave(left: Sequence[Batch], stops: str) -> None:
    """Mark hosts whose turn never came, with the reason; if Ctrl-C interrupted one, that is no problem of its own."""
    for run in (run for batch in left for run in batch):
        if isinstance(run.problem, Interrupted):
            run.problem = None
        if not run.problem:
            run.advance(HostState.NOT_REACHED, reason=stops)
