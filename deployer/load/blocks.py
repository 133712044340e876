"""``block``: tasks that share words, and what happens when one of them fails: ``rescue`` and ``always``."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.errors import ConfigError
from deployer.load import keywords
from deployer.load.inherited import Inherited
from deployer.load.keywords import check_words
from deployer.load.marked import Map, joined
from deployer.load.varfiles import variables
from deployer.model import Block, Task

if TYPE_CHECKING:
    from deployer.load.tasks import TaskReader

_COUNT = itertools.count()
PARTS = ("block", "rescue", "always")


def block_tasks(reader: TaskReader, given: Map, below: Inherited, directory: Path) -> list[Task]:
    """Return the tasks of a block, followed by those of ``rescue`` and ``always``.

    Args:
        reader: reads the lists of tasks.
        given: the block.
        below: what the block inherits.
        directory: the base for ``import_tasks``.
    """
    outer = below
    with reader.problems.going_on():
        check_words(given, keywords.BLOCK, "a block")
    with reader.problems.going_on():
        below = below.with_words(given)
    with reader.problems.going_on():
        own = variables(given.get("vars"), given.mark)
        below = replace(below, block_vars=joined(outer.block_vars, own), no_log=outer.hides(given))
    parts = [part for part in PARTS if part in given]
    if parts != ["block"]:
        with reader.problems.going_on():
            if reader.handlers:
                hint = "write it among the tasks; a handler that fails is remembered, and runs in the next run"
                raise ConfigError("a block of handlers has neither rescue nor always", where=given.mark, hint=hint)
            if "block" not in given:
                raise ConfigError(f"{parts[0]} belongs to a block", where=given.at(parts[0]), hint="write block: above")
    whole, found = Block((next(_COUNT),), bool(given.get("rescue"))), list[Task]()
    for part in parts:
        inside = below if parts == ["block"] else replace(below, blocks=(*below.blocks, (whole, part)))
        found += reader.read(given[part], part, given.at(part), inside, directory)
    return found
