"""What ``terraform show -json`` prints → groups: its ``ansible_host`` and ``ansible_group`` resources."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deployer.errors import ConfigError
from deployer.load.marked import Map, Seq
from deployer.model import Mark, Secret

_RESOURCES = ("ansible_host", "ansible_group")


def is_terraform(content: Map) -> bool:
    """Return whether a mapping is Terraform's, a state or a plan."""
    return "terraform_version" in content and not {"all", "_meta"} & set(content)


def terraform_groups(content: Map) -> dict[str, Map]:
    """Return the groups that the resources of Terraform's provider ``ansible/ansible`` stand for.

    Those of child modules are among them. What Terraform calls sensitive is a secret.

    Raises:
        ConfigError: it is no state as ``terraform show -json`` prints it, or has no such resources.
    """
    values = content.get("values")
    if not isinstance(values, Map):
        plan = "planned_values" in content
        what = "a plan: its hosts are not there yet" if plan else "no output of terraform show -json"
        hint = "terraform apply, then terraform show -json >hosts.json" if plan else "terraform show -json >hosts.json"
        raise ConfigError(f"it is {what}", where=content.mark, hint=hint)
    found: dict[str, Map] = {}
    some = False
    for kind, given, sensitive in _resources(values.get("root_module")):
        some, name = True, given.get("name")
        if not isinstance(name, str):
            raise ConfigError(f"{kind} has no name", where=given.mark)
        own = _sealed(given.get("variables") or Map(mark=given.mark), sensitive.get("variables"), name)
        if kind == "ansible_group":
            _group(found, name, given.mark)["vars"] = own
            for child in given.get("children") or ():
                _group(found, name, given.mark)["children"][child] = None
        for group in (given.get("groups") or ["all"]) if kind == "ansible_host" else ():
            _group(found, group, given.mark)["hosts"][name] = own
    if not some:
        hint = "add resources ansible_host and ansible_group of the provider ansible/ansible, or write an inventory"
        raise ConfigError("Terraform's state has no ansible_host and no ansible_group", where=content.mark, hint=hint)
    return found


def _group(found: dict[str, Map], name: str, where: Mark) -> Map:
    empty = Map({"hosts": Map(mark=where), "children": Map(mark=where)}, where)
    return found.setdefault("all" if name == "ungrouped" else name, empty)


def _resources(module: Any) -> Iterator[tuple[str, Map, Map]]:
    """Yield type, values and what is sensitive of the resources that are meant, in a module and those below."""
    if not isinstance(module, Map):
        return
    for one in module.get("resources") or ():
        if isinstance(one, Map) and one.get("type") in _RESOURCES and isinstance(one.get("values"), Map):
            sensitive = one.get("sensitive_values")
            yield one["type"], one["values"], sensitive if isinstance(sensitive, Map) else Map(mark=one.mark)
    for inner in module.get("child_modules") or ():
        yield from _resources(inner)


def _sealed(value: Any, sensitive: Any, name: str) -> Any:
    """Return a value with all that is sensitive in it as secrets."""
    if isinstance(value, Map):
        inside = sensitive if isinstance(sensitive, Map) else dict.fromkeys(value, sensitive is True)
        return Map({key: _sealed(item, inside.get(key), key) for key, item in value.items()}, value.mark, value.marks)
    if sensitive is not True:
        return value
    if isinstance(value, Seq):
        return Seq((_sealed(item, True, name) for item in value), value.mark)
    return Secret(str(value), name)
