"""Checks that need several actions of one host."""

from __future__ import annotations

from collections.abc import Sequence

from deployer.errors import At, ConfigError
from deployer.fields import nearest
from deployer.fleet import Declaration, Node
from deployer.model import Present
from deployer.modules import class_of, is_module
from deployer.modules.base import Module
from deployer.resolve.action import Action

_FILES = ("copy", "template", "file")


def check_handlers(actions: Sequence[Action], handlers: Sequence[Action]) -> None:
    """Refuse a ``notify`` that names no handler.

    Raises:
        ConfigError: with the nearest name.
    """
    known = {name for handler in handlers for name in (handler.task.name, handler.label)}
    for action in actions:
        with At(action.task.mark):
            for name in action.notify:
                if name not in known:
                    raise ConfigError(f"there is no handler {name!r}", hint=nearest(name, known))


def check_acts(actions: Sequence[Action], handlers: Sequence[Action], *, strict: bool) -> None:
    """Refuse handlers and hooks that do nothing when they run; if ``strict``, also tasks that run every time.

    Raises:
        ConfigError: with what to write instead.
    """
    for action in actions if strict else ():
        with At(action.task.mark):
            if not action.skip and action.module.handler_only:
                problem = f"{action.task.module} says what to do, not when it is needed, so it would run every time"
                raise ConfigError(problem, hint=action.module.INSTEAD)
    for handler in handlers:
        with At(handler.task.mark):
            if not handler.skip and not _acts(handler):
                hint = "make it a task; handlers and hooks act: systemd, command, shell"
                raise ConfigError(f"{handler.task.module} does nothing when it is notified", hint=hint)


def _acts(handler: Action) -> bool:
    """Return whether a handler does something; for a handler that waits, whether its module may."""
    if not handler.waits:
        return bool(handler.module.act()) and bool(handler.task.result.register or not handler.module.READS)
    return not is_module(handler.task.module) or class_of(handler.task.module).act is not Module.act


def node_of(hook: Action, own: Declaration | None) -> Node | None:
    """Return the node as which a hook runs; None when it does not run as one.

    Raises:
        ConfigError: its host has no such node, or ``as_node: true`` could mean several.
    """
    wanted = hook.task.as_node
    if not wanted:
        return None
    nodes = {node.name: node for node in (own.nodes if own and own.release else ()) if not node.foreign}
    if wanted is True and len(nodes) == 1:
        return next(iter(nodes.values()))
    if wanted is not True and wanted in nodes:
        return nodes[wanted]
    if not nodes:
        raise ConfigError("as_node: this host has no node of a release", hint="leave it out")
    hint = f"write one of: {', '.join(nodes)}"
    raise ConfigError(f"as_node: {'true' if wanted is True else wanted} names no node here", hint=hint)


def check_nodes(hooks: Sequence[Action], own: Declaration | None, *, become: bool) -> None:
    """Refuse a hook that cannot run as the node that it names.

    Raises:
        ConfigError: with what to write instead.
    """
    for hook in (hook for hook in hooks if not hook.skip and hook.task.as_node):
        with At(hook.task.mark):
            node_of(hook, own)
            if not hook.module.RUNS_COMMAND:
                hint = "only command and shell run as a node does"
                raise ConfigError(f"{hook.task.module} cannot run as a node", hint=hint)
            if not become:
                hint = "only root can become the node's user: write become: true in the play"
                raise ConfigError("as_node without become", hint=hint)


def check_twice(actions: Sequence[Action]) -> None:
    """Refuse two tasks that declare different ends for one file: each run would change it twice.

    Raises:
        ConfigError: with both places.
    """
    seen: dict[tuple[str, str], Action] = {}
    for action in actions:
        path = getattr(action.module, "dest", None) or getattr(action.module, "path", None)
        if action.skip or action.task.module not in _FILES or not isinstance(path, str) or path.endswith("/"):
            continue
        first = seen.setdefault((str(action.place or ""), path), action)
        differing = _conflict(first, action)
        if differing:
            problem = f"{path} is declared twice with a different {differing}: first at {first.task.mark}"
            raise ConfigError(problem, where=action.task.mark, hint="one task for one file; use when: to choose")


def _conflict(one: Action, other: Action) -> str:
    if one is other:
        return ""
    first, second = one.module.desired(), other.module.desired()
    if not isinstance(first, Present) or not isinstance(second, Present):
        return "" if type(first) is type(second) else "state"
    return next((key for key, value in first.keys.items() if second.keys.get(key, value) != value), "")
