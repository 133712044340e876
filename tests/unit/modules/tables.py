"""What the table tests of the modules share."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from deployer.fields import build
from deployer.modules import Module, class_of


def make(module: str, /, **args: Any) -> Module:
    """Return a module as a playbook would have it."""
    return build(class_of(module), args)


def answer(**keys: str) -> str:
    """Return what a probe prints."""
    return "".join(f"{key}={value}\x1e" for key, value in keys.items())


def differing(module: Module, out: str) -> Mapping[str, tuple[str | None, str | None]]:
    """Return what a plan says of an answer: key → before, after."""
    changes = module.differences(module.parse(out))
    return {key: (change.before, change.after) for key, change in changes.items()}


def fixed(module: Module, out: str) -> str:
    """Return all text that runs after an answer."""
    return "\n".join(step.text.text for step in module.fix(module.differences(module.parse(out))))


def sha(text: str) -> str:
    """Return the digest that a host would print."""
    return hashlib.sha256(text.encode()).hexdigest()
