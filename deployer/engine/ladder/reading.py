"""The data of the ladder: a judge's result, and everything that is read of one node in one round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from deployer.beam.epmd import Registration
from deployer.engine.ladder.outcome import Outcome
from deployer.engine.ladder.readings import UnitReading


@dataclass(frozen=True, slots=True)
class Judgement:
    """The result of one rung for a node; ``ok`` is None when its rung could not be checked.

    ``caused_by_absent_host``: it fails only because of absent hosts, which have an error of their own.
    ``secondary``: it only misses members which are unhealthy or absent themselves.
    ``settled``: none of the missing members will be read again.
    ``outside``: members that it does not see, on hosts outside of this run; the rung does not fail because of them.
    ``missing``: members that it should see and does not, or hosts that do not reach it.
    ``strangers``: nodes that it sees, but that are not members.
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
    """A node's answers over the distribution protocol.

    Attributes:
        outcome: accepted, or what went wrong.
        detail: the sentence for a person.
        nodes: the nodes that it sees; None when it was not asked.
        hidden: the nodes to which it has a hidden connection, without ourselves.
        otp: its OTP release, such as ``25``; None when it was not asked.
        version: its release version from ``RELEASE_VSN``; None when it is no mix release or was not asked.
        applications: name → version of running applications; None when it was not asked.
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
        nodes: the nodes that it sees; None when it could not be asked.
        trouble: why no node can see it: its failed rung below the mesh, or its host; empty when it is healthy.
        absent: its host has failed in this run or could not be reached.
        settled: it will not be read again.
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
        unit: the reading of systemd and /proc; None before the host was read.
        epmd: the registration, None when the name is unknown, or a sentence that says why EPMD did not answer.
        listed: the names that EPMD lists if it does not know the node's name, in words.
        reach: host of another member → "" when it can open the node's ports, else why not.
        untried: host of another member that could not try it → why.
        outside: host that has tried the public ports → "" when all answered, else what is wrong with them.
        open: public ports that have answered every try in this climb; they are not tried again.
        walls: foreign firewall tables of the host that drop failed connections, in words.
        wall_advice: what to do about the first of these tables.
        dist: None when the node was not asked.
        health: None before it was checked, "" when healthy, else what is wrong.
        skipped_rungs: rung → why it cannot be checked here.
        hosts: the hosts of this run; a node does not fail because of members on other hosts (``--limit``).
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
