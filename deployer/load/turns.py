"""How a play begins: how its hosts take their turns, where its hooks run, what it asks a person for; as written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deployer.errors import At, ConfigError
from deployer.fields import kind, nearest
from deployer.load.keywords import boolean, check_words, mapping, sequence, short_word, text
from deployer.load.marked import Map
from deployer.load.varfiles import variables
from deployer.model import BatchSettings, Mark, Prompt, Task

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
        ConfigError: it asks for another user there.
    """
    place = text(given, "delegate_to")
    here = place in ("localhost", "127.0.0.1", "::1")
    if here and (boolean(given, "become") or given.get("become_user")):
        word = "become_user" if given.get("become_user") else "become"
        hint = "it runs as you; leave it out, or write sudo into the command"
        raise ConfigError(f"{word} is not understood with delegate_to: localhost", where=given.at(word), hint=hint)
    return here


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


def local_connection(given: Map) -> bool | None:
    """Return whether a play works on this machine, where its ``connection`` says so."""
    said = text(given, "connection")
    if said is None:
        return None
    if short_word(said) not in ("local", "ssh", "smart", "paramiko", "paramiko_ssh"):
        raise ConfigError(f"connection cannot be {said!r}", where=given.at("connection"), hint="ssh or local")
    return short_word(said) == "local"


def prompts(given: Map) -> tuple[Prompt, ...]:
    """Return the variables that a play asks a person for.

    Raises:
        ConfigError: a word is wrong, or asks for what is not done here.
    """
    found = []
    items = sequence(given.get("vars_prompt"), "vars_prompt", given.at("vars_prompt"))
    for i, item in enumerate(items):
        words = mapping(item, "a prompt", items.at(i))
        check_words(words, ("name", "prompt", "private", "default", "confirm", "unsafe"), "a prompt")
        name = text(words, "name") or ""
        variables(Map({name: None}, words.mark, {name: words.at("name")}), words.mark)
        private = boolean(words, "private")
        confirm = bool(boolean(words, "confirm"))
        asked = text(words, "prompt") or name
        found.append(Prompt(name, asked, private is not False, text(words, "default"), confirm, words.mark))
    return tuple(found)
