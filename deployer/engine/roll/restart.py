"""Restarts or starts nodes in a roll like that of a deploy, with batches, hooks and ladder, but without new files."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from deployer.engine import facts, ledger
from deployer.engine.roll.rollback import as_running
from deployer.errors import ConfigError, ProbeError
from deployer.model import Host, Play, Task
from deployer.modules.base import Changes, Module, Observed, Present, Step, records
from deployer.resolve import Action, HostPlay, Resolver
from deployer.sh import Program, Sh, lines, sh
from deployer.sh.units import FAILED
from deployer.transport.base import Transport

RESTART_TIMEOUT = 60.0
RestartKind = Literal["restarted", "started"]
_SAID = "deployer_lives"
_CURRENT = "deployer_current"

_LIVES = """
set -- {}
at=0
for unit in "$@"; do
  at=$((at + 1))
  emit "life_$at" "$(systemctl show -p ActiveState,InvocationID,LoadState -- "$unit")"
done
"""
_AGAIN = """
set -- {0}
for unit in "$@"; do
  printf '%s: {1} %s\\n' "${{run#* }}" "$unit" | logger -t deployer -p auth.notice || :
  systemctl reset-failed -- "$unit" 2>/dev/null || :
  systemctl {1} -- "$unit" || failed
done
"""


@dataclass(frozen=True, kw_only=True)
class Lives(Module):
    """Some nodes of a host whose units have to be restarted, or to run at all.

    Attributes:
        wanted: whether they have to be restarted, or only to run.
        before: unit → its systemd invocation ID when this run began; empty when it had none.
        seconds: the time that the units allow for a stop and a start of all of them, one after the other.
    """

    RESTARTS_NODES: ClassVar[bool] = True
    wanted: RestartKind
    before: Mapping[str, str]
    seconds: float = 0

    def desired(self) -> Present:
        """Return the wanted state for all of them."""
        return Present(dict.fromkeys(self.before, self.wanted))

    def probe(self) -> Sh:
        """Print what systemd reports about each unit."""
        return sh(_LIVES, list(self.before))

    def parse(self, out: str) -> Observed:
        """Return the state of each unit.

        Raises:
            ConfigError: systemd does not know one of them: nothing was deployed there.
        """
        found = _lives(out, list(self.before))
        if unknown := [unit for unit, said in found.items() if said.get("LoadState") == "not-found"]:
            raise ConfigError(f"there is no {', '.join(unknown)} on this host", hint="deploy first")
        keys = {}
        for unit, said in found.items():
            runs = said.get("ActiveState") == "active"
            new = self.wanted == "started" or said.get("InvocationID") != self.before[unit]
            keys[unit] = self.wanted if runs and new else "runs" if runs else said.get("ActiveState", "unknown")
        return Present(keys)

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Return one step that restarts or starts the units that need it; it ends when they have started."""
        if not changes:
            return ()
        units, verb = list(changes), "restart" if self.wanted == "restarted" else "start"
        return (Step(f"{verb} {', '.join(units)}", lines(FAILED, sh(_AGAIN, units, verb)), seconds=self.seconds),)

    def touches(self) -> tuple[str, ...]:
        """Return the units."""
        return tuple(self.before)


def only_restarts(play: HostPlay) -> bool:
    """Whether a play only restarts or starts nodes, so that there is no new release to go back from."""
    return any(isinstance(action.module, Lives) for action in play.actions)


@dataclass(frozen=True, slots=True)
class Again:
    """Resolves a play as a restart of some nodes; for `deployer.engine.roll.play.PlayRun`, in place of a `Resolver`.

    Attributes:
        resolver: the play's resolver, which must not require a tarball.
        nodes: full names of the nodes to restart; the ladder is climbed for all nodes of the play.
        wanted: whether they have to be restarted, or only to run.
    """

    resolver: Resolver
    nodes: frozenset[str]
    wanted: RestartKind

    needs_facts = True

    @property
    def play(self) -> Play:
        """The play, named after what this run does."""
        return replace(self.resolver.play, name=f"nodes are {self.wanted}")

    def asks_as(self, host: Host) -> dict[str, Any]:
        """Leave it to the resolver."""
        return self.resolver.asks_as(host)

    def miss(self, names: Collection[str]) -> None:
        """Leave it to the resolver."""
        self.resolver.miss(names)

    def gather(self, transport: Transport, host: Host) -> Mapping[str, Any]:
        """Return a host's facts (if the play needs them), its nodes' units and its current release.

        Raises:
            HostError: the host cannot be read.
        """
        said = dict(facts.of_play(self.resolver, transport, host)) if self.resolver.needs_facts else {}
        own, become = self.resolver.fleet(host)[0], self.resolver.connection(host).become
        if own is None:
            return said
        units = [node.unit for node in own.nodes if str(node.node) in self.nodes]
        look = ledger.look_at_ledger(own.release.root, 1) if own.release else Sh(":")
        found = list(transport.run(Program((sh(_LIVES, units), look), become=become), timeout=RESTART_TIMEOUT))
        if wrong := next((frame for frame in found if frame.rc), None):
            raise ProbeError(f"the nodes' units cannot be read: {wrong.out.strip()[-300:]}", where=host.name)
        current = ledger.parse_ledger(found[1].out).current if own.release else ""
        lives = {unit: life.get("InvocationID", "") for unit, life in _lives(found[0].out, units).items()}
        return {**said, _SAID: lives, _CURRENT: current}

    def resolve(self, host: Host, facts: Mapping[str, Any] | None) -> HostPlay:
        """Return a play with one task, to restart or start the nodes, and the play's hooks without ``run_once`` ones.

        Raises:
            ConfigError: the project has an error.
        """
        said = dict(facts or {})
        lives, current = said.pop(_SAID, {}), said.pop(_CURRENT, "")
        play = self.resolver.resolve(host, said or None, tasks=False)
        own, members = play.fleet
        if own and own.release and current and current != own.release.id:
            own = as_running(own, own.release, current)  # the declared release may not be deployed yet
        task = Task("nodes", "nodes", {}, self.play.mark)
        known = own.nodes if own else ()
        seconds = sum(node.start_seconds + node.stop_seconds for node in known if node.unit in lives)
        module = Lives(wanted=self.wanted, before=lives, seconds=seconds)
        actions = (Action(task, "nodes", module),) if lives else ()
        before = tuple(hook for hook in play.before_switch if not hook.task.run_once)
        return replace(play, actions=actions, before_switch=before, fleet=(own, members))


def _lives(out: str, units: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return unit → the properties that systemd printed for it; raises ProbeError."""
    said = records(out, *(f"life_{at}" for at in range(1, len(units) + 1)))
    return {
        unit: dict(line.partition("=")[::2] for line in said[f"life_{at}"].splitlines())
        for at, unit in enumerate(units, 1)
    }
