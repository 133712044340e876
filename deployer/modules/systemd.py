"""systemd: whether a unit runs, starts at boot, or is masked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from deployer import checks as check
from deployer.errors import ConfigError, ProbeError
from deployer.fields import Doc
from deployer.modules.base import Changes, Module, Observed, Present, Sh, State, Step, records, sh
from deployer.sh import lines
from deployer.sh.units import UNIT_SAID

_SHOW = "LoadState,ActiveState,UnitFileState,NeedDaemonReload,DropInPaths"
_NO_INSTALL = frozenset({"static", "alias", "indirect", "generated"})
_FOLDERS = ("/etc/systemd/system/", "/run/systemd/system/", "/usr/lib/systemd/system/", "/lib/systemd/system/")

_ANY = """case $(systemctl show --property=NeedDaemonReload '*') in
  *=yes*) emit reload yes ;;
  *) emit reload no ;;
esac"""

# NeedDaemonReload does not see the first drop-in of a unit: systemd looks for it in what it remembers of directories.
_ONE = """emit shown "$(systemctl show --property={0} -- {1})"
drop_ins=
for conf in {2}.d/*.conf; do
  case $conf in *' '*) continue ;; esac
  if [ -s "$conf" ]; then drop_ins="$drop_ins$conf "; fi
done
emit drop_ins "$drop_ins"
"""

# systemctl enables and disables nothing by another name of it: ntp.service is ntpsec.service.
_NAMED = """unit={}
unit=$(systemctl show --property=Id --value -- "$unit")"""

_OR_LOG = """{2}
systemctl {0} {1} -- "$unit" || {{
  rc=$?
  unit_said 20 || :
  exit "$rc"
}}"""

_RELOAD = "if systemctl --quiet is-active -- {0}; then systemctl reload -- {0}; else systemctl start -- {0}; fi"


@dataclass(frozen=True, kw_only=True)
class Systemd(Module):
    """A unit of systemd: started or stopped, enabled or not, masked or not.

    If a unit's file has changed on disk, systemd reads it again without being asked (``daemon-reload``). ``restarted``
    and ``reloaded`` are acts without an end state and belong in handlers; ``daemon_reload`` without a name may be a
    task or a handler. A unit without an [Install] section counts as enabled, as with ``systemctl is-enabled``. A
    oneshot unit that does not remain after exit is not ``started`` for long: enable its timer, or let it remain.
    """

    INSTEAD: ClassVar[str] = "make it a handler, and let the task that changes the unit or its files notify it"
    EXAMPLE: ClassVar[str] = """\
- name: the shop runs, now and after a reboot
  systemd:
    name: shop.service
    state: started
    enabled: true
"""

    name: Annotated[
        str | None,
        Doc("the unit; .service may be left out", check=check.unit_or_service, example="shop.service", alias="unit"),
    ] = None
    state: Annotated[
        Literal["started", "stopped", "restarted", "reloaded"] | None,
        Doc("what it does; the last two in handlers only", example="started"),
    ] = None
    enabled: Annotated[bool | None, Doc("whether it starts at boot")] = None
    masked: Annotated[bool | None, Doc("whether nothing can start it")] = None
    daemon_reload: Annotated[bool, Doc("read changed unit files first", alias="daemon-reload")] = False

    def __post_init__(self) -> None:
        if self.name is None and not (self.daemon_reload and (self.state, self.enabled, self.masked) == (None,) * 3):
            raise ConfigError("systemd needs name", hint="only daemon_reload: true needs no name")
        if "@." in self.unit:
            raise ConfigError(f"{self.name} is a template, which cannot run", hint="write the name of an instance")
        if self.masked and (self.enabled or self.state not in (None, "stopped")):
            raise ConfigError("a masked unit cannot run and cannot start at boot")

    @property
    def unit(self) -> str:
        """The unit's full name."""
        return check.unit_name(self.name or "")

    @property
    def handler_only(self) -> bool:
        """Whether this is a restart or reload."""
        return self.state in ("restarted", "reloaded")

    def desired(self) -> State:
        """Return the declared state, and that systemd has read all changed unit files."""
        active = {"started": "active", "stopped": "inactive"}.get(self.state or "")
        keys = {"masked": _word(self.masked), "reload": "no", "enabled": _word(self.enabled), "active": active}
        return Present({key: value for key, value in keys.items() if value is not None})

    def probe(self) -> Sh:
        """Print what systemctl shows of the unit; one that is not there yet is a unit that does not run."""
        if self.name is None:
            return sh(_ANY)
        return sh(_ONE, _SHOW, self.unit, f"{_FOLDERS[0]}{self.unit}")

    def parse(self, out: str) -> Observed:
        """Return it under the keys of `desired`."""
        if self.name is None:
            return Present({"reload": records(out, "reload")["reload"]})
        found = records(out, "shown", "drop_ins")
        shown = dict(line.split("=", 1) for line in found["shown"].splitlines() if "=" in line)
        if missing := set(_SHOW.split(",")) - set(shown):
            raise ProbeError(f"systemctl did not print {', '.join(sorted(missing))} of {self.unit}")
        unread = set(found["drop_ins"].split()) - set(shown["DropInPaths"].split())
        load, active, boot = shown["LoadState"], shown["ActiveState"], shown["UnitFileState"]
        keys = {
            "load": load,
            "masked": "yes" if "masked" in (load, boot) else "no",
            "reload": "yes" if unread and load == "loaded" else shown["NeedDaemonReload"],
            "enabled": self._enabled(boot),
            "active": self._active(active),
        }
        return Present(keys)

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Unmask, reload, enable or disable, start or stop, mask: those that differ, in this order."""
        steps = []
        if "masked" in changes and not self.masked:
            steps.append(self._step("unmask"))
        if "reload" in changes:
            steps.append(Step("read changed unit files", sh("systemctl daemon-reload")))
        if "enabled" in changes:
            steps.append(self._step("enable --quiet" if self.enabled else "disable --quiet"))
        if "active" in changes:
            steps.append(self._step("start" if self.state == "started" else "stop"))
        if "masked" in changes and self.masked:
            steps.append(self._step("mask"))
        return tuple(steps)

    def act(self) -> tuple[Step, ...]:
        """Bring about all that is declared, then restart or reload if that is asked."""
        steps = self.fix(self.differences(Present({})))
        if self.state == "restarted":
            steps += (self._step("restart"),)
        if self.state == "reloaded":
            steps += (Step(f"reload {self.unit}", sh(_RELOAD, self.unit)),)
        return steps

    def predict(self, touched: frozenset[str], observed: Observed) -> Observed:
        """Expect a daemon-reload after a task that writes the unit's file; one that names the unit does its own."""
        if not isinstance(observed, Present) or self.unit in touched:
            return observed
        drop_ins = tuple(f"{folder}{self.unit}.d/" for folder in _FOLDERS) if self.name else _FOLDERS
        whole = {f"{folder}{self.unit}" for folder in _FOLDERS}
        stale = any(path in whole or path.startswith(drop_ins) for path in touched)
        return Present({**observed.keys, "reload": "yes"}) if stale else observed

    def touches(self) -> tuple[str, ...]:
        """Return the unit."""
        return (self.unit,) if self.name else ()

    def _step(self, verb: str) -> Step:
        command, *options = verb.split()
        unit = sh(_NAMED if command in ("enable", "disable") else "unit={}", self.unit)
        return Step(f"{command} {self.unit}", lines(UNIT_SAID, sh(_OR_LOG, command, options, unit)))

    def _enabled(self, boot: str) -> str:
        if boot in _NO_INSTALL:
            return _word(self.enabled) or "no"
        return {"enabled": "yes", "enabled-runtime": "until the next boot"}.get(boot, "no")

    def _active(self, state: str) -> str:
        if state == "failed" and self.state == "stopped":
            return "inactive"
        return "active" if state == "reloading" else state


def _word(wish: bool | None) -> str | None:
    return None if wish is None else "yes" if wish else "no"


MODULE = Systemd
