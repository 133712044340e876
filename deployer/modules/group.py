"""group: a group of users."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from deployer import checks as check
from deployer.errors import ProbeError
from deployer.fields import Doc
from deployer.modules.base import Absent, Changes, Module, Observed, Pooled, Present, Sh, State, Step, records, sh

_PROBE = """entry=$(getent group {}) || [ "$?" -eq 2 ] || exit 1
if [ -n "$entry" ]; then emit entry "$entry"; fi"""

_PRESENT = """if getent group {0} >/dev/null; then
  {1}
else
  groupadd {2} -- {0}
fi"""

_ABSENT = "if getent group {0} >/dev/null; then groupdel -- {0}; fi"


@dataclass(frozen=True, kw_only=True)
class Group(Module):
    """A group of users, by name and, if it matters, by number."""

    EXAMPLE: ClassVar[str] = """\
- name: the shop's group
  group:
    name: shop
    system: true
"""

    name: Annotated[str, Doc("the group's name", check=check.name, example="shop")]
    gid: Annotated[int | None, Doc("its number", check=check.identity, example=990)] = None
    system: Annotated[bool, Doc("a new group gets a number from the system's range")] = False
    state: Annotated[Literal["present", "absent"], Doc("whether it exists")] = "present"

    def desired(self) -> State:
        """Return the number where it is declared."""
        if self.state == "absent":
            return Absent()
        return Present({} if self.gid is None else {"gid": str(self.gid)})

    def probe(self) -> Sh:
        """Print the group's entry."""
        return sh(_PROBE, self.name)

    def known(self) -> Pooled:
        """Return the group."""
        return Pooled("group", (self.name,))

    def parse(self, out: str) -> Observed:
        """Return the number."""
        if not out:
            return Absent()
        parts = records(out, "entry")["entry"].split(":")
        if len(parts) != 4 or not parts[2].isdecimal():
            raise ProbeError(f"the entry of group {self.name} cannot be read")
        return Present({"gid": parts[2]})

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Add, renumber or delete it."""
        if not changes:
            return ()
        if self.state == "absent":
            return (Step(f"delete group {self.name}", sh(_ABSENT, self.name)),)
        number = [] if self.gid is None else ["-g", str(self.gid)]
        modify = sh("groupmod {} -- {}", number, self.name) if number else sh(":")
        create = [*number, *(["-r"] if self.system else [])]
        return (Step(f"make group {self.name}", sh(_PRESENT, self.name, modify, create)),)


MODULE = Group
