"""Which hosts share a cluster, and what each of them declares; each host's declaration is evaluated once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from deployer.errors import ConfigError
from deployer.fields import describe
from deployer.fleet import Declaration, FleetSettings, Roster, check_members, declare
from deployer.load.connection import address
from deployer.load.inventory import Inventory
from deployer.load.marked import Map, folder_of, mark_of, marks_of
from deployer.load.scope import Scopes
from deployer.load.secrets import Vaults, fill, read_secret
from deployer.load.template import Layer, Variables
from deployer.model import Host, Mark, Play, Secret
from deployer.resolve.outline import dump_alone, outlined
from deployer.resolve.run_words import FleetNeeds

_Declare = Callable[[Host, Variables], Declaration | None]
FLEET_WORDS: tuple[str, ...] = tuple(field.name for field in describe(FleetSettings))


class _Late(Mapping[str, Any]):
    """Values of a layer that are made when they are used."""

    def __init__(self, makers: Mapping[str, Callable[[], Any]]) -> None:
        self._makers = makers

    def __getitem__(self, name: str) -> Any:
        return self._makers[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


class Members:
    """The declarations of a play's hosts, and of other hosts of the inventory that share their clusters.

    Args:
        inventory: all hosts.
        play: the play with the hosts.
        scopes: the variables of each host.
        vaults: decrypts encrypted values.
        needs: how much is read.
    """

    def __init__(self, inventory: Inventory, play: Play, scopes: Scopes, vaults: Vaults, needs: FleetNeeds) -> None:
        self._needs = needs
        self._inventory, self._play, self._scopes, self._vaults = inventory, play, scopes, vaults
        self._secrets: dict[str, Secret] = {}
        self._rosters: dict[tuple[str, str], Roster] = {}
        self._now = datetime.now(UTC)

    @cached_property
    def of_play(self) -> Mapping[str, Declaration]:
        """The declarations of the play's hosts, regardless of ``--limit``; hosts that declare nothing are left out.

        Raises:
            ConfigError: a word is wrong, or hosts cannot form the cluster that they declare.
        """
        return self._of_play(self._as_needed)

    @cached_property
    def all(self) -> Mapping[str, Declaration]:
        """The declarations of all members of the play's clusters."""
        found = self._and_others(self.of_play, self._as_needed)
        check_members(tuple(found.values()))
        return found

    @cached_property
    def _outlines(self) -> Mapping[str, Declaration]:
        """The members' names, addresses and ports; evaluated before the environment, which may use them."""
        return self._and_others(self._of_play(self._outline), self._outline)

    @property
    def _as_needed(self) -> _Declare:
        return self._declare if self._needs.secrets else self._outline

    def _of_play(self, declare: _Declare) -> dict[str, Declaration]:
        hosts = self._inventory.select(self._play.hosts, allow_empty=True)
        found = {host.name: declare(host, self._scopes.play(host)) for host in hosts}
        return {name: declaration for name, declaration in found.items() if declaration}

    def _and_others(self, of_play: Mapping[str, Declaration], declare: _Declare) -> dict[str, Declaration]:
        clusters = {declaration.cluster.name for declaration in of_play.values()}
        found = dict(of_play)
        for host in self._inventory.hosts.values() if clusters else ():
            if host.name not in found and self._cluster_name(host) in clusters:
                declaration = declare(host, self._scopes.outside(host))
                if declaration:
                    found[host.name] = declaration
        return found

    def fleet(self, host: Host) -> tuple[Declaration | None, tuple[Declaration, ...]]:
        """Return what a host declares, and what all members of its cluster declare, including itself."""
        own = self.all.get(host.name)
        if own is None:
            return None, ()
        return own, self._roster("all", self.all, own)

    def _roster(self, kind: str, of: Mapping[str, Declaration], own: Declaration) -> Roster:
        key = kind, own.cluster.name
        if key not in self._rosters:
            self._rosters[key] = Roster.of(own.cluster.name, of.values())
        return self._rosters[key]

    def _cluster_name(self, host: Host) -> str | None:
        """Return the cluster that an outside host's inventory variables name, without evaluating anything else."""
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
        own = variables.over(Layer(_Late({"cluster": lambda: self._cluster(host, variables)}), final=True))
        # Only the code that sends notifications reads `notify`, because it contains secrets.
        names = [name for name in FLEET_WORDS if name in variables and name != "notify"]
        words = Map((name, (variables if name == "cluster" else own)[name]) for name in names)
        return self._made(host, variables, words, need_tarball=self._needs.tarball)

    def _cluster(self, host: Host, variables: Variables) -> Mapping[str, Any]:
        """Return ``cluster`` as the templates of other words see it: as written, with the members."""
        written = {key: value for key, value in (variables.get("cluster") or {}).items() if value is not None}
        outline = self._outlines.get(host.name)
        if outline is None:
            return written
        members = self._roster("outlines", self._outlines, outline)
        return {**outline.variables(members)["cluster"], **written}

    def _outline(self, host: Host, variables: Variables) -> Declaration | None:
        closed = variables.closed()
        words = Map((name, closed.only(name, outlined)) for name in ("release", "cluster", "nodes") if name in closed)
        with suppress(ConfigError, KeyError):  # an error is reported when the environment is needed
            words["env"] = closed.only("env", dump_alone)
        return self._made(host, variables, words, need_tarball=None if self._needs.tarball is None else False)

    def _made(self, host: Host, variables: Variables, words: Map, *, need_tarball: bool | None) -> Declaration | None:
        words.marks = {name: variables.place(name, host.mark) for name in words}
        if not words.get("release") and not words.get("nodes"):
            return None
        where = next(
            (mark_of(words[name], host.mark) for name in ("release", "cluster", "nodes") if words.get(name)), host.mark
        )

        def read(value: Any, name: str) -> Secret:
            base = folder_of(value, where)
            key = f"{base} {value!r}"
            if key not in self._secrets:
                self._secrets[key] = read_secret(value, name, base, self._vaults)
            return self._secrets[key]

        found = declare(
            fill(FleetSettings, words, "", read),
            host=host.name,
            address=address(host, variables),
            where=where,
            directory=self._directory(words.get("release"), where),
            beside=beside_of(mark_of(words.get("cluster"), where)),
            now=self._now,
            need_tarball=need_tarball,
        )
        if found is None or self._needs.without.isdisjoint(str(node.node) for node in found.nodes):
            return found
        left = tuple(node for node in found.nodes if str(node.node) not in self._needs.without)
        return replace(found, nodes=left) if left else None

    def _directory(self, release: Any, where: Mark) -> Path:
        """Return the base of a relative tarball: the directory of the file that names it, or the working directory."""
        tarball = release.get("tarball") if isinstance(release, Mapping) else None
        directory = beside_of(marks_of(release).get("tarball", where))
        if not isinstance(tarball, str):
            return Path()
        return directory if (directory / Path(tarball).expanduser()).is_file() else Path()


def beside_of(mark: Mark) -> Path:
    """Return the directory of the inventory or playbook to which a word belongs."""
    directory = Path(mark.file).parent
    if directory.name in ("group_vars", "host_vars"):
        directory = directory.parent
    if directory.parent.name in ("group_vars", "host_vars"):
        directory = directory.parent.parent
    return directory


def _refuse_misspelt(variables: Variables, where: Mark) -> None:
    """Refuse a variable whose name is a misspelt word of the fleet, which would otherwise be ignored silently.

    Raises:
        ConfigError: with its place and the word.
    """
    for name in variables:
        if word := next((word for word in FLEET_WORDS if misspelt(name, word)), ""):
            hint = f"did you mean {word!r}? a variable of your own needs another name"
            raise ConfigError(f"{name!r} is no word of the fleet", where=variables.place(name, where), hint=hint)


@cache
def misspelt(name: str, word: str) -> bool:
    """Return whether ``name`` is ``word`` with one letter missing, doubled, added or changed, or two letters swapped.

    A different ending does not count (``node``, ``releases``, ``healthy``), nor a changed letter in a short word
    (``modes``).
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
