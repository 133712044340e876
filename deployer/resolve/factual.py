"""Whether a play names what only its hosts can tell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from deployer.errors import ConfigError
from deployer.load.inventory import Inventory
from deployer.load.marked import mark_of
from deployer.load.sources import Sources
from deployer.load.undefined import FACT
from deployer.load.yaml import walk
from deployer.model import Play, Task
from deployer.modules import class_of, is_module
from deployer.regular import read_regular

_FACTS = re.compile(rf"\b{FACT.pattern}\b")

_READS = re.compile(r"""\b(?:lookup|query|q)\(\s*['"](?:ansible\.builtin\.)?(?:template|vars)['"]""")
"""A lookup of a template, or of a variable by what its name is then: any of them may name a fact."""


def name_facts(play: Play, tasks: Sequence[Task], inventory: Inventory, sources: Sources) -> bool:
    """Return whether a play's tasks, templates or variables name a fact, or include what is not known yet."""
    texts = _texts(play, tasks, inventory, sources)
    return any(task.include for task in tasks) or any(_FACTS.search(text) or _READS.search(text) for text in texts)


def _texts(play: Play, tasks: Sequence[Task], inventory: Inventory, sources: Sources) -> Iterator[str]:
    for task in tasks:
        yield from (task.name, *task.when)
        for values in (task.args, task.loop, task.vars, task.defaults, task.environment):
            yield from (value for value in walk(values) if isinstance(value, str) and "{" in value)
        yield from _template(task, sources)
    for values in (play.vars, *(host.vars for host in inventory.select(play.hosts, allow_empty=True))):
        yield from (value for value in walk(values) if isinstance(value, str) and "{" in value)


def _template(task: Task, sources: Sources) -> Iterator[str]:
    """Yield the text of the template that a task names, when its name is no template itself."""
    folders = class_of(task.module).SOURCES if is_module(task.module) else {}
    for key, folder in folders.items():
        name = task.args.get(key)
        if folder == "templates" and isinstance(name, str) and "{{" not in name:
            try:
                path = sources.find(name, folder, task, mark_of(name, task.mark))
            except ConfigError:
                continue  # an error only if the task is not skipped
            yield read_regular(path).decode(errors="replace")
