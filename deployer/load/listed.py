"""Groups as ``ansible-inventory --list`` prints them: ``all`` has children, ``ungrouped`` among them, and no hosts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import yaml as pyyaml

from deployer.load.marked import Encrypted, Text
from deployer.model import MASK, Secret

if TYPE_CHECKING:
    from deployer.load.inventory import HostGroup


def as_listing(groups: Mapping[str, HostGroup], ungrouped: Sequence[str]) -> dict[str, dict[str, list[str]]]:
    """Return each group's own ``hosts`` and ``children``; what is empty is left out, and so is a group without both."""
    told = {name: {"hosts": list(one.hosts), "children": list(one.children)} for name, one in groups.items()}
    told["ungrouped"] = {"hosts": list(ungrouped)}
    told["all"] = {"children": list(dict.fromkeys(["ungrouped", *told["all"]["children"]]))}
    filled = {name: {key: some for key, some in entry.items() if some} for name, entry in told.items()}
    return {name: entry for name, entry in filled.items() if entry}


def as_listed(value: Any) -> Any:
    """Return a variable as ``ansible-inventory`` prints it, but for secrets: those are ``***``.

    A word without quotes is what YAML 1.1 makes of it: ``yes`` a boolean, ``0644`` a number.
    """
    if isinstance(value, Secret | Encrypted):
        return MASK
    if isinstance(value, Text):
        return yaml_value(str(value)) if value.plain else str(value)
    if isinstance(value, Mapping):
        return {str(key): as_listed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_listed(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def yaml_value(text: str) -> Any:
    """Return the boolean or number that a word without quotes is in YAML 1.1, else the word."""
    if text[:1] not in pyyaml.SafeLoader.yaml_implicit_resolvers:
        return text
    try:
        found = pyyaml.safe_load(text)
    except (pyyaml.YAMLError, ValueError):
        return text
    return found if isinstance(found, bool | int | float) else text
