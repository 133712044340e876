"""How a play's hosts take their turns: ``serial``, ``max_fail_percentage``, ``order`` and ``hooks``, as written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deployer.errors import At, ConfigError
from deployer.fields import kind, nearest
from deployer.load.keywords import boolean, check_words, mapping, text
from deployer.load.marked import Map
from deployer.model import BatchSettings, Mark, Task

ORDERS = ("inventory", "reverse_inventory", "sorted", "reverse_sorted", "shuffle")
HOOKS = ("before_switch", "after_start")

ReadHooks = Callable[[Any, str, Mark], tuple[Task, ...]]


def turns(given: Map, read: ReadHooks) -> BatchSettings:
    """Return what a play says of them; ``read`` turns a list of hooks into tasks.

    Raises:
        ConfigError: a word is wrong; sizes and percentages are looked at when they are rendered.
    """
    order = text(given, "order", ORDERS[0]) or ORDERS[0]
    if order not in ORDERS:
        raise ConfigError(f"order cannot be {order!r}", where=given.at("order"), hint=nearest(order, ORDERS))
    hooks = mapping(given.get("hooks", Map(mark=given.mark)), "hooks", given.at("hooks"))
    check_words(hooks, HOOKS, "hooks")
    before, after = (read(hooks.get(word), word, hooks.at(word)) for word in HOOKS)
    return BatchSettings(
        serial=given.get("serial"),
        max_fail_percentage=given.get("max_fail_percentage"),
        order=order,
        before_switch=before,
        after_start=after,
        marks={word: given.at(word) for word in ("serial", "max_fail_percentage", "order", "hooks")},
    )


def local(given: Map) -> bool:
    """Return whether a hook runs on this machine.

    Raises:
        ConfigError: ``delegate_to`` names another one, or asks for another user there.
    """
    place = text(given, "delegate_to")
    if place not in (None, "localhost"):
        hint = "write delegate_to: localhost, and reach the other machine from there; or write a play for it"
        raise ConfigError(f"delegate_to cannot be {place!r}", where=given.at("delegate_to"), hint=hint)
    if place and (boolean(given, "become") or given.get("become_user")):
        word = "become_user" if given.get("become_user") else "become"
        hint = "it runs as you; leave it out, or write sudo into the command"
        raise ConfigError(f"{word} is not understood with delegate_to: localhost", where=given.at(word), hint=hint)
    return place is not None


def as_node(given: Map) -> bool | str:
    """Return whether a hook runs as a node of its host does, or the name of the node.

    Raises:
        ConfigError: it is neither; or the hook runs on this machine, or as another user.
    """
    value = given.get("as_node")
    if value is None or value is False:
        return False
    with At(given.at("as_node")):
        if value is not True and (not isinstance(value, str) or "{{" in value):
            hint = "write true, or the name of one of the host's nodes"
            raise ConfigError(f"as_node cannot be {kind(value)}", hint=hint)
        for word in ("delegate_to", "become", "become_user"):
            if given.get(word) is not None:
                hint = "a node has its own place and its own user: leave one of them out"
                raise ConfigError(f"{word} is not understood with as_node", where=given.at(word), hint=hint)
        return value if value is True else str(value)
