"""``firewall``: who reaches which port of whom, declared and tried."""

from __future__ import annotations

from typing import Any

from invoke.collection import Collection
from invoke.context import Context

from deployer.cli.command import Subcommand
from deployer.cli.flags import COMMON, options


def _matrix(c: Context, **given: Any) -> int:
    """Try every declared port of every host from every other host, and compare with the firewall's rules.

    Exit 2 when a cell differs: a port that is declared open gives no answer, or one that is not lets somebody in.
    Changes nothing.
    """
    del c
    from deployer.reaching import matrix

    return matrix(options(given))


COMMANDS = (Collection("firewall", Subcommand(_matrix, COMMON)),)
