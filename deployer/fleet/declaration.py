"""The declaration of one host: its words with every default filled in, and everything that follows from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from deployer.beam.cookie import guessable
from deployer.beam.names import NodeName, erlang_address
from deployer.beam.tarball import Tarball
from deployer.firewall.openings import overlap
from deployer.fleet.cluster import Cluster
from deployer.fleet.migration import Migration
from deployer.fleet.node import Member, Node
from deployer.fleet.words import ClusterWords, CrashDumpWords, Environment, FirewallWords, Health, Rollout
from deployer.load.marked import Open
from deployer.model import Mark
from deployer.releases import generations


@dataclass(frozen=True, slots=True)
class DeclaredRelease:
    """The release of a host, and where it is there.

    Attributes:
        archive: the tarball as inspected on the controller, with name, version, OTP and applications.
        root: its directory on the host, with ``versions/``, ``current`` and ``ledger/``.
        keep: number of complete releases to keep.
        migrate: the migration that runs once before the first host is switched to it; None without one.
        takeover: the unit of another tool that runs the application now; None without one.
        crash_dumps: how many crash dumps of a node are kept, and for how long.
    """

    archive: Tarball
    root: str
    user: str
    keep: int
    migrate: Migration | None = None
    takeover: str | None = None
    crash_dumps: CrashDumpWords = field(default_factory=CrashDumpWords)

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
        """Version and digest in one word: the same version, built again, is another release."""
        return f"{self.version}-{self.archive.sha256[:8]}"

    @property
    def path(self) -> str:
        """The directory from which the nodes run when it is current."""
        return f"{self.root}/versions/{self.id}"

    @property
    def generations(self) -> str:
        """The directory of its generations: each one release with the files that its nodes read at their start."""
        return generations.held(self.root)


@dataclass(frozen=True, slots=True)
class Declaration:
    """Everything one host declares, checked.

    Attributes:
        host: inventory name.
        address: the host's address as the inventory has it.
        env: environment of every node, already merged into each node's own.
        where: where it was written, for messages.
        now: the time at which certificates are checked and issued.
    """

    host: str
    address: str
    release: DeclaredRelease | None
    cluster: Cluster
    nodes: tuple[Node, ...]
    env: Environment
    firewall: FirewallWords | None
    health: Health | None
    rollout: Rollout
    where: Mark | None
    now: datetime

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is not wrong yet, but needs attention."""
        pki = self.cluster.pki
        found = [pki.expiry_warning(node.node.host, self.now) for node in self.nodes] if pki else []
        if self.release and self.release.takeover and self.cluster.cookie and guessable(self.cluster.cookie.reveal()):
            weak = f"the cookie of cluster {self.cluster.name} can be guessed; it is taken for the takeover alone"
            found.append(f"{weak}: give the cluster another one with deployer cookie rotate")
        return tuple(dict.fromkeys(text for text in found if text))

    def variables(self, members: Sequence[Declaration] = ()) -> dict[str, Any]:
        """Return the words for templates, with every default filled in and all derived values.

        Args:
            members: the declarations of all hosts of the play; those of other clusters are left out. A `Roster` has
                only this cluster.
        """
        return {
            "release": _release(self.release, self.nodes) if self.release else None,
            "cluster": self._cluster(members or (self,)),
            "nodes": [node.variables() | self.cluster.given_to(node.node.host, self.now) for node in self.nodes],
            "env": dict(self.env),
            "firewall": _firewall(self.firewall, self.health) if self.firewall else None,
            "health": _written(self.health) if self.health else None,
            "rollout": _written(self.rollout),
        }

    def _cluster(self, members: Sequence[Declaration]) -> dict[str, Any]:
        cluster = self.cluster
        roster = members if isinstance(members, Roster) else Roster.of(cluster.name, members)
        return _written(cluster.words, "pki") | {
            "name": cluster.name,
            "ports": "{}-{}".format(*cluster.ports),
            "port_min": cluster.ports[0],
            "port_max": cluster.ports[1],
            "bind": cluster.bind,
            "interface": erlang_address(cluster.bind),
            "ipv6": ":" in cluster.bind,
            **cluster.talk(self.now),
            "members_file": cluster.members_file,
            "etc": cluster.etc,
            "private": f"{cluster.etc}/private",
            "cookie_file": cluster.cookie_file,
            "epmd_unit": cluster.epmd_unit,
            "members": roster.listed,
            "addresses": roster.addresses,
            "node_names": roster.node_names,
        }


class Roster(tuple[Declaration, ...]):  # noqa: SLOT001 - it remembers what it has made
    """The members of one cluster, and the template variables about them: made once for all of its hosts."""

    @classmethod
    def of(cls, cluster: str, declared: Iterable[Declaration]) -> Roster:
        """Return the declarations of one cluster."""
        return cls(one for one in declared if one.cluster.name == cluster)

    @cached_property
    def listed(self) -> Open:
        """Every node: its name, its host's name and address, and its ports."""
        return Open(
            {"node": str(node.node), "host": member.host, "address": member.cluster.bind, "ports": list(node.ports)}
            for member in self
            for node in member.nodes
        )

    @cached_property
    def addresses(self) -> Open:
        """The addresses on which members listen, each once, in the order of the inventory."""
        return Open(dict.fromkeys(member["address"] for member in self.listed))

    @cached_property
    def node_names(self) -> Open:
        """The names of all nodes, in the order of the inventory."""
        return Open(member["node"] for member in self.listed)

    def others(self, node: NodeName) -> tuple[Member, ...]:
        """Return every member except this node. It is cut out by its index, because each node asks for this list."""
        at, every = self._places
        return every[: at[node]] + every[at[node] + 1 :] if node in at else every

    @cached_property
    def _places(self) -> tuple[dict[NodeName, int], tuple[Member, ...]]:
        every = tuple(_place(member, node) for member in self for node in member.nodes)
        return {place.node: i for i, place in enumerate(every)}, every


def _place(member: Declaration, node: Node) -> Member:
    cluster = member.cluster
    return Member(node.node, member.host, cluster.bind, cluster.epmd_port if cluster.epmd else None)


def _release(release: DeclaredRelease, nodes: Sequence[Node]) -> dict[str, Any]:
    archive = release.archive
    return {
        "name": release.name,
        "tarball": str(archive.path),
        "version": release.version,
        "maker": archive.maker,
        "sha256": archive.sha256,
        "root": release.root,
        "user": release.user,
        "keep": release.keep,
        "id": release.id,
        "path": release.path,
        "generations": release.generations,
        "current": f"{release.root}/current",
        # Not derived from nodes by a filter: a rendering that uses a node's environment would be a secret as a whole.
        "nodes": [node.as_unit() for node in nodes if not node.foreign],
        "takeover": release.takeover,
        "crash_dumps": asdict(release.crash_dumps),
        "claims": [node.as_claim() for node in nodes if not node.foreign],
        "needs": [asdict(need) for need in archive.needs],
        "size": archive.size,
        "manifest": archive.manifest,
        "erts": archive.erts,
        "epmd_sha256": archive.epmd,
        "otp": str(archive.otp) if archive.otp else None,
        "machine": archive.machine,
        "glibc": archive.glibc or "",
        "unpacked": archive.unpacked,
        "files": archive.files,
    }


def _firewall(firewall: FirewallWords, health: Health | None) -> dict[str, Any]:
    """Return the firewall words; the port of the health check counts as closed, unless it is opened explicitly."""
    opened = [*firewall.public, *(allow.port for allow in firewall.allow)]
    own = [port for port in _asked(health) if not any(overlap(port, one) for one in (*opened, *firewall.closed))]
    return _written(firewall) | {
        "allow": [{"port": allow.port, "from": list(allow.sources)} for allow in firewall.allow],
        "closed": [*firewall.closed, *own],
    }


def _asked(health: Health | None) -> list[str]:
    if health and health.http:
        parts = urlsplit(health.http)
        return [f"{parts.port or (443 if parts.scheme == 'https' else 80)}/tcp"]
    return [f"{health.tcp.rpartition(':')[2]}/tcp"] if health and health.tcp else []


def _written(words: ClusterWords | FirewallWords | Health | Rollout, *but: str) -> dict[str, Any]:
    """Return words as they were written, so that a new word is available to templates without further code."""
    named = {field.name: getattr(words, field.name) for field in fields(words) if field.name not in but}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in named.items()}
