"""``retire``: hosts with all their nodes, or single nodes by their names, leave their cluster for good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TextIO

from deployer.engine.host_run import Context
from deployer.engine.retire import Retirement
from deployer.engine.roll.play import Goal, PlayRun
from deployer.errors import ConfigError
from deployer.events import Note
from deployer.fields import nearest
from deployer.model import Host
from deployer.options import Options
from deployer.plays import RunKind, each_play
from deployer.project import Project, load
from deployer.resolve import FleetNeeds, Resolver
from deployer.runtime import asker


def retire(options: Options, whom: str, *, purge: bool, lost: bool, check: bool, out: TextIO | None = None) -> int:
    """Take nodes out of their clusters, and return the exit code.

    They are drained, stopped and disabled; those that stay forget them; at last what they kept is removed.

    Args:
        options: without limits and tags: whole clusters take part.
        whom: hosts, groups and names of nodes, with commas between.
        purge: remove all that was put on their hosts, not only secrets.
        lost: their hosts are gone for good, and nobody connects to them.
        check: stop after the plan.
        out: where the report goes.

    Raises:
        ConfigError: what is written is wrong; no host was touched.
    """
    project = load(options)
    gone = leaving(project, whom)
    rest = replace(project, options=replace(options, tags="members"))
    walk = _Leaving(gone=gone, rest=rest, purge=purge, lost=lost, check=check).walk
    return each_play(walk, project, out, RunKind(f"retire {whom}", check, absent=gone if lost else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Leaving:
    """Nodes that leave, and what becomes of those that stay.

    Attributes:
        gone: host → names of the nodes that leave it.
        rest: the project, of which only what members know of each other is walked.
    """

    gone: Mapping[str, frozenset[str]]
    rest: Project
    purge: bool
    lost: bool
    check: bool

    @property
    def nodes(self) -> frozenset[str]:
        """Names of all that leave."""
        return frozenset[str]().union(*self.gone.values())

    def walk(self, context: Context, resolver: Resolver, hosts: Sequence[Host]) -> int:
        """Do it on a play's hosts, and return the exit code."""
        stay = self.rest.resolver(resolver.play, FleetNeeds(without=self.nodes))
        staying = [host for host in hosts if host.name not in self.gone or stay.fleet(host)[0]]
        away = [host for host in hosts if host.name in self.gone and not self.lost]
        leave = Retirement(context, resolver, away, self.gone, self.check, self.purge)
        if away and not self.check and (code := self._without(context, stay, staying)):
            return code
        if code := leave.stop() or self._forgotten(context, stay, staying):
            return leave.end() or code
        code = leave.forget()
        if not code and not self.gone.keys().isdisjoint(host.name for host in hosts):
            context.emit(self._left_to_do())
        return code

    def _without(self, context: Context, stay: Resolver, staying: Sequence[Host]) -> int:
        """Verify that those that stay are healthy without who leaves; nobody is stopped otherwise."""
        code = PlayRun(context, stay, staying, Goal.VERIFY, leaving=self.nodes).run() if staying else 0
        if code:
            context.emit(Note("no node was stopped: the remaining nodes are not all healthy without the retired ones"))
        return code

    def _forgotten(self, context: Context, stay: Resolver, staying: Sequence[Host]) -> int:
        """Have those that stay forget who has left."""
        if not staying:
            return 0
        seen = self.nodes if self.check and not self.lost else frozenset[str]()  # a plan has stopped nobody
        goal, ask = Goal.PLAN if self.check else Goal.DEPLOY, asker(context.stop, json=self.rest.options.json)
        return PlayRun(context, stay, staying, goal, ask=ask, leaving=seen).run()

    def _left_to_do(self) -> Note:
        """Say what is a person's to do when nodes have left."""
        when = "when this is done, take" if self.check else "take"
        told = f"{when} {', '.join(sorted(self.nodes))} out of the inventory: a deploy brings back who is in it"
        had = "; its host had the cookie, and may come back: write another one, then deployer cookie rotate"
        return Note(told + (had if self.lost else ""))


def leaving(project: Project, text: str) -> dict[str, frozenset[str]]:
    """Return host → names of the nodes that leave it.

    Args:
        project: whose inventory declares them.
        text: hosts, groups and names of nodes, with commas between.

    Raises:
        ConfigError: nothing is called that, or it declares no node.
    """
    declared: dict[str, frozenset[str]] = {}
    for play in project.plays:
        resolver = project.resolver(play, FleetNeeds(tarball=False))
        for host in project.hosts(play):
            own, _ = resolver.fleet(host)
            if own:
                declared[host.name] = frozenset(str(node.node) for node in own.nodes)
    found: dict[str, frozenset[str]] = {}
    for word in filter(None, (part.strip() for part in text.split(","))):
        for name, nodes in _meant(project, word, declared).items():
            found[name] = found.get(name, frozenset()) | nodes
    if not found:
        raise ConfigError(
            "name the hosts or nodes to retire",
            hint="deployer retire PLAYBOOK HOST -i INVENTORY; a node's name works, too",
        )
    return found


def _meant(project: Project, word: str, declared: dict[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    if "@" in word:
        owner = next((host for host, nodes in declared.items() if word in nodes), None)
        if owner is None:
            every = [node for nodes in declared.values() for node in nodes]
            raise ConfigError(f"no node is called {word}", hint=nearest(word, every))
        return {owner: frozenset({word})}
    try:
        names = [host.name for host in project.inventory.select(word)]
    except ConfigError as error:
        error.hint = "; ".join(filter(None, (error.hint, "keep the retired hosts in the inventory until that is done")))
        raise
    without = [name for name in names if name not in declared]
    if without:
        raise ConfigError(f"{', '.join(without)} declares no node in this playbook", hint="there is nothing to retire")
    return {name: declared[name] for name in names}
