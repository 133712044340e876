"""``ping`` and ``wait_for_connection``: a host that is asked has answered."""

from __future__ import annotations

import pytest

from deployer.errors import ConfigError
from tests.unit.modules.tables import answer, differing, make


@pytest.mark.parametrize("module", ["ping", "wait_for_connection"])
def test_a_host_that_is_asked_has_answered(module: str) -> None:
    made = make(module)
    assert (made.READS, differing(made, answer(answers="yes"))) == (True, {})
    assert made.answer(made.parse(answer(answers="yes"))) == ({"ping": "pong"} if module == "ping" else {"elapsed": 0})


def test_what_comes_back_is_what_was_given() -> None:
    made = make("ping", data="hello")
    assert made.answer(made.parse(answer(answers="yes"))) == {"ping": "hello"}
    with pytest.raises(ConfigError, match="crash"):
        make("ping", data="crash")
