"""Lets a template alter lists and mappings that it has made itself, as in ``{% set _ = found.append(x) %}``.

A template cannot alter anything else, so that a variable has the same value wherever it is used. The syntax tree marks
new objects (a literal, ``| list``, a sum, a call of ``dict``), and the rendering remembers them; the result of a
rendering is copied, so none of them becomes a part of a variable.
"""

# ruff: noqa: N802  # jinja2 names visitors after its nodes

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.runtime import Context
from jinja2.visitor import NodeTransformer

from deployer.load import bounds
from deployer.load.rarer_filters import OWN, owned
from deployer.load.sandbox import ALTERING

_INSTEAD = {list: "{% set x = x + [ITEM] %}", dict: "{% set x = x | combine({KEY: VALUE}) %}"}


def altering(context: Context, function: jinja2.Undefined) -> Any:
    """Return the altering method for a call, which the sandbox reports as undefined, if its owner may be altered.

    Raises:
        TemplateRuntimeError: the template has not made the owner itself.
    """
    owner, name = function._undefined_obj, str(function._undefined_name)
    kind = list if isinstance(owner, list) else dict
    if not isinstance(owner, kind) or name not in ALTERING or not hasattr(kind, name):
        return function
    if id(owner) not in owned(context):
        said = f"{name}() is for what the template itself has made, and no variable is altered; write"
        raise jinja2.TemplateRuntimeError(f"{said} {_INSTEAD[kind]}")
    return _counted(owner, name)


def _counted(owner: Any, name: str) -> Callable[..., Any]:
    def call(*args: Any, **named: Any) -> Any:
        before = len(owner)
        found = getattr(owner, name)(*args, **named)
        bounds.spent(8 * max(len(owner) - before, 0))
        return found

    return call


class _Owner(NodeTransformer):
    """Wraps expressions that make a list or a mapping."""

    def _new(self, node: Any) -> nodes.Filter:
        self.generic_visit(node)
        return nodes.Filter(node, OWN, [], [], None, None, lineno=node.lineno)

    visit_List = visit_Dict = visit_Add = _new  # noqa: N815

    def visit_Filter(self, node: nodes.Filter) -> Any:
        return self._new(node) if node.name == "list" else self.generic_visit(node)


def owning(tree: nodes.Node) -> Any:
    """Return a syntax tree that remembers the lists and mappings it makes."""
    return _Owner().visit(tree)
