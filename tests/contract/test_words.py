"""Every word of the fleet is read by something: one that nobody reads would look alive in schema and docs."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import deployer
from deployer.fleet import FleetSettings

ROOT = Path(deployer.__file__).parent
READERS = [path for path in ROOT.rglob("*.py") if path.name != "words.py"]
TEXT = "\n".join(path.read_text() for path in READERS)
ROLES = "\n".join(path.read_text() for path in (ROOT.parent / "roles").rglob("*") if path.is_file())


def classes(hint: Any) -> Iterator[type]:
    """Yield the dataclasses within a type."""
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        yield hint
    for arg in get_args(hint):
        yield from classes(arg)


def words(cls: type, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield path and name of every word, from the top down."""
    for name, hint in get_type_hints(cls).items():
        yield f"{path}{name}", name
        for inner in classes(hint):
            yield from words(inner, f"{path}{name}.")


def test_every_word_of_the_fleet_is_read_by_something() -> None:
    every = dict(words(FleetSettings))
    assert {"release.migrate.timeout", "cluster.mesh", "firewall.admin", "rollout.canary"} <= set(every)
    unread = [path for path, name in every.items() if not re.search(rf"\.{name}\b", TEXT + ROLES)]
    assert unread == [], "declared, checked and documented, and nothing uses it"


def test_a_word_that_nobody_reads_would_be_noticed() -> None:
    assert not re.search(r"\.half_life\b", TEXT + ROLES), "choose another word that nothing reads"
