"""Changes that wait to be confirmed: what there is on each host, and a person's word on it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from deployer.engine.host_run import HostRun, close, each, worst
from deployer.errors import HostError, StepError
from deployer.events import Emit, Ending, HostEnded, Note, PlayEnded, PlayStarted, Stage
from deployer.model import Host
from deployer.resolve import Resolver
from deployer.sh import Program, Sh, lines, script
from deployer.transport.base import Transport

_ASK = """
if waits; then
  still
  {}
else
  echo 'nothing waits to be confirmed'
fi"""
WORDS: Mapping[str, str] = {
    "show": ":",
    "now": 'run=$(cat -- "$pending/run") /bin/sh -eu "$pending/keep"; echo "it stays"',
    "undo": 'undo; echo "it was taken back"',
}
"""What a person may say → what the host does. A login that says ``now`` is the proof that is wanted."""


@dataclass(slots=True)
class Pending:
    """Asks every host of a play what waits there, and passes on a person's word; `run` returns the exit code.

    Attributes:
        word: one of `WORDS`.
        open: makes a connection to a host.
        pool: hosts run in it in parallel.
        stop: set by Ctrl-C.
    """

    resolver: Resolver
    hosts: Sequence[Host]
    word: str
    open: Callable[[Host], Transport]
    pool: Executor
    emit: Emit
    stop: threading.Event = field(default_factory=threading.Event)
    clock: Callable[[], float] = time.monotonic

    def run(self) -> int:
        """Ask all hosts and return the exit code."""
        begin, play = self.clock(), self.resolver.play
        runs = [HostRun(host, begin) for host in self.hosts]
        self.emit(PlayStarted(play.name, "confirm", tuple(host.name for host in self.hosts)))
        try:
            each(runs, self._ask, pool=self.pool, stop=self.stop)
        finally:
            close(runs)
        code = worst([self._end(run) for run in runs], self.stop)
        self.emit(PlayEnded(play.name, self.clock() - begin))
        return code

    def _ask(self, run: HostRun) -> None:
        self.emit(Stage(run.host.name, "connect"))
        run.transport = self.open(run.host)
        text = lines(script("pending.sh"), Sh(_ASK.format(WORDS[self.word])))
        become = self.resolver.connection(run.host).become
        program = Program((text,), writes=self.word != "show", become=become)
        (frame,) = run.transport.run(program, timeout=60)
        if frame.rc:
            raise StepError(frame.out.strip()[-500:], where=run.host.name)
        self.emit(Note("\n".join(f"{run.host.name}: {line}" for line in frame.out.strip().splitlines())))

    def _end(self, run: HostRun) -> int:
        problem = run.problem
        ending: Ending = "ok" if not problem else "unreachable" if isinstance(problem, HostError) else "failed"
        said, code = (str(problem), problem.exit_code) if problem else ("", 0)
        self.emit(HostEnded(run.host.name, ending, 0, 0, self.clock() - run.begin, said, code))
        return code
