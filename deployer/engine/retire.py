"""Takes nodes out of a cluster: drains, stops and disables them on their hosts, and at last removes their files there.

Between the two parts, the remaining hosts are deployed, so that their firewalls and lists of members no longer name the
nodes. Each part can be run again: the same command finishes a retirement that was stopped or killed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from deployer.engine import facts
from deployer.engine.host_run import Context, close, worst
from deployer.engine.roll.hooks import BEFORE, Hooks
from deployer.engine.roll.host_roll import HostRoll
from deployer.engine.walk.confirm import confirm
from deployer.engine.walk.elsewhere import Elsewhere
from deployer.engine.walk.steps import step_last_words
from deployer.errors import AuthError, ConfigError, ConnectionLost, HostKeyError, StepError, Unreachable
from deployer.events import HostEnded, StepDone, TaskPlanned
from deployer.firewall.parts import CONFIRM, without_parts
from deployer.fleet import Declaration, Node
from deployer.model import Change, Host
from deployer.releases.generations import secured
from deployer.resolve import Resolver
from deployer.sh import Program, Sh, lines, script, sh
from deployer.transport.local import LocalTransport

RETIRE_TIMEOUT = 180.0
"""Seconds a host may stay silent; a node may take unit.TimeoutStopSec to stop."""
_GONE = "a host that is gone for good is retired with --lost, which connects only to those that stay"


@dataclass(slots=True)
class Retirement:
    """Retires nodes of a play's hosts; `stop` and `forget` return the exit code so far.

    Attributes:
        resolver: the resolver of the play with all its members.
        leaving: host → names of its nodes to retire.
        check: report what would be done, and do nothing.
        purge: remove everything that was installed, not only secrets.
        pause: only stop the nodes: they stay installed, and start again at the next boot.
    """

    context: Context
    resolver: Resolver
    hosts: Sequence[Host]
    leaving: Mapping[str, frozenset[str]]
    check: bool
    purge: bool
    pause: bool = False
    _runs: list[HostRoll] = field(default_factory=list)
    _began: float = 0.0

    @property
    def _verb(self) -> str:
        return "stop" if self.pause else "retire"

    def stop(self) -> int:
        """Drain the nodes, then stop and disable them."""
        if not self.hosts:
            return 0
        self._runs = [HostRoll(host, self.context.clock()) for host in self.hosts]
        self._began = self.context.begin(self.resolver.play.name, "plan" if self.check else self._verb, self._runs)
        if self.context.each(self._runs, self._connect) and (self.check or self.context.may_write(self._runs)):
            self.context.each(self._runs, self._plan if self.check else self._leave)
        return self._worst()

    def forget(self) -> int:
        """Remove the nodes' files, report how it ended for each host, and close the connections."""
        if not self.check and not self._worst():
            self.context.each(self._runs, self._forget)
        return self.end()

    def end(self) -> int:
        """Report how it ended for each host, and close the connections."""
        close(self._runs)
        if not self._runs:
            return self._worst()
        return self.context.end(self.resolver.play.name, self._began, [self._ended(run) for run in self._runs])

    def _worst(self) -> int:
        return worst((run.problem.exit_code for run in self._runs if run.problem), self.context.stop)

    def _connect(self, run: HostRoll) -> None:
        try:
            transport = self.context.connect(run)
        except (Unreachable, ConnectionLost) as error:
            if not self.pause and not isinstance(error, AuthError | HostKeyError):
                error.hint = "\n  ".join(filter(None, (error.hint, _GONE)))
            raise
        said = facts.of_play(self.resolver, transport, run.host) if self.resolver.needs_facts else None
        run.play = self.resolver.resolve(run.host, said)

    def _nodes(self, run: HostRoll) -> tuple[Declaration, list[Node]]:
        own = run.connected.play.fleet[0]
        if own is None:
            raise ConfigError(f"{run.name} declares no node")
        return own, [node for node in own.nodes if str(node.node) in self.leaving[run.name]]

    def _plan(self, run: HostRoll) -> None:
        own, nodes = self._nodes(run)
        kept = "what was put there" if self.purge else "its secrets"
        after = "stopped" if self.pause else f"stopped, disabled, {kept} removed"
        for node in nodes:
            change = Change("state", "member", after)
            label = f"{'stop' if self.pause else 'retire'} {node.node}"
            self.context.emit(TaskPlanned(run.name, label, str(own.where), "change", (change,)))

    def _leave(self, run: HostRoll) -> None:
        _, nodes = self._nodes(run)
        with contextlib.closing(Elsewhere(self.context.beside)) as others:
            Hooks(self.context.emit, lambda: LocalTransport("localhost"), others).run(run, BEFORE, back=True)
        units = [node.unit for node in nodes]
        what = f"{'stop' if self.pause else 'stop and disable'} {', '.join(units)}"
        self._step(run, what, sh(_PAUSE, units) if self.pause else sh(_STOP, units))

    def _forget(self, run: HostRoll) -> None:
        own, nodes = self._nodes(run)
        if self.purge and len(nodes) == len(own.nodes):
            said = self._step(run, f"remove the firewall rules of {own.cluster.name}", closing(own))
            if "closed" not in said.split():
                confirm(run.connected.transport, CONFIRM, become=run.connected.play.become)
        what = "remove the files that deployer wrote" if self.purge else "remove cookie, keys and secrets"
        self._step(run, what, removal(own, nodes, purge=self.purge))

    def _step(self, run: HostRoll, what: str, text: Sh) -> str:
        here = run.connected
        before = self.context.clock()
        program = Program((text,), writes=True, become=here.play.become)
        (frame,) = here.transport.run(program, timeout=RETIRE_TIMEOUT)
        self.context.emit(
            StepDone(run.name, self._verb, what, frame.rc, self.context.clock() - before, frame.out if frame.rc else "")
        )
        if frame.rc:
            raise StepError(f"{what}: {step_last_words(frame.out, frame.rc)}", where=run.name)
        return frame.out

    def _ended(self, run: HostRoll) -> HostEnded:
        count = len(self.leaving[run.name])
        return self.context.ended(run, "changed", count, count)


_PAUSE = """
set -- {}
printf '%s: stop %s\\n' "${{run#* }}" "$*" | logger -t deployer -p auth.notice || :
systemctl stop -- "$@"
"""
_STOP = """
set -- {}
for unit in "$@"; do
  [ "$(systemctl show -p LoadState --value -- "$unit")" != not-found ] || continue
  systemctl disable --quiet -- "$unit"
  systemctl stop -- "$unit"
done
"""


_OTHER = """
gone={}
cluster=$(find "$place/deployer.d" -name '*.nft' ! -name "$gone.nft" 2>/dev/null | sort | head -n 1)
cluster=${{cluster##*/}} cluster=${{cluster%.nft}}
if [ -z "$cluster" ] || [ ! -e "$place/deployer.d/$gone.nft" ]; then
  echo closed
  exit 0
fi
"""


def closing(own: Declaration) -> Sh:
    """Return the step that removes a cluster's part of the firewall, which a new login has to confirm.

    If no other cluster has a part, or this one has none, it prints ``closed``, and nothing has to be confirmed.
    """
    return without_parts(sh(_OTHER, own.cluster.name))


def removal(own: Declaration, nodes: Iterable[Node], *, purge: bool) -> Sh:
    """Return the step that removes the files of nodes from a host.

    Args:
        own: what the host declares.
        nodes: the nodes to remove; if they are all of the host's nodes, shared files are removed, too.
        purge: also remove what is not secret.
    """
    nodes = [node for node in nodes if not node.foreign]
    last, root = len(nodes) == len(own.nodes), own.release.root if own.release else ""
    given = sh(
        "names={} etc={} root={} cluster={} port={} last={} purge={} user={}",
        " ".join(node.name for node in nodes),
        own.cluster.etc,
        root,
        own.cluster.name,
        str(own.cluster.epmd_port),
        "yes" if last else "",
        "yes" if purge else "",
        own.release.user if own.release else "",
    )
    safe = (secured(root),) if root else ()
    dumps = (sh("drop {} || :", dump) for node in nodes for dump in node.crash_dumps)
    return lines(*safe, *dumps, given, script("retire.sh", "deployer.engine"))
