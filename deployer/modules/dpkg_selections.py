"""dpkg_selections: what Debian's package manager is to do with a package, such as to hold its version."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from deployer.fields import Doc
from deployer.modules.base import Changes, Module, Observed, Present, Sh, State, Step, records, sh

_PROBE = """command -v dpkg-query >/dev/null || {{ echo "this host has no dpkg"; exit 1; }}
all=$(dpkg-query -W -f '${{db:Status-Want}}\\n' -- {0} 2>/dev/null) || unknown "dpkg knows no package "{0}
emit selection "${{all%%"$lf"*}}"
emit read yes"""


def _named(value: str) -> str | None:
    good = re.fullmatch(r"[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?", value)
    return None if good else "write the name of a package, such as postgresql-15"


@dataclass(frozen=True, kw_only=True)
class DpkgSelections(Module):
    """What dpkg does with a package at the next upgrade: ``hold`` keeps its version, ``install`` upgrades it.

    It only sets dpkg's mark, as ``apt-mark hold`` does: nothing is installed or removed. A package that dpkg does not
    know yet is unknown until an earlier task has installed it.
    """

    EXAMPLE: ClassVar[str] = """\
- name: the database's version changes when somebody is there
  dpkg_selections:
    name: postgresql-15
    selection: hold
"""

    name: Annotated[str, Doc("the package", check=_named, example="postgresql-15")]
    selection: Annotated[Literal["install", "hold", "deinstall", "purge"], Doc("what dpkg is to do with it")]

    def desired(self) -> State:
        """Return the selection."""
        return Present({"selection": self.selection})

    def probe(self) -> Sh:
        """Print dpkg's word for it."""
        return sh(_PROBE, self.name)

    def parse(self, out: str) -> Observed:
        """Return it."""
        return Present({"selection": records(out, "selection", "read")["selection"]})

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Tell dpkg."""
        if not changes:
            return ()
        text = sh("printf '%s %s\\n' {} {} | dpkg --set-selections", self.name, self.selection)
        return (Step(f"{self.selection} {self.name}", text),)


MODULE = DpkgSelections
