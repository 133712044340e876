"""What resolving gives: actions of one host, validated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from deployer.fleet import Declaration, Rollout
from deployer.model import Connection, Host, Observed, Present, State, Task
from deployer.modules.base import Changes, Module, Step
from deployer.sh import Sh


@dataclass(frozen=True, kw_only=True)
class Nothing(Module):
    """What a skipped action does."""

    def desired(self) -> State:
        """Return that nothing is wanted."""
        return Present({})

    def probe(self) -> Sh:
        """Return no text."""
        return Sh("")

    def parse(self, out: str) -> Observed:
        """Return that nothing was seen."""
        del out
        return Present({})

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Return no steps."""
        del changes
        return ()


NOTHING = Nothing()


@dataclass(frozen=True, slots=True)
class Action:
    """One task, or one item of its loop, on one host.

    Attributes:
        task: as written, with its place.
        label: the task's name, templated, with the loop's item; secrets in it print as ``***``.
        module: its validated arguments; does nothing when ``skip`` is set.
        notify: names of handlers, templated.
        user: the user it runs as instead of root (or instead of the login user); None for no change.
        environment: variables it runs with; never secrets.
        timeout: seconds until its command is killed; None: the engine's default.
        confirm: seconds within which a new login has to confirm what it does, or it goes back; 0: it is permanent.
        undoes: the files that go back then.
        skip: why it does not run (a condition, tags); empty when it does.
        says: what a task says that changes nothing (``debug``).
        flush: handlers that have been notified run here.
        ends: nothing behind it runs.
    """

    task: Task
    label: str
    module: Module = NOTHING
    notify: tuple[str, ...] = ()
    user: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout: int | None = None
    confirm: int = 0
    undoes: tuple[str, ...] = ()
    skip: str = ""
    says: str = ""
    flush: bool = False
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What a play says of its batches; all its hosts have to agree.

    Attributes:
        serial: hosts of each batch, the last one repeats; empty: all at once.
        max_fail_percentage: of a batch; None: no such limit.
        rollout: the fleet's words; their defaults where a host declares no nodes.
    """

    serial: tuple[int | str, ...] = ()
    max_fail_percentage: float | None = None
    rollout: Rollout = field(default_factory=Rollout)


@dataclass(frozen=True, slots=True)
class HostPlay:
    """A play on one host, ready to be probed.

    Attributes:
        become: whether programs run as root through sudo.
        fleet: what this host declares, and what all members of its cluster declare, itself included.
        before_switch: hooks before its nodes are switched.
        after_start: hooks when they are well again.
        limits: what the play says of batches, rendered for this host.
    """

    host: Host
    connection: Connection
    actions: tuple[Action, ...]
    handlers: tuple[Action, ...] = ()
    become: bool = False
    fleet: tuple[Declaration | None, tuple[Declaration, ...]] = (None, ())
    before_switch: tuple[Action, ...] = ()
    after_start: tuple[Action, ...] = ()
    limits: Limits = Limits()
