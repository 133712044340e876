"""A rollback is a deploy of a release that a host still has: the same batches, hooks and ladder, but no tarball.

Only the host knows to which release it can go back. So its tasks are made from its own record; in a deploy, they are
made from the play.
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
"""Number of entries of a host's record that are searched for hooks."""
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
# Prints the flags with which a node used the distribution, from its kept files: only these, no other content.
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
    """The nodes of a host, running an earlier good release with the files that it had when it was good.

    Attributes:
        leaves: id of the release that is left; empty when there is none.
    """

    leaves: str = ""

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Return one step that goes back; the release that is left is not marked bad."""
        if not changes:
            return ()
        step = ledger.go_back(replace(self, id=self.leaves or self.id), self.id)
        return (Step(f"go back to {self.id} and restart {', '.join(self.units)}", step, seconds=self.seconds),)


@dataclass(frozen=True, slots=True)
class Back:
    """Resolves a play as a rollback; for `deployer.engine.roll.play.PlayRun`, in place of a `Resolver`.

    Attributes:
        resolver: the play's resolver, which must not require a tarball.
        to: the version or id that was asked for; empty: each host's last good release before the current one.
        emit: gets a note about hooks that have run since then.
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
        """Return a host's facts (if the play needs them), its record, and the release it goes back to.

        Raises:
            HostError: the host cannot be read.
            ConfigError: there is no release that this host could go back to.
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
        """Return a play with one task, to send the nodes back, and the play's hooks without ``run_once`` ones.

        Raises:
            ConfigError: the project has an error.
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
        """Report the hooks and migrations since the release was good: a rollback does not undo them."""
        since = max(
            (entry.number for entry in record.entries if (entry.event, entry.release) == ("good", to)), default=0
        )
        hooks = [entry for entry in record.entries if entry.event == "hook" and entry.number > since]
        if hooks:
            told = "\n".join(f"  {entry.detail}, for {entry.release}, run {entry.run}" for entry in hooks)
            self.emit(Note(f"{host}: hooks that have run since {to} was good, which a rollback does not undo:\n{told}"))
        # Only the last entry of each migration; every host of the cluster has it, and one host reports it.
        last = {entry.release: entry for entry in record.entries if entry.event == "migrate" and entry.number > since}
        ours = [entry for release, entry in last.items() if self._told.setdefault(release, host) == host]
        if ours:
            told = "\n".join(f"  of {entry.release}: {entry.detail}, run {entry.run}" for entry in ours)
            self.emit(Note(f"migrations since {to} was good, which a rollback does not undo:\n{told}"))


def target(record: Ledger, wanted: str) -> str:
    """Return the id of the release that a host goes back to; the current one if that is wanted.

    Args:
        record: the host's record.
        wanted: a version or an id; empty: the good release before the current one.

    Raises:
        ConfigError: there is none, or the wanted one has failed here or was never good.
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
    """Refuse a release whose kept files set another kind of distribution than declared: its nodes could not connect.

    Args:
        to: id of the release.
        declared: the declared kind of distribution.
        answer: the host's answer; ``talked_N`` has the flags from the kept files of a node.

    Raises:
        ConfigError: the kept files of a node set another kind.
    """
    kinds = (kind_of_flags(flags) for key, flags in answer.items() if key.startswith("talked_"))
    if other := next((kind for kind in kinds if kind not in ("", declared)), ""):
        problem = f"the files of {to} are for {other}; declared is {declared}"
        hint = "nodes of the two kinds cannot connect: deploy its tarball instead"
        raise ConfigError(problem, hint=hint)


def _talked(kept: str, node: Node, number: int) -> Sh:
    return sh(_TALKED, kept, node.vm_args_file, node.env_file, number)


def as_running(own: Declaration, declared: DeclaredRelease, release: str) -> Declaration:
    """Return what a host declares, with this release instead; the contents of the release are unknown here."""
    version, _, digest = release.rpartition("-")
    archive = replace(declared.archive, version=version, sha256=digest, otp=None, applications={})
    return replace(own, release=replace(declared, archive=archive, migrate=None))


def _ask(transport: Transport, text: Sh, become: bool) -> str:
    (frame,) = transport.run(Program((text,), become=become), timeout=ROLLBACK_TIMEOUT)
    if frame.rc:
        raise ProbeError(f"the host's record of its releases cannot be read: {frame.out.strip()[-300:]}")
    return frame.out
