"""What the ladder checks: a declared node, with everything that its rungs compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from deployer.beam.identity import Identity
from deployer.beam.names import NodeName
from deployer.fleet import Cluster, Declaration, Health, Member, Node, Roster
from deployer.model import Secret


@dataclass(frozen=True, slots=True, eq=False)  # one node is itself: a key in the rounds of readings
class Target:
    """One declared node.

    Attributes:
        host: inventory name of the host on which it runs.
        address: the address on which EPMD and the distribution listen.
        epmd_port: None in a cluster without EPMD.
        ports: first and last port of the declared distribution range.
        release_dir: the directory from which it has to run; None when no release is declared.
        otp: the OTP release that the tarball was built with; None when unknown.
        erts: version of its runtime; empty when no release is declared.
        foreign: deployer does not install it; only its unit is named.
        applications: version by application, from the tarball; empty when no release is declared.
        epmd_unit: the unit of EPMD; empty when no release is declared for the node.
        tls: our certificate and the trusted authority for distribution over TLS; None without TLS.
        others: every other member of its cluster.
        public: ports of the host that everyone may reach, as declared: ``4000/tcp``.
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
    others: tuple[Member, ...] = ()
    health: Health | None = None
    crash_dump: str = ""
    applications: Mapping[str, str] = field(default_factory=dict)
    epmd_unit: str = ""
    tls: Identity | None = None
    erts: str = ""
    public: tuple[str, ...] = ()
    foreign: bool = False

    def at(self, port: int) -> str:
        """Return the node's address with a port; an IPv6 address is put in brackets."""
        return f"[{self.address}]:{port}" if ":" in self.address else f"{self.address}:{port}"

    @property
    def health_words(self) -> str:
        """The name of the health check in a report."""
        if self.health is None:
            return "no health check declared"
        return str(self.health.http or self.health.tcp or self.health.expr)


def targets_of(own: Declaration | None, members: Sequence[Declaration]) -> tuple[Target, ...]:
    """Return a target for each node that a host declares; ``members``: all hosts' declarations, its own included."""
    if own is None:
        return ()
    roster = members if isinstance(members, Roster) else Roster(members)
    return tuple(_target(own, own.cluster, node, roster.others(node.node)) for node in own.nodes)


def _target(own: Declaration, cluster: Cluster, node: Node, others: tuple[Member, ...]) -> Target:
    release = None if node.foreign else own.release
    return Target(
        host=own.host,
        node=node.node,
        unit=node.unit,
        address=cluster.bind,
        epmd_port=cluster.epmd_port if cluster.epmd else None,
        ports=node.ports,
        release_name=release.name if release else "",
        release_dir=release.path if release else None,
        version=release.version if release else None,
        otp=str(release.archive.otp) if release and release.archive.otp else None,
        cookie=cluster.cookie,
        mesh=cluster.mesh,
        others=others,
        health=own.health,
        crash_dump=node.crash_dump,
        applications=release.archive.applications if release else {},
        epmd_unit=cluster.epmd_unit if release else "",
        tls=cluster.pki.ours(node.node.host, own.now) if cluster.pki else None,
        erts=release.archive.erts if release else "",
        public=own.firewall.public if own.firewall else (),
        foreign=node.foreign,
    )
