"""Jinja made fit for configuration: sandboxed, strict, and aware of secrets.

A template may use a secret like any text. Every expression that can yield one is wrapped, when the template is
compiled, in a filter that reveals it and notes so in the rendering's context; whatever such a rendering gives is a
secret again. Wrapping the syntax tree, and not the values, covers ``~``, comparisons, loops and method calls alike, and
what it might miss prints as ``***``.
"""

# ruff: noqa: N802  # jinja2 names visitors after its nodes

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, Mapping, ValuesView
from functools import cache
from typing import Any, NoReturn

import jinja2
from jinja2 import nodes
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import _PassArg, pass_context
from jinja2.visitor import NodeTransformer

from deployer.errors import ConfigError
from deployer.load.filters import FILTERS, MOVES, TESTS
from deployer.model import Secret

RESULT = "__result"
_REVEAL, _REVEAL_ALL, _TEXT = "__reveal", "__reveal_all", "__text"
_ONLY_LOOK = ("defined", "undefined", "none")


class Omit:
    """What ``omit`` is in a template: an argument with this value is left out."""

    def __repr__(self) -> str:
        return "omit"


OMIT = Omit()


class UndefinedVariable(jinja2.UndefinedError):
    """A template uses what is not there; ``name`` is the word, ``known`` what its owner has instead."""

    def __init__(self, message: str, name: str, owner: Any) -> None:
        super().__init__(message)
        self.name = name
        self.known = tuple(str(key) for key in owner) if isinstance(owner, Mapping) else ()
        self.is_variable = owner is jinja2.utils.missing


class Missing(jinja2.StrictUndefined):
    """Undefined, and so is everything inside of it: ``a.b.c | default(x)`` works wherever the path ends."""

    __slots__ = ()

    def _fail_with_undefined_error(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        name = str(self._undefined_name)
        inside = self._undefined_obj is not jinja2.utils.missing
        words = f"{name!r} is not there" if inside else f"the variable {name!r} is not defined"
        raise UndefinedVariable(self._undefined_hint or words, name, self._undefined_obj)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, key: Any) -> Any:
        return self

    __iter__ = __str__ = __len__ = __eq__ = __ne__ = __bool__ = __hash__ = _fail_with_undefined_error
    __contains__ = __add__ = __radd__ = __call__ = __lt__ = __le__ = __gt__ = __ge__ = _fail_with_undefined_error


class Rendering(Context):
    """The context of one rendering; ``tainted`` once a secret has been revealed in it."""

    tainted = False


def reveal(context: Rendering, value: Any) -> Any:
    """Return the text of a secret and note it; anything else as it is."""
    if isinstance(value, Secret):
        context.tainted = True
        return value.reveal()
    return value


def reveal_all(context: Rendering, value: Any) -> Any:
    """Return ``value`` with every secret inside of it revealed and noted; containers without one as they are."""
    if isinstance(value, Secret):
        return reveal(context, value)
    if isinstance(value, dict):
        new = {key: reveal_all(context, item) for key, item in value.items()}
        return new if any(new[key] is not item for key, item in value.items()) else value
    if isinstance(value, list | tuple):
        items = [reveal_all(context, item) for item in value]
        return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
    if isinstance(value, Iterator | ValuesView | ItemsView):
        return (reveal_all(context, item) for item in value)
    return value


def _text(context: Rendering, value: Any) -> str:
    value = reveal_all(context, value)
    if isinstance(value, Omit):
        raise jinja2.TemplateRuntimeError("omit stands alone: it leaves an argument out and cannot be part of text")
    if isinstance(value, Iterator):
        value = list(value)
    return "" if value is None else str(value)


def _guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter or test that sees secrets revealed."""
    wants = _PassArg.from_obj(function)

    @pass_context
    def call(context: Rendering, *args: Any, **kwargs: Any) -> Any:
        seen = [reveal_all(context, arg) for arg in args]
        named = {key: reveal_all(context, arg) for key, arg in kwargs.items()}
        if wants is None:
            return function(*seen, **named)
        given = {
            _PassArg.context: context,
            _PassArg.eval_context: context.eval_ctx,
            _PassArg.environment: context.environment,
        }
        return function(given[wants], *seen, **named)

    return call


class _Guard(NodeTransformer):
    """Wraps what can yield a secret; ``single`` templates hand out their value, others build text."""

    def _wrap(self, node: nodes.Expr, name: str = _REVEAL) -> nodes.Filter:
        return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)

    def _yields(self, node: Any) -> Any:
        self.generic_visit(node)
        return self._wrap(node) if getattr(node, "ctx", "load") == "load" else node

    visit_Name = visit_Getattr = visit_Getitem = visit_Filter = _yields  # noqa: N815

    def visit_Call(self, node: nodes.Call) -> Any:
        self.generic_visit(node)
        node.args = [self._wrap(arg, _REVEAL_ALL) for arg in node.args]
        for pair in node.kwargs:
            pair.value = self._wrap(pair.value, _REVEAL_ALL)
        return self._wrap(node)

    def visit_CallBlock(self, node: nodes.CallBlock) -> Any:
        self.generic_visit(node)
        if isinstance(node.call, nodes.Filter) and isinstance(node.call.node, nodes.Call):
            node.call = node.call.node  # jinja2 wants the call itself here
        return node

    def visit_Test(self, node: nodes.Test) -> Any:
        self.generic_visit(node)
        inner = node.node
        if node.name in _ONLY_LOOK and isinstance(inner, nodes.Filter) and inner.name == _REVEAL and inner.node:
            node.node = inner.node
        return node

    def visit_Compare(self, node: nodes.Compare) -> Any:
        self.generic_visit(node)
        node.expr = self._wrap(node.expr, _REVEAL_ALL)
        for operand in node.ops:
            operand.expr = self._wrap(operand.expr, _REVEAL_ALL)
        return node

    def visit_Concat(self, node: nodes.Concat) -> Any:
        self.generic_visit(node)
        node.nodes = [self._wrap(part, _TEXT) for part in node.nodes]
        return node

    def visit_Mod(self, node: nodes.Mod) -> Any:
        self.generic_visit(node)
        node.left, node.right = self._wrap(node.left, _REVEAL_ALL), self._wrap(node.right, _REVEAL_ALL)
        return node

    def visit_Output(self, node: nodes.Output) -> Any:
        self.generic_visit(node)
        node.nodes = [part if isinstance(part, nodes.TemplateData) else self._wrap(part, _TEXT) for part in node.nodes]
        return node


@cache
def environment() -> jinja2.Environment:
    """Return the one environment; it holds no values."""
    found = ImmutableSandboxedEnvironment(
        undefined=Missing, keep_trailing_newline=True, trim_blocks=True, autoescape=False, cache_size=0
    )
    found.context_class = Rendering
    found.filters = {
        name: function if name in MOVES else _guarded(function)
        for name, function in {**found.filters, **FILTERS}.items()
    }
    found.filters |= {_REVEAL: pass_context(reveal), _REVEAL_ALL: pass_context(reveal_all), _TEXT: pass_context(_text)}
    tests: dict[str, Any] = {**found.tests, **TESTS}
    found.tests = {name: function if name in _ONLY_LOOK else _guarded(function) for name, function in tests.items()}
    return found


@cache
def compiled(source: str) -> tuple[jinja2.Template, bool]:
    """Return the compiled template, and whether it is one ``{{ expression }}`` whose value keeps its type.

    Raises:
        jinja2.TemplateSyntaxError: it is not a template.
    """
    env = environment()
    tree = env.parse(source)
    match tree.body:
        case [nodes.Output(nodes=[expression])] if not isinstance(expression, nodes.TemplateData):
            return _assemble(expression), True
    tree = _Guard().visit(tree)
    return _template(tree), False


@cache
def condition(source: str) -> jinja2.Template:
    """Return a compiled bare expression, as ``when`` has it.

    Raises:
        jinja2.TemplateSyntaxError: it is not an expression.
    """
    parser = Parser(environment(), source, state="variable")
    expression = parser.parse_expression()
    if not parser.stream.eos:
        raise jinja2.TemplateSyntaxError("one expression is expected here", parser.stream.current.lineno)
    expression.set_environment(environment())
    return _assemble(expression)


def _assemble(expression: nodes.Expr) -> jinja2.Template:
    guarded = _Guard().visit(expression)
    body: list[nodes.Node] = [nodes.Assign(nodes.Name(RESULT, "store"), guarded, lineno=1)]
    return _template(nodes.Template(body, lineno=1))


def _template(tree: nodes.Template) -> jinja2.Template:
    env = environment()
    tree.set_environment(env)
    return jinja2.Template.from_code(env, env.compile(tree), {}, None)


def _refuse(name: str, hint: str) -> Callable[..., NoReturn]:
    def call(*_args: Any, **_kwargs: Any) -> NoReturn:
        raise ConfigError(f"{name}() is not supported in templates", hint=hint)

    return call


_LOOK = "write {env: NAME}, {file: PATH} or {command: [PROGRAM, …]} where a secret is expected, else use copy: {src: …}"
GLOBALS: Mapping[str, Any] = {
    **{name: environment().globals[name] for name in ("range", "dict", "namespace", "joiner", "cycler")},
    **{name: _refuse(name, _LOOK) for name in ("lookup", "query", "q")},
    "now": _refuse("now", "a plan must give the same answer twice; let the host's own programs ask for the time"),
    "omit": OMIT,
}
"""What every template can name."""
