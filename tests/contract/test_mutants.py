"""What is broken on purpose is still there to be broken, and so is the test that has to notice."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]
MUTANTS = runpy.run_path(str(ROOT / "tools/mutants.py"))["MUTANTS"]


def test_every_mutant_has_its_place_and_its_test() -> None:
    lost = [one for one in MUTANTS if one.old not in (ROOT / "deployer" / one.file).read_text()]
    assert lost == []
    assert [one.test for one in MUTANTS if not (ROOT / one.test).is_file()] == []


def test_no_mutant_is_there_twice_or_says_the_same() -> None:
    assert len(set(MUTANTS)) == len(MUTANTS)
    assert [one for one in MUTANTS if one.old == one.new] == []
