"""The host's EPMD: one for each port, listening where its clusters say and nowhere else, outliving every release."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated, ClassVar

from deployer.beam.epmd import epmd_fault
from deployer.checks import absolute
from deployer.errors import ConfigError, ProbeError
from deployer.fields import Doc
from deployer.modules.base import Absent, Changes, Module, Observed, Present, Reads, Step, records
from deployer.modules.shared.epmd_sh import ADDRESS, BACK, BINARY, INSTALL, PROVEN, RIVALS, START, TAKE_OVER
from deployer.sh import Sh, lines, script, sh
from deployer.sh.sockets import HOLDER, hex_address, hex_port
from deployer.sh.units import FAILED, properties, show_unit

HOME = "/usr/local/lib/beam"
_LOOPBACK = frozenset({"127.0.0.1", "::1"})
_AS_DECLARED = "loopback and the declared addresses"


def _addresses(given: tuple[str, ...]) -> str | None:
    for text in given:
        try:
            if ipaddress.ip_address(text).is_unspecified:
                return f"{text} means all addresses; write one address of the host"
        except ValueError:
            return f"{text!r} is not an IP address"
    return None if given else "write at least one address"


def _word(text: str) -> str | None:
    return None if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", text) else "write letters, digits, ., _ and -"


@dataclass(frozen=True, kw_only=True)
class Epmd(Module):
    """EPMD as a service of its own.

    The program is a copy outside every release directory, so neither a switch nor a prune removes it. Only a newer
    version replaces it, so two releases on one host do not conflict. Its digest is recorded: an altered program is not
    started, and is replaced. Each cluster keeps its addresses in a file of its own under ``/etc/beam/epmd.d/PORT``; the
    unit combines them.
    """

    EXAMPLE: ClassVar[str] = """\
- name: EPMD
  epmd:
    cluster: shop
    addresses: ["10.0.0.2"]
    source: /opt/shop/current/erts-13.1.5/bin/epmd
    version: "13.1.5"
"""

    cluster: Annotated[str, Doc("whose addresses these are", check=_word, example="shop")]
    addresses: Annotated[
        tuple[str, ...], Doc("where it listens besides loopback", check=_addresses, example=("10.0.0.2",))
    ]
    source: Annotated[
        str, Doc("an epmd program on the host", check=absolute, example="/opt/shop/current/erts-13.1.5/bin/epmd")
    ]
    version: Annotated[str, Doc("the ERTS version that program is of", check=_word, example="13.1.5")]
    sha256: Annotated[
        str, Doc("digest of that program, as release.epmd_sha256 has it; left out, what lies there is trusted")
    ] = ""
    port: Annotated[int, Doc("the port")] = 4369

    @property
    def unit(self) -> str:
        """The instance of ``beam-epmd@.service`` that the role writes."""
        return f"beam-epmd@{self.port}.service"

    @property
    def _addresses(self) -> str:
        return f"/etc/beam/epmd.d/{self.port}"

    @property
    def _started(self) -> str:
        return f"/run/beam-epmd-{self.port}/started"

    def desired(self) -> Present:
        """Return what the host should say; sockets count, not files."""
        return Present(
            {
                "version": self.version,
                "addresses": " ".join(sorted(self.addresses)),
                "enabled": "enabled",
                "active": "active",
                "config": "current",
                "listening": _AS_DECLARED,
                "holder": self.unit,
            }
        )

    def probe(self) -> Sh:
        """Print the unit, the files and the sockets."""
        given = sh("lib={} addresses={} cluster={} started={}", HOME, self._addresses, self.cluster, self._started)
        ports = sh("port={} heard_port={}", self.port, hex_port(self.port))
        return lines(HOLDER, show_unit(self.unit), given, ports, script("epmd.sh"))

    def reads(self) -> Reads:
        """Return its program, and what it has read at its start."""
        places = f"{HOME}/epmd", self._addresses, "/etc/systemd/system/beam-epmd@.service", self._started
        return Reads(places, sums=(f"{HOME}/epmd",), within=(self._addresses,))

    def parse(self, out: str) -> Observed:
        """Judge them.

        Raises:
            ConfigError: a program that is no EPMD holds the port.
        """
        found = records(out)
        if not {"shown", "declared", "listening"} <= found.keys():
            raise ProbeError("the host's answer about EPMD is incomplete")
        unit = properties(found["shown"])
        sockets = [line.split() for line in found["listening"].splitlines()]
        if any(len(words) != 2 for words in sockets):
            raise ProbeError("the host's list of listening sockets is damaged")
        holder = self._holder(found, {inode for _, inode in sockets})
        if "version" not in found and "own" not in found and not sockets:
            return Absent()
        current = unit["NeedDaemonReload"] == "no" and not found.get("stale")
        return Present(
            {
                "version": self._version(found),
                "addresses": " ".join(sorted(found.get("own", "").split())),
                "enabled": unit["UnitFileState"] or "unknown",
                "active": unit["ActiveState"],
                "config": "current" if current else "newer than the process",
                "listening": self._listening({hex_address(word) for word, _ in sockets}, found["declared"].split()),
                "holder": holder,
            }
        )

    def _version(self, found: dict[str, str]) -> str:
        have, digest, recorded = (found.get(key, "") for key in ("version", "digest", "recorded"))
        if not digest or not have:
            return "none"
        if digest != recorded:
            return f"{have}, not recorded" if digest == self.sha256 else f"{have}, altered"
        return self.version if _numbers(have) >= _numbers(self.version) else have

    def _listening(self, have: set[str], declared: list[str]) -> str:
        wanted = set(self.addresses) | set(declared) | _LOOPBACK
        fine = wanted - {"::1"} <= have <= wanted  # a host without IPv6 has no ::1
        return _AS_DECLARED if fine else ", ".join(sorted(have)) or "nowhere"

    def _holder(self, found: dict[str, str], inodes: set[str]) -> str:
        if not inodes:
            return "nobody"
        own = set(re.findall(r"socket:\[(\d+)\]", found.get("sockets", "")))
        if inodes <= own:
            return self.unit
        pid, name, group = [*found.get("holder", "").split(" ", 2), "", ""][:3]
        where = group.rpartition("/")[2]
        if name == "systemd":
            where = ([*found.get("socket", "").split(), "", ""])[1] or where
        if name and name != "epmd" and not where.startswith("epmd"):
            hint = "stop it, or choose another cluster.epmd_port for all hosts of the cluster"
            raise ConfigError(f"port {self.port} is held by {name} (pid {pid} of {where})", hint=hint)
        return f"{name} (pid {pid} of {where})" if name else "another process"

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Put it in place and start it; nodes register again within two seconds (OTP 23.3)."""
        if not changes:
            return ()
        port = hex_port(self.port)
        parts = [
            HOLDER,
            FAILED,
            sh("unit={} addresses={} source={} lib={}", self.unit, self._addresses, self.source, HOME),
            INSTALL,
            sh(BACK, epmd_fault(self.version)),
        ]
        if "version" in changes:
            parts.append(sh(BINARY, self.sha256))
        if "addresses" in changes:
            parts.append(sh(ADDRESS, self.cluster, "\n".join(sorted(self.addresses))))
        if changes.keys() == {"enabled"}:
            return (Step(f"enable {self.unit}", sh("systemctl enable --quiet -- {}", self.unit)),)
        if "holder" in changes:
            parts.append(Sh(RIVALS))
            if changes["holder"].before not in (None, "nobody"):
                parts.append(sh(TAKE_OVER, port))
        parts.append(sh(START, port))
        if "version" in changes:
            parts.append(sh(PROVEN, self.version))
        return (Step(f"start {self.unit}", lines(*parts)),)

    def touches(self) -> tuple[str, ...]:
        """Return program, address file and unit."""
        return (f"{HOME}/epmd", f"/etc/beam/epmd.d/{self.port}/{self.cluster}", self.unit)

    def predict(self, touched: frozenset[str], observed: Observed) -> Observed:
        """A changed unit file means a restart."""
        if isinstance(observed, Present) and touched & {"/etc/systemd/system/beam-epmd@.service", "beam-epmd@.service"}:
            return Present({**observed.keys, "config": "newer than the process"})
        return observed


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)) or (-1,)


MODULE = Epmd
