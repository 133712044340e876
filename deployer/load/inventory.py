"""Ansible's inventory: groups, hosts, variables and their files, merged as Ansible merges them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from deployer.errors import At, ConfigError
from deployer.fields import nearest
from deployer.load.groups import Tree
from deployer.load.marked import Encrypted, Map, marks_of
from deployer.load.patterns import matching
from deployer.load.secrets import Vaults
from deployer.load.varfiles import VarFiles
from deployer.model import MASK, Host, Mark, Secret
from deployer.syntax import check_host_name

_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class HostGroup:
    """One group: its own hosts and children, in the order in which they are written."""

    name: str
    hosts: tuple[str, ...]
    children: tuple[str, ...]


@dataclass(frozen=True)
class Inventory:
    """All hosts with their merged variables, and their groups; ``here``: names of this machine, which is in no group.

    ``programs``: the inventory programs that were run.
    """

    hosts: Mapping[str, Host]
    groups: Mapping[str, HostGroup]
    here: frozenset[str] = frozenset()
    programs: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the user about the origin of the inventory."""
        return (f"the inventory is what a program prints: {', '.join(self.programs)}",) if self.programs else ()

    def with_here(self, pattern: str) -> Inventory:
        """Return the inventory with this machine added if the pattern is its name and no host has this name.

        As in Ansible it is in no group, not even in ``all``.
        """
        if pattern not in ("localhost", "127.0.0.1", "::1") or pattern in self.hosts or pattern in self.groups:
            return self
        host = Host(pattern, Map({"ansible_connection": "local"}), (), Mark("localhost"))
        return replace(self, hosts={**self.hosts, pattern: host}, here=self.here | {pattern})

    @cached_property
    def members(self) -> Mapping[str, tuple[str, ...]]:
        """The hosts of every group, including those of its children, in the order of the inventory."""
        inside: dict[str, list[str]] = {name: [] for name in self.groups}
        for host in self.hosts.values():
            for group in host.groups:
                inside[group].append(host.name)
        inside.setdefault("ungrouped", [host.name for host in self.hosts.values() if host.groups == ("all",)])
        return {name: tuple(names) for name, names in inside.items()}

    def select(
        self, pattern: str, limit: str = "", *, where: Mark | None = None, allow_empty: bool = False
    ) -> tuple[Host, ...]:
        """Return the hosts that match a play's pattern and ``limit``.

        Raises:
            ConfigError: a part of a pattern matches nothing, or no host is left and ``allow_empty`` is false.
        """
        known = [name for name in self.hosts if name not in self.here]
        try:
            with At(where):
                names = (pattern,) if pattern in self.here else matching(pattern, known, self.members)
        except ConfigError:
            if not allow_empty:
                raise
            names = ()
        if limit:
            within = {limit} if limit in self.here else set(matching(limit, known, self.members))
            names = tuple(name for name in names if name in within)
        if not names and not allow_empty:
            words = f"{pattern!r} limited to {limit!r}" if limit else repr(pattern)
            raise ConfigError(f"no host matches {words}", where=where, hint="--allow-empty accepts that")
        return tuple(self.hosts[name] for name in names)

    def graph(self) -> str:
        """Return the tree of groups as Ansible draws it."""
        lines: list[str] = []

        def draw(name: str, depth: int) -> None:
            group = self.groups[name]
            lines.append(f"{'  |' * depth}{'--' if depth else ''}@{name}:")
            for child in group.children:
                draw(child, depth + 1)
            lines.extend(f"{'  |' * (depth + 1)}--{host}" for host in group.hosts)

        draw("all", 0)
        return "\n".join(lines)

    def as_list(self) -> dict[str, Any]:
        """Return the inventory as ``ansible-inventory --list`` does; secrets are masked, templates are as written."""
        from deployer.load.listed import as_listed, as_listing

        return {
            "_meta": {"hostvars": {one.name: as_listed(one.vars) for one in self.hosts.values() if one.vars}}
        } | as_listing(self.groups, self.members["ungrouped"])

    def host(self, name: str) -> dict[str, Any]:
        """Return one host's variables as ``ansible-inventory --host`` does; secrets are masked.

        Raises:
            ConfigError: there is no such host.
        """
        if name not in self.hosts:
            raise ConfigError(f"there is no host {name!r}", hint=nearest(name, self.hosts))
        from deployer.load.listed import as_listed

        return dict(as_listed(self.hosts[name].vars))


def masked(value: Any) -> Any:
    """Return ``value`` in plain types, secrets as ``***``."""
    if isinstance(value, Secret | Encrypted):
        return MASK
    if isinstance(value, Mapping):
        return {str(key): masked(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked(item) for item in value]
    return str(value) if isinstance(value, str) else value


def load_inventory(
    paths: Sequence[Path | str], *, playbook_dir: Path | None = None, vaults: Vaults | None = None
) -> Inventory:
    """Read and merge inventories in the given order: later ones win.

    Args:
        paths: files in YAML, JSON or INI, programs, or directories; in a directory, all files are read recursively and
            in alphabetical order, except those that Ansible ignores (hidden files, ``.md``, …).
        playbook_dir: ``group_vars/`` and ``host_vars/`` beside the playbook are read, too; they override the inventory.
        vaults: opens encrypted variable files; None leaves them out.

    Raises:
        ConfigError: with file, line and column.
        SecretError: a file of variables cannot be decrypted.
    """
    tree = Tree()
    directories: list[Path] = []
    for path in map(Path, paths):
        for file in _files(path):
            tree.read(file)
        directories.append(path if path.is_dir() else path.parent)
    tree.connect()
    files = VarFiles(vaults)
    near = list(dict.fromkeys(directories))
    beside_play = (
        [playbook_dir] if playbook_dir and playbook_dir.resolve() not in {one.resolve() for one in near} else []
    )
    return Inventory(
        {name: _host(name, tree, near, beside_play, files) for name in tree.order()},
        {name: HostGroup(name, tuple(raw.hosts), tuple(raw.children)) for name, raw in tree.groups.items()},
        programs=tuple(tree.programs),
    )


def named_inventory(names: str, flag: str = "--hosts") -> Inventory:
    """Return an inventory of the hosts that ``flag`` names, separated by commas: each is reached by its name.

    Raises:
        ConfigError: a name is not a valid host name.
    """
    mark = Mark(flag)
    with At(mark):
        hosts = tuple(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
        for name in hosts:
            check_host_name(name)
        if not hosts:
            raise ConfigError("names no host", hint=f"{flag} web1,web2")
        return Inventory(
            {name: Host(name, Map(mark=mark), ("all",), mark) for name in hosts}, {"all": HostGroup("all", hosts, ())}
        )


_PASSED_OVER = re.compile(r"\.|.*(?:~|\.(?:pyc|pyo|swp|bak|rpm|md|txt|rst|orig|cfg|retry))$")
"""Files that are not inventories, by Ansible's rule; directories of variables are ignored as well."""


def _files(path: Path) -> list[Path]:
    with At(path):
        if not path.exists():
            hint = "-i takes a file in YAML, INI or JSON, or a directory of them; deployer lab up writes one"
            raise ConfigError("there is no such inventory", hint=hint)
        if not path.is_dir():
            return [path]
        found = list(_inside(path))
        if not found:
            raise ConfigError("this directory contains no inventory file in YAML, INI or JSON")
        return found


def _inside(directory: Path, depth: int = 0) -> Iterator[Path]:
    for path in sorted(directory.iterdir()):
        if _PASSED_OVER.match(path.name) or path.name in ("group_vars", "host_vars", "vars_plugins"):
            continue
        if path.is_dir() and depth < _DEEPEST:
            yield from _inside(path, depth + 1)
        elif path.is_file():
            yield path


def _host(name: str, tree: Tree, near: Sequence[Path], beside_play: Sequence[Path], files: VarFiles) -> Host:
    """Merge one host's variables in Ansible's order; later layers win, nothing is merged deeply.

    all, other groups (deeper ones later, then by name), files of all, files of other groups, host, files of the host.
    """
    groups = tree.groups_of(name)
    rest = [group for group in groups if group != "all"]
    layers: list[Mapping[str, Any]] = [tree.groups["all"].vars]
    layers += [tree.groups[group].vars for group in rest]
    layers += _near("group_vars", ["all"], near, beside_play, files)
    layers += _near("group_vars", rest, near, beside_play, files)
    layers.append(tree.hosts[name])
    layers += _near("host_vars", [name], near, beside_play, files)
    merged = Map(mark=tree.marks[name])
    for layer in layers:
        merged.update(layer)
        merged.marks.update(marks_of(layer))
    return Host(name, merged, tuple(groups), tree.marks[name])


def _near(
    folder: str, names: Sequence[str], near: Sequence[Path], beside_play: Sequence[Path], files: VarFiles
) -> list[Mapping[str, Any]]:
    """Return the variable files for these names: the inventory's first, then those beside the playbook."""
    return [
        found
        for place in (near, beside_play)
        for name in names
        for directory in place
        for found in files.of(directory, folder, name)
    ]
