"""What ``terraform show -json`` prints → groups: its ``ansible_host`` and ``ansible_group`` resources."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deployer.errors import ConfigError
from deployer.fields import kind
from deployer.load.marked import Map, Seq
from deployer.model import Mark, Secret

_RESOURCES = ("ansible_host", "ansible_group")


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
    for word, given, sensitive in _resources(values.get("root_module")):
        some, name = True, given.get("name")
        if not isinstance(name, str):
            raise ConfigError(f"{word} has no name", where=given.mark)
        own = _sealed(given.get("variables") or Map(mark=given.mark), _part(sensitive, "variables"), name)
        if word == "ansible_group":
            _group(found, name, given.mark)["vars"] = own
            for child in _names(given, "children"):
                _group(found, name, given.mark)["children"][child] = None
        for group in (_names(given, "groups") or ["all"]) if word == "ansible_host" else ():
            _group(found, group, given.mark)["hosts"][name] = own
    if not some:
        hint = "add resources ansible_host and ansible_group of the provider ansible/ansible, or write an inventory"
        raise ConfigError("Terraform's state has no ansible_host and no ansible_group", where=content.mark, hint=hint)
    return found


def _group(found: dict[str, Map], name: str, where: Mark) -> Map:
    empty = Map({"hosts": Map(mark=where), "children": Map(mark=where)}, where)
    return found.setdefault("all" if name == "ungrouped" else name, empty)


def _resources(module: Any) -> Iterator[tuple[str, Map, Any]]:
    """Yield type, values and what is sensitive of the resources that are meant, in a module and those below."""
    if not isinstance(module, Map):
        return
    for one in _listed(module, "resources"):
        if isinstance(one, Map) and one.get("type") in _RESOURCES and isinstance(one.get("values"), Map):
            yield one["type"], one["values"], one.get("sensitive_values")
    for inner in _listed(module, "child_modules"):
        yield from _resources(inner)


def _listed(given: Map, word: str) -> list[Any]:
    found = given.get(word) or []
    if not isinstance(found, list):
        raise ConfigError(f"{word} must be a list, not {kind(found)}", where=given.at(word))
    return found


def _names(given: Map, word: str) -> list[str]:
    found = _listed(given, word)
    if wrong := [one for one in found if not isinstance(one, str)]:
        raise ConfigError(f"{word} must be a list of names, not of {kind(wrong[0])}", where=given.at(word))
    return found


def _part(sensitive: Any, key: Any) -> Any:
    """Return what is sensitive inside of something: all of it, where it is so as a whole."""
    if isinstance(sensitive, Map):
        return sensitive.get(key)
    if isinstance(sensitive, list) and isinstance(key, int):
        return key >= len(sensitive) or sensitive[key]
    return bool(sensitive)


def _sealed(value: Any, sensitive: Any, name: str) -> Any:
    """Return a value with all that is sensitive in it as secrets."""
    if not sensitive or value is None:
        return value
    if isinstance(value, Map):
        inside = {key: _sealed(item, _part(sensitive, key), key) for key, item in value.items()}
        return Map(inside, value.mark, value.marks)
    if isinstance(value, Seq):
        return Seq((_sealed(item, _part(sensitive, i), name) for i, item in enumerate(value)), value.mark)
    return Secret(str(value), name)
