"""Which hosts share a cluster, and what each of them declares; every host's words are evaluated once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from deployer.errors import ConfigError
from deployer.fields import describe
from deployer.fleet import Declaration, Words, check_members, declare
from deployer.load.connection import address
from deployer.load.inventory import Inventory
from deployer.load.marked import Map, mark_of
from deployer.load.scope import Scopes
from deployer.load.secrets import Vaults, fill, read_secret
from deployer.load.template import Variables
from deployer.model import Host, Mark, Play, Secret

WORDS: tuple[str, ...] = tuple(field.name for field in describe(Words))


class Members:
    """The declarations of a play's hosts, and of other hosts of the inventory that share their clusters."""

    def __init__(
        self,
        inventory: Inventory,
        play: Play,
        scopes: Scopes,
        vaults: Vaults,
        *,
        need_tarball: bool = True,
        without: frozenset[str] = frozenset(),
    ) -> None:
        self._without = without
        self._need_tarball = need_tarball
        self._inventory, self._play, self._scopes, self._vaults = inventory, play, scopes, vaults
        self._secrets: dict[str, Secret] = {}
        self._now = datetime.now(UTC)

    @cached_property
    def of_play(self) -> Mapping[str, Declaration]:
        """What the hosts of the play declare, whatever ``--limit`` says; hosts that declare nothing are left out.

        Raises:
            ConfigError: a word is wrong, or hosts cannot form the cluster they declare.
        """
        hosts = self._inventory.select(self._play.hosts, allow_empty=True)
        found = {host.name: self._declare(host, self._scopes.play(host)) for host in hosts}
        return {name: declaration for name, declaration in found.items() if declaration}

    @cached_property
    def all(self) -> Mapping[str, Declaration]:
        """What every member of the play's clusters declares."""
        clusters = {declaration.cluster.name for declaration in self.of_play.values()}
        found = dict(self.of_play)
        for host in self._inventory.hosts.values() if clusters else ():
            if host.name not in found and self._cluster_name(host) in clusters:
                declaration = self._declare(host, self._scopes.host(host))
                if declaration:
                    found[host.name] = declaration
        check_members(tuple(found.values()))
        return found

    def fleet(self, host: Host) -> tuple[Declaration | None, tuple[Declaration, ...]]:
        """Return what a host declares, and what the members of its cluster declare, itself included."""
        own = self.all.get(host.name)
        if own is None:
            return None, ()
        return own, tuple(one for one in self.all.values() if one.cluster.name == own.cluster.name)

    def _cluster_name(self, host: Host) -> str | None:
        """Return the cluster an outside host's inventory variables name; nothing else of them is looked at."""
        variables = self._scopes.host(host)
        for word in ("cluster", "release"):
            raw = host.vars.get(word)
            whole = variables[word] if isinstance(raw, str) else raw
            name = whole.get("name") if isinstance(whole, Mapping) else None
            if name is not None:
                return str(variables.render(name, host.mark)).lower()
        return None

    def _declare(self, host: Host, variables: Variables) -> Declaration | None:
        _refuse_misspelt(variables, host.mark)
        words = Map((name, variables[name]) for name in WORDS if name in variables)
        words.marks = {name: variables.place(name, host.mark) for name in words}
        if not words.get("release") and not words.get("nodes"):
            return None
        where = next(
            (mark_of(words[name], host.mark) for name in ("release", "cluster", "nodes") if words.get(name)), host.mark
        )

        def read(value: Any, name: str) -> Secret:
            base = Path(mark_of(value, where).file).parent
            key = f"{base} {value!r}"
            if key not in self._secrets:
                self._secrets[key] = read_secret(value, name, base, self._vaults)
            return self._secrets[key]

        found = declare(
            fill(Words, words, "", read),
            host=host.name,
            address=address(host, variables),
            where=where,
            directory=self._directory(words.get("release"), where),
            beside=_beside(mark_of(words.get("cluster"), where)),
            now=self._now,
            need_tarball=self._need_tarball,
        )
        if found is None or self._without.isdisjoint(str(node.node) for node in found.nodes):
            return found
        left = tuple(node for node in found.nodes if str(node.node) not in self._without)
        return replace(found, nodes=left) if left else None

    def _directory(self, release: Any, where: Mark) -> Path:
        """Return where a relative tarball starts: beside the inventory or playbook that names it, else where we are."""
        tarball = release.get("tarball") if isinstance(release, Mapping) else None
        marks: Mapping[str, Mark] = getattr(release, "marks", {})
        directory = _beside(marks.get("tarball", where))
        if not isinstance(tarball, str):
            return Path()
        return directory if (directory / Path(tarball).expanduser()).is_file() else Path()


def _beside(mark: Mark) -> Path:
    """Return the directory of the inventory or playbook that a word belongs to."""
    directory = Path(mark.file).parent
    if directory.name in ("group_vars", "host_vars"):
        directory = directory.parent
    if directory.parent.name in ("group_vars", "host_vars"):
        directory = directory.parent.parent
    return directory


def _refuse_misspelt(variables: Variables, where: Mark) -> None:
    """Refuse a variable whose name is one slip away from a word of the fleet: the word would be missed in silence.

    Raises:
        ConfigError: with its place and the word.
    """
    for name in variables:
        if word := next((word for word in WORDS if misspelt(name, word)), ""):
            hint = f"did you mean {word!r}? a variable of your own needs another name"
            raise ConfigError(f"{name!r} is no word of the fleet", where=variables.place(name, where), hint=hint)


@cache
def misspelt(name: str, word: str) -> bool:
    """Return whether ``name`` is ``word`` with one letter left out, doubled, put in, changed or two swapped.

    Another ending is no slip (``node``, ``releases``, ``healthy``), nor is another letter in a short word (``modes``).
    """
    if name == word or abs(len(name) - len(word)) > 1 or len(word) < 3:
        return False
    swapped = {word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1)}
    if len(word) < 5:
        return name in swapped
    if len(name) < len(word):
        return name in {word[:i] + word[i + 1 :] for i in range(len(word) - (word[-1] == "s"))}
    if len(name) > len(word):
        return word in {name[:i] + name[i + 1 :] for i in range(len(name) - 1)}
    changed = sum(one != other for one, other in zip(name, word, strict=True)) == 1
    return name in swapped or (changed and len(word) > 5)
