"""What modules have in common that only say that the host was reached."""

from __future__ import annotations

from deployer.modules.base import Observed, Present, Sh, records, sh
from deployer.modules.shared.only_reads import OnlyReads


class OnlyAnswers(OnlyReads):
    """A module for which it is enough that its probe runs: a host that cannot be reached fails before any task."""

    def probe(self) -> Sh:
        """Answer."""
        return sh("emit answers yes")

    def parse(self, out: str) -> Observed:
        """Return that it has answered."""
        return Present(records(out, "answers"))
