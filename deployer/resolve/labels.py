"""What tasks and the rounds of their loops are called, and why they are skipped."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

from deployer import modules
from deployer.errors import ConfigError
from deployer.fields import describe
from deployer.load.hushed import listening
from deployer.load.inventory import masked
from deployer.load.template import Variables
from deployer.model import MASK, Secret, Task


def label_of(task: Task, variables: Variables) -> str:
    """Return a task's name, rendered as far as it can be."""
    try:
        with listening() as heard:
            found = str(variables.render(task.name, task.mark))
    except ConfigError:
        return str(task.name)  # a name is no reason to fail
    return str(task.name) if heard.touched else found


def item_label(task: Task, item: Any, variables: Variables) -> str:
    """Return how a label names a loop's item; not at all where nothing of the task may be shown."""
    if task.no_log:
        return ""
    label = task.control.label
    with listening() as heard:
        own = variables.get(task.control.var)
        shown = own if label is None else variables.render(label, task.mark, "label")
    if heard.touched:
        return ""
    return f" => {_shown(_without(item, _private(task, variables)) if label is None else shown)}"


@cache
def _secrets_of(module: str) -> tuple[str, ...]:
    """Return the words of a module whose values are secrets, however they are written."""
    if not modules.is_module(module):
        return ()
    found = [one for one in describe(modules.class_of(module)) if one.type in (Secret, Secret | None)]
    return tuple(name for one in found for name in (one.name, *one.doc.alias.split()))


def _private(task: Task, variables: Variables) -> frozenset[str]:
    """Return the texts of a task that are secrets to its module, such as a password's hash that the inventory shows."""
    found = set()
    for raw in (task.args[name] for name in _secrets_of(task.module) if name in task.args):
        with suppress(ConfigError):  # whoever makes the module says it
            found.add(variables.render(raw, task.mark))
    return frozenset(text for text in found if isinstance(text, str) and text)


def _without(item: Any, texts: frozenset[str]) -> Any:
    """Return an item without texts that are secrets."""
    if not texts:
        return item
    if isinstance(item, Mapping):
        return {key: _without(value, texts) for key, value in item.items()}
    if isinstance(item, list | tuple):
        return [_without(value, texts) for value in item]
    hidden = isinstance(item, str) and (item in texts or any(len(text) > 7 and text in item for text in texts))
    return MASK if hidden else item


def _shown(item: Any) -> str:
    """Return how a loop's item is called in a label; secrets in it are masked."""
    named = item.get("name") if isinstance(item, Mapping) else None
    plain = masked(item if named is None else named)
    text = plain if isinstance(plain, str) else repr(plain)
    return text if len(text) <= 60 else f"{text[:57]}…"


def unmet(conditions: Sequence[str], variables: Variables, task: Task) -> str:
    """Return why a task is skipped, or nothing when every condition holds."""
    return next((f"not: {condition}" for condition in conditions if not variables.holds(condition, task.mark)), "")


@cache
def of_rounds(var: str, index: str) -> re.Pattern[str]:
    """Return what finds in a condition that it is about a loop's round."""
    return re.compile(rf"\b(?:{var}|{index}|ansible_loop)\b")
