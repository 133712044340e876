"""The facts of a host that rules judge; what could not be read never counts as good."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from deployer.audit.advisories import Advisories
from deployer.audit.process import CannotTell, NotApplicable, Process, Records
from deployer.audit.signatures import Signature
from deployer.errors import ProbeError
from deployer.fleet import AuditWords, Declaration
from deployer.modules.base import records
from deployer.sh import Frame, Sh, lines, script, sh
from deployer.sh.sockets import hex_address

_PACKAGE = "deployer.audit"
_TOLD = re.compile(r"name (\S+) at port (\d+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reach:
    """What is read beyond what every host is asked.

    Attributes:
        deep: what costs a host more than the rest together: heads of programs, whole logs, a dry run of apt.
        keys: the public keys by which accounts let people in.
        names: hosts in the names of the cluster's nodes that are no addresses.
        places: ``ADDRESS:PORT`` of what is open to everyone.
        signed: the root of a release that has to be what was signed; empty where nobody may sign.
    """

    deep: bool = False
    keys: bool = False
    names: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    signed: str = ""


def readers(reach: Reach | None = None) -> Mapping[str, Sh]:
    """Return every group of facts → the fragment that reads it: read-only, bounded, no secret travels."""
    reach = reach or Reach()
    given = sh("deep={} keys_wanted={} rs={}", "yes" if reach.deep else "", "yes" if reach.keys else "", "\x1e")
    sockets, holders = script("sockets.sh", "deployer.sh"), script("holders.sh", "deployer.sh")
    found = {name: lines(given, script(f"{name}.sh", _PACKAGE)) for name in ("machine", "login")}
    beyond = sh("names={} places={}", " ".join(reach.names[:64]), " ".join(reach.places[:8]))
    found["beyond"] = lines(beyond, script("beyond.sh", _PACKAGE))
    nodes = lines(given, script("node.sh", _PACKAGE), script("nodes.sh", _PACKAGE))
    found["signed"] = lines(sh("root={}", reach.signed), script("signed.sh", _PACKAGE)) if reach.signed else sh(":")
    return {"nodes": nodes, **found, "walls": lines(sockets, holders, script("walls.sh", _PACKAGE))}


def parse_group(frame: Frame) -> Records | str:
    """Return the records of one group's answer, or why there are none."""
    if frame.rc:
        return f"reading it failed: {frame.out.strip()[-200:]}"
    try:
        return records(frame.out)
    except ProbeError as error:
        return error.message


@dataclass(frozen=True)
class Facts:
    """Everything that rules are judged by, of one host.

    Attributes:
        groups: group of facts → its records, or why they could not be read.
        declared: what the host declares; None where it declares nothing.
        members: what the hosts of its cluster declare.
        live: node → what it answered over distribution; or why it could not be asked.
        advisories: known vulnerabilities; None where nobody has given any.
        words: what the inventory says of audits.
        signature: of the declared release's tarball; None where nobody is named who may sign.
    """

    groups: Mapping[str, Records | str]
    declared: Declaration | None = None
    members: Sequence[Declaration] = ()
    live: Mapping[str, Mapping[str, object] | str] = field(default_factory=dict)
    advisories: Advisories | None = None
    words: AuditWords = field(default_factory=AuditWords)
    signature: Signature | None = None

    def group(self, name: str) -> Records:
        """Return a group's records.

        Raises:
            CannotTell: it could not be read.
        """
        found = self.groups.get(name, "it was not asked for")
        if isinstance(found, str):
            raise CannotTell(found)
        return found

    def read(self, group: str, key: str, what: str, most: int = 0) -> str:
        """Return one reading; ``what`` names it in the answer, ``most`` is where its reader cuts it, in bytes.

        Raises:
            CannotTell: it could not be read, or not to its end.
        """
        found = self.group(group)
        if key not in found:
            raise CannotTell(f"this user cannot read {what}")
        if most and len(found[key].encode("utf-8", "surrogateescape")) >= most:
            raise CannotTell(f"{what} are larger than deployer reads; the rest is not known")
        return found[key]

    @cached_property
    def listening(self) -> Mapping[str, tuple[str, int]]:
        """Inode → address and port of every TCP socket of the host that listens; raises CannotTell."""
        found: dict[str, tuple[str, int]] = {}
        for word in self.read("nodes", "listening", "which sockets listen").split():
            inode, _, place = word.partition("/")
            at, _, port = place.partition(":")
            found[inode] = hex_address(at), int(port, 16)
        return found

    @cached_property
    def _processes(self) -> tuple[Process, ...]:
        raw, listening = self.group("nodes"), self.listening
        pids = [key.removeprefix("kind_") for key in raw if key.startswith("kind_")]
        own = {pid: {key[: -len(pid) - 1]: raw[key] for key in raw if key.endswith(f"_{pid}")} for pid in pids}
        names = {int(port): name for one in own.values() for name, port in _TOLD.findall(one.get("names_told", ""))}
        found = []
        for pid in pids:
            one = Process(pid, own[pid], listening)
            ports = (port for inode, (_, port) in listening.items() if inode in one.inodes)
            found.append(replace(one, registered=next((names[port] for port in ports if port in names), "")))
        return tuple(found)

    def _some(self, kind: str, none: str) -> tuple[Process, ...]:
        found = tuple(one for one in self._processes if one.raw["kind"] == kind)
        if not found and "all" not in self.group("nodes"):
            raise CannotTell("this user cannot see the processes of other users (hidepid)")
        if not found:
            raise NotApplicable(none)
        return found

    @property
    def beams(self) -> tuple[Process, ...]:
        """Every BEAM that runs; raises CannotTell, or NotApplicable where none does."""
        return self._some("beam", "no BEAM runs here")

    @property
    def epmds(self) -> tuple[Process, ...]:
        """Every EPMD that runs; raises CannotTell, or NotApplicable where none does."""
        return self._some("epmd", "no EPMD runs here")

    @property
    def told(self) -> Mapping[str, int]:
        """Node → the port that EPMD lists for it; for finding sockets, which are judged by themselves."""
        told = "\n".join(one.raw.get("names_told", "") for one in self._processes)
        return {name: int(port) for name, port in _TOLD.findall(told)}

    def dist_ports(self, beam: Process) -> tuple[tuple[str, int], ...]:
        """Return where a node's distribution listens: at the port that EPMD or its arguments tell, on its own sockets.

        Raises:
            CannotTell: its sockets cannot be seen, or nothing tells which of them it is.
        """
        own = beam.sockets
        port = self.told.get(beam.name.partition("@")[0])
        wanted = beam.port_range
        for node in self.declared.nodes if self.declared else ():
            if str(node.node) == beam.name:
                wanted = range(node.ports[0], node.ports[1] + 1)
        found = tuple(place for place in own if place[1] == port or place[1] in wanted)
        if not found and beam.alive:
            raise CannotTell(f"{beam.name}: it is not known which of its sockets is the distribution's")
        return found

    def units(self) -> Mapping[str, Mapping[str, str]]:
        """Return unit → what systemd says of it; of settings that come several times all, one a line.

        Raises:
            CannotTell: systemd could not be asked.
        """
        found: dict[str, dict[str, str]] = {}
        for block in self.read("nodes", "units", "the state of the units").split("\n\n"):
            told: dict[str, str] = {}
            for line in block.splitlines():
                word, equals, value = line.partition("=")
                if equals:
                    told[word] = f"{told[word]}\n{value}" if word in told else value
            if "EnvironmentFile" in told:
                told["EnvironmentFile"] = self._looked_at(told["EnvironmentFile"].split("\n"))
            found[told.get("Id", "")] = told
        return found

    def _looked_at(self, paths: Collection[str]) -> str:
        """Return the line with mode and owner of each of these files that could be looked at."""
        told = self.group("nodes").get("env_files", "").splitlines()
        return "\n".join(line for line in told if line.split(" ", 3)[3:] and line.split(" ", 3)[3] in paths)

    def unit_of(self, process: Process) -> Mapping[str, str]:
        """Return what systemd says of a process's service.

        Raises:
            CannotTell: systemd did not say.
            NotApplicable: it runs in no service.
        """
        if not process.unit:
            raise NotApplicable(f"{process.name} runs in no systemd service")
        found = self.units().get(process.unit)
        if not found:
            raise CannotTell(f"systemd does not know {process.unit}")
        return found

    def kernel(self, key: str) -> str:
        """Return a value of ``/proc/sys``, its path with slashes.

        Raises:
            CannotTell: it cannot be read.
            NotApplicable: this kernel has none.
        """
        lines = self.read("machine", "kernel", "the kernel's settings").splitlines()
        told = dict(line.partition("=")[::2] for line in lines)
        if key not in told:
            raise CannotTell(f"this user cannot read {key}")
        if told[key] == "absent":
            raise NotApplicable(f"this kernel has no {key}")
        return told[key]

    def machine(self, key: str, what: str) -> str:
        """Return a reading of the machine; raises CannotTell."""
        return self.read("machine", key, what)
