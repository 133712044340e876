"""Whoever reads may leave at any time: commands end quietly, and a run that reports to nobody goes on."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from deployer.events import Note
from deployer.runtime import report


@pytest.mark.parametrize("words", ["modules list", "--help", "docs rollouts", "deploy --help"])
def test_a_reader_that_has_seen_enough_is_no_error(words: str) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-c", "from deployer.cli import main; main()", *words.split()]
    try:
        done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("json", [True, False])
def test_a_run_goes_on_when_nobody_reads_its_report(json: bool) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as out, report(out, json=json, diff=False, verbose=0) as emit:
        for number in range(3):
            emit(Note(f"step {number}"))
        out.write("and what comes after is not an error, either\n")
        out.flush()
