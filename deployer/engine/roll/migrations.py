"""Migrations: each runs once, from the new release, before the first host of a cluster is switched to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import partial

from deployer.engine import ledger
from deployer.engine.host_run import each_host
from deployer.engine.roll.host_roll import HostRoll
from deployer.engine.roll.state import HostState
from deployer.errors import ConnectionLost, DeployerError, HostError, Interrupted, Locked, StepError
from deployer.events import Emit, Note, Stage
from deployer.fleet import Declaration, DeclaredRelease, Migration
from deployer.releases.generations import secured
from deployer.releases.switch import RECORD
from deployer.roll_events import MigrationEnded, MigrationSaid
from deployer.sh import Program, Sh, lines, script, sh

MIGRATION_PATIENCE = 120.0
"""Seconds without a sign of life from a migration; once it has begun, the host sends several each second."""
_HERE = "deployer.engine.roll"
_RAN, _RUNS = 3, 5


@dataclass(slots=True)
class Migrations:
    """Knows which migrations are due, and runs them.

    Attributes:
        runs: all hosts of the play; a migration in the record of one of them counts for its whole cluster.
        stop: set by Ctrl-C: a running migration is then stopped on its host.
    """

    runs: Sequence[HostRoll]
    pool: Executor
    emit: Emit
    stop: threading.Event
    clock: Callable[[], float] = time.monotonic

    def words(self, batches: Sequence[Sequence[HostRoll]]) -> tuple[str, ...]:
        """Return a line for each migration of these batches: where it will run, or why it will not."""
        found: dict[tuple[str, str], str] = {}
        for run in (run for batch in batches for run in batch):
            if declared := _declared(run):
                own, release, migration = declared.own, declared.release, declared.migration
                key = own.cluster.name, release.id
                if self.due(run):
                    place = f"once, on {run.name} as {migration.node}, before the first switch"
                    found.setdefault(key, f"migrate: {migration.label}, {place}{self._unended(own, release)}")
                elif why := self._why_not(run, own, release):
                    found.setdefault(key, f"migrate: not due: {why}")
        return tuple(found.values())

    def due(self, run: HostRoll) -> Due | None:
        """Return the migration that has to run before this host is switched; None when none has to."""
        declared = _declared(run)
        return declared if declared and not self._why_not(run, declared.own, declared.release) else None

    def _why_not(self, run: HostRoll, own: Declaration, release: DeclaredRelease) -> str:
        if run.record.current == release.id:
            return f"{release.id} is already current on {run.name}"
        for other in self._cluster(own):
            if release.id in other.record.migrated:
                return f"that of {release.id} has run, by the record of {other.name}"
            if release.id in other.record.good:
                return f"{release.id} is known to be good on {other.name}"
        return ""

    def _unended(self, own: Declaration, release: DeclaredRelease) -> str:
        """Return a warning if the migration has begun on a host and its end was not recorded; else the empty string."""
        for other in self._cluster(own):
            noted = [one for one in other.record.entries if (one.event, one.release) == ("migrate", release.id)]
            if noted and noted[-1].detail.startswith("began"):
                return f"; it began on {other.name} before, and it is not known how it ended"
        return ""

    def run(self, batch: Sequence[HostRoll]) -> str:
        """Run the migrations that are due before these hosts are switched; return why none may be, or ""."""
        for run in batch:
            due = self.due(run) if run.state is HostState.AT_SWITCH and not run.problem else None
            if due:
                each_host([run], partial(self._migrate, due), pool=self.pool, stop=self.stop)
                if run.problem:
                    run.advance(HostState.KEPT)
                    return f"the migration on {run.name} {_how(run.problem)}"
                self._remember(run, due)
        return ""

    def _migrate(self, due: Due, run: HostRoll) -> None:
        here, migration, root, release = run.connected, due.migration, due.root, due.release.id
        self.emit(Stage(run.name, "migrate"))
        heard = _Heard(run.name, release, migration, self.emit, self.stop, self.clock)
        step, labels = migrating(root, release, migration), (f"migrate: {migration.label}",)
        program = Program((step,), writes=True, become=here.play.become, labels=labels, hear=heard)
        try:
            (frame,) = here.transport.run(program, timeout=MIGRATION_PATIENCE)
        except Interrupted:
            self._halt(run, root, migration)
            self.emit(MigrationEnded(run.name, release, migration.label, self.clock() - heard.begin, "it was stopped"))
            raise
        except HostError as error:
            error.hint = f"it goes on there for at most {migration.timeout} s; deployer history shows how it ended"
            raise
        heard.end()
        if frame.rc == _RUNS:
            raise Locked(frame.out, where=run.name)
        if frame.rc == _RAN:
            self.emit(Note(f"{run.name}: another deploy has run the migration of {release} in the meantime"))
            return
        problem = frame.out.strip() if frame.rc else ""
        self.emit(MigrationEnded(run.name, release, migration.label, self.clock() - heard.begin, problem))
        if problem:
            said = "\n    ".join(problem.splitlines())
            hint = "nothing was switched; the next deploy runs it again"
            raise StepError(f"migrate: {migration.label}: {said}", where=run.name, hint=hint)

    def _halt(self, run: HostRoll, root: str, migration: Migration) -> None:
        """Stop it on the host, over a new connection: the old one may not allow another program at the same time."""
        here = run.connected
        try:
            here.transport.reopen()
            (frame,) = here.transport.run(
                Program((halting(root, migration),), become=here.play.become), timeout=MIGRATION_PATIENCE
            )
            problem = frame.out if frame.rc else ""
        except HostError as error:
            problem = error.message
        if problem:
            self.emit(Note(f"{run.name}: the migration may still run there ({problem}): check {_unit(migration)}"))

    def _remember(self, run: HostRoll, due: Due) -> None:
        """Record on all hosts of the cluster that it has run, so that each host knows it on its own."""
        release, words = due.release.id, f"done on {run.name}: {due.migration.label}"

        def note(place: tuple[HostRoll, Due]) -> str:
            other, declared = place
            try:
                other.connected.finish("note the migration", ledger.note_migrated(declared.root, release, words))
            except DeployerError as error:
                return f"{other.name}: {error.message}"
            return ""

        cluster = [(one, declared) for one in self._cluster(due.own) if (declared := _declared(one))]
        able = [
            (one, declared)
            for one, declared in cluster
            if one is not run and one.transport and not isinstance(one.problem, HostError)
        ]
        if failed := [problem for problem in self.pool.map(note, able) if problem]:
            self.emit(Note("the migration has run, but these hosts could not record it: " + "; ".join(failed)))
        for one, _ in cluster:
            one.record = replace(one.record, migrated=one.record.migrated | {release})

    def _cluster(self, own: Declaration) -> Iterator[HostRoll]:
        """Yield the hosts of the play that run the same release in the same cluster."""
        for run in self.runs:
            declared = _declared(run)
            if declared and (declared.own.cluster.name, declared.release.name) == (own.cluster.name, _name(own)):
                yield run


@dataclass(slots=True)
class _Heard:
    """Passes on the output of a migration in whole lines; raises Interrupted after Ctrl-C."""

    host: str
    release: str
    migration: Migration
    emit: Emit
    stop: threading.Event
    clock: Callable[[], float]
    begin: float = field(init=False)
    _rest: str = ""

    def __post_init__(self) -> None:
        self.begin = self.clock()

    def __call__(self, text: str) -> None:
        if self.stop.is_set():
            raise Interrupted("stopped in the middle of the migration", hint="the next deploy runs it again")
        if self.clock() - self.begin > self.migration.timeout + MIGRATION_PATIENCE:
            raise ConnectionLost(
                "the migration has not ended, although its deadline has passed long ago", where=self.host
            )
        whole, newline, self._rest = (self._rest + text).rpartition("\n")
        if newline:
            self._say(whole)

    def end(self) -> None:
        """Pass on a last line that has no newline."""
        if self._rest:
            self._say(self._rest)

    def _say(self, text: str) -> None:
        # Text that arrived in two pieces may have been split within a character.
        said = text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
        self.emit(MigrationSaid(self.host, self.release, said))


def halting(root: str, migration: Migration) -> Sh:
    """Return the sh text that stops a migration which this run has begun on a host."""
    return lines(secured(root), sh("unit={}", _unit(migration)), script("migrate_halt.sh", _HERE))


def migrating(root: str, release: str, migration: Migration) -> Sh:
    """Return the step that runs a migration on a host, once, and records the result there."""
    given = sh(
        "id={} node={} unit={} what={} timeout={}\nset -- {}",
        *(release, migration.node, _unit(migration), migration.label, migration.timeout, migration.command),
    )
    return lines(secured(root), RECORD, given, script("migrate.sh", _HERE))


def _unit(migration: Migration) -> str:
    """Return the unit that it runs in; it is the same for all releases, so a second migration finds a running one."""
    return f"deployer-migrate-{migration.node}.service"


@dataclass(frozen=True, slots=True)
class Due:
    """The migration that a host declares, if its play switches nodes."""

    own: Declaration
    release: DeclaredRelease
    migration: Migration
    root: str


def _declared(run: HostRoll) -> Due | None:
    own = run.play.fleet[0] if run.play else None
    if run.play and own and own.release and own.release.migrate and (switch := ledger.switch_of(run.play)):
        return Due(own, own.release, own.release.migrate, switch.root)
    return None


def _name(own: Declaration) -> str:
    return own.release.name if own.release else ""


def _how(problem: DeployerError) -> str:
    if isinstance(problem, StepError | Interrupted):
        return "has failed" if isinstance(problem, StepError) else "was stopped"
    return f"was not seen to its end: {problem.message.partition(chr(10))[0]}"
