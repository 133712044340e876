"""A rollback is a deploy of what a host has already: the same batches, hooks and ladder, and no tarball.

What a host goes back to is known when it has been asked; so a host's tasks are made from its own record, where a deploy
makes them from the play.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from deployer.beam.names import kind_of_flags
from deployer.engine import facts, ledger
from deployer.engine.ledger import Ledger
from deployer.errors import ConfigError, ProbeError
from deployer.events import Emit, Note
from deployer.fleet import Declaration, DeclaredRelease, Node
from deployer.model import Host, Play, Task
from deployer.modules.base import Changes, Step, records
from deployer.modules.beam_nodes import BeamNodes
from deployer.releases.generations import PLACES, declared
from deployer.releases.node_unit import NodeUnit
from deployer.releases.switch import RECORD
from deployer.releases.unpack import TREE
from deployer.resolve import Action, HostPlay, Resolver
from deployer.sh import Program, Sh, lines, sh
from deployer.transport.base import Transport

HISTORY = 500
"""Entries of a host's record that are looked at for hooks."""
ROLLBACK_TIMEOUT = 120.0
_RECORD = "deployer_record"

_WHOLE = """
place={}
if [ -f "$place/.complete" ]; then
  {{ read -r _; read -r wanted; }} <"$place/.complete" || wanted=
  said="${{place##*/}} was changed on this host after it was unpacked"
  if [ "$(tree "$place")" = "$wanted" ] && said=$(unaltered "${{place##*/}}"); then emit found whole
  else emit found altered; emit said "$said"; fi
else
  emit found gone
fi
"""
# What a node's kept flags and environment say of how it talked: names of flags alone.
_TALKED = """
kept={} flags={} env={}
if [ -f "$kept$flags" ]; then
  emit talked_{} "$(sed -n '/^-proto_dist /p; /^-erl_epmd_port /p' -- "$kept$flags"
    sed -n -e 's/^RELEASE_DISTRIBUTION="*\\(s*name\\).*/-\\1/p' \\
      -e 's/^\\(ERL_EPMD_PORT=\\)"*\\([0-9]*\\).*/\\1\\2/p' -- "$kept$env")"
fi
"""


@dataclass(frozen=True, kw_only=True)
class Return(BeamNodes):
    """The nodes of a release on a host, running a release that was good before, with the files it was good with.

    Attributes:
        leaves: id of the release that is left; empty when there is none.
    """

    leaves: str = ""

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Go back, in one step; what is left is not marked bad by that."""
        if not changes:
            return ()
        step = ledger.go_back(replace(self, id=self.leaves or self.id), self.id)
        return (Step(f"go back to {self.id} and restart {', '.join(self.units)}", step, seconds=self.seconds),)


@dataclass(frozen=True, slots=True)
class Back:
    """Resolves a play as a rollback; for `deployer.engine.roll.play.PlayRun` in the place of a `Resolver`.

    Attributes:
        resolver: of the play; made without the need of a tarball.
        to: the version or id that was asked for; empty: each host's last good one before the current.
        emit: is told which hooks have run since.
    """

    resolver: Resolver
    to: str
    emit: Emit
    _told: dict[str, str] = field(default_factory=dict)

    needs_facts = True

    @property
    def play(self) -> Play:
        """The play."""
        return self.resolver.play

    def asks_as(self, host: Host) -> dict[str, Any]:
        """Leave it to the resolver."""
        return self.resolver.asks_as(host)

    def miss(self, names: Collection[str]) -> None:
        """Leave it to the resolver."""
        self.resolver.miss(names)

    def gather(self, transport: Transport, host: Host) -> Mapping[str, Any]:
        """Return what a host says of itself (where the play needs that) and of its releases.

        Raises:
            HostError: the host cannot be read.
            ConfigError: there is nothing that this host could go back to.
        """
        said = dict(facts.of_play(self.resolver, transport, host)) if self.resolver.needs_facts else {}
        own = self.resolver.fleet(host)[0]
        if own is None or own.release is None or all(node.foreign for node in own.nodes):
            return said
        root, become = own.release.root, self.resolver.connection(host).become
        record = ledger.parse_ledger(_ask(transport, ledger.look_at_ledger(root, HISTORY), become))
        to = target(record, self.to)
        if to != record.current:
            kept = (_talked(f"{root}/ledger/config/{to}", node, i) for i, node in enumerate(own.nodes))
            text = lines(declared(root, ""), PLACES, RECORD, TREE, sh(_WHOLE, f"{root}/versions/{to}"), *kept)
            answer = records(_ask(transport, text, become))
            if answer.get("found") != "whole":
                others = ", ".join(one for one in record.good if one != to)
                hint = f"choose another one with --to; good here: {others or 'none'}"
                why = answer.get("said", "").strip()
                raise ConfigError(why or f"{to} is no longer on this host", hint=hint)
            check_kind(to, own.cluster.kind, answer)
            self._tell(host.name, record, to)
        return {**said, _RECORD: (record, to)}

    def resolve(self, host: Host, facts: Mapping[str, Any] | None) -> HostPlay:
        """Return one task, that the nodes go back, with the play's hooks but for those that run once.

        Raises:
            ConfigError: what is written is wrong.
        """
        said = dict(facts or {})
        record, to = said.pop(_RECORD, (None, ""))
        play = self.resolver.resolve(host, said or None, tasks=False)
        own, members = play.fleet
        if record is None or own is None or own.release is None:
            return play
        units = tuple(NodeUnit(**node.as_unit()) for node in own.nodes if not node.foreign)
        module = Return(
            root=own.release.root,
            id=to,
            nodes=units,
            cookie=own.cluster.cookie_file,
            epmd_port=own.cluster.epmd_port if own.cluster.epmd else None,
            again=True,
            leaves=record.current,
        )
        task = Task("nodes", "beam_nodes", {}, self.play.mark)
        before = tuple(hook for hook in play.before_switch if not hook.task.run_once)
        fleet = (as_running(own, own.release, to), members)
        return replace(play, actions=(Action(task, "nodes", module),), before_switch=before, fleet=fleet)

    def _tell(self, host: str, record: Ledger, to: str) -> None:
        """What a hook did, such as a migration, is not undone by a link."""
        since = max(
            (entry.number for entry in record.entries if (entry.event, entry.release) == ("good", to)), default=0
        )
        hooks = [entry for entry in record.entries if entry.event == "hook" and entry.number > since]
        if hooks:
            told = "\n".join(f"  {entry.detail}, for {entry.release}, run {entry.run}" for entry in hooks)
            self.emit(Note(f"{host}: hooks that have run since {to} was good, which a rollback does not undo:\n{told}"))
        # The last word on each; every host of the cluster remembers it, and one of them says it.
        last = {entry.release: entry for entry in record.entries if entry.event == "migrate" and entry.number > since}
        ours = [entry for release, entry in last.items() if self._told.setdefault(release, host) == host]
        if ours:
            told = "\n".join(f"  of {entry.release}: {entry.detail}, run {entry.run}" for entry in ours)
            self.emit(Note(f"migrations since {to} was good, which a rollback does not undo:\n{told}"))


def target(record: Ledger, wanted: str) -> str:
    """Return the id of the release that a host goes back to; the current one where it is there already.

    Args:
        record: what the host remembers.
        wanted: a version or an id; empty: the good one before the current.

    Raises:
        ConfigError: there is none, or the wanted one failed here or was never good.
    """
    known = f"good here: {', '.join(record.good) or 'none'}"
    if not wanted:
        if not record.previous:
            raise ConfigError("there is no good release before the current one to go back to", hint=known)
        return record.previous
    named = [one for one in record.good if wanted in (one, one.rpartition("-")[0])]
    if named:
        return record.current if record.current in named else named[0]
    failed = next((why for one, why in record.bad.items() if wanted in (one, one.rpartition("-")[0])), None)
    if failed:
        raise ConfigError(f"{wanted} has failed on this host: {failed}", hint=known)
    raise ConfigError(f"{wanted} was never good on this host", hint=known)


def check_kind(to: str, declared: str, answer: Mapping[str, str]) -> None:
    """Refuse a release whose kept files make nodes talk in another way than is declared: they would be alone.

    Args:
        to: id of the release.
        declared: how the nodes have to talk.
        answer: what the host said; ``talked_N`` has the flags that a node's kept files hold.

    Raises:
        ConfigError: one of them would.
    """
    kinds = (kind_of_flags(flags) for key, flags in answer.items() if key.startswith("talked_"))
    if other := next((kind for kind in kinds if kind not in ("", declared)), ""):
        problem = f"the files of {to} are for {other}; declared is {declared}"
        hint = "nodes of the two kinds cannot connect: deploy its tarball instead"
        raise ConfigError(problem, hint=hint)


def _talked(kept: str, node: Node, number: int) -> Sh:
    return sh(_TALKED, kept, node.vm_args_file, node.env_file, number)


def as_running(own: Declaration, declared: DeclaredRelease, release: str) -> Declaration:
    """Return what a host declares as if this release were declared; of its inside nothing is known here."""
    version, _, digest = release.rpartition("-")
    archive = replace(declared.archive, version=version, sha256=digest, otp=None, applications={})
    return replace(own, release=replace(declared, archive=archive, migrate=None))


def _ask(transport: Transport, text: Sh, become: bool) -> str:
    (frame,) = transport.run(Program((text,), become=become), timeout=ROLLBACK_TIMEOUT)
    if frame.rc:
        raise ProbeError(f"the host's record of its releases cannot be read: {frame.out.strip()[-300:]}")
    return frame.out
