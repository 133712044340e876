"""Of the wrong states that the lab makes, those with a reading are told by their rung in the same words."""

from __future__ import annotations

import pytest

from deployer.engine.ladder.rung import Rung
from tests.lab.wrong_kit import pattern
from tests.lab.wrong_states import WRONG
from tests.unit.engine.judging_kit import judged
from tests.unit.engine.ladder_kit import target

MADE = {name: wrong for name, wrong in WRONG.items() if wrong.seen}
# The node that suffers, b there, is the kit's own.
PLACES = {"me": "10.0.0.1", "b": "10.0.0.1", "a": "10.0.0.2", "c": "10.0.0.3"}
PLACES |= {"host_b": "web1", "host_a": "web2", "host_c": "web3"}


@pytest.mark.parametrize("name", MADE)
def test_a_reading_of_what_the_lab_makes_is_told_by_its_rung(name: str) -> None:
    wrong = MADE[name]
    assert wrong.seen is not None
    bad = judged(target(applications={"shop": "1.4.2"}), wrong.seen, wrong.rung)
    says, advice = (words.replace("demo", "shop") for words in (wrong.says, wrong.advice))
    assert pattern(says, PLACES).search(bad.detail)
    assert pattern(advice, PLACES).search(bad.advice)


def test_every_rung_has_a_state_that_is_made_and_read() -> None:
    assert {wrong.rung for wrong in MADE.values()} == set(Rung)
