"""The commands on the leases of hosts: show who has them, break them, and hold hosts for a while."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from deployer.engine.host_run import Context, HostRun
from deployer.engine.seat import seat
from deployer.errors import Locked, StepError
from deployer.events import Note
from deployer.model import Host
from deployer.resolve import Resolver
from deployer.sh import Program, Sh, sh

LockWord = Literal["show", "break", "hold"]
_LOCK_TIMEOUT = 75.0


@dataclass(slots=True)
class LeaseWalk:
    """Runs such a command on every host; `run` returns the exit code: 5 if a host to be held is not free.

    Attributes:
        word: the command.
        why: the user's reason; printable.
        seconds: how long a hold keeps runs away.
    """

    context: Context
    resolver: Resolver
    hosts: Sequence[Host]
    word: LockWord
    why: str = ""
    seconds: int = 0

    def run(self) -> int:
        """Ask all hosts and return the exit code."""
        return self.context.ask_each(self.resolver.play.name, f"lock {self.word}", self.hosts, self._ask)

    def _ask(self, run: HostRun) -> None:
        transport, become = self.context.connect(run), self.resolver.connection(run.host).become
        program = Program((self._text(),), writes=self.word != "show", become=become, lease="edit")
        (frame,) = transport.run(program, timeout=_LOCK_TIMEOUT)
        said = frame.out.strip().partition("\nprocess ")[0]
        if frame.rc == Locked.exit_code:
            raise Locked(
                said,
                where=run.name,
                hint="hold the host when that run has ended, or end it with deployer lock break",
            )
        if frame.rc or said == "not root":
            raise StepError(said[-500:] if frame.rc else "root is needed: set ansible_become: true", where=run.name)
        told = f"held for {self.seconds} s: {self.why}" if self.word == "hold" else said
        self.context.emit(Note("\n".join(f"{run.name}: {line}" for line in told.splitlines())))

    def _text(self) -> Sh:
        if self.word == "hold":
            return sh("lease_take hold {} {} {}", seat(), self.seconds, self.why)
        return sh("lease_break {}", self.why) if self.word == "break" else Sh("lease_show")
