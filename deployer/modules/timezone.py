"""timezone: which time the host's clock shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from deployer import checks as check
from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.modules.base import Changes, Module, Observed, Present, Sh, State, Step, lines, records, sh

_PROBE = """zone={}
[ -f "/usr/share/zoneinfo/$zone" ] || unknown "/usr/share/zoneinfo/$zone is not there yet: tzdata has it"
link=$(readlink -- /etc/localtime) || link=
emit link "${{link#*/zoneinfo/}}"
if [ -f /etc/timezone ]; then slurp /etc/timezone; emit file "$text"; fi
emit read yes"""

_LINK = """ln -s -- "../usr/share/zoneinfo/$zone" "/etc/.deployer.localtime.$$"
mv -fT -- "/etc/.deployer.localtime.$$" /etc/localtime"""

_FILE = """printf '%s\\n' "$zone" >"$blobs/timezone"
draft "$blobs/timezone" /etc/timezone 0644 0 0
settle /etc/timezone"""


@dataclass(frozen=True, kw_only=True)
class Timezone(Module):
    """The host's time zone: /etc/localtime, and /etc/timezone if the host has one.

    Running programs keep the zone that they were started with; notify a handler. The hardware clock stays as it is.
    """

    EXAMPLE: ClassVar[str] = """\
- name: one time for all logs
  timezone:
    name: UTC
"""

    name: Annotated[
        str, Doc("a name of /usr/share/zoneinfo", check=check.timezone, example="Europe/Vienna", alias="tz")
    ]
    hwclock: Annotated[
        Literal["UTC", "local"] | None, Doc("UTC is accepted; local is refused", alias="rtc")
    ] = None  # fmt: skip

    def __post_init__(self) -> None:
        if self.hwclock == "local":
            raise ConfigError("a hardware clock with local time is not supported", hint="hwclock: UTC")

    def desired(self) -> State:
        """Return the zone, twice."""
        return Present({"link": self.name, "file": self.name})

    def probe(self) -> Sh:
        """Print both, as far as they are there."""
        return sh(_PROBE, self.name)

    def parse(self, out: str) -> Observed:
        """Return them; a file that a host does not have is as it should be."""
        found = records(out, "link", "read")
        return Present({"link": found["link"], "file": found.get("file", self.name).strip()})

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Turn the link, write the file."""
        text = [sh(_LINK)] if {"link", "state"} & set(changes) else []
        text += [sh(_FILE)] if "file" in changes else []
        return (Step(f"set the zone {self.name}", lines(sh("zone={}", self.name), *text)),) if text else ()

    def touches(self) -> tuple[str, ...]:
        """Return the files."""
        return ("/etc/localtime", "/etc/timezone")


MODULE = Timezone
