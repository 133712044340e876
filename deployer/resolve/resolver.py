"""The resolver of one play: what runs where, as whom, with which validated arguments."""

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
from deployer.load.connection import CliConnection, connection
from deployer.load.inventory import Inventory
from deployer.load.keywords import SETTERS
from deployer.load.scope import Scopes
from deployer.load.secrets import Vaults
from deployer.load.settings import SetVariables
from deployer.load.sources import Sources
from deployer.load.template import Layer
from deployer.model import Blob, Connection, Host, Mark, Play, Task
from deployer.resolve.action import Action, Choice, HostPlay, Limits
from deployer.resolve.checks import check_acts, check_handlers, check_nodes, check_twice
from deployer.resolve.delegating import Delegates, check_no_node
from deployer.resolve.factual import name_facts
from deployer.resolve.limits import batch_of, limits
from deployer.resolve.making import Maker, facts_of
from deployer.resolve.members import Members
from deployer.resolve.rescuing import Failure, forgiven
from deployer.resolve.tasking import Tasking


class Resolver:
    """Turns one play into what one host has to become. May be asked from several threads.

    Args:
        inventory: all hosts, not only the play's.
        play: as loaded.
        extra_vars: variables of ``-e``.
        tags: run only tasks with one of these.
        skip_tags: run no task with one of these.
        vaults: decrypts what is encrypted, when it is needed.
        cli: the command line's word on connections.
        need_tarball: False lets a tarball be missing where only the fleet is asked for; None reads none.
        facts: what hosts have said in earlier plays, by name; this play's are added. ``settings``: what tasks have set.
        first: the name of the host that does what is done once.
        hosts: names of those that take part, in order; each batch has its own first. ``told``: see `Scopes`.
        without: names of nodes that are about to leave: nobody is told of them. ``need_secrets``: False reads none.
        strict: a task that would run every time is refused.
    """

    def __init__(
        self,
        inventory: Inventory,
        play: Play,
        *,
        extra_vars: Mapping[str, Any] | None = None,
        tags: Collection[str] = (),
        skip_tags: Collection[str] = (),
        vaults: Vaults | None = None,
        cli: CliConnection | None = None,
        need_tarball: bool | None = True,
        facts: dict[str, Layer] | None = None,
        settings: SetVariables | None = None,
        without: frozenset[str] = frozenset(),
        first: str = "",
        hosts: Sequence[str] = (),
        told: Mapping[str, Any] | None = None,
        need_secrets: bool = True,
        strict: bool = False,
    ) -> None:
        self.play, self._strict, self._inventory, self._cli = play, strict, inventory, cli or CliConnection()
        self._vaults = Vaults() if vaults is None else vaults
        self._first, self._hosts, self._met = first, tuple(hosts), set[str]()
        self._choice = Choice.of(tags, skip_tags)
        self._settings = SetVariables() if settings is None else settings
        self._scopes = Scopes(inventory, play, extra_vars or {}, self._vaults, facts, self._settings, hosts, told)
        self._members = Members(inventory, play, self._scopes, self._vaults, need_tarball, need_secrets, without)
        self._sources = Sources(play.directory, self._vaults)
        self._lock, self._ready = threading.RLock(), dict[str, HostPlay]()
        self._become = bool(self._cli.become or play.become or any(task.become for task in self._tasks))

    @property
    def _tasks(self) -> tuple[Task, ...]:
        return (*self.play.tasks, *self.play.handlers, *self.play.turns.before_switch, *self.play.turns.after_start)

    @cached_property
    def needs_facts(self) -> bool:
        """Whether hosts have to be asked for facts: the play says so, or something in it names one."""
        return self._named_facts if self.play.gather_facts is None else self.play.gather_facts

    @cached_property
    def _named_facts(self) -> bool:
        return name_facts(self.play, self._tasks, self._inventory, self._sources)

    def learn(self, host: Host, facts: Mapping[str, Any]) -> None:
        """Let ``hostvars`` show what a host says of itself, to the other hosts and to later plays."""
        with self._lock:
            self._scopes.learn(host, facts)

    def connection(self, host: Host) -> Connection:
        """Return how a host is reached.

        Raises:
            ConfigError: a connection variable is wrong.
        """
        with self._lock:
            variables, cli = self._scopes.play(host), self._cli
            if self.play.remote_user:
                user = str(variables.render(self.play.remote_user, self.play.mark, "remote_user"))
                cli = replace(cli, user=user)
            if self.play.local is not None:
                cli = replace(cli, local=self.play.local)
            return connection(host, variables, cli, self._vaults, become=self._become)

    def _units(self, host: Host) -> frozenset[str]:
        own = self._members.all.get(host.name)
        return frozenset(node.unit for node in own.nodes) if own else frozenset()

    def authorities(self) -> tuple[ManagedCA, ...]:
        """Return the certificate authorities of the play's clusters that the controller keeps; none is opened."""
        declared = (one.cluster.pki for one in self._members.of_play.values())
        return tuple(pki for pki in declared if isinstance(pki, ManagedCA))

    def fleet(self, host: Host) -> tuple[Declaration | None, tuple[Declaration, ...]]:
        """Return what a host declares, and what the members of its cluster declare, itself included.

        Raises:
            ConfigError: a word is wrong, or hosts cannot form the cluster they declare.
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
            from deployer.resolve.notified import read_notify  # whoever tells nobody starts without it

            return read_notify(variables, host.mark, self._vaults)

    def prepare(self, hosts: Iterable[Host]) -> None:
        """Resolve hosts ahead, where no facts are needed, and keep the result for `resolve`.

        Raises:
            ConfigError: what is written is wrong; `Problems` has everything that is, of all of them.
        """
        problems = Gathering()
        wait = self.needs_facts or self._named_facts or self._settings.late
        sets = any(task.include or task.module in SETTERS for task in self.play.tasks)
        told = any(
            task.result.register or facts_of(task) for task in self.play.tasks
        )  # by what will have run before the next play
        for host in () if wait else hosts:
            with problems.going_on():
                self._ready[host.name] = self.resolve(host, None)
        problems.check()
        self._settings.late |= bool((wait and sets) or told)

    def resolve(
        self,
        host: Host,
        facts: Mapping[str, Any] | None,
        *,
        tasks: bool = True,
        results: Mapping[int, Mapping[str, Any]] | None = None,
        failures: tuple[Failure, ...] = (),
    ) -> HostPlay:
        """Return everything the play wants of a host, checked.

        Args:
            host: one of the play's hosts.
            facts: what the host says of itself; never templated.
            tasks: False leaves tasks and handlers out, for a run that makes its own.
            results: what actions have given so far, by their place among those of the play.
            failures: of those in blocks.

        Raises:
            ConfigError: anything that is written is wrong; with its place.
        """
        with self._lock:
            if tasks and facts is None and results is None and host.name in self._ready:
                return self._ready.pop(host.name)
            found = self.connection(host)
            own, members = self._members.fleet(host)
            self._scopes.learn(host, facts)
            if own:
                self._scopes.shadow(host, own.variables(members))
            wanted = limits(self.play.turns, self._scopes.words(host), own.rollout if own else None)
            maker = Maker(self._sources, self._vaults, _tarballs(own))
            tasking = partial(Tasking, self.play, self._scopes, host, found, maker, first=self._once(host, wanted))
            others = Delegates(self._inventory.hosts, self.connection, self._cli.become_password)
            tasking = partial(tasking, delegates=others)
            problems, turns, failed = Gathering(), self.play.turns, list(failures)
            chosen = {"choice": self._choice, "results": results or {}, "failures": failed}

            def made(some: Sequence[Task], **how: Any) -> tuple[Action, ...]:
                return _actions(tasking(**{"choice": None, **how}), some, problems)

            self._scopes.begin(host)
            actions = made(self.play.tasks if tasks else (), **chosen)
            handlers = made(self.play.handlers if tasks else ())
            before, after = made(turns.before_switch), made(turns.after_start)
            problems.check()
            check_handlers((*actions, *handlers), handlers)
            check_twice([action for action in actions if not (failed and forgiven(action.task, failed))])
            check_no_node((*actions, *handlers), self._units)
            check_acts(actions, (*handlers, *before, *after), strict=self._strict)
            check_nodes((*before, *after), own, become=found.become)

            def again(given: Mapping[int, Mapping[str, Any]], more: tuple[Failure, ...]) -> HostPlay:
                return self.resolve(host, facts, tasks=tasks, results=given, failures=more)

            whole = (own, members), before, after, wanted, tuple(failed), again
            return HostPlay(host, found, actions, handlers, found.become, *whole)

    def _once(self, host: Host, wanted: Limits) -> str:
        """Return who does once what this host and others need; that one's variables are known by then."""
        self._met.add(host.name)
        if batch := batch_of(self._hosts, wanted.serial, host.name) if wanted.serial else ():
            self._scopes.batch(host, batch)
        first = batch[0] if batch else self._first
        if first in self._inventory.hosts and first not in self._met and any(task.run_once for task in self.play.tasks):
            with Gathering().going_on():  # what is wrong there, or unknown of a host that is down, is told in its turn
                self.resolve(self._inventory.hosts[first], None)
        return first


def _tarballs(own: Declaration | None) -> dict[str, Blob]:
    """Return what a host's release is unpacked from, by its path here; nothing where it declares none."""
    archive = own.release.archive if own and own.release else None
    return {str(archive.path): Blob(None, archive.path, archive.size, archive.sha256)} if archive else {}


def _actions(tasking: Tasking, tasks: Iterable[Task], problems: Gathering) -> tuple[Action, ...]:
    """Return what tasks want; what is wrong in one goes to ``problems``."""
    actions: list[Action] = []
    for task in tasks:
        with problems.going_on():
            actions += tasking.actions(task)
    return tuple(actions)
