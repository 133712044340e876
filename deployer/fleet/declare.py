"""From words to a declaration: what one host says is made whole and checked before any host is touched."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deployer.beam import cookie, remembered, tarball
from deployer.beam.names import check_alive, parse_node
from deployer.errors import At, ConfigError, Problems
from deployer.fields import build, describe
from deployer.fleet import grammar, unit
from deployer.fleet.cluster import Cluster
from deployer.fleet.compatible import clash_errors
from deployer.fleet.declaration import Declaration, DeclaredRelease
from deployer.fleet.migration import MigrateWords, Migration, migration_of
from deployer.fleet.node import Node
from deployer.fleet.pki import ManagedCA, Pki, ProvidedCerts, authorities
from deployer.fleet.places import Places
from deployer.fleet.rules import family, problems
from deployer.fleet.words import FleetSettings, Health, NodeWords, PkiWords, ReleaseWords
from deployer.load.marked import Map, marks_of
from deployer.model import Mark


def declare(
    words: Mapping[str, Any],
    *,
    host: str,
    address: str,
    where: Mark | None,
    directory: Path | None = None,
    beside: Path | None = None,
    now: datetime | None = None,
    need_tarball: bool | None = True,
) -> Declaration | None:
    """Return what a host declares, or None when it has neither a release nor nodes.

    Args:
        words: the host's variables, templated; those that are not words of the fleet are ignored. The cookie is a
            `deployer.model.Secret` that has been read, or None.
        host: inventory name.
        address: where the host is reached; the default of ``cluster.bind`` and of the node names.
        where: the place to name in errors.
        directory: where a relative ``release.tarball`` starts; default: the working directory.
        beside: where relative paths of ``cluster.pki`` start; default: the working directory.
        now: the moment of the run.
        need_tarball: False lets a missing tarball be, for those who only ask the hosts what they have; None reads none.

    Raises:
        ConfigError: a word is unknown, missing or wrong; its path (``cluster.ports``) is in the message.
    """
    known = [field.name for field in describe(FleetSettings) if words.get(field.name) is not None]
    places = Places(words, where)
    given = build(FleetSettings, Map(((name, words[name]) for name in known), marks=marks_of(words)), where=where)
    if given.release is None and not given.nodes:
        return None
    bases = directory or Path(), beside or Path()
    found = _Maker(given, host, address, places, *bases, now or datetime.now(UTC), need_tarball).declaration()
    for problem in problems(found):
        raise ConfigError(problem.text, where=places.of(problem.path), hint=problem.hint)
    return found


@dataclass(frozen=True, slots=True)
class _Maker:
    """Fills in defaults; each method makes one noun."""

    words: FleetSettings
    host: str
    address: str
    places: Places
    directory: Path
    beside: Path
    now: datetime
    need_tarball: bool | None

    def declaration(self) -> Declaration:
        release = self.release()
        cluster = self.cluster(release)
        if release:
            Problems.check(clash_errors(release.archive, cluster.names))
        nodes = self.words.nodes or ((NodeWords(name=release.name.lower()),) if release else ())
        return Declaration(
            host=self.host,
            address=self.address,
            release=release,
            cluster=cluster,
            nodes=tuple(self.node(i, node, cluster, release) for i, node in enumerate(nodes)),
            env=self.words.env,
            firewall=self.words.firewall,
            health=self.health(),
            rollout=self.words.rollout,
            where=self.places.where,
            now=self.now,
        )

    def release(self) -> DeclaredRelease | None:
        words = self.words.release
        if words is None:
            return None
        path = (self.directory / Path(words.tarball).expanduser()).absolute()
        try:
            stat = path.stat() if self.need_tarball is not None else None
        except OSError as error:
            if self.need_tarball:
                problem = f"release.tarball {words.tarball}: {error.strerror}"
                raise self.wrong("release.tarball", problem, "build it, or correct the path") from None
            stat = None
        archive = tarball.unread_tarball(path, words.name, words.version or "")
        if stat:
            archive = remembered.learn_once(path, stat.st_mtime_ns, stat.st_size, words.name, words.version)
        user = words.user or words.name.lower()
        if complaint := grammar.user(user):
            raise self.wrong("release.user", f"release.user {user!r}: {complaint}", "write release.user")
        old, root = getattr(words.takeover, "service", None), words.root or f"/opt/{words.name}"
        return DeclaredRelease(archive, root, user, words.keep, self.migration(words), old, words.crash_dumps)

    def migration(self, release: ReleaseWords) -> Migration | None:
        words = release.migrate
        if isinstance(words, str):
            place = self.places.of("release.migrate")
            words = build(MigrateWords, {"eval": words}, where=place, path="release.migrate")
        if words is None:
            return None
        own = [node.name for node in self.words.nodes if not node.service] or [release.name.lower()]
        if words.node and words.node not in own:
            problem = f"release.migrate.node: there is no node {words.node} on {self.host}"
            raise self.wrong("release.migrate.node", problem, f"its nodes: {', '.join(own)}")
        found = migration_of(words, words.node or own[0])
        if found is None:
            problem = "release.migrate needs exactly one of eval and command"
            raise self.wrong(
                "release.migrate", problem, "eval: an expression; command: a script of the release, such as bin/migrate"
            )
        return found

    def cluster(self, release: DeclaredRelease | None) -> Cluster:
        words = self.words.cluster
        name = words.name or (release.name.lower() if release else "")
        if not name:
            raise self.wrong(
                "cluster", "cluster.name is missing", "without a release the cluster needs a name of its own"
            )
        self.told("cluster.name", check_alive, name)
        if words.cookie is not None:
            # What others run, or ran until it is taken over, has the cookie they gave it: twenty letters of Erlang's.
            check = cookie.check_cookie if release and not release.takeover else cookie.check_format
            self.told("cluster.cookie", check, words.cookie.reveal())
        self.members_env(words.members_env)
        return Cluster(
            name=name,
            cookie=words.cookie,
            ports=grammar.port_range(words.ports),
            epmd_port=words.epmd_port,
            bind=words.bind or self.bind(),
            names=words.names,
            epmd=words.epmd,
            mesh=words.mesh,
            pki=self.pki(name, words.pki or PkiWords()) if words.tls else None,
            words=words,
        )

    def members_env(self, variable: str | None) -> None:
        """Hold that it is no variable of the nodes already."""
        if variable in {*self.words.env, *(key for node in self.words.nodes for key in node.env)}:
            raise self.wrong(
                "cluster.members_env", f"cluster.members_env is {variable}, which env sets too", "leave it out of env"
            )

    def pki(self, cluster: str, words: PkiWords) -> Pki:
        if words.ca and words.certificate and words.key and not words.passphrase:
            ca, certificate = (self.beside / Path(path).expanduser() for path in (words.ca, words.certificate))
            return ProvidedCerts(ca, certificate, words.key, words.renew, self.places.of("cluster.pki"))
        if words.ca or words.certificate or words.key:
            hint = "given certificates take ca, certificate and key; an authority of ours takes passphrase alone"
            raise self.wrong(
                "cluster.pki", "cluster.pki says neither whole certificates nor an authority of ours", hint
            )
        if not words.passphrase:
            hint = "write cluster.pki: {passphrase: …}, or ca, certificate and key of certificates that are given"
            raise self.wrong("cluster.tls", "cluster.tls: true needs a certificate authority", hint)
        if words.renew >= words.days:
            raise self.wrong(
                "cluster.pki.renew", "cluster.pki.renew is not below days", "or each run would renew every certificate"
            )
        directory = self.beside / Path(words.directory or f"pki/{cluster}").expanduser()
        return ManagedCA(cluster, directory, words.passphrase, words.days, words.renew, self.places.of("cluster.pki"))

    def health(self) -> Health | None:
        words = self.words.health
        if words is None or words.ca is None:
            return words
        path = self.beside / Path(words.ca).expanduser()
        with At(self.places.of("health.ca")):
            return replace(words, ca=authorities(path, "health.ca"))

    def bind(self) -> str:
        try:
            return str(ipaddress.ip_address(self.address))
        except ValueError:
            problem = f"cluster.bind is missing, and {self.address!r}, where this host is reached, is not an IP address"
            raise self.wrong(
                "cluster.bind", problem, "write the address that EPMD and the distribution listen on"
            ) from None

    def node(self, index: int, words: NodeWords, cluster: Cluster, release: DeclaredRelease | None) -> Node:
        host = words.host or (self.long_host(cluster) if cluster.names == "long" else self.host)
        where = f"nodes[{index}]"
        if words.service is None and release is None:
            hint = "a node of a foreign release needs the name of its service"
            raise self.wrong(f"{where}.service", f"{where}.service is missing", hint)
        if words.service and words.unit:
            problem = f"{where}.unit has no effect on {words.service}, which this project does not write"
            raise self.wrong(f"{where}.unit", problem, "leave one of unit and service out")
        return Node(
            node=self.told(where, parse_node, f"{words.name}@{host}", cluster.names),
            port=words.port,
            ports=(words.port, words.port) if words.port else cluster.ports,
            unit=words.service or f"{words.name}.service",
            foreign=words.service is not None,
            settings=unit.unit_lines({"LimitNOFILE": unit.LIMIT_NOFILE}, self.words.unit, words.unit),
            user=release.user if release else "",
            env={**self.words.env, **words.env},
            vm_args=words.vm_args,
            etc=cluster.etc,
            tls=cluster.tls,
            maker=release.archive.maker if release else "mix",
        )

    def long_host(self, cluster: Cluster) -> str:
        """A host name stays what it is; an address gives way to the one that the node really listens on."""
        return cluster.bind if family(self.address) else self.address

    def wrong(self, path: str, problem: str, hint: str) -> ConfigError:
        return ConfigError(problem, where=self.places.of(path), hint=hint)

    def told(self, path: str, check: Any, *args: Any) -> Any:
        """Run a check of `deployer.beam` and name the word it complains about."""
        try:
            return check(*args)
        except ConfigError as error:
            named = error.message if path in error.message else f"{path}: {error.message}"
            raise self.wrong(path, named, error.hint) from None
