"""The nouns of the ladder: what a judge says, and everything that is read of one node in one round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from deployer.beam.epmd import Registration
from deployer.engine.ladder.outcome import Outcome
from deployer.engine.ladder.readings import UnitReading


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a judge says of a node; ``ok`` is None when its rung could not be climbed.

    ``caused_by_absent_host``: it fails because of hosts that are out of this run, for which that is told; this one has
    done what it could.
    ``secondary``: it lacks nothing but members which are unhealthy or absent themselves.
    ``settled``: and of all of those nothing more will be read.
    ``outside``: members that it does not see, on hosts that are not in this run; they are not held against it.
    ``missing``: members that it should see and does not, or hosts that do not reach it.
    ``strangers``: nodes that it sees, and that are no members.
    """

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
        outcome: accepted, or what went wrong.
        detail: the sentence for a person.
        nodes: the nodes it sees; None when it was not asked.
        hidden: the nodes it is connected to without seeing them, other than ourselves.
        otp: its OTP release, such as ``25``; None when it was not asked.
        version: its release version, as ``RELEASE_VSN`` says; None when it is no mix release or was not asked.
        applications: name → version of what runs; None when it was not asked.
    """

    outcome: Outcome
    detail: str = ""
    advice: str = ""
    nodes: tuple[str, ...] | None = None
    hidden: tuple[str, ...] = ()
    otp: str | None = None
    version: str | None = None
    applications: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class PeerView:
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
        open: public ports that have answered all who tried them in this climb, and are not tried again.
        walls: tables of others on the host that drop what was tried in vain, in words; ``wall_advice``: what to do.
        dist: None when the node was not asked.
        health: None before it was checked, "" when healthy, else what is wrong.
        skipped_rungs: rung → why it cannot be climbed here.
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
    open: frozenset[int] = frozenset()
    walls: tuple[str, ...] = ()
    wall_advice: str = ""
    dist: DistReading | None = None
    health: str | None = None
    skipped_rungs: Mapping[int, str] = field(default_factory=dict)
    hosts: frozenset[str] = frozenset()
    members: Mapping[str, PeerView] = field(default_factory=dict)
