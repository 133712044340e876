"""What of a fleet's words says who the members are, and is no secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deployer.load.marked import Seq, mark_of, placed_as

_INSIDE = frozenset({"cookie", "tls", "pki", "env", "vm_args", "unit"})
"""Of cluster and nodes: what says nothing of who and where a node is, and may be or hold a secret."""


def outlined(value: Any) -> Any:
    """Return a word without what an outline leaves out."""
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
    """Return of an environment only where crash dumps go, where that is plain: who looks around reads them."""
    found = env.get("ERL_CRASH_DUMP") if isinstance(env, Mapping) else None
    kept = {"ERL_CRASH_DUMP": found} if isinstance(found, str) and "{" not in found else {}
    return placed_as(env, kept)
