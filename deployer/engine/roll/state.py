"""The states of a host in a roll, and the legal moves between them.

    settled ─▶ waiting ─▶ turn ─▶ at switch ─▶ switching ─▶ switched
                  │         │         │            │  │         │
                  ▼         └────┬────┘            │  └────┬────┘
             not reached         ▼                 ▼       ▼
                                kept           reverted ◀─ reverting

To add a state: a name below, its moves in `MOVES`, and in `HostRoll` what its nodes are checked against. The only
writer is `HostRoll.advance`; a failure on a host is its ``problem``, in whatever state it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class HostState(Enum):
    """The state of one host in a roll; ``--json`` reports each move as ``HostMoved``."""

    SETTLED = "settled"
    """Nothing is due on it: its nodes have to be as declared."""
    WAITING = "waiting"
    """Its turn has not come: its nodes are checked against what they run now."""
    TURN = "turn"
    """Its turn has come: the steps before the switch run."""
    AT_SWITCH = "at switch"
    """All steps before the one that stops or starts a node have run; migrations and hooks come now."""
    SWITCHING = "switching"
    """Its nodes are being brought to the declared state; after a failure it stays here."""
    SWITCHED = "switched"
    """Every step has run, and a second reading has agreed."""
    REVERTING = "reverting"
    """Its nodes are going back to a good release; after a failure it stays here."""
    REVERTED = "reverted"
    """Its nodes run a release that was good before."""
    KEPT = "kept"
    """Its turn ended before its nodes were touched: they run as before."""
    NOT_REACHED = "not reached"
    """The roll stopped before its turn."""


S = HostState
MOVES: Mapping[HostState, frozenset[HostState]] = {
    S.SETTLED: frozenset({S.WAITING}),
    S.WAITING: frozenset({S.TURN, S.NOT_REACHED}),
    S.TURN: frozenset({S.AT_SWITCH, S.SWITCHING, S.KEPT}),
    S.AT_SWITCH: frozenset({S.SWITCHING, S.KEPT}),
    S.SWITCHING: frozenset({S.SWITCHED, S.REVERTING, S.REVERTED}),
    S.SWITCHED: frozenset({S.REVERTING}),
    S.REVERTING: frozenset({S.REVERTED}),
    S.REVERTED: frozenset(),
    S.KEPT: frozenset(),
    S.NOT_REACHED: frozenset(),
}
"""The legal moves; any other is a fault of the program."""
AS_BEFORE = frozenset({S.WAITING, S.KEPT, S.NOT_REACHED})
"""States in which a host's nodes are checked against what they ran before, not against the declaration."""
AS_DECLARED = frozenset({S.SETTLED, S.SWITCHED})
"""States in which its nodes should run what is declared; the ladder decides whether they do."""
UNVERIFIED_FROM = frozenset({S.TURN, S.REVERTING})
"""States that make an earlier result of the ladder invalid when a host moves to them."""


class Verification(Enum):
    """The result of the last climb for a host's nodes."""

    UNVERIFIED = "unverified"
    """They have been changed since, or the climb was cut short."""
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
