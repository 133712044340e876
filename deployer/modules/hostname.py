"""hostname: what the host calls itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from deployer import checks as check
from deployer.fields import Doc
from deployer.modules.base import Changes, Module, Observed, Present, Sh, State, Step, lines, records, sh

_PROBE = """slurp /etc/hostname
emit permanent "$text"
emit now "$(uname -n)"
"""

_WRITE = """printf '%s\\n' {} >"$blobs/hostname"
draft "$blobs/hostname" /etc/hostname 0644 0 0
settle /etc/hostname"""


@dataclass(frozen=True, kw_only=True)
class Hostname(Module):
    """The host's name: in /etc/hostname, and in the running kernel.

    As in Ansible, /etc/hosts stays as it is. A node whose name follows from the host's is not renamed: let the
    inventory name the nodes.
    """

    EXAMPLE: ClassVar[str] = """\
- name: what it calls itself
  hostname:
    name: shop-1
"""

    name: Annotated[str, Doc("the name", check=check.host_name, example="shop-1")]
    use: Annotated[
        Literal["debian", "systemd", "generic", "redhat", "alpine"] | None, Doc("accepted; there is one way")
    ] = None

    def desired(self) -> State:
        """Return the name, twice."""
        return Present({"permanent": self.name, "now": self.name})

    def probe(self) -> Sh:
        """Print both."""
        return sh(_PROBE)

    def parse(self, out: str) -> Observed:
        """Return them."""
        found = records(out, "permanent", "now")
        return Present({"permanent": found["permanent"].strip(), "now": found["now"]})

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Write the one, tell the other."""
        text = [sh(_WRITE, self.name)] if {"permanent", "state"} & set(changes) else []
        text += [sh("hostname -- {}", self.name)] if {"now", "state"} & set(changes) else []
        return (Step(f"call it {self.name}", lines(*text)),) if text else ()

    def touches(self) -> tuple[str, ...]:
        """Return the file."""
        return ("/etc/hostname",)


MODULE = Hostname
