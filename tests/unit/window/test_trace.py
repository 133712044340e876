"""Which function a person means."""

from __future__ import annotations

import pytest

from deployer.errors import ConfigError
from deployer.window.trace import TracedFunction, traced


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Shop.Orders.place/2", TracedFunction("Elixir.Shop.Orders", "place", 2, "Shop.Orders.place")),
        ("Shop.valid?", TracedFunction("Elixir.Shop", "valid?", None, "Shop.valid?")),
        (":ets.insert/2", TracedFunction("ets", "insert", 2, ":ets.insert")),
        ("gen_server:call/_", TracedFunction("gen_server", "call", None, "gen_server:call")),
    ],
)
def test_a_function_is_written_as_in_either_language(typed: str, meant: TracedFunction) -> None:
    assert traced(typed) == meant


@pytest.mark.parametrize("typed", ["", "place/2", "Shop", "Shop.place/x", "Shop.place(1)", "shop place/1"])
def test_what_is_none_is_refused(typed: str) -> None:
    with pytest.raises(ConfigError, match="is no function"):
        traced(typed)
