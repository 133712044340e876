"""Who reaches which port of whom: the walk behind ``firewall matrix``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from deployer.engine.host_run import Context
from deployer.engine.matrix import MatrixRun
from deployer.model import Host
from deployer.options import Options
from deployer.plays import each_play
from deployer.project import load
from deployer.resolve import FleetNeeds, Resolver


def matrix(options: Options, out: TextIO | None = None) -> int:
    """Try who reaches which port of whom, hold it against the declared firewalls, and return the exit code.

    Args:
        options: which hosts.
        out: where the report goes.

    Raises:
        ConfigError: what is written is wrong, or no firewall is declared; no host was asked.
    """

    def walk(context: Context, resolver: Resolver, hosts: Sequence[Host]) -> int:
        return MatrixRun(context, resolver, hosts).run()

    return each_play(walk, load(options), out, needs=FleetNeeds(tarball=False))
