"""alternatives: which of several programs a common name means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from deployer import checks as check
from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.modules.base import Absent, Changes, Module, Observed, Present, Sh, State, Step, lines, records, sh
from deployer.sh.text import script


def _name(value: str) -> str | None:
    return None if re.fullmatch(r"[A-Za-z0-9_.+\[][A-Za-z0-9_.+\[:-]*", value) else "write its name, such as editor"


def _followers(value: tuple[Mapping[str, str], ...]) -> str | None:
    for one in value:
        if set(one) != {"name", "path", "link"}:
            return "write name, path and link of each"
        if why := _name(one["name"]) or check.absolute(one["path"]) or check.absolute(one["link"]):
            return why
    return None


@dataclass(frozen=True, kw_only=True)
class Alternatives(Module):
    """An alternative of update-alternatives: a program that a common name can mean, and which one it means.

    ``present`` registers the program, ``selected`` also chooses it, and ``auto`` leaves the choice to the priorities.
    The default of ``link`` is the name's existing link, the default of ``priority`` the alternative's own or 50, and
    the default of ``subcommands`` those that it has.
    """

    EXAMPLE: ClassVar[str] = """\
- name: whoever edits uses vim
  alternatives:
    name: editor
    path: /usr/bin/vim.basic
"""

    name: Annotated[str, Doc("the common name", check=_name, example="editor")]
    path: Annotated[str, Doc("the program", check=check.absolute, example="/usr/bin/vim.basic")]
    link: Annotated[str | None, Doc("the path of the common name", check=check.absolute, example="/usr/bin/editor")] = (
        None
    )
    priority: Annotated[int | None, Doc("which one auto chooses: the highest", example=50)] = None
    subcommands: Annotated[
        tuple[Mapping[str, str], ...] | None,
        Doc("names that follow the choice: name, path and link of each", check=_followers, alias="slaves"),
    ] = None
    state: Annotated[Literal["selected", "present", "auto", "absent"], Doc("what it is")] = "selected"

    @property
    def _wanted_followers(self) -> str:
        return "\n".join(sorted(f"{one['name']} {one['link']} {one['path']}" for one in self.subcommands or ()))

    def desired(self) -> State:
        """Return that the program is registered, with these arguments, and whether it is chosen."""
        if self.state == "absent":
            return Absent()
        wanted = {"known": "yes"}
        wanted |= {} if self.priority is None else {"priority": str(self.priority)}
        wanted |= {} if self.subcommands is None else {"subcommands": self._wanted_followers}
        chosen = {"selected": {"selected": self.path}, "auto": {"mode": "auto"}}
        return Present(wanted | chosen.get(self.state, {}))

    def probe(self) -> Sh:
        """Print what update-alternatives says of the name."""
        return lines(self._given(), sh("alternatives_seen"))

    def parse(self, out: str) -> Observed:
        """Return what of it concerns this alternative.

        Raises:
            ConfigError: the name has no link yet, and none is given.
        """
        head, *blocks = records(out, "told")["told"].split("\n\n")
        group, links = _read(head)
        own = next((found for found in map(_read, blocks) if found[0].get("Alternative") == self.path), None)
        if self.state == "absent":
            return Absent() if own is None else Present({"known": "yes"})
        if not (own or self.link or "Link" in group):
            raise ConfigError(f"{self.name} has no link on this host", hint="link: /usr/bin/NAME")
        keys = {"selected": group.get("Value", ""), "mode": group.get("Status", "")}
        if own is None:
            return Present(keys)
        followers = "\n".join(sorted(f"{name} {links.get(name, '')} {path}" for name, path in own[1].items()))
        return Present({**keys, "known": "yes", "priority": own[0].get("Priority", ""), "subcommands": followers})

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Make it known, choose it, leave the choice, or take it away."""
        if not changes:
            return ()
        if self.state == "absent":
            return (Step(f"forget {self.path}", sh("update-alternatives --remove {} {}", self.name, self.path)),)
        parts = [self._given()]
        if {"known", "priority", "subcommands", "state"} & set(changes):
            more = [w for one in self.subcommands or () for w in ("--slave", one["link"], one["name"], one["path"])]
            parts.append(sh('set -- {}\nalternative_known "$@"', more))
        if "selected" in changes:
            parts.append(sh("update-alternatives --set {} {}", self.name, self.path))
        if "mode" in changes:
            parts.append(sh("update-alternatives --auto {}", self.name))
        return (Step(f"set {self.name}", lines(*parts)),)

    def _given(self) -> Sh:
        priority = "" if self.priority is None else str(self.priority)
        given = sh("name={} path={} link={} priority={}", self.name, self.path, self.link or "", priority)
        keeps = "yes" if self.subcommands is None else ""
        return lines(given, sh("wanted={} keeps={}", self.state, keeps), script("alternatives.sh"))


def _read(block: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the words of one block of ``update-alternatives --query``, and the names below ``Slaves``."""
    words, below = {}, {}
    for line in block.splitlines():
        key, _, value = line.partition(":")
        if line.startswith(" "):
            name, _, path = line.strip().partition(" ")
            below[name] = path
        else:
            words[key] = value.strip()
    return words, below


MODULE = Alternatives
