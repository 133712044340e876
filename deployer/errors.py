"""Everything that can go wrong, drawn as one tree; the class decides the exit code.

    DeployerError                1
    ├── ConfigError              3   what is written is wrong; nothing was touched
    │   ├── NotYet               3   a task's result is used where it cannot be known
    │   ├── TaskFails            3   an assert does not hold, a fail is reached
    │   ├── SecretError          3   a secret cannot be read (vault, file, command)
    │   └── Problems             3   several of these at once
    ├── HostError                4   a host cannot be reached or read
    │   ├── Unreachable          4   no connection: name, address, timeout, refused
    │   │   ├── HostKeyError     4   the host's key is not known, or cannot be read
    │   │   │   └── HostKeyChanged 7 the host shows another key than the known one, or a revoked one
    │   │   └── AuthError        4   the host does not let us in (login or sudo)
    │   ├── ConnectionLost       4   the connection broke or went silent in mid-work
    │   └── ProbeError           4   the host's answer cannot be understood
    ├── DelegateLost             4   the machine that does a task for a host cannot be reached or read
    ├── StepError                1   a change failed on a host
    │   └── Reverted             6   a switch failed, and the nodes run again as before it
    ├── NotConverged             1   the second reading disagrees, or a rung of the ladder fails
    ├── Locked                   5   another run holds the host
    └── Interrupted            130   Ctrl-C, SIGTERM or SIGHUP

What goes wrong on one host is a value to the engine: the others go on.
"""

from __future__ import annotations

import collections.abc
import re
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

_GLANCE = 5


class DeployerError(Exception):
    """The root: a message for a person, where it happened, and what to do next.

    Args:
        message: what is wrong, in one sentence.
        where: ``file:line:column`` or a host name; empty when there is none.
        hint: what to write or do instead; empty when there is nothing to say.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, where: object = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = str(where) if where else ""
        self.hint = hint

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        hint = f"\n  {self.hint}" if self.hint else ""
        return f"{place}{self.message}{hint}"


class ConfigError(DeployerError):
    """Inventory, playbook, role, variable or flag is wrong; no host was touched."""

    exit_code = 3

    @property
    def each(self) -> tuple[ConfigError, ...]:
        """The errors that it is made of: itself."""
        return (self,)


class NotYet(ConfigError):
    """The result of a task is looked at before it has run; ``name`` is the variable it is registered under."""

    def __init__(self, name: str, reason: str = "") -> None:
        hint = "later tasks and handlers can use it; hooks and keywords of the whole play cannot"
        super().__init__(f"{name!r} is not known here: {reason}", hint=hint)
        self.name, self.reason = name, reason


class TaskFails(ConfigError):
    """An ``assert`` does not hold, or a ``fail`` is reached."""


class SecretError(ConfigError):
    """A secret cannot be read; the message never holds any part of it."""


class Problems(ConfigError):
    """Several things are wrong at once; each is an error of its own, with its place and its hint."""

    def __init__(self, problems: collections.abc.Iterable[ConfigError]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))

    @property
    def each(self) -> tuple[ConfigError, ...]:
        """Every one of them."""
        return self.problems

    @classmethod
    def check(cls, problems: collections.abc.Iterable[ConfigError]) -> None:
        """Raise what is wrong: nothing, one error, or several as one; what is said twice is said once."""
        found = list({str(single): single for problem in problems for single in problem.each}.values())
        if len(found) == 1:
            raise found[0]
        if found:
            whole = cls(found)
            whole.message = "\n".join(_told(found))
            raise whole


def _told(problems: collections.abc.Sequence[ConfigError]) -> collections.abc.Iterator[str]:
    """Yield the lines of a report: each hint once, and how many there are when nobody counts them at a glance."""
    said: set[str] = set()
    for problem in problems:
        yield str(problem) if problem.hint not in said else str(problem).removesuffix(f"\n  {problem.hint}")
        said.add(problem.hint)
    if len(problems) > _GLANCE:
        files = {re.sub(r"(:\d+)+$", "", problem.where) for problem in problems}
        yield f"  {len(problems)} places in {len(files)} file{'s' if len(files) > 1 else ''}"


class At:
    """A place: an error that leaves this context without one of its own takes it along, and goes on.

    So what reads a value need not know where it is written: ``with At(mark): check(value)``. The innermost counts.
    """

    __slots__ = ("where",)

    def __init__(self, where: object = None) -> None:
        self.where = where

    def __enter__(self) -> Self:
        """Return it: who goes through many values sets ``where`` anew for each."""
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Add the place, unless the error, or one of those that it is made of, knows a closer one."""
        if isinstance(error, DeployerError) and self.where and not error.where:
            closer = isinstance(error, Problems) and any(single.where for single in error.each)
            error.where = "" if closer else str(self.where)


class HostError(DeployerError):
    """One host cannot be reached or read; the others go on."""

    exit_code = 4


class Unreachable(HostError):
    """No connection could be made."""


class HostKeyError(Unreachable):
    """The host is not proven by its key; no credential was offered."""


class HostKeyChanged(HostKeyError):
    """The host shows another key than the known one, or one that is revoked: somebody else may be answering."""

    exit_code = 7


class AuthError(Unreachable):
    """The host refused the login, or sudo refused the user."""


class ConnectionLost(HostError):
    """The connection broke, or the peer went silent for longer than the deadline."""


class ProbeError(HostError):
    """The host answered something that cannot be understood."""


class DelegateLost(DeployerError):
    """The machine that does a task for a host cannot be reached or read; the host itself may be well."""

    exit_code = 4


class StepError(DeployerError):
    """A step of the plan failed on a host.

    Args:
        failed: the action whose step it was, where a block may go on without it.
        result: what ``register`` would hold of it, as far as that is known.
    """

    def __init__(
        self,
        message: str,
        *,
        where: object = "",
        hint: str = "",
        failed: object = None,
        result: collections.abc.Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, where=where, hint=hint)
        self.failed = failed
        self.result = dict(result or {})


class Reverted(StepError):
    """A switch failed, and the host went back: its nodes run again as they did before."""

    exit_code = 6


class NotConverged(DeployerError):
    """The host does not say what was declared, although every step returned 0."""


class Locked(DeployerError):
    """Another run holds the host."""

    exit_code = 5


class Interrupted(DeployerError):
    """Stopped by the person or the system."""

    exit_code = 130


class AnswerOf:
    """A host whose answer is read: one that a reader trips over is that host's problem, and not the run's.

    Readers say themselves what they do not understand. What none of them thought of (a number of 5000 digits, a list
    that is too short) leaves this context as a ProbeError too, and says where to look.
    """

    __slots__ = ("_host",)

    def __init__(self, host: str) -> None:
        self._host = host

    def __enter__(self) -> None:
        """Nothing is done on the way in."""

    def __exit__(self, kind: type[BaseException] | None, _error: object, trace: TracebackType | None) -> None:
        """Raise a ProbeError in the place of what data can raise."""
        if kind and issubclass(kind, (ValueError, LookupError, ArithmeticError, RecursionError)):
            while trace and trace.tb_next:
                trace = trace.tb_next
            place = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
            said = f"an answer of the host makes no sense ({kind.__name__}, {place})"
            raise ProbeError(said, where=self._host) from None
