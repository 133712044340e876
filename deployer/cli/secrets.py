"""``vault`` and ``cookie``: secrets at rest, and the one secret that is the cluster."""

from __future__ import annotations


from invoke.collection import Collection
from invoke.context import Context

from deployer.cli.command import Command, out


def generate(c: Context) -> None:
    """Print a new cookie: 43 letters and digits, 256 random bits. Pipe it into a vault, not onto a screen."""
    del c
    from deployer.beam.cookie import generate as new

    out(new())


VAULT = Collection("vault")
COOKIE = Collection("cookie", Command(generate, ()))
