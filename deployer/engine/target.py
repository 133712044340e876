"""What the ladder checks: one node as declared, with everything its rungs compare against."""

from __future__ import annotations

from dataclasses import dataclass

from deployer.beam.names import NodeName
from deployer.fleet import Health
from deployer.model import Secret


@dataclass(frozen=True, slots=True)
class Peer:
    """Another member of the cluster, as a place to reach."""

    node: NodeName
    host: str
    address: str
    epmd_port: int | None

    def __str__(self) -> str:
        return str(self.node)


@dataclass(frozen=True, slots=True)
class Target:
    """One declared node.

    Attributes:
        host: inventory name of the host it runs on.
        address: where EPMD and the distribution listen.
        epmd_port: None in a cluster without EPMD.
        ports: first and last port of the declared distribution range.
        release_dir: the directory it has to run from; None when no release is declared.
        otp: OTP release the tarball was built with; None when unknown.
        others: every other member of its cluster.
        crash_dump: path of its crash dump on the host; empty when unknown.
    """

    host: str
    node: NodeName
    unit: str
    address: str
    epmd_port: int | None
    ports: tuple[int, int]
    release_name: str = ""
    release_dir: str | None = None
    version: str | None = None
    otp: str | None = None
    cookie: Secret | None = None
    mesh: str = "app"
    others: tuple[Peer, ...] = ()
    health: Health | None = None
    crash_dump: str = ""

    @property
    def health_words(self) -> str:
        """How the health check is called in a report."""
        if self.health is None:
            return "no health check declared"
        return str(self.health.http or self.health.tcp or self.health.expr)
