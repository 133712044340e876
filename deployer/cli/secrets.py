"""``cookie`` and ``tls``: the secret that is the cluster, and the certificate authority of its nodes."""

from __future__ import annotations

from typing import Any

from invoke.collection import Collection
from invoke.context import Context

from deployer.cli.command import Subcommand, out
from deployer.cli.flags import CHECK, CONNECTION, PLAYBOOK, REPORT, SOURCE_FLAGS, options


def _generate(c: Context) -> None:
    """Print a new cookie: 43 letters and digits, 256 random bits. Pipe it into a vault, not onto a screen."""
    del c
    from deployer.beam.cookie import generate as new

    out(new())


def _rotate(c: Context, *, check: bool, **given: Any) -> int:
    """Give a running cluster the cookie now in cluster.cookie. No node restarts; if interrupted, run it again."""
    from deployer.operations import rotate as rotated

    del c
    return rotated(options(given), check=check)


def init(c: Context, **given: Any) -> None:
    """Make the certificate authority of every cluster with cluster.tls: true. An existing one is kept."""
    from deployer.operations import init_tls

    del c
    for line in init_tls(options(given)):
        out(line)


COMMANDS = (
    Collection(
        "cookie", Subcommand(_generate, ()), Subcommand(_rotate, (PLAYBOOK, *SOURCE_FLAGS, *CONNECTION, *REPORT, CHECK))
    ),
    Collection("tls", Subcommand(init, (PLAYBOOK, *SOURCE_FLAGS))),
)
