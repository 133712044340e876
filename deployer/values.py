"""Values that stages hand to each other: secrets, what a host says of one task, what differs from what should be."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from deployer.salts import fingerprint_key

MASK = "***"


class Secret:
    """Text that no output may show: it prints as ``***`` wherever it lands.

    ``reveal`` is the only way to the value. Pickling and copying into JSON or YAML fail or give the mask, equality
    takes constant time, and ``fingerprint`` is keyed per run, so that a weak secret cannot be guessed from it.

    Args:
        value: the secret text.
        name: what it is called in messages, such as ``cluster.cookie``; never the value.
    """

    __slots__ = ("_value", "name")

    def __init__(self, value: str, name: str = "secret") -> None:
        self._value = value
        self.name = name

    def reveal(self) -> str:
        """Return the text itself. Called only where it goes into a blob or a digest."""
        return self._value

    def fingerprint(self) -> str:
        """Return 16 hex digits, equal for equal secrets within this run and meaningless outside of it."""
        return hmac.new(fingerprint_key(), self._value.encode(), hashlib.sha256).hexdigest()[:16]

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self.fingerprint())

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled")


Keys = Mapping[str, str]
"""A flat description of a state; a value may be any text, never a secret (secrets appear as fingerprints)."""


@dataclass(frozen=True, slots=True)
class Present:
    """The thing is there and looks like this."""

    keys: Keys


@dataclass(frozen=True, slots=True)
class Absent:
    """The thing is not there."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody can know before an earlier task has run; ``reason`` says why, for the plan.

    ``barred``: the directory that the task's user may not enter, if that is why.
    """

    reason: str
    barred: str = ""


Observed = Present | Absent | Unknown
State = Present | Absent


@dataclass(frozen=True, slots=True)
class Change:
    """One key that differs; None stands for absent."""

    key: str
    before: str | None
    after: str | None


Changes = Mapping[str, Change]


@dataclass(frozen=True, slots=True)
class LoopControl:
    """How a loop is read.

    Attributes:
        form: ``loop``, or what stands behind ``with_``.
        var: the name of the item; ``index``: that of its number from 0 on, empty for none.
        label: what an item is called in a label, as written; None: the item itself.
        extended: whether ``ansible_loop`` tells more of it.
    """

    form: str = "loop"
    var: str = "item"
    index: str = ""
    label: Any = None
    extended: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """A block that says what happens when a task in it fails.

    Attributes:
        key: what makes it another one than all others of its play on a host.
        rescues: it has tasks that take over then.
    """

    key: tuple[int, ...]
    rescues: bool


@dataclass(frozen=True, slots=True)
class ResultWords:
    """What a task says of its result, as written; conditions are expressions, all of which have to hold.

    Attributes:
        register: the variable that holds the result; empty for none.
        changed_when, failed_when: what decides instead of the module; None where nothing is said.
        ignore_errors: whether a failure lets the next tasks run.
        until: what is waited for; None: that it succeeds, where ``retries`` is said.
        retries: how often it is tried again; None: it is tried once. ``delay``: seconds between two tries.
        check_mode: False: the author says that it only reads.
    """

    register: str = ""
    changed_when: tuple[str, ...] | None = None
    failed_when: tuple[str, ...] | None = None
    ignore_errors: Any = None
    until: tuple[str, ...] | None = None
    retries: Any = None
    delay: Any = 5
    check_mode: bool | None = None

    @property
    def waits(self) -> bool:
        """Whether it is tried again until something holds."""
        return self.until is not None or self.retries is not None

    @property
    def judged(self) -> bool:
        """Whether something else than the module decides what the result is worth."""
        return self.waits or any(one is not None for one in (self.changed_when, self.failed_when, self.ignore_errors))

    @property
    def decides(self) -> bool:
        """Whether only the result says if anything has changed."""
        return self.changed_when is not None and not self.unchanged

    @property
    def unchanged(self) -> bool:
        """Whether it says that it never changes anything."""
        return self.changed_when == ("false",)


@dataclass(frozen=True, slots=True)
class Connection:
    """How a host is reached; from Ansible's connection variables and the command line.

    ``become``: programs run as root there, since something of the play does; ``inventory_becomes``: what
    ``ansible_become`` says, if anything. ``ssh_options``: those understood of ``ansible_ssh_common_args``, lower-case;
    ``ways``: those of ``confirm_over``.
    """

    address: str
    port: int | None = None
    user: str | None = None
    private_key: Path | None = None
    become: bool = False
    inventory_becomes: bool | None = None
    become_password: Secret | None = None
    ssh_options: Mapping[str, str] = field(default_factory=dict)
    local: bool = False
    ways: tuple[Connection, ...] = ()


@dataclass(frozen=True, slots=True)
class AnsiblePart:
    """What of a playbook ansible-core runs.

    Attributes:
        file: the playbook in which it is written.
        text: that file's text, of which only this part is left, in its place.
        patterns: the hosts of its plays, as written.
        reason: why ``--ansible-fallback`` has chosen it; empty where the playbook says ``engine: ansible``.
    """

    file: Path
    text: str
    patterns: tuple[str, ...]
    reason: str = ""
