"""rich's console for a terminal, apart: loading rich costs a start more than all reports together."""

from __future__ import annotations

from rich.console import Console


class Drawn(Console):
    """Leaves it to whoever prints that nobody reads; rich's own would end this thread."""

    def on_broken_pipe(self) -> None:
        """Say so."""
        raise BrokenPipeError
