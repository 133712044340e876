"""The interface of an object that compares what a roll is about to do with a plan that was approved before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from deployer.engine.roll.batch import Batch
from deployer.engine.roll.host_roll import HostRoll
from deployer.sh import Sh

IDENTITY = Sh("cat /etc/machine-id 2>/dev/null || :")
"""Added to the probe if there is a witness; its answer comes after the readings of the nodes' units."""


class Witness(Protocol):
    """Sees the plans and batches of all hosts of a play before anything is written."""

    @property
    def order(self) -> Sequence[str]:
        """The names of the hosts in the order of their turns; empty: the play's own order."""
        ...

    @property
    def holds(self) -> bool:
        """Whether the batches must not change during the roll."""
        ...

    def judge(self, runs: Sequence[HostRoll], batches: list[Batch]) -> list[Batch]:
        """Look at plans and batches, and return the batches to use; raises ConfigError to refuse them."""
        ...


@dataclass(frozen=True, slots=True)
class _Nobody:
    order: Sequence[str] = ()
    holds: bool = False

    def judge(self, runs: Sequence[HostRoll], batches: list[Batch]) -> list[Batch]:
        del runs
        return batches


NOBODY: Witness = _Nobody()
"""No plan was approved before."""


def machine_id(run: HostRoll) -> str:
    """Return a host's machine ID; empty when it has reported none."""
    said = run.prepared.extra_results[len(run.targets) :]
    return said[0].out.strip() if said else ""
