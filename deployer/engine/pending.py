"""Changes that wait to be confirmed: shows those of each host, and confirms or undoes them on request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deployer.engine.host_run import Context, HostRun
from deployer.errors import StepError
from deployer.events import Note
from deployer.model import Host
from deployer.resolve import Resolver
from deployer.sh import Program, Sh, lines, script

_NOT_ROOT = 77
_ASK = """
exec 2>&1
trap '' HUP PIPE
if [ -d "${{pending%/*}}" ] && [ ! -x "${{pending%/*}}" ]; then
  echo "only root can see whether a change waits to be confirmed here; this login is $(id -un)"
  exit 77
fi
if waits; then
  still
  {}
else
  echo 'nothing waits to be confirmed'
fi"""
PENDING_WORDS: Mapping[str, str] = {
    "show": ":",
    "now": 'run=$(cat -- "$pending/run") /bin/sh -eu "$pending/keep"; echo "it is permanent now"',
    "undo": 'undo; echo "it was rolled back"',
}
"""Command → the sh text that the host runs. The login that sends ``now`` is itself the confirmation."""


@dataclass(slots=True)
class Pending:
    """Runs one of these commands on every host of a play; `run` returns the exit code.

    Attributes:
        word: one of `PENDING_WORDS`.
    """

    context: Context
    resolver: Resolver
    hosts: Sequence[Host]
    word: str

    def run(self) -> int:
        """Ask all hosts and return the exit code."""
        return self.context.ask_each(self.resolver.play.name, "confirm", self.hosts, self._ask)

    def _ask(self, run: HostRun) -> None:
        transport = self.context.connect(run)
        text = lines(script("pending.sh", "deployer.firewall"), Sh(_ASK.format(PENDING_WORDS[self.word])))
        become = self.resolver.connection(run.host).become
        # Without the lease: a frozen run whose change waits must not keep the user from deciding.
        program = Program((text,), writes=self.word != "show", become=become, lease="edit")
        (frame,) = transport.run(program, timeout=60)
        if frame.rc:
            hint = "become root through sudo: --become, or ansible_become: true" if frame.rc == _NOT_ROOT else ""
            raise StepError(frame.out.strip()[-500:], where=run.name, hint=hint)
        self.context.emit(Note("\n".join(f"{run.name}: {line}" for line in frame.out.strip().splitlines())))
