"""The nouns of the ladder: a rung's judgement, and everything that is read of one node in one round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from deployer.beam.epmd import Registration
from deployer.engine.ladder.readings import UnitReading

TITLES = {
    1: "host reachable",
    2: "unit active",
    3: "runs the declared release",
    4: "EPMD answers",
    5: "name registered",
    6: "reachable from every member",
    7: "cookie accepted",
    8: "sees every member",
    9: "versions as declared",
    10: "healthy",
}
READS = {
    1: "address, host key, login, sudo",
    2: "systemd: state, restarts, last result; of a failed start its last log lines and crash dump",
    3: "/proc: the program, its state, whether its file is still there",
    4: "EPMD's binary protocol on the declared address",
    5: "PORT_PLEASE2, never the text list, which can be forged; the port's owner from /proc",
    6: "TCP from members' hosts to EPMD and node; public ports, from outside",
    7: "the distribution handshake as a hidden node: the node proves the cookie, and so do we",
    8: "the node's own `nodes()` against the declaration (`cluster.mesh`), with what the others see",
    9: "asked from the node itself: `RELEASE_VSN`, OTP, the applications that run",
    10: "`health.http` (2xx), `health.tcp` or `health.expr`, for `health.stable` seconds with the same process",
}
"""What is read for each rung; docs/ladder.md shows it."""
MESH = 8
"""The rung that asks a node whom it sees."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One rung's judgement; ``ok`` is None when it could not be climbed.

    ``caused_by_absent_host``: it fails because of hosts that are out of this run, for which that is told; this one has
    done what it could.
    ``secondary``: it lacks nothing but members which are unhealthy or absent themselves.
    ``settled``: and of all of those nothing more will be read.
    ``outside``: members that it does not see, on hosts that are not in this run; they are not held against it.
    ``missing``: members that it should see and does not.
    ``strangers``: nodes that it sees, and that are no members.
    """

    number: int
    ok: bool | None
    detail: str
    advice: str = ""
    caused_by_absent_host: bool = False
    secondary: bool = False
    settled: bool = False
    outside: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DistReading:
    """What a node said when it was asked as another node would ask it.

    Attributes:
        outcome: ``accepted`` or the name of what went wrong, as `deployer.engine.ladder.asking` gives it.
        detail: the sentence for a person.
        nodes: the nodes it sees; None when it was not asked.
        hidden: the nodes it is connected to without seeing them, other than ourselves.
        otp: its OTP release, such as ``25``; None when it was not asked.
        version: its release version, as ``RELEASE_VSN`` says; None when it is no mix release or was not asked.
        applications: name → version of what runs; None when it was not asked.
    """

    outcome: str
    detail: str = ""
    advice: str = ""
    nodes: tuple[str, ...] | None = None
    hidden: tuple[str, ...] = ()
    otp: str | None = None
    version: str | None = None
    applications: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known of another member while a node is judged.

    Attributes:
        nodes: whom it sees; None when it could not be asked.
        trouble: why nobody could see it: the rung below the mesh at which it fails, or its host; empty when it is well.
        absent: its host is out of this run.
        settled: nothing more will be read of it.
    """

    nodes: tuple[str, ...] | None = None
    trouble: str = ""
    absent: bool = False
    settled: bool = False


@dataclass(frozen=True, slots=True)
class NodeReading:
    """Everything read of one node in one round.

    Attributes:
        lost: why the host could not be read, empty when it was.
        remedy: what to do about that.
        gone: the connection to the host is lost, so that asking again cannot help.
        unit: what systemd and /proc say; None before the host was read.
        epmd: the registration, None when the name is unknown, or the sentence that says why EPMD gave no answer.
        listed: what EPMD's list holds instead of an unknown name, in words.
        reach: host of another member → "" when it can open the node's ports, else why not.
        untried: host of another member that could not try it → why.
        outside: who has tried the host's public ports → "" when all answered, else what is wrong with them.
        walls: tables of others on the host that drop what was tried in vain, in words; ``wall_advice``: what to do.
        dist: None when the node was not asked.
        health: None before it was checked, "" when healthy, else what is wrong.
        unclimbable: rung → why it cannot be climbed here.
        hosts: the hosts of this run; what is declared on others (``--limit``) is not held against a node.
        members: node → what is known of the other members.
    """

    lost: str = ""
    remedy: str = ""
    gone: bool = False
    unit: UnitReading | None = None
    epmd: Registration | str | None = None
    listed: str = ""
    reach: Mapping[str, str] = field(default_factory=dict)
    untried: Mapping[str, str] = field(default_factory=dict)
    outside: Mapping[str, str] = field(default_factory=dict)
    walls: tuple[str, ...] = ()
    wall_advice: str = ""
    dist: DistReading | None = None
    health: str | None = None
    unclimbable: Mapping[int, str] = field(default_factory=dict)
    hosts: frozenset[str] = frozenset()
    members: Mapping[str, Sight] = field(default_factory=dict)


def healthy(rungs: Sequence[Rung]) -> bool:
    """Return whether a node that was climbed does its work: every rung holds, or it only misses unhealthy members."""
    return bool(rungs) and all(rung.secondary for rung in rungs if rung.ok is False)


def failed(rungs: Sequence[Rung]) -> Rung | None:
    """Return the rung that failed, if one did."""
    return next((rung for rung in rungs if rung.ok is False), None)
