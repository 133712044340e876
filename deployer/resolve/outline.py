"""The parts of a fleet's words that say who the members are and are not secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deployer.load.marked import Seq, mark_of, placed_as

_INSIDE = frozenset({"cookie", "tls", "pki", "env", "vm_args", "unit"})
"""Words of cluster and nodes that do not say who and where a node is, and may be or contain a secret."""


def outlined(value: Any) -> Any:
    """Return a value without these words."""
    if isinstance(value, Mapping):
        kept = {key: item for key, item in value.items() if key not in _INSIDE}
        if "env" in value:
            kept["env"] = dump_alone(value["env"])
        return placed_as(value, kept)
    if isinstance(value, list):
        found = Seq((outlined(item) for item in value), mark_of(value))
        found.marks = list(getattr(value, "marks", ()))
        return found
    return value


def dump_alone(env: Any) -> Any:
    """Return an environment with only ERL_CRASH_DUMP, if it is plain text: other commands read crash dumps there."""
    found = env.get("ERL_CRASH_DUMP") if isinstance(env, Mapping) else None
    kept = {"ERL_CRASH_DUMP": found} if isinstance(found, str) and "{" not in found else {}
    return placed_as(env, kept)
