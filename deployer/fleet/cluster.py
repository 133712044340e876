"""A cluster as declared on one of its hosts: what its nodes share, and where their files are on a host."""

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
    """Nodes that share one cookie and mesh, as declared on one host.

    ``words``: the declaration as written; the other fields have defaults filled in, or follow from it.
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
        """The environment file that names all members; nodes read it at their start, and a change restarts no node."""
        return f"{self.etc}/members.env"

    @property
    def tls(self) -> bool:
        """Whether the distribution runs over TLS."""
        return self.pki is not None

    @property
    def protocol(self) -> str:
        """The value of ``-proto_dist``."""
        return f"inet{'6' if ':' in self.bind else ''}_{'tls' if self.tls else 'tcp'}"

    @property
    def kind(self) -> str:
        """The kind of distribution, which all its nodes must share to be able to connect."""
        return name_kind(self.protocol, self.names, epmd=self.epmd_port if self.epmd else None)

    @property
    def ca_file(self) -> str:
        """Path of the authority's certificate on a host."""
        return f"{self.etc}/ca.pem"

    @property
    def etc(self) -> str:
        """Directory of the cluster's files on a host; secret files are in ``private`` below it, mode 0700."""
        return f"/etc/beam/{self.name}"

    @property
    def cookie_file(self) -> str:
        """Path of the cookie on a host; nodes get a copy at their start."""
        return f"{self.etc}/private/cookie"

    @property
    def epmd_unit(self) -> str:
        """The unit of EPMD on a host; clusters on one host with the same port share it."""
        return f"beam-epmd@{self.epmd_port}.service"

    def talk(self, now: datetime) -> dict[str, Any]:
        """Return the template variables about the distribution and the trusted authority."""
        return {
            "tls": self.tls,
            "protocol": self.protocol,
            "kind": self.kind,
            "ca_file": self.ca_file,
            "authority": self.pki.trust_anchors(now) if self.pki else "",
        }

    def given_to(self, host: str, now: datetime) -> dict[str, Any]:
        """Return the template variables about a node's certificate; none without TLS."""
        return self.pki.variables(host, now) if self.pki else {}
