"""A node's unit, running: the declared release, with its files as they are now."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from deployer.errors import ConfigError, ProbeError
from deployer.fields import Doc
from deployer.modules._checks import absolute
from deployer.modules._unit import FAILED, properties, show
from deployer.modules.base import Absent, Changes, Module, Observed, Present, Step, records
from deployer.sh import Sh, lines, sh

_EXE = re.compile(r"(/.+)/erts-[^/]+/bin/[^/ ]+( \(deleted\))?")
_UNIT = re.compile(r"[a-z0-9_][A-Za-z0-9_-]{0,62}\.service", re.ASCII)

_PROBE = """
started={}
emit shown "$shown"
if [ "$pid" != 0 ]; then
  emit exe "$(readlink -- "/proc/$pid/exe" || :)"
  newline='
'
  drops=${{shown#*DropInPaths=}}
  drops=${{drops%%"$newline"*}}
  # Before a reload systemd does not see a unit's first drop-in.
  [ ! -d "/etc/systemd/system/$unit.d" ] || drops="$drops /etc/systemd/system/$unit.d"
  # shellcheck disable=SC2086
  [ ! -e "$started" ] || emit stale "$(find {} $drops -cnewer "$started" -print 2>&1)"
fi"""

_SWITCH = """
unit={}
systemctl {} --quiet --no-reload -- "$unit"
"""
_START = """
unit={}
systemctl daemon-reload
systemctl reset-failed --quiet -- "$unit" 2>/dev/null || :
systemctl restart -- "$unit" || failed
"""


def _unit(text: str) -> str | None:
    return None if _UNIT.fullmatch(text) else "write the node's name followed by .service"


@dataclass(frozen=True, kw_only=True)
class BeamNode(Module):
    """One node as a running service.

    The unit touches ``RUNTIME/started`` before it starts the node. A file that is newer has not been read yet: so a
    restart that a killed run has missed is still due in the next one.
    """

    EXAMPLE: ClassVar[str] = """\
- name: the node runs
  beam_node:
    unit: shop.service
    release: /opt/shop/versions/1.4.2-0f3a9c71
    runtime: /run/beam/shop
    configs: [/etc/beam/shop/shop.vm.args, /etc/beam/shop/private/shop.env]
"""

    unit: Annotated[str, Doc("the node's unit, in /etc/systemd/system", check=_unit, example="shop.service")]
    release: Annotated[
        str,
        Doc("the directory the process has to run from", check=absolute, example="/opt/shop/versions/1.4.2-0f3a9c71"),
    ]
    runtime: Annotated[str, Doc("the unit's RuntimeDirectory", check=absolute, example="/run/beam/shop")]
    configs: Annotated[tuple[str, ...], Doc("files the node reads at start")] = ()
    state: Annotated[Literal["started", "stopped"], Doc("whether it runs")] = "started"
    enabled: Annotated[bool, Doc("whether it starts at boot")] = True

    @property
    def _file(self) -> str:
        return f"/etc/systemd/system/{self.unit}"

    def desired(self) -> Present:
        """Return what the unit and its process should be."""
        enabled = "enabled" if self.enabled else "disabled"
        if self.state == "stopped":
            return Present({"enabled": enabled, "active": "inactive"})
        return Present({"release": self.release, "config": "current", "enabled": enabled, "active": "active"})

    def probe(self) -> Sh:
        """Print the unit, its program, and the files that are newer than its start."""
        return lines(show(self.unit), sh(_PROBE, f"{self.runtime}/started", [self._file, *self.configs]))

    def parse(self, out: str) -> Observed:
        """Judge them.

        Raises:
            ConfigError: a unit of that name belongs to the system.
        """
        found = records(out)
        if "shown" not in found:
            raise ProbeError(f"the probe of {self.unit} is incomplete")
        unit = properties(found["shown"])
        if unit["FragmentPath"] not in ("", self._file):
            hint = "give the node another name; its unit is named after it"
            raise ConfigError(f"{self.unit} exists already as {unit['FragmentPath']}", hint=hint)
        if unit["LoadState"] == "not-found":
            return Absent()
        return Present(
            {
                "release": _release(found.get("exe", "")),
                "config": self._config(unit["NeedDaemonReload"] == "yes", found.get("stale") if "exe" in found else ""),
                "enabled": unit["UnitFileState"] or "disabled",
                "active": "restarting" if unit["SubState"] == "auto-restart" else unit["ActiveState"],
            }
        )

    def _config(self, reload: bool, stale: str | None) -> str:
        if stale is None:
            return "unknown: another unit has started it"
        newer = list(dict.fromkeys(stale.splitlines())) or ([self._file] if reload else [])
        return f"older than {', '.join(newer)}" if newer else "current"

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Enable and restart; the step ends when systemd calls the unit started, or with its last lines.

        One reload of systemd serves both: it costs more than anything else here.
        """
        if not changes:
            return ()
        verb = "enable" if self.enabled else "disable"
        parts = [sh(_SWITCH, self.unit, verb)] if "enabled" in changes else []
        what = [verb] if "enabled" in changes else []
        if changes.keys() & {"release", "config", "active"}:
            started = self.state == "started"
            parts += [FAILED, sh(_START, self.unit)] if started else [sh("systemctl stop -- {}", self.unit)]
            what.append("restart" if started else "stop")
        else:
            parts.append(sh("systemctl daemon-reload"))
        return (Step(f"{' and '.join(what)} {self.unit}", lines(*parts)),)

    def touches(self) -> tuple[str, ...]:
        """Return the unit."""
        return (self.unit,)

    def foresee(self, touched: frozenset[str], observed: Observed) -> Observed:
        """What is about to be written will be newer than the process; what is replaced has to be run anew."""
        if not isinstance(observed, Present):
            return observed
        newer = sorted(touched & {self._file, self.unit, *self.configs})
        keys = dict(observed.keys)
        if newer:
            keys["config"] = f"older than {', '.join(newer)}"
        if self.release in touched and keys.get("release") == self.release:
            keys["release"] = f"{self.release} (before it is replaced)"
        return Present(keys)


def _release(exe: str) -> str:
    """Return the release directory of a beam.smp; what runs and is none stands for itself."""
    match = _EXE.fullmatch(exe)
    return match[1] + (match[2] or "") if match else exe or "none"


MODULE = BeamNode
