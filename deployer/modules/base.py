"""What a module is: four pure verbs over frozen, documented arguments."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from deployer.errors import ProbeError
from deployer.model import Absent, Blob, Change, Changes, Keys, Observed, Present, State
from deployer.sh import Known, Pooled, Reads, Sh, lines, sh

__all__ = [
    "Absent", "Blob", "Change", "Changes", "Known", "Module", "Observed", "Pooled", "Present", "Reads", "Sh", "State",
    "Step", "lines", "records", "sh",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """The largest thing that must not be interrupted, as text that states the end and may be run twice.

    Attributes:
        what: a few words for the person watching, such as ``write /etc/motd``.
        text: runs under ``set -eu``; its own blobs are ``"$1"``, ``"$2"``, … (paths of files of mode 0600).
        blobs: content that travels beside the program.
        ahead: it has no effect on what runs but to let more of it through, so it may run on all hosts before the first
            one is switched.
        confirm: it could cut off the next login, so it is runtime only, and goes back by itself after so many seconds
            unless it is confirmed over a new connection (``pending.sh``); None: it is permanent at once.
        late: it only takes away what nothing needs any more once all hosts have had their turn, so it waits for that.
        person: a person wrote what it runs: it runs as a login would, with a deadline, and is killed when the run
            gives it up. Our own steps come to their end.
        seconds: how long it may take, where that is longer than other steps may.
    """

    what: str
    text: Sh
    blobs: tuple[Blob, ...] = ()
    ahead: bool = False
    late: bool = False
    person: bool = False
    confirm: int | None = None
    seconds: float = 0


@dataclass(frozen=True, kw_only=True)
class Module(ABC):
    """One kind of thing on a host. Subclasses are frozen dataclasses whose fields are the arguments.

    Each field is ``Annotated[TYPE, Doc("…", …)]`` (see `deployer.fields`), which gives validation, the JSON Schema, the
    reference page and ``modules show``. A module never asks whether this is a dry run and never touches the world.
    """

    SOURCES: ClassVar[Mapping[str, str]] = {}
    """Arguments that name a file on the controller → the role folder it is looked up in (``files``, ``templates``).

    `deployer.resolve` replaces such an argument by a `Blob`; one from ``templates`` is rendered first.
    """
    ON_HOST: ClassVar[str] = ""
    """An argument that says that the files of `SOURCES` are already on the host."""
    RUNS_COMMAND: ClassVar[bool] = False
    """True where it runs what a person wrote: ``timeout`` and ``as_node`` are understood."""
    RESTARTS_NODES: ClassVar[bool] = False
    """True where the steps stop and start a node: such hosts take their turn in batches (docs/rollouts.md)."""
    ALL_HOSTS_AT_ONCE: ClassVar[bool] = False
    """True where all hosts have to change at the same time: then they are one batch, whatever ``serial`` says."""
    FOLLOWS: ClassVar[bool] = False
    """True where what should be follows from what the host says, which later tasks may change: it is done again."""
    STANDS_ALONE: ClassVar[bool] = False
    """True where its steps need nothing of earlier tasks: those that may run ahead do so whatever comes before them."""
    PASSING: ClassVar[bool] = False
    """True where what it wants has to hold at its moment alone: the second reading does not ask for it."""
    READS: ClassVar[bool] = False
    """True where it changes nothing, and what its probe says is what it gives (`answer`)."""
    SAYS_UNCHANGED: ClassVar[bool] = False
    """True where its result says that nothing has changed, whatever it does, as Ansible's does."""
    INSTEAD: ClassVar[str] = "make it a handler"
    """What to write where `handler_only` arguments stand in a task and ``--strict`` refuses them."""
    EXAMPLE: ClassVar[str] = ""
    """A task in YAML that shows the module; the reference page prints it and a test resolves it."""

    @abstractmethod
    def desired(self) -> State:
        """Return what should be."""

    @abstractmethod
    def probe(self) -> Sh:
        """Return text that prints what is, by ``emit KEY VALUE``; nothing printed means absent.

        It must only read. ``unknown REASON`` (exit 3) says that an earlier task has to run first; any other non-zero
        status stops the host before its first write.
        """

    def known(self) -> Known | Pooled | None:
        """Return what of `probe` can be answered from what is read once for all of a host's tasks.

        Either which file or directory it looks at, and what it would find in it where all is as declared; or a kind of
        thing that is read for all together, such as users. A probe of its own runs only where that does not tell.
        None: the probe always runs.
        """
        return None

    def reads(self) -> Reads:
        """Return what the probe wants to have read together with what others want; it asks for its part of it."""
        return Reads()

    @abstractmethod
    def parse(self, out: str) -> Observed:
        """Turn the probe's output into keys.

        Raises:
            ProbeError: the output is not what the probe prints.
        """

    @abstractmethod
    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Return the steps that bring about ``changes``; no changes, no steps."""

    def anew(self) -> frozenset[str]:
        """Return the arguments that differ in every run, such as a new key: a saved plan does not compare them."""
        return frozenset()

    def act(self) -> tuple[Step, ...]:
        """Return what a notified handler does regardless of any state, such as a restart; nothing for most modules."""
        return ()

    @property
    def handler_only(self) -> bool:
        """Whether these arguments describe an action with no end state: a handler's, or a task's that always runs."""
        return False

    def reading(self) -> Module:
        """Return it as what only reads, where its author says that it does: then its probe runs it."""
        return self

    @property
    def only_reads(self) -> bool:
        """Whether it is a reading where its result is registered, without anybody saying so."""
        return False

    def result(self, told: Mapping[str, object], said: str) -> Mapping[str, object]:
        """Return what ``register`` gives of it when it has run.

        Args:
            told: a command's ``rc`` and streams, or what went wrong.
            said: what its last step printed.
        """
        del said
        return told

    def answer(self, observed: Observed) -> Mapping[str, object]:
        """Return what ``register`` gives in addition to ``changed`` and ``failed``."""
        del observed
        return {}

    @classmethod
    def facts_of(cls, args: Mapping[str, object]) -> tuple[str, ...]:
        """Return the names of the facts that an `answer` to these arguments gives, under ``ansible_facts``."""
        del args
        return ()

    def within(self, directory: str) -> Module:
        """Return it so that what it runs starts in a directory, unless it names one of its own."""
        del directory
        return self

    def touches(self) -> tuple[str, ...]:
        """Return the paths and unit names that `fix` may alter."""
        return ()

    def alters(self, changes: Changes) -> tuple[str, ...]:
        """Return which of what it `touches` these changes alter; what comes later in a plan foresees by that."""
        del changes
        return self.touches()

    def predict(self, touched: frozenset[str], observed: Observed) -> Observed:
        """Return what a probe would say once earlier tasks of the plan have altered ``touched``.

        This is how a plan predicts that a service will be restarted because its configuration is about to change.
        """
        del touched
        return observed

    def writes(self, changes: Changes) -> Mapping[str, str]:
        """Return path → whole text of the files after these changes; a text that cannot be known is left out."""
        del changes
        return {}

    def foresee(self, written: Mapping[str, str], touched: frozenset[str], observed: Observed) -> Observed:
        """Return what `predict` returns, for a module that has to know the text that earlier tasks write."""
        del written
        return self.predict(touched, observed)

    def differences(self, observed: Observed) -> dict[str, Change]:
        """Return what `fix` has to change, in the order of the desired keys. ``observed`` must not be `Unknown`."""
        wanted = self.desired()
        have: Keys = observed.keys if isinstance(observed, Present) else {}
        if isinstance(wanted, Absent):
            return {"state": Change("state", "present", "absent")} if isinstance(observed, Present) else {}
        found = {key: Change(key, have.get(key), value) for key, value in wanted.keys.items() if have.get(key) != value}
        if isinstance(observed, Absent):
            found = {"state": Change("state", "absent", "present"), **found}
        return found


def records(out: str, *needed: str) -> dict[str, str]:
    """Read what ``emit`` printed.

    Args:
        out: the probe's output.
        needed: keys without which the answer makes no sense.

    Raises:
        ProbeError: a record is damaged, a key comes twice or a needed one is missing.
    """
    found: dict[str, str] = {}
    *whole, rest = out.split("\x1e")
    for record in whole:
        key, equals, value = record.partition("=")
        if not equals or not key.isidentifier() or key in found:
            raise ProbeError(f"the probe's answer is damaged near {record[:60]!r}")
        found[key] = value
    if rest.strip():
        raise ProbeError(f"the probe printed something unexpected: {rest.strip()[:200]!r}")
    if missing := [key for key in needed if key not in found]:
        raise ProbeError(f"the probe's answer lacks {', '.join(missing)}")
    return found
