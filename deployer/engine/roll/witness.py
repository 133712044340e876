"""Whoever compares what a roll is about to do with what was agreed on before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from deployer.engine.roll.batch import Batch
from deployer.engine.roll.host_roll import HostRoll
from deployer.sh import Sh

IDENTITY = Sh("cat /etc/machine-id 2>/dev/null || :")
"""What rides along with the probe where there is a witness, behind the readings of the nodes' units."""


class Witness(Protocol):
    """Sees the plans of all hosts of a play, and their turns, before anything is written."""

    @property
    def order(self) -> Sequence[str]:
        """The hosts as they take their turns; empty: as the play has it."""
        ...

    @property
    def holds(self) -> bool:
        """Whether the turns may not become others in mid-roll."""
        ...

    def judge(self, runs: Sequence[HostRoll], batches: list[Batch]) -> list[Batch]:
        """Take note of them and return the batches; raises ConfigError to refuse them."""
        ...


@dataclass(frozen=True, slots=True)
class _Nobody:
    order: Sequence[str] = ()
    holds: bool = False

    def judge(self, runs: Sequence[HostRoll], batches: list[Batch]) -> list[Batch]:
        del runs
        return batches


NOBODY: Witness = _Nobody()
"""Nothing was agreed on before."""


def machine_id(run: HostRoll) -> str:
    """Return what a host has said of its identity; empty when it has said nothing."""
    said = run.prepared.extra_results[len(run.targets) :]
    return said[0].out.strip() if said else ""
