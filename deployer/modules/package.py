"""package: software from the host's own repositories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from deployer.errors import ConfigError, ProbeError
from deployer.fields import Doc
from deployer.modules import _checks as check
from deployer.modules.base import Changes, Module, Observed, Present, Sh, State, Step, records, sh

_PROBE = """if command -v dpkg-query >/dev/null; then
  there() {{ [ "$(dpkg-query -W -f '${{db:Status-Status}}' -- "$1" 2>/dev/null)" = installed ]; }}
elif command -v rpm >/dev/null; then
  there() {{ rpm -q --whatprovides -- "$1" >/dev/null 2>&1; }}
elif command -v apk >/dev/null; then
  there() {{ apk info -e -- "$1" >/dev/null 2>&1; }}
else
  echo "no package manager here that is understood: apt, dnf, apk"
  exit 1
fi
found=
set -- {}
for name in "$@"; do
  if there "$name"; then found="$found$name "; fi
done
emit found "$found"
"""

_INSTALL = """if command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  apt() {{
    apt-get -y -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
  }}
  dpkg --configure -a
  if ! apt install -- {0}; then
    apt-get update
    apt install -- {0}
  fi
elif command -v dnf >/dev/null; then
  dnf -y install -- {0}
else
  apk add -- {0}
fi"""

_REMOVE = """if command -v apt-get >/dev/null; then
  DEBIAN_FRONTEND=noninteractive apt-get -y -o DPkg::Lock::Timeout=120 remove -- {0}
elif command -v dnf >/dev/null; then
  dnf -y remove -- {0}
else
  apk del -- {0}
fi"""


@dataclass(frozen=True, kw_only=True)
class Package(Module):
    """Packages of the distribution, through apt-get, dnf or apk, whichever the host has.

    The lists of a Debian host are refreshed only when a package cannot be installed with those it has. Names are those
    of real packages: a virtual one is never found installed. ``latest`` is refused, because it would make the same
    playbook mean something else every day, and because no dry run could tell what it means: let the host's own
    unattended upgrades keep packages current.
    """

    EXAMPLE: ClassVar[str] = """\
- name: what the release's runtime needs
  package:
    name: [libtinfo6, libstdc++6]
    state: present
"""

    name: Annotated[
        tuple[str, ...], Doc("one package or several", check=check.every(check.package), example=("sudo",), alias="pkg")
    ]
    state: Annotated[
        Literal["present", "absent", "latest"],
        Doc("whether they are installed; latest is refused",
            check=check.but("latest", "it means another version every day; write present, and let the host upgrade")),
    ] = "present"  # fmt: skip

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigError("package needs at least one name")

    def desired(self) -> State:
        """Return one key for each package."""
        return Present(dict.fromkeys(self.name, self.state))

    def probe(self) -> Sh:
        """Print those that are installed."""
        return sh(_PROBE, self.name)

    def parse(self, out: str) -> Observed:
        """Return which are present and which absent."""
        found = records(out, "found")["found"].split()
        if not set(found) <= set(self.name):
            raise ProbeError("the host names packages that it was not asked for")
        return Present({name: "present" if name in found else "absent" for name in self.name})

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Install or remove those that differ, in one go."""
        if not changes:
            return ()
        if self.state == "absent":
            return (Step(f"remove {' '.join(changes)}", sh(_REMOVE, list(changes))),)
        return (Step(f"install {' '.join(changes)}", sh(_INSTALL, list(changes))),)


MODULE = Package
