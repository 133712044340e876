"""Inventory files as a tree of groups, before variables are merged."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deployer.errors import At, ConfigError
from deployer.fields import kind, nearest
from deployer.load import ini, vault, yaml
from deployer.load.keywords import mapping
from deployer.load.marked import Map, Text, mark_of
from deployer.load.patterns import expand_range
from deployer.load.scripts import is_program, listed_groups, printed
from deployer.load.varfiles import variables
from deployer.model import Mark
from deployer.syntax import check_host_name

_GROUP = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*", re.ASCII)
_MADE = re.compile(r"[^\s:,&!\[\]*?~]+")
_PORT = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>(?:[^:\[\]]|\[[^\]]*\])+)):(?P<port>\d{1,9})")
_DEEPEST = 100
_WORDS = ("hosts", "children", "vars")
_FORM = "write all: {children: {web: {hosts: {web1: {ansible_host: 10.0.0.1}}}}}"


@dataclass(slots=True)
class RawGroup:
    """One group while files are being merged; values are where a name was first written."""

    hosts: dict[str, Mark] = field(default_factory=dict)
    children: dict[str, Mark] = field(default_factory=dict)
    vars: Map = field(default_factory=Map)


class Tree:
    """All groups and hosts of all inventory files."""

    def __init__(self) -> None:
        self.groups: dict[str, RawGroup] = {"all": RawGroup()}
        self.hosts: dict[str, Map] = {}
        self.programs: list[str] = []
        self.marks: dict[str, Mark] = {}
        self._depths: dict[str, int] = {}
        self._parents: dict[str, list[str]] = {}
        self._groups_of: dict[str, list[str]] = {}

    def read(self, file: Path) -> None:
        """Merge one inventory file; a program that is executable is run.

        Raises:
            ConfigError: it is not an inventory in YAML, JSON or INI, nor a program that prints one.
        """
        if is_program(file):
            self.programs.append(str(file))
            printing = printed(file, "--list")
            self._listed(listed_groups(printing, lambda name: printed(file, "--host", name)))
            return
        text, where = yaml.source(file), Mark(str(file))
        with At(where):
            if vault.is_encrypted(text):
                hint = "encrypt files in group_vars/ and host_vars/, or single values with !vault"
                raise ConfigError("an encrypted inventory file is not supported", hint=hint)
            if ini.is_ini(text, file.suffix):
                for name, body in ini.sections(text, str(file), set(self.groups)):
                    self._group(name, body, body.mark)
                return
            content = yaml.parse(yaml.json_as_yaml(text) if file.suffix == ".json" else text, str(file))
            if not isinstance(content, Map) or not content:
                raise ConfigError(f"an inventory must be a mapping of groups, not {_kind(content)}", hint=_FORM)
            if "_meta" in content:
                self._listed(listed_groups(content))
                return
            if "terraform_version" in content and "all" not in content:  # a state or a plan, as few inventories are
                from deployer.load.terraform import terraform_groups

                self._listed(terraform_groups(content))
                return
            if isinstance(content.get("plugin"), str):
                hint = "save its output as YAML: ansible-inventory -i FILE --list --yaml --export"
                raise ConfigError("inventory plugins are not supported", where=content.at("plugin"), hint=hint)
            for name, body in content.items():
                self._group(name, body, content.at(name))

    def _listed(self, groups: Mapping[str, Map]) -> None:
        """Merge the groups that a program has made; such names need not be those of variables."""
        for name, body in groups.items():
            self._group(name, body, body.mark, made=True)

    def connect(self) -> None:
        """Finish: every group has a parent, depths are known, and no group is inside of itself.

        Raises:
            ConfigError: groups form a circle.
        """
        inside = {child for raw in self.groups.values() for child in raw.children}
        for name in self.groups:
            if name != "all" and name not in inside:
                self.groups["all"].children[name] = Mark("")
        done: list[str] = []
        for name in self.groups:  # all comes first; what it does not reach can only be a circle
            if name not in done:
                self._visit(name, (), done)
        self._depths["all"] = 0
        for name in reversed(done):
            for child in self.groups[name].children:
                self._parents.setdefault(child, []).append(name)
                self._depths[child] = max(self._depths.get(child, 0), self._depths[name] + 1)
        for name, raw in self.groups.items():
            for host in raw.hosts:
                self._groups_of.setdefault(host, []).append(name)

    def order(self) -> Iterator[str]:
        """Yield host names, in the order they were first written."""
        yield from self.hosts

    def groups_of(self, host: str) -> list[str]:
        """Return the groups a host is in, ancestors included, weakest first: by depth, then by name."""
        found: set[str] = {"all"}
        left = list(self._groups_of.get(host, ()))
        while left:
            group = left.pop()
            if group not in found:
                found.add(group)
                left += self._parents.get(group, [])
        return sorted(found, key=lambda group: (self._depths[group], group))

    def _visit(self, name: str, path: tuple[str, ...], done: list[str]) -> None:
        """Append ``name`` to ``done`` after everything inside of it."""
        for child, where in self.groups[name].children.items():
            if child in (*path, name) or len(path) > _DEEPEST:
                circle = " → ".join((*path, name, child)[-4:])
                raise ConfigError(f"the group {child!r} contains itself, or is nested too deep: {circle}", where=where)
            if child not in done:
                self._visit(child, (*path, name), done)
        done.append(name)

    def _group(self, name: str, body: Any, where: Mark, *, made: bool = False) -> None:
        if not (_MADE if made else _GROUP).fullmatch(name):
            hint = "use letters, digits, _ and -; hosts belong under hosts:"
            raise ConfigError(f"{name!r} cannot be the name of a group", where=where, hint=hint)
        group = self.groups.setdefault(name, RawGroup())
        for word, value in _mapping(body, f"the group {name!r}", where).items():
            at = mark_of(value, body.at(word))
            if word == "hosts":
                self._hosts(group, value, at)
            elif word == "children":
                named = _mapping(value, "children", at)
                for child, inner in named.items():
                    group.children.setdefault(child, named.at(child))
                    self._group(child, inner, named.at(child), made=made)
            elif word == "vars":
                found = _checked(variables(value, at))
                group.vars.update(found)
                group.vars.marks.update(found.marks)
            else:
                raise ConfigError(f"unknown word {word!r} in a group", where=body.at(word), hint=nearest(word, _WORDS))

    def _hosts(self, group: RawGroup, value: Any, where: Mark) -> None:
        named = _mapping(value, "hosts", where)
        for written, body in named.items():
            at = named.at(written)
            given = _checked(variables(body, at))
            if match := _PORT.fullmatch(written):
                written = match["v6"] or match["name"]  # noqa: PLW2901 - what is left is the name
                given = Map({"ansible_port": int(match["port"]), **given}, at, {"ansible_port": at, **given.marks})
            with At(at):
                names = [*expand_range(written)]
                for name in names:
                    check_host_name(name)
            for name in names:
                group.hosts.setdefault(name, at)
                host = self.hosts.setdefault(name, Map(mark=at))
                self.marks.setdefault(name, at)
                host.update(given)
                host.marks.update(given.marks)


def _mapping(value: Any, what: str, where: Mark) -> Map:
    if value is None:
        return Map(mark=where)
    if isinstance(value, Text) and what in ("hosts", "children"):
        return Map({str(value): None}, where, {str(value): value.mark})  # the name alone
    return mapping(value, what, where, f"{_FORM}: every name ends in a colon")


def _kind(content: Any) -> str:
    return "an empty one" if isinstance(content, Map) else kind(content)


def _checked(found: Map) -> Map:
    if "ansible_group_priority" in found:
        hint = "a child group overrides its parents; among siblings, the last in alphabetical order wins"
        raise ConfigError(
            "ansible_group_priority is not supported", where=found.at("ansible_group_priority"), hint=hint
        )
    return found
