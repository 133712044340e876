"""Detects whether the rendering of a template has used a secret.

A template may use a secret like any text. When the template is compiled, every expression that can give a secret is
wrapped in a filter, which reveals it and marks the rendering's context; the result of such a rendering is a secret
again. Wrapping the syntax tree, instead of the values, covers ``~``, comparisons, loops and method calls in the same
way, and a secret that it missed would print as ``***``.
"""

# ruff: noqa: N802  # jinja2 names visitors after its nodes

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, Sequence, ValuesView
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.runtime import Context
from jinja2.utils import _PassArg, missing, pass_context
from jinja2.visitor import NodeTransformer

from deployer.load import bounds
from deployer.load.marked import OMIT, Omit, Open, placed_as
from deployer.model import Secret
from deployer.syntax import Bare

REVEAL, REVEAL_ALL, TEXT, PIECE = "__reveal", "__reveal_all", "__text", "__piece"
_OPEN = frozenset({str, int, float, bool, type(None), Open, Bare})
_PLAIN = frozenset({str, int, float, bool, type(None)})
_OMIT_ALONE = "omit stands alone: it leaves an argument out and cannot be part of text"
ONLY_LOOK = ("defined", "undefined", "none")


class Piece(str):
    """The text of an expression, with its value (the result of a template with only this expression) and the taint."""

    __slots__ = ("tainted", "value")
    tainted: bool
    value: Any

    def __str__(self) -> str:
        return self  # jinja2 calls str() on everything that is printed


class Rendering(Context):
    """The context of one rendering; ``tainted`` once a secret has been revealed in it."""

    tainted = False

    def resolve_or_missing(self, key: str) -> Any:
        """Return the value of a name, or jinja's ``missing``; looks up each variable only once."""
        if key in self.vars:
            return self.vars[key]
        parent: Any = self.parent
        return parent.get(key, missing) if type(parent) is dict else parent.meaning(key, missing)


def reveal(context: Rendering, value: Any) -> Any:
    """Return the text of a secret and mark the context; return other values as they are."""
    if isinstance(value, Secret):
        context.tainted = True
        return value.reveal()
    bounds.spent(0)
    return value


def reveal_all(context: Rendering, value: Any) -> Any:
    """Return ``value`` with every secret inside it revealed, and mark the context; containers without one stay."""
    if type(value) in _OPEN:
        return value
    if isinstance(value, Secret):
        return reveal(context, value)
    if isinstance(value, dict):
        if _all_open(value.values()):
            return value
        new = {key: reveal_all(context, item) for key, item in value.items()}
        return new if any(new[key] is not item for key, item in value.items()) else value
    if isinstance(value, list | tuple):
        if _all_open(value):
            return value
        items = [reveal_all(context, item) for item in value]
        return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
    if isinstance(value, Iterator | ValuesView | ItemsView):
        return (reveal_all(context, item) for item in value)
    return value


def _all_open(values: Iterable[Any]) -> bool:
    """Return whether the types show that no value is or contains a secret; a fast path for large inventories."""
    return _OPEN.issuperset(map(type, values))


def untaint(context: Rendering, value: Any) -> str:
    """Return a value as a part of text; empty for None, as in Ansible."""
    value = reveal_all(context, value)
    if isinstance(value, Omit):
        raise jinja2.TemplateRuntimeError(_OMIT_ALONE)
    return "" if value is None else str(bounds.made(str([*value] if isinstance(value, Iterator) else value)))


def piece(context: Rendering, value: Any) -> str:
    """Return an expression as text (tuples print as lists, as in Ansible), with its value if that is not text."""
    if type(value) is str or isinstance(value, jinja2.Undefined):
        return untaint(context, value)
    value = list(value) if isinstance(value, Iterator | ValuesView | ItemsView) else value  # which may reveal
    tainted, found = context.tainted, Piece("" if value is OMIT else untaint(context, _lists(value)))
    found.tainted, found.value = tainted, value
    return found


def _lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items()}
    return [_lists(item) for item in value] if type(value) is tuple or isinstance(value, list) else value


def whole(context: Rendering, pieces: Sequence[str], *, alone: bool) -> Any:
    """Return the result of a template: the joined text, or with ``alone`` the value of its only expression.

    Raises:
        jinja2.TemplateRuntimeError: ``omit`` is a part of the text.
    """
    if alone and len(pieces) == 1 and isinstance(pieces[0], Piece):
        context.tainted = pieces[0].tainted
        return settled(pieces[0].value)
    if any(isinstance(one, Piece) and one.value is OMIT for one in pieces):
        raise jinja2.TemplateRuntimeError(_OMIT_ALONE)
    return "".join(pieces)


def guarded(function: Callable[..., Any], filter_name: str = "") -> Callable[..., Any]:
    """Return a filter or test that gets secrets revealed, and whose result is limited in size."""
    wants = _PassArg.from_obj(function)

    @pass_context
    def call(context: Rendering, *args: Any, **kwargs: Any) -> Any:
        seen = [reveal_all(context, arg) for arg in args]
        named = {key: reveal_all(context, arg) for key, arg in kwargs.items()}
        bounds.check_filter(filter_name, seen, named)
        try:
            return bounds.made(function(*_given(context), *seen, **named))
        except Exception as error:
            if filter_name and not getattr(error, "__notes__", ()):
                error.add_note(filter_name)  # so that the error message can name the filter
            raise

    def _given(context: Rendering) -> tuple[Any, ...]:
        if wants is None:
            return ()
        given = {
            _PassArg.context: context,
            _PassArg.eval_context: context.eval_ctx,
            _PassArg.environment: context.environment,
        }
        return (given[wants],)

    return call


WRAPS: Mapping[str, Any] = {
    name: pass_context(wrap)
    for name, wrap in ((REVEAL, reveal), (REVEAL_ALL, reveal_all), (TEXT, untaint), (PIECE, piece))
}
"""Filters that `guard` puts around expressions."""


class _Guard(NodeTransformer):
    """Wraps expressions that can give a secret."""

    def _wrap(self, node: nodes.Expr, name: str = REVEAL) -> nodes.Filter:
        return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)

    def _yields(self, node: Any) -> Any:
        self.generic_visit(node)
        return self._wrap(node) if getattr(node, "ctx", "load") == "load" else node

    visit_Name = visit_Getattr = visit_Getitem = visit_Filter = _yields  # noqa: N815

    def visit_Call(self, node: nodes.Call) -> Any:
        self.generic_visit(node)
        node.args = [self._wrap(arg, REVEAL_ALL) for arg in node.args]
        for pair in node.kwargs:
            pair.value = self._wrap(pair.value, REVEAL_ALL)
        return self._wrap(node)

    def visit_CallBlock(self, node: nodes.CallBlock) -> Any:
        self.generic_visit(node)
        wrapped: Any = node.call
        node.call = wrapped.node  # jinja2 wants the call itself here
        return node

    def visit_Test(self, node: nodes.Test) -> Any:
        self.generic_visit(node)
        inner = node.node
        if node.name in ONLY_LOOK and isinstance(inner, nodes.Filter) and inner.name == REVEAL and inner.node:
            node.node = inner.node
        return node

    def visit_Compare(self, node: nodes.Compare) -> Any:
        self.generic_visit(node)
        node.expr = self._wrap(node.expr, REVEAL_ALL)
        for operand in node.ops:
            operand.expr = self._wrap(operand.expr, REVEAL_ALL)
        return node

    def visit_Concat(self, node: nodes.Concat) -> Any:
        self.generic_visit(node)
        node.nodes = [self._wrap(part, TEXT) for part in node.nodes]
        return node

    def visit_Mod(self, node: nodes.Mod) -> Any:
        self.generic_visit(node)
        node.left, node.right = self._wrap(node.left, REVEAL_ALL), self._wrap(node.right, REVEAL_ALL)
        return node

    def visit_Output(self, node: nodes.Output) -> Any:
        self.generic_visit(node)
        node.nodes = [part if isinstance(part, nodes.TemplateData) else self._wrap(part, PIECE) for part in node.nodes]
        return node


def guard(tree: nodes.Node) -> Any:
    """Return a syntax tree with all expressions wrapped that can give a secret."""
    return _Guard().visit(tree)


def settled(value: Any) -> Any:
    """Return a result with generators and views turned into lists; raises if something in it is undefined."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, jinja2.Undefined):
        str(value)  # raises, and says what is not defined
    if isinstance(value, str):
        return value if type(value) is Bare else str(value)
    if isinstance(value, dict):
        return placed_as(value, {key: settled(item) for key, item in value.items()})
    if isinstance(value, Mapping) or value is None or isinstance(value, int | float | Secret | Open):
        return value
    return [settled(item) for item in value] if hasattr(value, "__iter__") else value


def sealed(value: Any, name: str) -> Any:
    """Return a result of a rendering with a secret: every value in it that could contain a part of it is a Secret."""
    if isinstance(value, dict):
        return placed_as(value, {key: sealed(item, f"{name}.{key}") for key, item in value.items()})
    if isinstance(value, list):
        return [sealed(item, f"{name}[{i}]") for i, item in enumerate(value)]
    if value is None or isinstance(value, bool | Secret):
        return value
    return Secret(str(value), name)
