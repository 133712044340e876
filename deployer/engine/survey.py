"""Asks hosts what they run: one exec for each host, without resolving tasks and without a tarball."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from deployer.engine import ledger
from deployer.engine.host_run import Context, HostRun
from deployer.engine.ladder import readings
from deployer.events import Event, HostSeen, NodeSeen, Note, Stage
from deployer.fleet import Declaration
from deployer.model import Host
from deployer.resolve import Resolver
from deployer.sh import Program
from deployer.transport.wrappers import ReadOnly

SURVEY_TIMEOUT = 60.0
"""Seconds a host may stay silent."""


@dataclass(slots=True)
class StatusQuery:
    """Asks every host of a play what it runs, and for its record; `run` returns the exit code.

    Attributes:
        goal: ``status`` or ``history``: how the answers are reported.
        lines: the number of history entries to ask for.
    """

    context: Context
    resolver: Resolver
    hosts: Sequence[Host]
    goal: str
    lines: int

    def run(self) -> int:
        """Ask all hosts and return 0, or 4 when one could not be asked.

        Raises:
            ConfigError: the project has an error; no connection was opened.
        """
        declared = {host.name: self.resolver.fleet(host)[0] for host in self.hosts}
        name = self.resolver.play.name
        return self.context.ask_each(name, self.goal, self.hosts, lambda run: self._ask(run, declared[run.name]))

    def _ask(self, run: HostRun, declared: Declaration | None) -> None:
        name, transport = run.name, ReadOnly(self.context.connect(run))
        if declared is None or declared.release is None:
            return
        self.context.emit(Stage(name, "probe"))
        nodes, release = [node for node in declared.nodes if not node.foreign], declared.release
        units = tuple(node.unit for node in nodes)
        text = (ledger.look_at_ledger(release.root, self.lines), *(readings.look_at_unit(unit) for unit in units))
        become = self.resolver.connection(run.host).become
        record, *seen = transport.run(Program(text, become=become, units=units), timeout=SURVEY_TIMEOUT)
        known = ledger.parse_ledger(record.out)
        if known.damaged:
            what = f"{known.damaged} damaged lines of {release.root}/ledger/history are skipped"
            self.context.emit(Note(f"{name}: {what}; the next deploy moves them to history.damaged"))
        running = tuple(
            _seen(str(node.node), readings.parse_look(frame.out)) for node, frame in zip(nodes, seen, strict=True)
        )
        bad = tuple(known.bad.items())
        good, history = known.good, known.entries
        self.context.emit(HostSeen(name, release.name, known.current, running, good, bad, history, known.away))


def _seen(node: str, unit: readings.UnitReading) -> NodeSeen:
    running = unit.release_dir.rpartition("/")[2] if unit.pid else ""
    return NodeSeen(node, unit.active if unit.loaded else unit.load, running, unit.age)


def finished(resolver: Resolver, hosts: Sequence[Host], run: str, context: Context) -> set[str]:
    """Return the hosts whose own record ends with the entry that this run has marked the declared release as good.

    A deploy writes this entry last. A host that cannot be asked is not among them.
    """
    seen: list[HostSeen] = []

    def keep(event: Event) -> None:
        if isinstance(event, HostSeen):
            seen.append(event)

    StatusQuery(replace(context, emit=keep), resolver, hosts, "status", 1).run()
    declared = {host.name: own.release.id for host in hosts if (own := resolver.fleet(host)[0]) and own.release}
    return {one.host for one in seen if _is_last(one, declared[one.host], run)}


def _is_last(seen: HostSeen, release: str, run: str) -> bool:
    last = seen.history[-1] if seen.history else None
    noted = last and (last.event, last.release, last.run) == ("good", release, run)
    runs = all((node.state, node.release) == ("active", release) for node in seen.nodes)
    return bool(noted and runs and seen.current == release and release in seen.good)
