"""The result of resolving: the validated actions of one host."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from deployer.fleet import Declaration, Rollout
from deployer.model import Connection, Host, Observed, Present, Secret, State, Task
from deployer.modules.base import Changes, Module, Step
from deployer.sh import Sh, sh

if TYPE_CHECKING:
    from deployer.resolve.judging import ResultJudge
    from deployer.resolve.rescuing import Failure


@dataclass(frozen=True, kw_only=True)
class Nothing(Module):
    """The module of a skipped action: does nothing."""

    def desired(self) -> State:
        """Return an empty state."""
        return Present({})

    def probe(self) -> Sh:
        """Return no text."""
        return Sh("")

    def parse(self, out: str) -> Observed:
        """Return an empty state."""
        del out
        return Present({})

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Return no steps."""
        del changes
        return ()


NOTHING = Nothing()


@dataclass(frozen=True, kw_only=True)
class Awaiting(Nothing):
    """A task that cannot be resolved before another one has run; ``name``: the variable that this one registers."""

    name: str
    reason: str

    def probe(self) -> Sh:
        """Return the text that answers "unknown"."""
        return sh("unknown {}", self.reason)


class AwaitingRestart(Awaiting):
    """The same for a task that may stop or start the host's nodes."""

    RESTARTS_NODES: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Delegate:
    """A machine to which a host delegates tasks.

    Attributes:
        name: the inventory name of the machine; empty: this machine.
        become: whether programs run as root there.
        host: the host of the inventory; None: this machine.
        password: the password for sudo on this machine.
    """

    name: str
    become: bool
    host: Host | None = field(default=None, compare=False)
    password: Secret | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return self.name or "this machine"


@dataclass(frozen=True, slots=True)
class Action:
    """One task, or one item of its loop, on one host.

    Attributes:
        task: as written, with its place.
        label: the task's name, templated, with the loop's item; secrets in it print as ``***``.
        module: its validated arguments; does nothing when ``skip`` is set.
        notify: names of handlers, templated.
        user: the user it runs as instead of root (or instead of the login user); None for no change.
        environment: environment variables for it; never secrets.
        timeout: seconds until its command is killed; None: the engine's default.
        confirm: seconds within which a new login has to confirm its change, or it is undone; 0: no confirmation.
        undoes: the files that are restored then.
        skip: why it does not run (a condition, tags); empty when it does.
        says: the message of a task that changes nothing (``debug``).
        flush: notified handlers run here.
        ends: no later task runs.
        judge: judges its result; None if the result is neither registered nor judged.
        place: the machine it is delegated to; None: its host.
        hushed: it uses a value that a task under ``no_log`` has registered.
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
    judge: ResultJudge | None = None
    place: Delegate | None = None
    hushed: bool = False

    @property
    def waits(self) -> str:
        """Why it has to wait for the result of another task before it can be resolved; empty if it is resolved."""
        return self.module.reason if isinstance(self.module, Awaiting) else ""

    @property
    def facts(self) -> tuple[str, ...]:
        """Return the names of the facts that it reads."""
        return self.module.facts_of(vars(self.module))

    @property
    def answers(self) -> bool:
        """Whether it only reads, and other tasks may use its result or its facts."""
        return self.module.READS and bool(self.task.result.register or self.facts)

    @property
    def hides(self) -> bool:
        """Whether its changes, and its output when it fails, are not shown."""
        return self.hushed or self.task.no_log


@dataclass(frozen=True, slots=True)
class Choice:
    """The tags that the user has chosen."""

    tags: frozenset[str]
    skip_tags: frozenset[str]

    @classmethod
    def of(cls, tags: Collection[str], skip_tags: Collection[str]) -> Choice:
        """Return the choice of ``--tags`` and ``--skip-tags``."""
        return cls(frozenset(tags), frozenset(skip_tags))

    def chooses(self, task: Task) -> bool:
        """Return whether a task and the includes around it are chosen, and no earlier listing of its role is."""
        every = all(self.takes(tags) for tags in (task.tags, *(gate.tags for gate in task.gates)))
        return every and not any(map(self.takes, task.twins))

    def takes(self, tags: frozenset[str]) -> bool:
        """Return whether tags let a task run; always, never, tagged, untagged and all mean what Ansible means."""
        own = tags | {"tagged"} if tags - {"always", "never"} else tags | {"untagged"}
        if own & self.skip_tags or ("all" in self.skip_tags and "always" not in tags):
            return False
        if "never" in tags:
            return bool(tags & (self.tags - {"all"}))
        return not self.tags or bool(own & self.tags) or "always" in tags or "all" in self.tags


@dataclass(frozen=True, slots=True)
class Limits:
    """The batch settings of a play; all its hosts have to agree.

    Attributes:
        serial: number of hosts of each batch, the last one repeats; empty: all at once.
        max_fail_percentage: the percentage of a batch that may fail; None: no such limit.
        rollout: the fleet's ``rollout``; the defaults if a host declares no nodes.
    """

    serial: tuple[int | str, ...] = ()
    max_fail_percentage: float | None = None
    rollout: Rollout = field(default_factory=Rollout)


Heard: TypeAlias = Mapping[str, Mapping[str, Any] | None]
"""Results of handlers by name; None for one that does not run before the handlers that use its result."""


@dataclass(frozen=True, slots=True)
class HostPlay:
    """A play on one host, ready to be probed.

    Attributes:
        become: whether programs run as root through sudo.
        fleet: what this host declares, and what all members of its cluster declare, including itself.
        before_switch: hooks before its nodes are switched.
        after_start: hooks after they are healthy again.
        limits: the batch settings, rendered for this host.
        failures: failures of tasks in blocks that were known when it was resolved.
        again: resolves the play once more, with the results of actions by their place among ``actions``, failures, and
            results of handlers by name.
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
    failures: tuple[Failure, ...] = ()
    again: Callable[[Mapping[int, Mapping[str, Any]], tuple[Failure, ...], Heard], HostPlay] | None = None

    def with_handlers(self, fresh: tuple[Action, ...]) -> tuple[Action, ...]:
        """Return its handlers, with those that wait replaced by those of ``fresh``, and new ones of ``fresh`` added."""
        kept = [handler for handler in self.handlers if not handler.waits]
        names = {handler.task.name for handler in kept}
        every = (*kept, *(handler for handler in fresh if handler.task.name not in names))
        order = list(dict.fromkeys(handler.task.name for handler in (*self.handlers, *every)))
        return tuple(sorted(every, key=lambda handler: order.index(handler.task.name)))
