"""One declaration for one host: the words with every default filled in, and everything that follows from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from deployer.beam.names import NodeName, erlang_address
from deployer.beam.tarball import Tarball
from deployer.fleet.cluster import Cluster
from deployer.fleet.words import Environment, Firewall, Health, Rollout
from deployer.model import Mark


@dataclass(frozen=True, slots=True)
class Release:
    """What runs on a host, and where it lies there.

    Attributes:
        archive: the tarball as it was inspected on the controller; name, version, OTP and applications are in it.
        root: directory on the host; holds ``versions/``, ``current`` and ``ledger/``.
        keep: complete releases kept.
    """

    archive: Tarball
    root: str
    user: str
    keep: int

    @property
    def name(self) -> str:
        """The OTP release's name."""
        return self.archive.name

    @property
    def version(self) -> str:
        """The release's version."""
        return self.archive.version

    @property
    def id(self) -> str:
        """Version and content in one word: the same version built anew is another release."""
        return f"{self.version}-{self.archive.sha256[:8]}"

    @property
    def path(self) -> str:
        """The directory that the nodes run from once it is current."""
        return f"{self.root}/versions/{self.id}"


@dataclass(frozen=True, slots=True)
class Node:
    """One node of one host.

    Attributes:
        node: its full name.
        port: its distribution port, None when any of ``ports`` will do.
        ports: first and last port it may listen on.
        foreign: its unit was not written by this project and is never altered.
        env: the environment declared for it; what follows from the cluster is added by the role.
        etc: directory of its cluster's files.
        tls: it reads them for TLS distribution too.
    """

    node: NodeName
    port: int | None
    ports: tuple[int, int]
    unit: str
    foreign: bool
    user: str
    env: Environment
    vm_args: tuple[str, ...]
    etc: str
    tls: bool = False

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
    def env_file(self) -> str:
        """Where its environment lies, for root alone."""
        return f"{self.etc}/private/{self.name}.env"

    @property
    def vm_args_file(self) -> str:
        """Where its flags lie."""
        return f"{self.etc}/{self.name}.vm.args"

    @property
    def crash_dump(self) -> str:
        """Where the emulator writes a crash dump."""
        return "" if self.foreign else f"{self.state}/erl_crash.dump"

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
            "foreign": self.foreign,
            "user": self.user,
            "env": dict(self.env),
            "vm_args": list(self.vm_args),
            "env_file": self.env_file,
            "vm_args_file": self.vm_args_file,
            "remote_vm_args_file": f"{self.etc}/{self.name}.remote.vm.args",
            "runtime": self.runtime,
            "ready": f"{self.runtime}/ready",
            "pem_file": f"{self.etc}/private/{self.name}.pem",
            "pem_copy": f"{self.runtime}/node.pem",
            "tls_options_file": self.tls_options_file,
            "state": self.state,
            "crash_dump": self.crash_dump,
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
        configs = [self.env_file, self.vm_args_file]
        if self.tls:
            configs += [f"{self.etc}/ca.pem", self.tls_options_file]
        return {"name": self.name, "unit": self.unit, "runtime": self.runtime, "configs": configs}


@dataclass(frozen=True, slots=True)
class Declaration:
    """Everything one host declares, checked.

    Attributes:
        host: inventory name.
        address: the host's address as the inventory has it.
        env: environment of every node, already merged into each node's own.
        where: where it was written, for messages.
        now: when it was declared: as of then certificates are judged, and issued.
    """

    host: str
    address: str
    release: Release | None
    cluster: Cluster
    nodes: tuple[Node, ...]
    env: Environment
    firewall: Firewall | None
    health: Health | None
    rollout: Rollout
    where: Mark | None
    now: datetime

    def variables(self, members: Sequence[Declaration] = ()) -> dict[str, Any]:
        """Return the words as templates see them: every default filled in, every derived value named.

        Args:
            members: the declarations of all hosts of the play; those of other clusters are left out.
        """
        return {
            "release": _release(self.release, self.nodes) if self.release else None,
            "cluster": self._cluster(members or (self,)),
            "nodes": [node.variables() | self.cluster.given_to(node.node.host, self.now) for node in self.nodes],
            "env": dict(self.env),
            "firewall": {"admin": list(self.firewall.admin), "public": list(self.firewall.public)}
            if self.firewall
            else None,
            "health": _health(self.health) if self.health else None,
            "rollout": {field.name: _plain(getattr(self.rollout, field.name)) for field in fields(Rollout)},
        }

    def _cluster(self, members: Sequence[Declaration]) -> dict[str, Any]:
        cluster = self.cluster
        return {
            "name": cluster.name,
            "cookie": cluster.cookie,
            "ports": "{}-{}".format(*cluster.ports),
            "port_min": cluster.ports[0],
            "port_max": cluster.ports[1],
            "epmd_port": cluster.epmd_port,
            "bind": cluster.bind,
            "interface": erlang_address(cluster.bind),
            "ipv6": ":" in cluster.bind,
            "names": cluster.names,
            "tls": cluster.tls,
            "protocol": cluster.protocol,
            "ca_file": cluster.ca_file,
            "authority": cluster.pki.believed(self.now) if cluster.pki else "",
            "epmd": cluster.epmd,
            "mesh": cluster.mesh,
            "etc": cluster.etc,
            "private": f"{cluster.etc}/private",
            "cookie_file": cluster.cookie_file,
            "epmd_unit": cluster.epmd_unit,
            "members": [
                {"node": str(node.node), "host": member.host, "address": member.cluster.bind, "ports": list(node.ports)}
                for member in members
                if member.cluster.name == cluster.name
                for node in member.nodes
            ],
        }


def _release(release: Release, nodes: Sequence[Node]) -> dict[str, Any]:
    archive = release.archive
    return {
        "name": release.name,
        "tarball": str(archive.path),
        "version": release.version,
        "sha256": archive.sha256,
        "root": release.root,
        "user": release.user,
        "keep": release.keep,
        "id": release.id,
        "path": release.path,
        "current": f"{release.root}/current",
        # Not derived from nodes by a filter: what touches a node's environment is a secret as a whole.
        "nodes": [node.as_unit() for node in nodes if not node.foreign],
        "claims": [node.as_claim() for node in nodes if not node.foreign],
        "needs": [asdict(need) for need in archive.needs],
        "size": archive.size,
        "erts": archive.erts,
        "otp": str(archive.otp) if archive.otp else None,
        "machine": archive.machine,
        "glibc": archive.glibc or "",
        "unpacked": archive.unpacked,
        "files": archive.files,
    }


def _health(health: Health) -> Mapping[str, Any]:
    return {name: getattr(health, name) for name in ("http", "tcp", "expr", "timeout", "stable")}


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
