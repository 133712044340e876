"""Every parser meets a few hundred damaged inputs here; ``make fuzz`` feeds them for minutes."""

from __future__ import annotations

import random

import pytest

from tests.fuzz.fuzz import mutated
from tests.fuzz.fuzz_targets import TARGETS


@pytest.mark.parametrize("name", list(TARGETS))
def test_a_hundred_damaged_captures_cause_typed_errors_only(name: str) -> None:
    target = TARGETS[name]()
    chance = random.Random(name)
    outcomes = set()
    for _ in range(100):
        try:
            target.run(mutated(chance, target.seeds))
            outcomes.add("read")
        except target.error:
            outcomes.add("refused")
    assert "read" in outcomes


@pytest.mark.parametrize("name", list(TARGETS))
def test_undamaged_seeds_are_understood(name: str) -> None:
    target = TARGETS[name]()
    understood = 0
    for seed in target.seeds:
        try:
            target.run(seed)
            understood += 1
        except target.error:
            continue
    assert understood
