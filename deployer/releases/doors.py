"""What else than our own files gives a node its environment: drop-ins of its unit, and systemd itself."""

from __future__ import annotations

from deployer.beam.overrides import STEERING, judge_variable
from deployer.errors import ConfigError
from deployer.sh import Sh, lines, script, sh

_SET = frozenset({
    "HOME", "RELEASE_COOKIE", "RELEASE_DISTRIBUTION", "RELEASE_NODE", "RELEASE_TMP", "RELEASE_VM_ARGS",
    "RELEASE_REMOTE_VM_ARGS", "ERL_EPMD_PORT", "ERL_CRASH_DUMP", "LANG",
})  # fmt: skip
"""What the role node sets in the node's own file, which wins."""

OUTSIDE: Sh = lines(
    sh("steering={} unset={}", "|".join(sorted(STEERING)), "|".join(sorted(STEERING - _SET))),
    script("doors.sh", "deployer.releases"),
)
"""``outside`` leaves in ``$steered`` which other settings change the last shown unit, and where they come from."""


def check_outside(unit: str, said: str) -> None:
    """Refuse what `OUTSIDE` found, by the rule that the inventory and the release are held to.

    Raises:
        ConfigError: a variable from elsewhere would undo what is declared; its value is not said.
    """
    for line in said.splitlines():
        who, _, assigned = line.partition("\t")
        name, _, value = assigned.partition("=")
        for what, (harm, advice) in judge_variable(name, value.strip("\"'")):
            if harm != "never":
                hint = f"{advice}; systemctl cat {unit} shows all settings of the unit and their files"
                raise ConfigError(f"{what} is set for {unit} by {who}, which overrides what is declared", hint=hint)
