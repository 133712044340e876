"""Digests of values for a plan that is kept: equal for equal values within the plan, and of no use without its key."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from pathlib import PurePath
from typing import Any

from deployer.model import Blob, Change, Secret
from deployer.resolve import Action
from deployer.sh import Sh

DIGEST = "digest:"
_PLAIN = re.compile(r"[\w .,:;/@+=()-]{0,120}", re.ASCII)
_FILES = ("type", "mode", "owner", "group")
_ACCOUNTS = ("groups", "uid", "gid", "home", "home_made", "shell", "locked", "state")
_UNITS = ("active", "enabled", "load", "reload", "running", "run", "boot", "loaded", "ssh", "installed", "current")
_SHOWN = frozenset((*_FILES, *_ACCOUNTS, *_UNITS, "validity"))
"""Keys whose values are attributes, never contents: a plan may show them as they are."""


@dataclass(frozen=True, slots=True)
class Digests:
    """Makes them; ``key`` is the plan's own, made of this machine's."""

    key: bytes

    def of(self, value: object) -> str:
        """Return 32 hex digits for what a module, or any part of its arguments, says; secrets count by their values."""
        text = json.dumps(_plain(value), sort_keys=True)
        return hmac.digest(self.key, text.encode(), "sha256").hex()[:32]

    def shown(self, key: str, value: str | None) -> str | None:
        """Return a value as a plan that is kept may hold it: what could be content or a secret as a digest."""
        name = key.rpartition(" ")[2]
        if value is None or (name in _SHOWN and _PLAIN.fullmatch(value)):
            return value
        return f"{DIGEST}{self.of(value)}"

    def change(self, change: Change) -> tuple[str, str | None, str | None]:
        """Return a change as a plan may hold it."""
        return change.key, self.shown(change.key, change.before), self.shown(change.key, change.after)

    def declared(self, action: Action) -> str:
        """Return what stands for all that a task declares, but for what every run makes anew."""
        module = action.module
        given = {each.name: getattr(module, each.name) for each in fields(module) if each.name not in module.anew()}
        about = (type(module).__name__, given, action.notify, action.user, action.environment, action.timeout)
        place = action.place and (action.place.name, action.place.become)
        return self.of((*about, action.skip, action.task.result, place))


def _plain(value: object) -> Any:
    """Return a value as JSON can tell it, the same in every run."""
    match value:
        case None | bool() | int() | float():
            return value
        case str() | PurePath() | Sh():
            return str(value)
        case bytes():
            return ["bytes", value.hex()]
        case Secret():
            return ["secret", value.reveal()]
        case Blob():
            return ["blob", value.size, value.sha256]
        case Enum():
            return _plain(value.value)
    return _plain_whole(value)


def _plain_whole(value: object) -> Any:
    if isinstance(value, Mapping):
        return ["map", *sorted([str(key), _plain(item)] for key, item in value.items())]
    if isinstance(value, AbstractSet):
        return ["set", *sorted((_plain(item) for item in value), key=json.dumps)]
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return [type(value).__name__, *([each.name, _plain(getattr(value, each.name))] for each in fields(value))]
    raise TypeError(f"a {type(value).__name__} cannot be part of a plan that is kept")
