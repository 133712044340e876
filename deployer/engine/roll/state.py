"""Where a host stands in a roll, and which way it may go from there.

    settled ─▶ waiting ─▶ turn ─▶ at switch ─▶ switching ─▶ switched
                  │         │         │            │  │         │
                  ▼         └────┬────┘            │  └────┬────┘
             not reached         ▼                 ▼       ▼
                                kept           reverted ◀─ reverting

To add a state: a name below, its moves in `MOVES`, and in `HostRoll` what its nodes are judged by. The only writer is
`HostRoll.advance`; what goes wrong on a host is its ``problem``, whatever its state.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class HostState(Enum):
    """One host in a roll; ``--json`` tells each move as ``HostMoved``."""

    SETTLED = "settled"
    """Nothing is due here: its nodes have to be as declared."""
    WAITING = "waiting"
    """Its turn has not come: its nodes are judged as they run."""
    TURN = "turn"
    """Its turn has come: what comes before the switch is done."""
    AT_SWITCH = "at switch"
    """All is done but what stops or starts a node; migrations and hooks come now."""
    SWITCHING = "switching"
    """Its nodes are being brought to what is declared; a failure leaves it here."""
    SWITCHED = "switched"
    """Every step has run, and a second reading has agreed."""
    REVERTING = "reverting"
    """Its nodes are on their way back to a good release; a failure leaves it here."""
    REVERTED = "reverted"
    """Its nodes run a release that was good before."""
    KEPT = "kept"
    """Its turn ended before its nodes were touched: they run on as before."""
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
"""Where a host's nodes are judged by what they ran before, not by what is declared."""
AS_DECLARED = frozenset({S.SETTLED, S.SWITCHED})
"""Where its nodes run what is declared, as far as its steps can tell; the ladder has the last word."""
UNVERIFIED_FROM = frozenset({S.TURN, S.REVERTING})
"""Moves after which an earlier verdict of the ladder says nothing any more."""


class Verification(Enum):
    """What the last climb said of a host's nodes."""

    UNVERIFIED = "unverified"
    """They have been touched since, or the climb was cut short."""
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
