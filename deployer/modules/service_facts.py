"""service_facts: which services there are, and how they are. It changes nothing; the facts are what it is for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from deployer.errors import ProbeError
from deployer.modules.base import Observed, Present, Sh, records
from deployer.modules.shared.only_reads import OnlyReads
from deployer.sh import script

_INIT = re.compile(r"\s*\[ ([+-]) \]\s+(.+)")
_BAD = ("not-found", "masked", "failed")


@dataclass(frozen=True, kw_only=True)
class ServiceFacts(OnlyReads):
    """The services of a host, as the fact ``services``: name → ``name``, ``state``, ``status``, ``source``.

    Units are called ``ssh.service``. For units that systemd has loaded, ``state`` is ``running`` or ``stopped``;
    otherwise it is systemd's word (``inactive``), and ``unknown`` for a template. ``status`` is ``enabled``,
    ``disabled``, ``static``, ``masked``, ``not-found``, ``failed`` and so on. Scripts in /etc/init.d are called
    ``ssh``, have the source ``sysv`` and no status. The probe reads it before a plan is made, so ``when`` of a later
    task may use it (docs/playbooks.md).
    """

    EXAMPLE: ClassVar[str] = """\
- name: which services the host has
  service_facts: {}
"""

    @classmethod
    def facts_of(cls, args: Mapping[str, object]) -> tuple[str, ...]:
        """Return ``services``."""
        del args
        return ("services",)

    def probe(self) -> Sh:
        """Print what init scripts and systemd say."""
        return script("service_facts.sh")

    def parse(self, out: str) -> Observed:
        """Return it as keys."""
        return Present(records(out, "init", "units", "files", "states"))

    def answer(self, observed: Observed) -> Mapping[str, object]:
        """Return it as Ansible does."""
        keys = observed.keys if isinstance(observed, Present) else {}
        try:
            services = {**_scripts(keys["init"]), **_units(keys)}
        except (KeyError, ValueError, IndexError):
            raise ProbeError("the host's list of services cannot be read") from None
        if not services:
            return {"skipped": True, "msg": "the host has no services"}
        return {"ansible_facts": {"services": services}}


def _scripts(told: str) -> dict[str, dict[str, str]]:
    found = {name: sign for sign, name in filter(None, (_two(_INIT.fullmatch(line)) for line in told.splitlines()))}
    state = {"+": "running", "-": "stopped"}
    return {name: {"name": name, "state": state[sign], "source": "sysv"} for name, sign in found.items()}


def _two(match: re.Match[str] | None) -> tuple[str, str] | None:
    return (match[1], match[2]) if match else None


def _units(keys: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the units that are loaded, and those that are only files."""
    services: dict[str, dict[str, str]] = {}
    for name, *words in map(str.split, keys["units"].splitlines()):
        load, active, sub = words[:3]
        status = next((bad for bad in _BAD if bad in (load, active, sub)), active)
        services[name] = _service(name, "running" if sub == "running" else "stopped", status)
    files = dict(line.split()[:2] for line in keys["files"].splitlines())
    plain = [name for name in files if "@." not in name]
    states = [word.partition("=")[2] for word in keys["states"].split()]
    active_of = dict(zip(plain, states, strict=True))
    for name, status in files.items():
        known = services.setdefault(name, _service(name, active_of.get(name, "unknown"), status))
        if known["status"] not in _BAD:
            known["status"] = status
    return services


def _service(name: str, state: str, status: str) -> dict[str, str]:
    return {"name": name, "state": state, "status": status, "source": "systemd"}


MODULE = ServiceFacts
