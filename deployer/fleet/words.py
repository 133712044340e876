"""The fleet's words as a person writes them, typed, checked and documented in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from deployer.fields import Doc
from deployer.firewall.openings import Allow, admins, seconds
from deployer.fleet import grammar, unit
from deployer.fleet.audit_words import AuditWords, NotifyWords
from deployer.fleet.migration import MigrateWords
from deployer.model import Secret

Environment = Mapping[str, str | Secret]
Settings = Mapping[str, unit.UnitSetting]
_SERVICE = "write NAME: VALUE for each setting; the service of a node that others run is named by nodes[].service"


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeoverWords:
    """Who runs the application until now."""

    service: Annotated[
        str, Doc("its systemd service: the switch stops it, and a failure brings it back", check=grammar.service)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashDumpWords:
    """What stays of a node's crash dumps, which hold its cookie and whatever it had in its memory."""

    keep: Annotated[int, Doc("so many; with one, a crash replaces that of before", check=grammar.at_least(1))] = 1
    days: Annotated[int, Doc("older ones go when the node starts", check=grammar.at_least(1))] = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseWords:
    """What runs."""

    name: Annotated[str, Doc("the OTP release's name, as in mix.exs", check=grammar.release_name, example="shop")]
    tarball: Annotated[str, Doc("the release's .tar.gz on the controller", example="dist/shop-1.4.2.tar.gz")]
    version: Annotated[
        str | None,
        Doc("read from the tarball when left out; refused when they differ", check=grammar.release_version),
    ] = None
    root: Annotated[str | None, Doc("directory on the host; default /opt/NAME", check=grammar.root)] = None
    user: Annotated[str | None, Doc("system user the nodes run as; default NAME", check=grammar.user)] = None
    keep: Annotated[int, Doc("complete releases kept for a rollback", check=grammar.at_least(1))] = 5
    migrate: Annotated[
        MigrateWords | str | None,
        Doc(
            "an expression, or more words: runs once for each new release, on one host, before the first switch",
            example="Shop.Release.migrate()",
        ),
    ] = None
    takeover: Annotated[TakeoverWords | None, Doc("hosts run the application in another way until now")] = None
    crash_dumps: Annotated[CrashDumpWords, Doc("how many are kept, and for how long")] = CrashDumpWords()


@dataclass(frozen=True, slots=True, kw_only=True)
class PkiWords:
    """Whose certificates nodes trust: an authority of our own (``passphrase``), or certificates given (``ca``, …)."""

    passphrase: Annotated[
        Secret | None, Doc("encrypts the key of the authority that deployer tls init makes; at least 16 characters")
    ] = None
    directory: Annotated[
        str | None, Doc("where the authority is kept on the controller; default pki/CLUSTER beside the inventory")
    ] = None
    days: Annotated[int, Doc("how long a certificate lasts", check=grammar.at_least(1))] = 90
    renew: Annotated[
        int, Doc("days before its end from which it is renewed; given: is warned of", check=grammar.at_least(0))
    ] = 30
    ca: Annotated[str | None, Doc("given: certificates of the authorities to trust, PEM")] = None
    certificate: Annotated[
        str | None, Doc("given: the certificate of a host's nodes, PEM", example="certs/{{ inventory_hostname }}.pem")
    ] = None
    key: Annotated[Secret | None, Doc("given: its private key, PEM, not encrypted; {file: …} or !vault")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterWords:
    """Nodes that share one cookie and mesh."""

    name: Annotated[str | None, Doc("default: the release's name", check=grammar.alive_name)] = None
    cookie: Annotated[Secret | None, Doc("shared by all nodes; {env: …}, {file: …}, {command: […]} or !vault")] = None
    ports: Annotated[str, Doc("the distribution listens in this range", check=grammar.port_words)] = "9100-9109"
    epmd_port: Annotated[int, Doc("port of EPMD, the same on all hosts of the cluster", check=grammar.port_number)] = (
        4369
    )
    bind: Annotated[
        str | None, Doc("address EPMD and the distribution listen on; default: the host's", check=grammar.bind)
    ] = None
    names: Annotated[Literal["long", "short"], Doc("long: shop@10.0.0.1 or shop@a.example; short: shop@a")] = "long"
    tls: Annotated[bool, Doc("distribution over TLS, with certificates of both sides; see pki")] = False
    pki: Annotated[PkiWords | None, Doc("the certificate authority of the nodes, with tls: true")] = None
    epmd: Annotated[bool, Doc("false: no EPMD, one fixed port for every node of the cluster")] = True
    mesh: Annotated[
        Literal["app", "boot", "none"],
        Doc("app: the release connects its nodes; boot: they connect at start; none: no mesh is expected"),
    ] = "app"
    members_env: Annotated[
        str | None,
        Doc(
            "variable that holds the node names of all members with commas between, for a release that connects them; "
            "a new member restarts nobody",
            check=grammar.variable,
            example="CLUSTER_NODES",
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeWords:
    """One node of a host."""

    name: Annotated[str, Doc("the part before the @; also the unit's name", check=grammar.alive_name, example="shop")]
    host: Annotated[
        str | None,
        Doc(
            "the part after the @; default: the host's own name or cluster.bind; with short names that of the inventory"
        ),
    ] = None
    port: Annotated[int | None, Doc("its distribution port, inside cluster.ports", check=grammar.port_number)] = None
    env: Annotated[Environment, Doc("added to env of the fleet; values may be secrets", check=grammar.environment)] = (
        field(default_factory=dict)
    )
    vm_args: Annotated[tuple[str, ...], Doc("lines of vm.args for this node", check=grammar.vm_args)] = ()
    unit: Annotated[
        Settings, Doc("added to unit of the fleet: settings of this node's unit", check=unit.settings, hint=_SERVICE)
    ] = field(default_factory=dict)
    service: Annotated[
        str | None,
        Doc("a systemd service this project did not write, such as rabbitmq-server.service", check=grammar.service),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FirewallWords:
    """Who may come in. EPMD and distribution ports are open to the cluster's members and to nobody else.

    Every port at which a host serves SSH is open to ``admin``, whichever it is.
    """

    admin: Annotated[tuple[str, ...], Doc("networks that may reach SSH", check=admins, example=("10.0.0.0/8",))]
    public: Annotated[tuple[str, ...], Doc("ports open to everyone, such as 4000/tcp", check=grammar.public)] = ()
    allow: Annotated[
        tuple[Allow, ...], Doc("ports open to some, such as {port: 9187/tcp, from: [10.0.9.0/24]} or from: admin")
    ] = ()
    closed: Annotated[
        tuple[str, ...],
        Doc("ports that answer today and are shut on purpose, such as 8443/tcp", check=grammar.public),
    ] = ()
    confirm: Annotated[
        int, Doc("seconds in which a new login has to come through new rules, or the host goes back", check=seconds)
    ] = 60
    ssh_from_anywhere: Annotated[
        bool, Doc("everybody may reach SSH: admin may hold 0.0.0.0/0 or ::/0, and public a port of SSH")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a node proves that it does its work; exactly one of ``http``, ``tcp`` and ``expr``."""

    http: Annotated[
        str | None, Doc("http:// or https://, asked from the host itself; any 2xx is healthy", check=grammar.http_url)
    ] = None
    verify: Annotated[
        bool, Doc("of https: its certificate is checked and names server_name; false: any certificate will do")
    ] = True
    ca: Annotated[
        str | None, Doc("of https: authorities to trust, PEM, beside the inventory; default: this machine's own")
    ] = None
    server_name: Annotated[
        str | None,
        Doc(
            "of https: whom to ask for and whom the certificate has to name; default: the host in http",
            check=grammar.server_name,
        ),
    ] = None
    tcp: Annotated[str | None, Doc("ADDRESS:PORT that must accept", check=grammar.socket)] = None
    expr: Annotated[
        str | None,
        Doc(
            "expression that must be true, in Elixir, or in Erlang where the release has no Elixir",
            check=grammar.single_line,
        ),
    ] = None
    timeout: Annotated[float, Doc("seconds until it must be healthy", check=grammar.at_least(1))] = 60
    stable: Annotated[float, Doc("seconds it must stay healthy with the same process", check=grammar.at_least(0))] = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """How a new version reaches the hosts, and what happens when it does not (docs/rollouts.md)."""

    serial: Annotated[
        tuple[int | str, ...],
        Doc(
            "hosts of each batch: a number or per cent, or a list of them whose last one repeats", check=grammar.serial
        ),
    ] = (1, "25%")
    canary: Annotated[str | None, Doc("inventory name of the host that goes first, alone")] = None
    min_healthy: Annotated[
        int | str,
        Doc("nodes of the cluster that stay healthy at any time: a number or per cent", check=grammar.share),
    ] = 0
    max_failed: Annotated[
        int | None,
        Doc(
            "hosts that may fail before the roll stops; 0: the first one stops it; left out: 0, or what the play's "
            "max_fail_percentage says alone",
            check=grammar.at_least(0),
        ),
    ] = None
    on_failure: Annotated[
        Literal["stop", "rollback_batch", "rollback_fleet"],
        Doc("when the roll stops: leave what was switched, or send the batch or the whole fleet back"),
    ] = "stop"
    pause: Annotated[
        float | Literal["ask"], Doc("seconds between batches, or ask: a question on the terminal", check=grammar.pause)
    ] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSettings:
    """Every word of the fleet; an inventory's other variables are none of them."""

    release: Annotated[ReleaseWords | None, Doc("what runs")] = None
    cluster: Annotated[ClusterWords, Doc("nodes that share one cookie and mesh")] = field(default_factory=ClusterWords)
    nodes: Annotated[tuple[NodeWords, ...], Doc("this host's nodes; default: one named after the release")] = ()
    env: Annotated[Environment, Doc("environment of every node", check=grammar.environment)] = field(
        default_factory=dict
    )
    unit: Annotated[
        Settings, Doc("settings of every node's unit, such as {MemoryMax: 2G}", check=unit.settings, hint=_SERVICE)
    ] = field(default_factory=dict)
    firewall: Annotated[FirewallWords | None, Doc("who may come in; left out: the firewall is not touched")] = None
    health: Annotated[Health | None, Doc("how a node proves that it does its work")] = None
    rollout: Annotated[Rollout, Doc("how a new version reaches the hosts")] = field(default_factory=Rollout)
    audit: Annotated[AuditWords, Doc("what deployer audit lets off")] = field(default_factory=AuditWords)
    notify: Annotated[tuple[NotifyWords, ...], Doc("webhooks that are told of what was done")] = ()
