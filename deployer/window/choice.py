"""Resolves the words of a command to nodes: a node's name, a host, NODE@HOST, a group or a pattern."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

from deployer.errors import ConfigError
from deployer.fields import alike
from deployer.fleet import Declaration, Node
from deployer.model import Host, Mark, Play
from deployer.options import Options
from deployer.project import Project, load
from deployer.resolve import FleetNeeds, Resolver

_MARK = Mark("the command line")
_NAMED = 12
"""The most names that an error lists."""


@dataclass(frozen=True, slots=True, eq=False)
class Spot:
    """One declared node and its host."""

    host: Host
    declared: Declaration
    node: Node

    @property
    def name(self) -> str:
        """Its full name."""
        return str(self.node.node)

    @property
    def names(self) -> tuple[str, ...]:
        """The words that name it: NAME@ADDRESS, NAME@HOST, NAME."""
        return self.name, f"{self.node.name}@{self.host.name}", self.node.name


_T = TypeVar("_T")


def by_host(some: Iterable[_T], spot: Callable[[_T], Spot]) -> tuple[list[_T], ...]:
    """Group objects by the host of their node: nodes of one host share its connection."""
    found: dict[str, list[_T]] = {}
    for one in some:
        found.setdefault(spot(one).host.name, []).append(one)
    return tuple(found.values())


class Fleet:
    """All hosts of an inventory with their declarations, for commands without a playbook.

    Attributes:
        spots: every declared node, in the order of the inventory.
    """

    def __init__(self, project: Project, resolver: Resolver) -> None:
        self.project, self.resolver = project, resolver
        self.hosts = tuple(project.inventory.hosts.values())
        self.spots = tuple(self._spots())
        self.open = project.opener(resolver)

    @classmethod
    def of(cls, options: Options, *, ask: bool = True) -> Self:
        """Load the inventory without reading secrets, so that no vault password is needed; raises ConfigError.

        Args:
            options: the inventory, and how to connect.
            ask: hosts will be connected to, so ``--ask-become-pass`` has to ask.
        """
        return cls.within(load(options, ask=ask, need_secrets=False))

    @classmethod
    def within(cls, project: Project) -> Self:
        """Return the fleet of a loaded project; raises ConfigError."""
        play = Play("window", "all", _MARK, (), become=True)
        return cls(project, project.resolver(play, FleetNeeds(tarball=None, secrets=False)))

    def _spots(self) -> Iterator[Spot]:
        for host in self.hosts:
            own, _ = self.resolver.fleet(host)
            if own:
                yield from (Spot(host, own, node) for node in own.nodes)

    def with_secrets(self) -> Resolver:
        """Return a resolver that also knows the declared cookies; raises ConfigError if one cannot be read."""
        return self.project.resolver(self.resolver.play, FleetNeeds(tarball=None))

    def choose(self, words: Sequence[str], *, one: bool = False) -> tuple[Spot, ...]:
        """Return the nodes that the words name, in the order of the words; without words, all nodes.

        Args:
            words: names, hosts, groups or patterns; each may have several, separated by commas.
            one: exactly one node is wanted.

        Raises:
            ConfigError: a word names no node, with the nearest name; or several nodes, but only one is wanted.
        """
        if not self.spots:
            hint = "release: or nodes: in the inventory declares them"
            raise ConfigError("no host of the inventory declares a node", hint=hint)
        parts = [part for word in words for part in word.split(",") if part]
        found = [spot for part in parts for spot in self._meant(part)] if parts else list(self.spots)
        chosen = tuple(dict.fromkeys(found))
        if one and len(chosen) > 1:
            names = ", ".join(spot.name for spot in chosen[:_NAMED]) + (", …" if len(chosen) > _NAMED else "")
            raise ConfigError(f"{' '.join(words)} means {len(chosen)} nodes: {names}", hint="name one of them")
        return chosen

    def host(self, word: str) -> Host:
        """Return the host that a word names, by its own name or by one of its nodes; raises ConfigError."""
        if word in self.project.inventory.hosts:
            return self.project.inventory.hosts[word]
        on = {spot.host.name: spot.host for spot in self.spots if word in spot.names}
        if len(on) == 1:
            return next(iter(on.values()))
        known = [*self.project.inventory.hosts, *(name for spot in self.spots for name in spot.names)]
        many = f"; it is on {', '.join(on)}" if on else ""
        raise ConfigError(f"{word!r} is no host of the inventory{many}", hint=_nearest(word, known))

    def _meant(self, word: str) -> Sequence[Spot]:
        named = [spot for spot in self.spots if word in spot.names]
        if named:
            return named
        inventory = self.project.inventory
        known = [*inventory.hosts, *(name for spot in self.spots for name in spot.names)]
        try:
            hosts = {host.name for host in inventory.select(word)}
        except ConfigError as error:
            if word.replace("@", "").replace(".", "").replace("-", "").replace("_", "").isalnum():
                hint = _nearest(word, known, inventory.groups)
                raise ConfigError(f"{word!r} is no node, host or group", hint=hint) from None
            raise ConfigError(error.message, hint=error.hint) from None
        on = [spot for spot in self.spots if spot.host.name in hosts]
        if not on:
            raise ConfigError(f"{word} declares no node", hint=_nearest(word, [spot.name for spot in self.spots]))
        return on


def _nearest(word: str, *known: Iterable[str]) -> str:
    """Return a hint with the nearest name, from the first list that has one; else some of all names."""
    if close := next((found for names in known if (found := alike(word, names))), ""):
        return f"did you mean {close!r}?"
    names = sorted({name for some in known for name in some})
    return f"known: {', '.join(names[:_NAMED])}" + (", …" if len(names) > _NAMED else "")
