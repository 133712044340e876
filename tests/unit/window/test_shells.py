"""A file for a console is left only with a node that can read it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Self, cast

import pytest

from deployer.beam.term import Atom
from deployer.errors import ConfigError
from deployer.window.door import Door
from deployer.window.shells import _leave


class Answering:
    """A node's answers; its real ones are the lab's (``tests/lab/window``)."""

    def __init__(self, iex: object) -> None:
        self.iex, self.asked = iex, list[str]()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def call(self, _module: str, name: str, _args: list[Any]) -> object:
        self.asked.append(name)
        return self.iex if name == "which" else Atom("ok")


def door(peer: Answering) -> Door:
    spot = SimpleNamespace(name="shop@a", node=SimpleNamespace(runtime="/run/beam/shop"))
    return cast("Door", SimpleNamespace(spot=spot, enter=lambda _: peer))


def test_a_node_without_iex_is_left_no_file_for_it() -> None:
    peer = Answering(Atom("non_existing"))
    with pytest.raises(ConfigError, match="--dot-iex: shop@a has no IEx") as caught:
        _leave(door(peer), b"x = 1")
    assert "leave it out" in caught.value.hint
    assert peer.asked == ["which"]


def test_one_with_it_is() -> None:
    peer = Answering([*b"/srv/shop/lib/iex/ebin/Elixir.IEx.beam"])
    assert _leave(door(peer), b"x = 1").startswith("/run/beam/shop/.iex-")
    assert peer.asked == ["which", "write_file", "change_mode", "write_file"]
