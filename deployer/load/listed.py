"""Groups as ``ansible-inventory --list`` prints them: ``all`` has children, ``ungrouped`` among them, and no hosts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deployer.load.inventory import HostGroup


def as_listing(groups: Mapping[str, HostGroup], ungrouped: Sequence[str]) -> dict[str, dict[str, list[str]]]:
    """Return each group's own ``hosts`` and ``children``; what is empty is left out, and so is a group without both."""
    told = {name: {"hosts": list(one.hosts), "children": list(one.children)} for name, one in groups.items()}
    told.pop("all", None)
    told["ungrouped"] = {"hosts": list(ungrouped)}
    inner = {child for entry in told.values() for child in entry.get("children", ())} | {"ungrouped"}
    told["all"] = {"children": ["ungrouped", *(name for name in told if name not in inner)]}
    filled = {name: {key: some for key, some in entry.items() if some} for name, entry in told.items()}
    return {name: entry for name, entry in filled.items() if entry}
