"""What happens when hosts take their turns: batches, and what runs around the switch of their nodes."""

from __future__ import annotations

from dataclasses import dataclass

from deployer.events import Event

STOPPED = "stopped by Ctrl-C or SIGTERM"
"""Why a roll stops that a person wants no more of, which is no failure."""


@dataclass(frozen=True, slots=True)
class RollPlanned(Event):
    """The turns that the hosts of a play will take.

    Attributes:
        batches: the hosts of each batch, in order; a host where nothing changes is in none.
        hooks: ``before_switch: LABEL`` and ``after_start: LABEL``, with where and for whom each runs.
        unsure: hosts of the batches of which it is unknown until run whether a node is switched.
        migrations: what runs once before the first switch, of which release, on which host and as which node; or why
            it does not run.
        opens: what is done on all hosts before the first batch and lets more in, each with its hosts.
        closes: what is taken away on all hosts when the last batch is healthy, each with its hosts.
    """

    batches: tuple[tuple[str, ...], ...]
    hooks: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()
    migrations: tuple[str, ...] = ()
    opens: tuple[str, ...] = ()
    closes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FactChanged(Event):
    """Something that a kept plan rests on is not as it was, so the plan is refused.

    Attributes:
        host: empty for what is the whole play's.
        task: the label of a task; empty for what is the host's.
        key: what of it, such as ``mode`` or ``host key``.
        before: as it was planned; contents and secrets appear as digests.
        now: as it is.
    """

    host: str
    task: str
    key: str
    before: str
    now: str


@dataclass(frozen=True, slots=True)
class CellTried:
    """A port of a host, tried from another one.

    Attributes:
        source: the host it was tried from.
        what: what the port is for: SSH, EPMD, distribution, public or allow.
        declared: the rules let it through.
        tried: ``open``, ``refused`` (let through, and nobody listens), ``no answer``, ``silent`` (of UDP: somebody
            listens and says nothing, so whether it came through is not known), or why it was not tried.
        differs: it is not as declared.
        protocol: tcp or udp.
    """

    source: str
    host: str
    port: int
    what: str
    declared: bool
    tried: str
    differs: bool
    protocol: str = "tcp"


@dataclass(frozen=True, slots=True)
class MatrixTried(Event):
    """Who reaches which port of whom, in one play."""

    cells: tuple[CellTried, ...]


@dataclass(frozen=True, slots=True)
class HostMoved(Event):
    """A host has come to another state of the roll.

    Attributes:
        state: one of `deployer.engine.roll.state.HostState`, such as ``waiting``, ``switched`` or ``reverted``.
        release: id of the release that it went back to.
        reason: why the roll stopped before it was switched; empty when its own problem says it.
    """

    host: str
    state: str
    release: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class BatchStarted(Event):
    """These hosts' turn has come; batches are counted from 1."""

    number: int
    of: int
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BatchEnded(Event):
    """A batch has been switched and its ladder climbed, or not.

    Attributes:
        ok: every one of its hosts is well, and every node that was well before it still is.
        healthy: nodes of the run whose ladder holds, out of ``nodes``.
        stops: why the roll stops here; empty when it goes on.
    """

    number: int
    of: int
    hosts: tuple[str, ...]
    ok: bool
    healthy: int
    nodes: int
    seconds: float
    stops: str = ""

    @property
    def ended(self) -> str:
        """How it ended, in a word: ``ok``, ``stopped`` by a person, or ``failed``."""
        return "ok" if self.ok else "stopped" if self.stops == STOPPED else "failed"


@dataclass(frozen=True, slots=True)
class HookDone(Event):
    """A hook ran to its end, on its host or on this machine; ``output`` is what it printed.

    Attributes:
        when: ``before_switch`` or ``after_start``.
        local: it ran on this machine.
    """

    host: str
    when: str
    hook: str
    what: str
    local: bool
    rc: int
    seconds: float
    output: str = ""


@dataclass(frozen=True, slots=True)
class MigrationSaid(Event):
    """A migration that runs on a host has printed these whole lines; a part of what `MigrationEnded` has at its end."""

    host: str
    release: str
    text: str


@dataclass(frozen=True, slots=True)
class MigrationEnded(Event):
    """A migration ran to its end on a host, or was ended.

    Attributes:
        what: the expression or the script.
        problem: why it has not come to its end well; empty when it has.
    """

    host: str
    release: str
    what: str
    seconds: float
    problem: str = ""
