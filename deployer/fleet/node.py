"""One node of one host, as it is declared: its names, its places on the host, and what its unit sets."""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deployer.beam.maker import BuiltBy
from deployer.beam.names import NodeName
from deployer.fleet.unit import open_files
from deployer.fleet.words import Environment
from deployer.releases.generations import drop_in
from deployer.syntax import span_seconds

_DUMP = "erl_crash.dump"
_COUNTED = re.compile(r"(/[\w./+-]+)/([\w.+][\w.+-]*)", re.ASCII)
"""Paths that mean themselves in a unit, in sh and as a pattern."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node of one host.

    Attributes:
        node: its full name.
        port: its distribution port, None when any of ``ports`` will do.
        ports: first and last port it may listen on.
        foreign: its unit was not written by this project and is never altered.
        settings: what its unit sets beyond the role's own, as lines by directive.
        env: the environment declared for it; what follows from the cluster is added by the role.
        etc: directory of its cluster's files.
        tls: it reads them for TLS distribution too.
        maker: whose release it runs.
    """

    node: NodeName
    port: int | None
    ports: tuple[int, int]
    unit: str
    foreign: bool
    settings: Mapping[str, list[str]]
    user: str
    env: Environment
    vm_args: tuple[str, ...]
    etc: str
    tls: bool = False
    maker: BuiltBy = "mix"

    @property
    def name(self) -> str:
        """The part before the ``@``."""
        return self.node.name

    @property
    def runtime(self) -> str:
        """Directory on tmpfs, from start to stop: HOME with the cookie's copy, and RELEASE_TMP."""
        return f"/run/beam/{self.name}"

    @property
    def state(self) -> str:
        """Directory that stays: the working directory, with the crash dump."""
        return f"/var/lib/beam/{self.name}"

    @property
    def ctl(self) -> str:
        """The command for people, which runs what it is given as the node does."""
        return f"/usr/local/bin/{self.name}-ctl"

    @property
    def env_file(self) -> str:
        """Where its environment lies, for root alone."""
        return f"{self.etc}/private/{self.name}.env"

    @property
    def vm_args_file(self) -> str:
        """Where its flags lie."""
        return f"{self.etc}/{self.name}.vm.args"

    @property
    def remote_vm_args_file(self) -> str:
        """Where the flags of its remote commands lie."""
        return f"{self.etc}/{self.name}.remote.vm.args"

    @property
    def start_file(self) -> str:
        """Where the script lies that starts it, where that of its release would not do."""
        return f"{self.etc}/{self.name}.start"

    @property
    def crash_dump(self) -> str:
        """Where the emulator writes a crash dump; its working directory is `state`."""
        told = self.env.get("ERL_CRASH_DUMP")
        place = posixpath.join(self.state, told if isinstance(told, str) and told else _DUMP)
        return "" if self.foreign else place

    @property
    def crash_dumps(self) -> tuple[str, ...]:
        """Where crash dumps may lie: where it writes them now, and where it did before that was declared."""
        return () if self.foreign else tuple(dict.fromkeys((self.crash_dump, f"{self.state}/{_DUMP}")))

    @property
    def open_files(self) -> int | None:
        """How many files its unit lets it open, and so the emulator its ports; None for any number."""
        return open_files(self.settings["LimitNOFILE"][-1])

    def variables(self) -> dict[str, Any]:
        """Return the node as templates see it."""
        return {
            "name": self.name,
            "node": str(self.node),
            "host": self.node.host,
            "port": self.port,
            "port_min": self.ports[0],
            "port_max": self.ports[1],
            "unit": self.unit,
            "settings": dict(self.settings),
            "open_files": self.open_files,
            "foreign": self.foreign,
            "user": self.user,
            "env": dict(self.env),
            "vm_args": list(self.vm_args),
            "env_file": self.env_file,
            "vm_args_file": self.vm_args_file,
            "members_args_file": f"{self.etc}/{self.name}.members.args",
            "remote_vm_args_file": self.remote_vm_args_file,
            "start_file": self.start_file,
            "unit_file": drop_in(self.unit),
            "runtime": self.runtime,
            "ready": f"{self.runtime}/ready",
            "pem_file": f"{self.etc}/private/{self.name}.pem",
            "pem_copy": f"{self.runtime}/node.pem",
            "tls_options_file": self.tls_options_file,
            "state": self.state,
            "crash_dump": self.crash_dump,
            "counted_dump": _counted(self.crash_dump),
        }

    @property
    def tls_options_file(self) -> str:
        """The options of its TLS distribution."""
        return f"{self.etc}/{self.name}.tls.conf"

    def as_claim(self) -> dict[str, Any]:
        """Return what the node wants for itself on its host, as the module preflight wants it."""
        first, last = self.ports
        return {"name": self.name, "unit": self.unit, "runtime": self.runtime, "port_min": first, "port_max": last}

    def as_unit(self) -> dict[str, Any]:
        """Return the node as the module beam_nodes wants it."""
        return {
            "name": self.name,
            "node": str(self.node),
            "unit": self.unit,
            "user": self.user,
            "runtime": self.runtime,
            "env_file": self.env_file,
            "vm_args_file": self.vm_args_file,
            "ctl": self.ctl,
            "configs": [
                self.env_file,
                self.vm_args_file,
                self.remote_vm_args_file,
                *([self.tls_options_file] if self.tls else []),
                *([self.start_file] if self.maker == "rebar3" else []),
            ],
            "start": self.start_file if self.maker == "rebar3" else "",
            "shared": [f"{self.etc}/ca.pem"] if self.tls else [],
            "start_seconds": self.start_seconds,
            "stop_seconds": self.stop_seconds,
        }

    @property
    def start_seconds(self) -> int:
        """How long its unit lets a start take."""
        return self._seconds("TimeoutStartSec", 90)

    @property
    def stop_seconds(self) -> int:
        """How long its unit lets a stop take."""
        return self._seconds("TimeoutStopSec", 60)

    def _seconds(self, setting: str, default: int) -> int:
        """Return what its unit says of a time span; ``default`` is that of the node role's unit."""
        return math.ceil(span_seconds(self.settings.get(setting, [""])[-1]) or default)


def _counted(dump: str) -> dict[str, str] | None:
    """Return directory and name of the crash dumps that the unit counts and ages; None where it does not."""
    found = None if dump.startswith("/dev/") else _COUNTED.fullmatch(dump)
    return found and {"folder": found[1], "name": found[2]}


@dataclass(frozen=True, slots=True)
class Member:
    """A node of a cluster, as a place to reach."""

    node: NodeName
    host: str
    address: str
    epmd_port: int | None

    def __str__(self) -> str:
        return str(self.node)
