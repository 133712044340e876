"""What tasks and the rounds of their loops are called, and why they are skipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from deployer.errors import ConfigError
from deployer.load.inventory import masked
from deployer.load.template import Variables
from deployer.model import Task


def label_of(task: Task, variables: Variables) -> str:
    """Return a task's name, rendered as far as it can be."""
    try:
        return str(variables.render(task.name, task.mark))
    except ConfigError:
        return str(task.name)  # a name is no reason to fail


def item_label(task: Task, item: Any, variables: Variables) -> str:
    """Return how a label names a loop's item; not at all where nothing of the task may be shown."""
    if task.no_log:
        return ""
    label = task.control.label
    return f" => {_shown(item if label is None else variables.render(label, task.mark, 'label'))}"


def _shown(item: Any) -> str:
    """Return how a loop's item is called in a label; secrets in it are masked."""
    named = item.get("name") if isinstance(item, Mapping) else None
    plain = masked(item if named is None else named)
    text = plain if isinstance(plain, str) else repr(plain)
    return text if len(text) <= 60 else f"{text[:57]}…"


def unmet(conditions: Sequence[str], variables: Variables, task: Task) -> str:
    """Return why a task is skipped, or nothing when every condition holds."""
    return next((f"not: {condition}" for condition in conditions if not variables.holds(condition, task.mark)), "")
