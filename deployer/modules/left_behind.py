"""What deployer has written on a host and is no longer declared: an audit reports it, a setting removes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from deployer.checks import absolute, filled
from deployer.fields import Doc
from deployer.firewall.parts import CONFIRM, without_parts
from deployer.modules.base import Changes, Module, Observed, Present, Step, records
from deployer.releases.generations import PLACES
from deployer.sh import Sh, lines, script, sh

_NOTHING = "nothing"
_TOLD = """
left
found='' IFS=$lf
set -f
for line in $all; do found="$found${found:+, }$line"; done
unset IFS
set +f
[ -z "$found" ] || echo "left behind: $found; a deploy with -e remove_left_behind=true removes it"
"""


@dataclass(frozen=True, kw_only=True)
class LeftBehind(Module):
    """Parts of the firewall, ports of EPMD, files and releases of clusters that have no node on the host any more.

    Everything of another cluster than the declared one counts as left behind when no unit that runs, or starts at boot,
    reads its files. Of the declared cluster, the EPMD of an earlier port counts when no node is registered there. A
    release counts when no such unit starts it. This is removed last, when all hosts have had their turn.
    """

    EXAMPLE: ClassVar[str] = """\
- name: what no declaration covers any more
  left_behind:
    cluster: shop
    epmd_port: 4369
    root: /opt/shop
"""

    cluster: Annotated[str, Doc("the cluster that is declared", check=filled, example="shop")]
    epmd_port: Annotated[int | None, Doc("port of its EPMD; left out without EPMD")] = None
    root: Annotated[str | None, Doc("directory of its release", check=absolute, example="/opt/shop")] = None

    def look(self) -> Sh:
        """Return text that prints in one line what is left behind, or nothing."""
        return lines(self._functions, Sh(_TOLD))

    @property
    def _functions(self) -> Sh:
        given = sh("cluster={} port={} root={}", self.cluster, str(self.epmd_port or ""), self.root or "")
        return lines(given, script("left_behind.sh"))

    def desired(self) -> Present:
        """Return that there is nothing."""
        return Present({"left behind": _NOTHING})

    def probe(self) -> Sh:
        """Print what there is."""
        return lines(self._functions, Sh('left\nemit left "$all"'))

    def parse(self, out: str) -> Observed:
        """Return it."""
        found = ", ".join(records(out, "left")["left"].splitlines())
        return Present({"left behind": found or _NOTHING})

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Close the firewall to it, then remove it."""
        if not changes:
            return ()
        found = changes["left behind"].before or ""
        steps = [self._close()] if "firewall part of " in found else []
        remove = Step(f"remove {found}", lines(PLACES, self._functions, Sh("removed")), late=True)
        return (*steps, remove)

    def _close(self) -> Step:
        given = lines(self._functions, Sh("gone=$(firewall_parts | paste -s -d ' ' -)"))
        what = "remove the firewall rules of removed clusters"
        return Step(what, without_parts(given), late=True, confirm=CONFIRM)

    def touches(self) -> tuple[str, ...]:
        """Return nothing that another task reads."""
        return ()


MODULE = LeftBehind
