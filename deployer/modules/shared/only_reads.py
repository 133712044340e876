"""What modules have in common that only read: nothing is wanted, so nothing is ever to be done."""

from __future__ import annotations

from typing import ClassVar

from deployer.modules.base import Changes, Module, Present, State, Step


class OnlyReads(Module):
    """A module whose answer is all that it is for."""

    READS: ClassVar[bool] = True

    def desired(self) -> State:
        """Return that nothing is wanted."""
        return Present({})

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Return no steps."""
        del changes
        return ()
