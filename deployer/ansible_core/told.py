"""Our inventory and variables as ansible-core reads them from JSON, secrets and encrypted values among them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from deployer.load.inventory import Inventory
from deployer.load.listed import yaml_value
from deployer.load.marked import Encrypted, Text
from deployer.model import Secret


def as_ansible(value: Any) -> Any:
    """Return a value as Ansible's JSON has it.

    Secrets are text that is never templated; what is encrypted stays so, and Ansible opens it with the same passwords.
    A plain word is what YAML makes of it there: ``yes`` a boolean, ``0644`` a number.
    """
    if isinstance(value, Secret):
        return {"__ansible_unsafe": value.reveal()}
    if isinstance(value, Encrypted):
        return {"__ansible_vault": value.text}
    if isinstance(value, Text):
        if value.unsafe:
            return {"__ansible_unsafe": str(value)}
        return yaml_value(str(value)) if value.plain else str(value)
    if isinstance(value, Mapping):
        return {str(key): as_ansible(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_ansible(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def inventory_json(inventory: Inventory, more: Mapping[str, Mapping[str, Any]]) -> bytes:
    """Return what an inventory script prints for ``--list``; ``more``: variables by host that are added."""
    hosts = {name: host for name, host in inventory.hosts.items() if name not in inventory.here}
    told: dict[str, Any] = {
        "_meta": {"hostvars": {name: as_ansible({**host.vars, **more.get(name, {})}) for name, host in hosts.items()}}
    }
    for group in inventory.groups.values():
        told[group.name] = {"hosts": list(group.hosts), "children": list(group.children)}
    listed = {name for group in inventory.groups.values() for name in group.hosts}
    told.setdefault("ungrouped", {"hosts": [], "children": []})["hosts"] += [
        name for name in hosts if name not in listed
    ]
    return json.dumps(told).encode()
