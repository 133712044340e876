"""Runs one play on all its hosts in parallel; a host's failure is a value, and the other hosts go on."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from deployer.engine import facts, ledger
from deployer.engine.host_run import Context, each_host
from deployer.engine.ladder import verify
from deployer.engine.ladder.target import targets_of
from deployer.engine.roll.back import Reverter, judge_good
from deployer.engine.roll.batch import BatchRunner
from deployer.engine.roll.climb import Climb
from deployer.engine.roll.ending import ending_of, mark_failed
from deployer.engine.roll.hooks import Hooks
from deployer.engine.roll.host_roll import HostRoll, hold
from deployer.engine.roll.migrations import Migrations
from deployer.engine.roll.resolving import Resolving, runs_once, stand_in
from deployer.engine.roll.roll import Roll
from deployer.engine.roll.rules import RolloutRules
from deployer.engine.roll.witness import IDENTITY, NOBODY, Witness
from deployer.engine.walk.elsewhere import Elsewhere
from deployer.engine.walk.walk import Walk
from deployer.errors import At, ConfigError
from deployer.events import HostEnded, Note, Stage
from deployer.model import Host
from deployer.resolve import Limits
from deployer.sh import Sh
from deployer.transport.base import Transport
from deployer.transport.local import NO_HOST_KEY, LocalTransport
from deployer.transport.wrappers import ReadOnly

if TYPE_CHECKING:
    from deployer.engine.auditing import Auditing  # a plan needs no rules


class Goal(Enum):
    """Where the walk stops; no module below this one needs to know."""

    PLAN = "plan"
    AUDIT = "audit"
    DEPLOY = "deploy"
    VERIFY = "verify"


@dataclass(slots=True)
class PlayRun:
    """Everything a play needs to run; `run` returns its exit code.

    Attributes:
        drift_code: the exit code of a host on which something would change, if the goal is not to change it.
        ask: asks the user a yes-no question between batches; None without a terminal.
        gather: asks a host for what `resolver` has to know; None: its facts, as the user that the play works as.
        learn: is called with what a host reported, before the first host is resolved.
        done: names of hosts that an earlier run has brought to the declared state; they take no part.
        leaving: names of nodes that are being retired, even if other nodes still see them.
        auditing: the rules that an audit checks besides drift.
        witness: sees everything that is planned before anything is written.
    """

    context: Context
    resolver: Resolving
    hosts: Sequence[Host]
    goal: Goal
    drift_code: int = 0
    ask: Callable[[str], bool] | None = None
    gather: Callable[[Transport, Host], Mapping[str, Any]] | None = None
    learn: Callable[[Host, Mapping[str, Any]], None] = lambda _host, _facts: None
    done: frozenset[str] = frozenset()
    leaving: frozenset[str] = frozenset()
    auditing: Auditing | None = None
    witness: Witness = NOBODY
    _host_keys: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _elsewhere: Elsewhere = field(init=False)

    def __post_init__(self) -> None:
        self._elsewhere = Elsewhere(self.context.beside)

    def run(self) -> int:
        """Walk every host to the goal and return the play's exit code (docs/design.md).

        Raises:
            ConfigError: the project has an error; no connection was opened.
        """
        runs = [HostRoll(host, self.context.clock(), emit=self.context.emit) for host in self.hosts]
        if not self.resolver.needs_facts:
            for run in runs:
                run.play = self.resolver.resolve(run.host, None)
            self._limits(runs)
        return self.context.walk(self.resolver.play.name, self.goal.value, runs, lambda: self._closing(runs), self._end)

    def _closing(self, runs: Sequence[HostRoll]) -> None:
        with closing(self._elsewhere):
            self._work(runs)

    def _work(self, runs: Sequence[HostRoll]) -> None:
        context = self.context
        climb = Climb(context.pool, context.emit, context.stop, joins=self.goal is Goal.DEPLOY)
        context.each(runs if self.resolver.needs_facts or runs_once(self.resolver) else (), self._meet)
        stand_in(self.resolver, runs)
        context.each([run for run in runs if not run.problem], self._prepare)
        self._warn(runs)
        if self.auditing:
            self.auditing.tell_useless(context.emit)
        self._walk(runs, climb)
        if self.goal is Goal.DEPLOY:
            # Also after Ctrl-C: the next run can go back to a release that the ladder has proved.
            each_host([run for run in runs if run.proven], judge_good, pool=context.pool)
        climb.tell(runs, self.leaving)

    def _walk(self, runs: Sequence[HostRoll], climb: Climb) -> None:
        if self.goal is Goal.VERIFY:
            mark_failed(runs, climb.run(runs, busy=()))
        if self.goal not in (Goal.PLAN, Goal.DEPLOY):
            return
        if self.goal is Goal.DEPLOY and hold(runs) and not self.context.may_write(runs):
            return
        roll = self._roll(runs, climb)
        roll.survey()
        try:
            roll.arrange()
        except ConfigError as error:
            for run in runs:
                run.problem = run.problem or error
        if self.goal is Goal.DEPLOY:
            roll.run()
        else:
            roll.foretell()

    def _roll(self, runs: Sequence[HostRoll], climb: Climb) -> Roll:
        pool, emit, stop = self.context.pool, self.context.emit, self.context.stop
        hooks, back = Hooks(emit, lambda: LocalTransport("localhost"), self._elsewhere), Reverter(pool, emit)
        switching = BatchRunner(hooks, Migrations(runs, pool, emit, stop), pool, stop)
        play, limits = self.resolver.play, self._limits(runs)
        due = [run for run in runs if run.changes and not run.problem]
        rules = RolloutRules(runs, due, limits, play.any_errors_fatal, climb, stop, self.done, self.leaving)
        order = self.witness.order or play.turns.order
        return Roll(rules, order, climb, switching, back, emit, stop, self.ask, witness=self.witness)

    def _limits(self, runs: Sequence[HostRoll]) -> Limits:
        """Return the batch settings of the play's hosts; hosts without nodes count only if no host has nodes.

        Raises:
            ConfigError: the hosts disagree, or ``pause: ask`` is set without a terminal.
        """
        plays = [run.play for run in runs if run.play]
        found = {play.limits: play.host.name for play in ([play for play in plays if play.fleet[0]] or plays)}
        with At(self.resolver.play.mark):
            if len(found) > 1:
                problem = (
                    f"{' and '.join(list(found.values())[:2])} do not agree on serial, max_fail_percentage or rollout"
                )
                hint = "deploy one after the other with --limit, or write the same for both"
                raise ConfigError(problem, hint=hint)
            limits = next(iter(found), Limits())
            if limits.rollout.pause == "ask" and limits.serial and self.goal is Goal.DEPLOY and self.ask is None:
                hint = "set a number of seconds: -e '{rollout: {…, pause: 0}}'; or run it in a terminal, without --json"
                raise ConfigError("rollout.pause is ask, but there is no terminal to ask on", hint=hint)
            return limits

    def _meet(self, run: HostRoll) -> Transport:
        """Connect, and gather facts if the play needs them: other hosts may use them in their templates."""
        run.targets = targets_of(*run.play.fleet) if run.play else ()
        transport = self.context.connect(run)
        run.transport = transport if self.goal is Goal.DEPLOY else ReadOnly(transport)
        self._refuse_twin(run.name, getattr(transport, "host_key", ""))
        if run.play is None:
            self.context.emit(Stage(run.name, "facts"))
            asked = run.transport, run.host
            run.facts = self.gather(*asked) if self.gather else facts.of_play(self.resolver, *asked)
            self.learn(run.host, run.facts)
        return run.transport

    def _prepare(self, run: HostRoll) -> None:
        transport = run.transport or self._meet(run)
        if run.play is None:
            run.play = self.resolver.resolve(run.host, run.facts)
        run.targets, run.fresh = targets_of(*run.play.fleet), True
        switch = ledger.switch_of(run.play)
        extra_probes = self._riders(run, switch.root if switch else "")
        words: dict[str, Any] = {"units": frozenset(one.unit for one in run.targets), "elsewhere": self._elsewhere}
        words |= {"watched": self.auditing.watched if self.auditing else (), "behind": self.context.behind}
        run.walk = Walk(transport, run.play, self.context.emit, extra_probes, **words)
        if self.goal is not Goal.VERIFY:
            plan = run.walk.audit() if self.goal is Goal.AUDIT else run.walk.plan()
            run.drift = plan.stirs(judged=self.goal is Goal.AUDIT)
            if switch and extra_probes:
                self._hear(run, run.walk.extra_results[-1].out)
            if self.auditing:
                given, emit = run.walk.extra_results, self.context.emit
                run.failing = self.auditing.judge(run.play, given, transport, run.targets, emit)
                self.auditing.trace(run.play, plan, transport, emit)
            if self.goal is Goal.DEPLOY:
                run.walk.changed = run.walk.ran = 0  # the plan counted what would change; nothing has changed so far

    def _riders(self, run: HostRoll, root: str) -> tuple[Sh, ...]:
        """Return the extra fragments of the probe; the last one reads the record of the release at ``root``, if any."""
        if self.goal in (Goal.PLAN, Goal.DEPLOY):
            identity = () if self.witness is NOBODY else (IDENTITY,)
            return (*verify.fragments(run.targets), *identity, *([ledger.look_at_ledger(root)] if root else []))
        rules = self.auditing.extra_probes(run.play) if self.auditing and run.play else ()
        told = ledger.audited(run.play) if root and run.play else None
        return (*rules, *([told] if told else [])) if self.goal is Goal.AUDIT else ()

    def _hear(self, run: HostRoll, said: str) -> None:
        """Keep what a host reported about its releases; in an audit, this is what was altered or left behind: drift."""
        if self.goal is not Goal.AUDIT:
            run.record = ledger.parse_ledger(said)
        elif said.strip():
            run.drift = True
            self.context.emit(Note(f"{run.name}: {said.strip()}"))

    def _warn(self, runs: Sequence[HostRoll]) -> None:
        """Emit warnings, each once for all hosts that have it; in an audit they are drift."""
        told: dict[str, list[str]] = defaultdict(list)
        for run in runs:
            own = run.play.fleet[0] if run.play else None
            for text in own.warnings if own else ():
                told[text].append(run.name)
                run.drift |= self.goal is Goal.AUDIT
        if told:
            self.context.emit(Note("\n".join(f"{', '.join(names)}: {text}" for text, names in told.items())))

    def _refuse_twin(self, name: str, host_key: str) -> None:
        """Refuse two inventory names of one host: the run would write on it twice at the same time."""
        with self._lock:
            other = self._host_keys.setdefault(host_key, name) if host_key else name
        if other != name:
            same, hint = f"answer with the same host key {host_key}", "give each cloned machine its own host keys"
            if host_key == NO_HOST_KEY:
                same, hint = "are both this machine", "declare all nodes of one machine under one name (nodes:)"
            raise ConfigError(f"{name} and {other} {same}", where=name, hint=f"remove one of the names, or {hint}")

    def _end(self, run: HostRoll) -> HostEnded:
        problem, walk = run.problem, run.walk
        code = problem.exit_code if problem else self.drift_code if run.drift or run.failing else 0
        changed, ran = (walk.changed, walk.ran) if walk else (0, 0)
        total = walk.total if walk and self.goal is not Goal.VERIFY else 0
        said = str(problem) if problem else f"the roll stopped before it: {run.skip_reason}" if run.skip_reason else ""
        ending, seconds = ending_of(run, audit=self.goal is Goal.AUDIT), self.context.clock() - run.begin
        return HostEnded(run.name, ending, changed, total, seconds, said, code, run.release, ran)
