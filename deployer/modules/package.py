"""package: software from the host's own repositories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from deployer import checks as check
from deployer.errors import ConfigError, ProbeError
from deployer.fields import Doc
from deployer.modules.base import Changes, Module, Observed, Pooled, Present, Sh, State, Step, lines, records, sh
from deployer.sh import script

_INSTALL = """if command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  apt() {{
    apt-get -y -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
  }}
  # dpkg itself waits for nobody: where it fails, apt waits for whoever holds it (unattended-upgrades).
  dpkg --configure -a >/dev/null 2>&1 || {{ apt check >/dev/null 2>&1 || :; dpkg --configure -a; }}
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

    The lists of a Debian host are refreshed only when a package cannot be installed with the existing ones. Name real
    packages: a virtual one is never found installed. ``NAME=VERSION`` asks apt for exactly that version, and fails if a
    newer one is installed. ``latest`` is refused, because the same playbook would mean something else every day, and no
    dry run could say what: let the host's own unattended upgrades keep packages current.
    """

    EXAMPLE: ClassVar[str] = """\
- name: what the release's runtime needs
  package:
    name: [libtinfo6, libstdc++6]
    state: present
"""

    name: Annotated[
        tuple[str, ...],
        Doc(
            "one package or several; NAME=VERSION with apt",
            check=check.every(check.package),
            example=("sudo",),
            alias="pkg",
        ),
    ]
    state: Annotated[
        Literal["present", "absent", "latest"],
        Doc("whether they are installed; latest is refused",
            check=check.but("latest", "it means another version every day; write present, and let the host upgrade")),
    ] = "present"  # fmt: skip

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigError("package needs at least one name")
        if self.state == "absent" and any("=" in name for name in self.name):
            raise ConfigError("remove a package by its name alone, without a version")

    @property
    def _wanted(self) -> dict[str, str]:
        """Bare name → version, or an empty text where any version will do."""
        return {bare: version for bare, _, version in (name.partition("=") for name in self.name)}

    def desired(self) -> State:
        """Return one key for each package: its version where one is asked for."""
        return Present({bare: version or self.state for bare, version in self._wanted.items()})

    def probe(self) -> Sh:
        """Print those that are installed."""
        return lines(sh("set -- {}", self.name), script("package.sh"))

    def known(self) -> Pooled:
        """Return the packages."""
        return Pooled("packages", self.name)

    def parse(self, out: str) -> Observed:
        """Return which are present, in which version where one is asked for, and which are absent."""
        found = dict(word.partition("=")[::2] for word in records(out, "found")["found"].split())
        if not set(found) <= set(self._wanted):
            raise ProbeError("the host answered with packages that it was not asked about")
        seen = {bare: found[bare] or "present" for bare in self._wanted if bare in found}
        return Present(dict.fromkeys(self._wanted, "absent") | seen)

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Install or remove those that differ, in one go."""
        names = [name for name in self.name if name.partition("=")[0] in changes]
        if not names:
            return ()
        if self.state == "absent":
            return (Step(f"remove {' '.join(names)}", sh(_REMOVE, names)),)
        return (Step(f"install {' '.join(names)}", sh(_INSTALL, names)),)


MODULE = Package
