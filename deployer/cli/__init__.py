"""The command line: flags become `Options`, errors become one clear message and an exit code."""

from __future__ import annotations

import sys


def main(argv: list[str] | None = None) -> None:
    """Run one command and exit with its code (DESIGN section 7)."""
    from deployer.cli.program import DeployerProgram

    DeployerProgram.standard().run(sys.argv if argv is None else argv)
