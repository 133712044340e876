"""One file, one kind. A module is found by being there: the file's name is the module's name."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path

from deployer.lean import loading_more
from deployer.modules.base import Module, Step

__all__ = ["Module", "Step", "class_of", "is_module", "names"]


@cache
def names() -> tuple[str, ...]:
    """Return the names of all modules, sorted."""
    found = {file.stem for place in __path__ for file in Path(place).glob("*.py")}
    return tuple(sorted(found - {"__init__", "base"}))


@cache
def is_module(name: str) -> bool:
    """Return whether there is a module of that short name."""
    return name in names()


@cache
def class_of(name: str) -> type[Module]:
    """Return the class of a module by its short name.

    Raises:
        KeyError: there is no such module.
    """
    if not is_module(name):
        raise KeyError(name)
    with loading_more():
        found: type[Module] = importlib.import_module(f"{__name__}.{name}").MODULE
    return found
