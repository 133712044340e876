"""What is left of a host's play after a task has failed: ``rescue`` and ``always`` of the blocks around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from deployer.errors import TaskFails
from deployer.load.template import Layer
from deployer.model import Block, Task
from deployer.resolve.action import Nothing
from deployer.sh import Sh, sh


@dataclass(frozen=True, slots=True)
class Failure:
    """A task of a host that has failed.

    Attributes:
        place: the place of its action among those of the play.
        result: the value of ``ansible_failed_result``.
        hidden: reports do not show it.
    """

    place: int
    task: Task
    result: Mapping[str, Any]
    hidden: bool = False

    @property
    def catcher(self) -> Block | None:
        """The block whose ``rescue`` runs; None: the host has failed."""
        return next((block for block, part in reversed(self.task.blocks) if part == "block" and block.rescues), None)

    @property
    def spared(self) -> frozenset[Block]:
        """The blocks inside that one whose ``always`` runs nevertheless."""
        around = [block for block, _ in self.task.blocks]
        inner = around[around.index(self.catcher) + 1 :] if self.catcher else around
        left = {block for block, part in self.task.blocks if part == "always"}
        return frozenset(inner) - left

    def ends(self, task: Task, place: int) -> bool:
        """Return whether a task is skipped because of this failure."""
        if place <= self.place or (self.catcher and (self.catcher, "block") not in task.blocks):
            return False
        return not any(part == "always" and block in self.spared for block, part in task.blocks)

    def variables(self) -> Layer:
        """Return the variables about it for later tasks."""
        name = "" if self.task.name == self.task.module else self.task.name  # as written
        task = {"name": name, "action": self.task.module, "args": dict(self.task.args)}
        values = {"ansible_failed_task": task, "ansible_failed_result": self.result}
        return Layer(values, final=True, hushed=frozenset(values if self.hidden or self.task.no_log else ()))


@dataclass(frozen=True, kw_only=True)
class Failing(Nothing):
    """A task that fails when it is reached, because others run before it."""

    reason: str

    def probe(self) -> Sh:
        """Return the text that answers "unknown": earlier tasks have to run first."""
        return sh("unknown {}", self.reason)


def spoken(task: Task, told: str, error: TaskFails) -> str:
    """Return what Ansible puts into ``msg`` for a failed ``fail`` or ``assert``."""
    return told if task.module == "fail" else error.hint or "Assertion failed"


def left_out(task: Task, place: int, failures: Sequence[Failure]) -> str:
    """Return why a task does not run, given these failures; empty when it does."""
    for block, part in task.blocks:
        if part == "rescue" and not any(failure.catcher == block for failure in failures):
            return "rescue: nothing in its block has failed"
    return next((f"{one.task.name!r} has failed before it" for one in failures if one.ends(task, place)), "")


def forgiven(task: Task, failures: Sequence[Failure]) -> bool:
    """Return whether a task belongs to a block that has failed and was rescued, so its end state need not hold."""
    return any(failure.catcher and (failure.catcher, "block") in task.blocks for failure in failures)


def own_blocks(inner: Task, outer: Task, key: tuple[int, ...], known: dict[Block, Block]) -> Task:
    """Return a task of an include with blocks that belong to this include only, and are equal each time it is resolved.

    Args:
        inner: the task.
        outer: the include.
        key: identifies this include.
        known: the blocks of this include so far.
    """
    around = {block for block, _ in outer.blocks}
    for block, _ in inner.blocks:
        if block not in around:
            known.setdefault(block, Block((*key, len(known)), block.rescues))
    return replace(inner, blocks=tuple((known.get(block, block), part) for block, part in inner.blocks))
