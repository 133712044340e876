"""A cluster as one of its hosts sees it: what its nodes share, and where that lies on a host."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deployer.beam.names import Naming, name_kind
from deployer.fleet.pki import Pki
from deployer.fleet.words import ClusterWords
from deployer.model import Secret


@dataclass(frozen=True, slots=True)
class Cluster:
    """Nodes that share one cookie and mesh, as seen from one host.

    ``words`` is what was written; beside it stands what is filled in, or follows from it.
    """

    name: str
    cookie: Secret | None
    ports: tuple[int, int]
    epmd_port: int
    bind: str
    names: Naming
    epmd: bool
    mesh: str
    words: ClusterWords
    pki: Pki | None = None

    @property
    def members_file(self) -> str:
        """Environment that names all members; nodes read it at their start, and nobody restarts when it changes."""
        return f"{self.etc}/members.env"

    @property
    def tls(self) -> bool:
        """Whether the distribution runs over TLS."""
        return self.pki is not None

    @property
    def protocol(self) -> str:
        """What ``-proto_dist`` says."""
        return f"inet{'6' if ':' in self.bind else ''}_{'tls' if self.tls else 'tcp'}"

    @property
    def kind(self) -> str:
        """What its nodes must have in common before they can meet."""
        return name_kind(self.protocol, self.names, epmd=self.epmd_port if self.epmd else None)

    @property
    def ca_file(self) -> str:
        """Where the authority's certificate lies on a host."""
        return f"{self.etc}/ca.pem"

    @property
    def etc(self) -> str:
        """Directory of the cluster's files on a host; what is secret lies in ``private`` below it, mode 0700."""
        return f"/etc/beam/{self.name}"

    @property
    def cookie_file(self) -> str:
        """Where the cookie lies on a host; nodes are given a copy at start."""
        return f"{self.etc}/private/cookie"

    @property
    def epmd_unit(self) -> str:
        """The unit of EPMD on a host; clusters on one host share it as they share its port."""
        return f"beam-epmd@{self.epmd_port}.service"

    def talk(self, now: datetime) -> dict[str, Any]:
        """Return what templates see of how its nodes talk to each other, and whom they trust."""
        return {
            "tls": self.tls,
            "protocol": self.protocol,
            "kind": self.kind,
            "ca_file": self.ca_file,
            "authority": self.pki.trust_anchors(now) if self.pki else "",
        }

    def given_to(self, host: str, now: datetime) -> dict[str, Any]:
        """Return what templates see of a node's certificate; nothing without TLS."""
        return self.pki.variables(host, now) if self.pki else {}
