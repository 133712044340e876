"""Words of the fleet: declared, refused, changed in one place."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.errors import ConfigError
from deployer.fleet import Declaration, declare
from deployer.model import Mark, Secret

COOKIE = Secret("q8ZbR2vTn5LxK7mWc4Yd9Ps3Hj6Gf1QaUeXoIiVtBrN")
HERE = Mark("inventory.yml", 3, 5)


def declared(words: dict[str, Any], host: str = "web1", address: str = "10.77.0.2") -> Declaration:
    found = declare(words, host=host, address=address, where=HERE)
    assert found is not None
    return found


def refusal(words: dict[str, Any], **more: str) -> str:
    with pytest.raises(ConfigError) as caught:
        declared(words, **more)
    return str(caught.value)


def at(words: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """Return the words with one of them replaced; ``nodes.0.port`` goes into lists."""
    head, _, rest = path.partition(".")
    if not rest:
        return {**words, head: value}
    inner = words.get(head, {})
    return {**words, head: at(inner, rest, value)}
