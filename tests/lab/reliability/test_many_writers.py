"""The 200 trials of two and four controllers at once and 100 of each kind of lockout, as many as there is time for, and
those that the benchmarks have kept of this state of the program; and ten minutes for all parsers."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from tests.lab.conftest import NAME
from tests.lab.reliability.table import ROOT

MINUTES = float(os.environ.get("DEPLOYER_RELIABILITY_MINUTES", "20"))
pytestmark = pytest.mark.long


def figures_of(record_property: Any, *argv: str, lab: str = "") -> None:
    """Run a module of this project to its good end, and take down what it prints."""
    environ = os.environ | ({"DEPLOYER_TEST_LAB": lab} if lab else {})
    done = subprocess.run([sys.executable, "-m", *argv], cwd=ROOT, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-1000:]
    for line in done.stdout.splitlines():
        if not line.startswith("lab "):
            record_property("figure", line)


def test_of_many_at_once_one_writes(record_property: Any) -> None:
    figures_of(record_property, "benchmarks.one_writer", "--minutes", str(MINUTES), lab=f"{NAME[:7]}w")


def test_who_is_locked_out_gets_in_again_each_time(record_property: Any) -> None:
    figures_of(record_property, "benchmarks.lockouts", "--minutes", str(MINUTES), lab=f"{NAME[:7]}k")


def test_every_parser_raises_its_own_error_alone(record_property: Any) -> None:
    figures_of(record_property, "tests.fuzz.fuzz", "--seconds", str(int(MINUTES * 30)))
