"""What systemd says of one unit."""

from __future__ import annotations

from deployer.errors import ProbeError
from deployer.sh.text import Sh, lines, script, sh

_NEEDED = ("LoadState", "ActiveState", "SubState", "UnitFileState", "FragmentPath", "DropInPaths", "NeedDaemonReload")


def show_unit(unit: str) -> Sh:
    """Return text that sets ``$unit``, ``$shown`` (one ``NAME=VALUE`` a line) and ``$pid`` (0 when nothing runs)."""
    return sh('unit={}\nunit_show "$unit"', unit)


def properties(text: str) -> dict[str, str]:
    """Read what `show_unit` prints.

    Raises:
        ProbeError: a property is missing.
    """
    found = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    missing = [name for name in _NEEDED if name not in found]
    if missing:
        raise ProbeError(f"systemctl does not tell {missing[0]}")
    return found


UNIT_SAID = script("unit_said.sh", "deployer.sh")
"""A function: ``unit_said LINES`` prints as many of the last lines of ``$unit``'s last start."""

LAST_WORDS = lines(
    UNIT_SAID,
    Sh('last_words() { systemctl status --no-pager --lines=0 -- "$unit" 2>&1 | head -n 3 || :; unit_said 20 || :; }'),
)
"""A function for steps: print the state of ``$unit`` and the last lines of its last start."""

FAILED = lines(LAST_WORDS, Sh("failed() { last_words; exit 1; }"))
"""A function for steps: print the last lines of ``$unit``'s last start, and end the step."""
