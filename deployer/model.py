"""The nouns every stage shares. All are frozen; those a person wrote know where they were written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from deployer.values import (
    MASK,
    Absent,
    AnsiblePart,
    Block,
    Change,
    Changes,
    Connection,
    Keys,
    LoopControl,
    Observed,
    Present,
    ResultWords,
    Secret,
    State,
    Unknown,
)

__all__ = [
    "MASK",
    "Absent",
    "AnsiblePart",
    "BatchSettings",
    "Blob",
    "Block",
    "Change",
    "Changes",
    "Connection",
    "Gate",
    "Host",
    "Keys",
    "LoopControl",
    "Mark",
    "Observed",
    "Play",
    "Present",
    "Prompt",
    "ResultWords",
    "Secret",
    "State",
    "Task",
    "Unknown",
]


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file a person wrote; ``line`` and ``column`` count from 1, 0 means the whole file."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part)


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes that travel to a host beside a program and are found there as a file, mode 0600.

    Exactly one of ``text`` and ``path`` is set; a path is streamed, never read whole.

    Attributes:
        text: the content itself; a `Secret` is revealed only into the channel.
        path: a file on the controller.
        size: bytes.
        sha256: hex digest of the content, compared on the host before any step runs.
        offset: bytes of a ``path`` that the host has already, from an upload that was cut.
        hushed: whoever shows the program does not show it: its task is under ``no_log``.
    """

    text: bytes | Secret | None
    path: Path | None
    size: int
    sha256: str
    offset: int = 0
    hushed: bool = False

    @classmethod
    def of(cls, content: str | bytes | Secret) -> Blob:
        """Return a blob of content held in memory."""
        raw = content.reveal() if isinstance(content, Secret) else content
        data = raw.encode() if isinstance(raw, str) else raw
        return cls(content if isinstance(content, Secret) else data, None, len(data), hashlib.sha256(data).hexdigest())

    def __repr__(self) -> str:
        return f"Blob({self.path or 'text'}, {self.size} bytes)"


@dataclass(frozen=True, slots=True)
class Host:
    """One host of the inventory with its merged variables (group_vars, host_vars and inventory, not yet templated)."""

    name: str
    vars: Mapping[str, Any]
    groups: tuple[str, ...]
    mark: Mark


@dataclass(frozen=True, slots=True, eq=False)
class Gate:
    """An include around tasks: whether they are there is asked once, where the include stands.

    Attributes:
        tags: of the include; they are not its tasks'.
        when: its conditions.
    """

    tags: frozenset[str]
    when: tuple[str, ...]
    mark: Mark


Include: TypeAlias = "Callable[[Mapping[str, Any], set[Any]], tuple[tuple[Task, ...], Callable[[Play], Play]]]"
"""Reads tasks late; see `Task`."""


@dataclass(frozen=True, slots=True)
class Task:
    """One task as written: nothing templated yet. Handlers are tasks too.

    Attributes:
        name: the label; defaults to the module's name.
        module: the module's short name (``copy``, not ``ansible.builtin.copy``).
        args, loop: as written; None without a loop. ``control``: how the loop is read.
        when: conditions, all of which must hold. ``notify``: names of handlers; topics they listen to are resolved.
        role: name of the role it came from; empty outside of roles.
        become: what the task, its role or its play says, the innermost winning; None when none of them says anything.
            become_around: that and ``become_user`` of what is around it, nearest first, in place of an ``omit``.
        environment: of the play, the role and the task, merged.
        defaults: defaults of all roles of the play, its own role's on top: weaker than the inventory.
        vars: variables of all roles of the play, its own role's, its own, its role's parameters: second to ``-e``.
        run_once, local: a hook that runs on the first host of the first batch alone; on this machine. delegate_to: a
            task's host, as written. as_node: a hook that runs as a node of its host does: True, or that one's name.
        timeout: seconds for its command, as written.
        confirm: until when a new login has to confirm what it does, as written.
        no_log: what it changes, and what it says when it fails, is not shown.
        gates: the includes around it, the outermost first. blocks: the blocks around it that say what happens when it
            fails, the outermost first, each with the part in which it stands: ``block``, ``rescue`` or ``always``.
        params: of ``vars``, those of its role's entry: stronger than what ``set_fact`` sets.
        include: reads the tasks that a dynamic include means, given its rendered arguments and the roles that
            others have brought to the host, to which it adds; beside them, what adds their handlers to a play.
        result: what it says of its result.
        implicit: nobody has written it; a listing leaves it out.
        twins: tags of the same task where its role is listed before: it is done there where they are chosen.
    """

    name: str
    module: str
    args: Mapping[str, Any]
    mark: Mark
    when: tuple[str, ...] = ()
    loop: Any = None
    notify: tuple[str, ...] = ()
    tags: frozenset[str] = frozenset()
    become: bool | str | None = None
    become_user: str | None = None
    become_around: tuple[tuple[bool | str | None, str | None], ...] = ()
    environment: Mapping[str, Any] = field(default_factory=dict)
    role: str = ""
    role_path: Path | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    vars: Mapping[str, Any] = field(default_factory=dict)
    run_once: bool | str = False
    local: bool = False
    delegate_to: str | None = None
    as_node: bool | str = False
    timeout: Any = None
    confirm: Any = None
    control: LoopControl = field(default_factory=LoopControl)
    no_log: bool = False
    gates: tuple[Gate, ...] = ()
    blocks: tuple[tuple[Block, str], ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    include: Include | None = None
    result: ResultWords = field(default_factory=ResultWords)
    implicit: bool = False
    twins: tuple[frozenset[str], ...] = ()


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """How the hosts of a play take their turns, as written: templates are not rendered yet.

    Attributes:
        serial: sizes of the batches; None: all hosts at once.
        max_fail_percentage: of a batch; more failed hosts than that stop the roll.
        order: of the hosts: inventory, reverse_inventory, sorted, reverse_sorted, shuffle.
        before_switch: hooks that run on a host when everything is there and its nodes are about to be switched.
        after_start: hooks that run when its nodes are well again.
        marks: where each word stands.
    """

    serial: Any = None
    max_fail_percentage: Any = None
    order: str = "inventory"
    before_switch: tuple[Task, ...] = ()
    after_start: tuple[Task, ...] = ()
    marks: Mapping[str, Mark] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A variable that a person is asked for; what is ``private`` is a secret. ``default``: None where there is none."""

    name: str
    text: str
    private: bool
    default: str | None
    confirm: bool
    mark: Mark


@dataclass(frozen=True, slots=True)
class Play:
    """One play as written; ``vars_files``: with templated names; ``notes``: for a person; ``ansible``: not ours."""

    name: str
    hosts: str
    mark: Mark
    tasks: tuple[Task, ...]
    handlers: tuple[Task, ...] = ()
    vars: Mapping[str, Any] = field(default_factory=dict)
    become: bool | str | None = None
    become_user: str | None = None
    environment: Mapping[str, Any] = field(default_factory=dict)
    gather_facts: bool | None = None
    any_errors_fatal: bool = False
    directory: Path = Path()
    turns: BatchSettings = BatchSettings()
    prompts: tuple[Prompt, ...] = ()
    vars_files: tuple[str, ...] = ()
    tags: frozenset[str] = frozenset()
    listeners: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    remote_user: str | None = None
    local: bool | None = None
    notes: tuple[str, ...] = ()
    ansible: AnsiblePart | None = None
