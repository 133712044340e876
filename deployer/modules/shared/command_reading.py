"""A command that its author declares as reading only: it runs in the probe, so the plan has its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from deployer.modules.base import Observed, Present, Sh, lines, sh
from deployer.modules.shared.only_reads import OnlyReads
from deployer.sh.captured import captured, command_result, heard

_MOST = 1024 * 1024
"""Bytes of each of its streams that are kept."""


@dataclass(frozen=True, kw_only=True)
class CommandReading(OnlyReads):
    """What a command prints, and its status, whatever that is.

    Attributes:
        asked: leaves in ``$needed`` what the command's guards say.
        command: what runs where it is needed.
    """

    RUNS_COMMAND: ClassVar[bool] = True
    asked: Sh
    command: Sh

    def probe(self) -> Sh:
        """Run it, unless its guards say that it is not needed."""
        needed = sh(
            "if [ \"$needed\" = yes ]; then\n{}\nelse printf 'rc=0\\036stdout=\\036stderr=\\036'; fi",
            captured(lines(sh("umask 022"), self.command), _MOST),
        )
        return lines(self.asked, needed)

    def parse(self, out: str) -> Observed:
        """Return status and streams."""
        return Present({key: str(value) for key, value in heard(out).items()})

    def answer(self, observed: Observed) -> Mapping[str, object]:
        """Return them as ``register`` gives them."""
        keys = observed.keys if isinstance(observed, Present) else {}
        return command_result(keys)
