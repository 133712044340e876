"""The resolver of one play: decides what runs on which host, as which user, with which validated arguments."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

from deployer.fields import build
from deployer.fleet import AuditWords, Declaration, NotifyWords
from deployer.fleet.pki import ManagedCA
from deployer.gathering import Gathering
from deployer.load.connection import connection
from deployer.load.inventory import Inventory
from deployer.load.keywords import SETTERS
from deployer.load.scope import Scopes
from deployer.load.sources import Sources
from deployer.model import Blob, Connection, Host, Mark, Play, Task
from deployer.resolve.action import Choice, Heard, HostPlay, Limits
from deployer.resolve.becoming import becomes_another, may_become, user_of
from deployer.resolve.delegating import Delegates
from deployer.resolve.factual import name_facts
from deployer.resolve.host_play import Lists, Progress
from deployer.resolve.limits import batch_of, limits
from deployer.resolve.making import Maker, facts_of
from deployer.resolve.members import Members
from deployer.resolve.rescuing import Failure
from deployer.resolve.run_words import RunWords
from deployer.resolve.tasking import Tasking


class Resolver:
    """Resolves one play for each of its hosts. May be used from several threads.

    Args:
        inventory: all hosts, not only the play's.
        play: as loaded.
        run: the options of the run.
    """

    def __init__(self, inventory: Inventory, play: Play, run: RunWords | None = None) -> None:
        run = run or RunWords()
        self.play, self._run, self._inventory = play, run, inventory
        self._choice = Choice.of(run.tags, run.skip_tags)
        self._scopes = Scopes(inventory, play, run)
        self._members = Members(inventory, play, self._scopes, run.vaults, run.needs)
        self._sources = Sources(play.directory, run.vaults)
        self._lock = threading.RLock()
        self._ready: dict[str, HostPlay] = {}
        self._met, self._down = set[str](), set[str]()
        self._become = bool(run.cli.become or play.become or any(map(may_become, self._tasks)))

    @property
    def _tasks(self) -> tuple[Task, ...]:
        return (*self.play.tasks, *self.play.handlers, *self.play.turns.before_switch, *self.play.turns.after_start)

    @cached_property
    def needs_facts(self) -> bool:
        """Whether hosts have to be asked for facts: by ``gather_facts``; without it, if the play uses a fact."""
        return self._named_facts if self.play.gather_facts is None else self.play.gather_facts

    @cached_property
    def _named_facts(self) -> bool:
        return name_facts(self.play, self._tasks, self._inventory, self._sources)

    def learn(self, host: Host, facts: Mapping[str, Any]) -> None:
        """Add a host's facts to ``hostvars``, for the other hosts and for later plays."""
        with self._lock:
            self._scopes.learn(host, facts)

    def connection(self, host: Host) -> Connection:
        """Return how a host is reached.

        Raises:
            ConfigError: a connection variable is wrong.
        """
        with self._lock:
            variables, cli = self._scopes.play(host), self._run.cli
            if self.play.remote_user:
                user = str(variables.render(self.play.remote_user, self.play.mark, "remote_user"))
                cli = replace(cli, user=user)
            if self.play.local is not None:
                cli = replace(cli, local=self.play.local)
            return connection(host, variables, cli, self._run.vaults, become=self._become)

    def asks_as(self, host: Host) -> dict[str, Any]:
        """Return the user that gathers a host's facts: whether to ``become`` root, and which ``user`` instead of root.

        Raises:
            ConfigError: the play's ``become`` or a connection variable is wrong.
        """
        with self._lock:
            on, variables = self.connection(host), self._scopes.play(host)
            if not becomes_another(self.play, variables, on, every=bool(self._run.cli.become)):
                return {"become": False, "user": None}
            return {"become": on.become, "user": user_of(self.play, variables, on, another=True)}

    def declares(self, host: Host) -> bool:
        """Return whether inventory, play or command line declare a release, cluster or nodes on a host."""
        with self._lock:
            return any(name in self._scopes.play(host) for name in ("release", "cluster", "nodes"))

    def _units(self, host: Host) -> frozenset[str]:
        own = self._members.all.get(host.name)
        return frozenset(node.unit for node in own.nodes) if own else frozenset()

    def authorities(self) -> tuple[ManagedCA, ...]:
        """Return the certificate authorities of the play's clusters that the controller keeps, without opening them."""
        declared = (one.cluster.pki for one in self._members.of_play.values())
        return tuple(pki for pki in declared if isinstance(pki, ManagedCA))

    def fleet(self, host: Host) -> tuple[Declaration | None, tuple[Declaration, ...]]:
        """Return what a host declares, and what all members of its cluster declare, including itself.

        Raises:
            ConfigError: a word is wrong, or hosts cannot form the cluster that they declare.
        """
        with self._lock:
            return self._members.fleet(host)

    def audit_words(self, host: Host) -> tuple[AuditWords, Mark]:
        """Return a host's word ``audit``, checked, and its place; raises ConfigError."""
        with self._lock:
            where = (variables := self._scopes.play(host)).place("audit", host.mark)
            return build(AuditWords, variables.get("audit", {}), where=where, path="audit"), where

    def notify_words(self, host: Host) -> tuple[tuple[NotifyWords, ...], Mark]:
        """Return a host's word ``notify``, its secrets read, and its place; raises ConfigError."""
        with self._lock:
            if "notify" not in (variables := self._scopes.play(host)):
                return (), host.mark
            from deployer.resolve.notified import read_notify  # not needed without the word

            return read_notify(variables, host.mark, self._run.vaults)

    def prepare(self, hosts: Iterable[Host]) -> None:
        """Resolve hosts in advance if no facts are needed, and keep the results for `resolve`.

        Raises:
            ConfigError: the project has an error; `Problems` has all errors of all hosts.
        """
        problems = Gathering()
        wait = self.needs_facts or self._named_facts or self._run.settings.late
        sets = any(task.include or task.module in SETTERS for task in self.play.tasks)
        # Whether the next play may use results or facts that are known only after this play has run.
        told = any(task.result.register or facts_of(task) for task in self.play.tasks)
        for host in () if wait else hosts:
            with problems.going_on():
                self._ready[host.name] = self.resolve(host, None)
        problems.check()
        self._run.settings.late |= bool((wait and sets) or told)

    def resolve(
        self,
        host: Host,
        facts: Mapping[str, Any] | None,
        *,
        tasks: bool = True,
    ) -> HostPlay:
        """Return the play resolved for a host, and checked.

        Args:
            host: one of the play's hosts.
            facts: the host's facts; never templated.
            tasks: False leaves out tasks and handlers, for a run that makes its own.

        Raises:
            ConfigError: the project has an error; with its place.
        """
        with self._lock:
            if tasks and facts is None and host.name in self._ready:
                return self._ready.pop(host.name)
            needs = self._run.needs
            return self._resolve(host, Progress(facts, tasks and needs.tasks, needs.tasks))

    def _resolve(self, host: Host, progress: Progress) -> HostPlay:
        self._scopes.begin(host)
        reached, cli = self.connection(host), self._run.cli
        own, members = self._members.fleet(host)
        self._scopes.learn(host, progress.facts)
        if own:
            self._scopes.shadow(host, own.variables(members))
        wanted = limits(self.play.turns, self._scopes.words(host), own.rollout if own else None)
        tasking = partial(
            Tasking,
            play=self.play,
            scopes=self._scopes,
            host=host,
            connection=reached,
            maker=Maker(self._sources, self._run.vaults, _tarballs(own)),
            delegates=Delegates(self._inventory.hosts, self.connection, cli.become_password, bool(cli.become)),
            first=self._once(host, wanted),
        )
        found = Lists.of(self.play, self._choice, progress, tasking)
        found.check(own, self._units, become=reached.become, strict=self._run.strict)

        def again(results: Mapping[int, Mapping[str, Any]], failures: tuple[Failure, ...], heard: Heard) -> HostPlay:
            with self._lock:
                return self._resolve(host, replace(progress, results=results, failures=failures, heard=heard))

        return HostPlay(
            host,
            reached,
            found.actions,
            found.handlers,
            become=reached.become,
            fleet=(own, members),
            before_switch=found.before_switch,
            after_start=found.after_start,
            limits=wanted,
            failures=found.failures,
            again=again,
        )

    def miss(self, names: Collection[str]) -> None:
        """Let the next host of the play or batch run the ``run_once`` tasks of these hosts, which are down."""
        with self._lock:
            self._down |= set(names)
            self._met.clear()
            self._ready.clear()

    @cached_property
    def _turns(self) -> tuple[Sequence[str], Sequence[str]]:
        """The canary, if any, and all hosts with the canary first."""
        hosts, canaries = self._run.hosts, {own.rollout.canary for own in self._members.of_play.values()}
        ahead = [name for name in hosts if name in canaries]
        return ahead, [*ahead, *(name for name in hosts if name not in ahead)]

    def _once(self, host: Host, wanted: Limits) -> str:
        """Return the host that runs ``run_once`` tasks for this host; that one has been resolved by then."""
        self._met.add(host.name)
        ahead, hosts = self._turns
        if batch := batch_of(hosts, [*(1 for _ in ahead), *wanted.serial], host.name) if wanted.serial else ():
            self._scopes.batch(host, batch)
        takers = batch or ([*ahead, self._run.first, *hosts] if self._run.first else [""])
        first = next((name for name in takers if name not in self._down), takers[0])
        if first in self._inventory.hosts and first not in self._met and any(task.run_once for task in self.play.tasks):
            with Gathering().going_on():  # errors of that host are reported when it is resolved itself
                self.resolve(self._inventory.hosts[first], None)
        return first


def _tarballs(own: Declaration | None) -> dict[str, Blob]:
    """Return the tarball of a host's release, by its path on this machine; empty when it declares no release."""
    archive = own.release.archive if own and own.release else None
    return {str(archive.path): Blob(None, archive.path, archive.size, archive.sha256)} if archive else {}
