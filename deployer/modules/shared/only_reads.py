"""What modules have in common that only read: nothing is wanted, so nothing is ever to be done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from deployer.modules.base import Changes, Module, Present, State, Step


class OnlyReads(Module):
    """A module whose answer is all that it is for."""

    READS: ClassVar[bool] = True

    def desired(self) -> State:
        """Return that nothing is wanted."""
        return Present({})

    def act(self) -> tuple[Step, ...]:
        """Look, as a handler does it."""
        return (Step("look", self.probe()),)

    def result(self, told: Mapping[str, object], said: str) -> Mapping[str, object]:
        """Return what it has seen."""
        return told or {"changed": False, **self.answer(self.parse(said))}

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Return no steps."""
        del changes
        return ()
