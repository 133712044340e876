"""Jinja for configuration: sandboxed, strict about undefined names, every template guarded (`deployer.load.taint`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from types import CodeType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import jinja2
from jinja2 import nodes
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import pass_context

from deployer.errors import ConfigError
from deployer.load import bounds
from deployer.load.filters import FILTERS, MOVING_FILTERS, TESTS
from deployer.load.marked import OMIT
from deployer.load.rarer_filters import OWN, RARER_FILTERS, RARER_TESTS, own
from deployer.load.results import looks
from deployer.load.shelf import StoredTemplate, shelf
from deployer.load.taint import ONLY_LOOK, WRAPS, Rendering, guard, guarded

if TYPE_CHECKING:
    from deployer.load.dialect import Dialect


ALTERING = frozenset({"append", "extend", "insert", "pop", "remove", "setdefault", "update"})
"""Methods that alter lists and mappings; a template may call them only on those that it has made itself."""


class UndefinedVariable(jinja2.UndefinedError):
    """A template uses an undefined name; ``known``: the names that its owner has."""

    def __init__(self, message: str, name: str, owner: Any) -> None:
        super().__init__(message)
        self.name = name
        self.known = tuple(str(key) for key in owner) if isinstance(owner, Mapping) else ()
        self.is_variable = owner is jinja2.utils.missing


class Missing(jinja2.StrictUndefined):
    """Undefined, and so is everything inside it: ``a.b.c | default(x)`` works whichever part is missing."""

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


class _Bounded(ImmutableSandboxedEnvironment):
    """A sandbox that limits the size of what operators and calls make (`deployer.load.bounds`)."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        bounds.check_operation(operator, left, right)
        return bounds.made(super().call_binop(context, operator, left, right))

    def call(self, context: Any, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        if isinstance(function, Missing):
            from deployer.load.altering import altering

            function = altering(context, function)
        bounds.check_call(function, args, kwargs)
        found = bounds.made(super().call(context, function, *args, **kwargs))
        return own(context, found) if function is dict else found


@cache
def sandbox_environment() -> jinja2.Environment:
    """Return the environment, which all templates share; it has no values."""
    found = _Bounded(undefined=Missing, keep_trailing_newline=False, trim_blocks=True, autoescape=False, cache_size=0)
    found.context_class = Rendering
    found.filters = {
        name: function if name in {*MOVING_FILTERS, OWN} else guarded(function, name)
        for name, function in {**found.filters, **FILTERS, **RARER_FILTERS}.items()
    }
    found.filters |= WRAPS
    tests: dict[str, Any] = {**found.tests, **TESTS, **RARER_TESTS}
    looking: dict[str, Any] = {name: partial(looks, tests[name]) for name in ONLY_LOOK}
    found.tests = {name: looking.get(name) or guarded(function) for name, function in tests.items()}
    return found


def _owning(tree: nodes.Node) -> Any:
    """Return a syntax tree that remembers the values it makes, if it calls an altering method at all."""
    if not any(node.attr in ALTERING for node in tree.find_all(nodes.Getattr)):
        return tree
    from deployer.load.altering import owning

    return owning(tree)


@dataclass(frozen=True, slots=True)
class Compiled:
    """A template, ready to run.

    Attributes:
        single: it is only one ``{{ expression }}``, whose value keeps its type; false for a file.
        newlines: number of newlines at the end of its source, which its result gets at least, as in Ansible.
    """

    RESULT: ClassVar[str] = "__result"

    template: jinja2.Template
    single: bool
    newlines: int = 0

    def ended(self, text: str) -> str:
        """Return its result with the newlines at the end that a block or Jinja itself has removed."""
        return text + "\n" * (self.newlines - (len(text) - len(text.rstrip("\n"))))


@cache
def compiled(source: str, *, file: bool = False, ours: bool = False, said: Dialect = (), above: int = 0) -> Compiled:
    r"""Return a compiled template; ``said``: its Jinja options; ``ours``: it comes with deployer and has no secret.

    In strings of an expression in YAML, a backslash is a backslash, as in Ansible: ``'\1'`` reaches the filter as is.
    In a template file, and in ``{% %}``, Jinja's escapes apply. ``above``: number of lines left out before it.

    Raises:
        jinja2.TemplateSyntaxError: it is not a template.
    """
    made = partial(_compile, str(source), file=file, said=said, above=above)
    return _kept("file" if file else "text", source, made, ours=ours and not said)


def _kept(kind: str, source: str, make: Callable[[], StoredTemplate], *, ours: bool) -> Compiled:
    found = shelf().find(kind, source) if ours else None
    if found is None:
        found = make()
        if ours:
            shelf().put(kind, source, found)
    return Compiled(
        jinja2.Template.from_code(sandbox_environment(), found.code, {}, None), found.single, found.newlines
    )


def _parsed(source: str, said: Dialect, above: int) -> nodes.Template:
    try:
        env = sandbox_environment()
        tree = (env.overlay(**dict(said)) if said else env).parse(source)
    except jinja2.TemplateSyntaxError as error:
        error.lineno += above
        raise
    for node in tree.find_all(nodes.Node) if above else ():
        node.lineno = (node.lineno or 0) + above
    return tree


def _compile(source: str, *, file: bool, said: Dialect, above: int) -> StoredTemplate:
    tree = _parsed(source if file or "\\" not in source else _backslashes(source), said, above)
    newlines = len(source) - len(source.rstrip("\n"))
    for node in tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
        word = type(node).__name__.removeprefix("From").lower()
        problem = (
            f"{{% {word} %}} is not supported; put what is shared into a variable, or into one template with a loop"
        )
        raise jinja2.TemplateSyntaxError(problem, node.lineno)
    match tree.body:
        case [nodes.Output(nodes=[expression])] if not (file or newlines or isinstance(expression, nodes.TemplateData)):
            return StoredTemplate(_assemble(expression), single=True, newlines=0)
    return StoredTemplate(_code(guard(_owning(tree))), single=False, newlines=newlines)


def _backslashes(source: str) -> str:
    """Return a template with the backslashes in strings inside ``{{ }}`` doubled."""
    inside, found = False, []
    for _, kind, text in sandbox_environment().lexer.tokeniter(source, None):
        inside = kind == "variable_begin" or (inside and kind != "variable_end")
        found.append(text.replace("\\", "\\\\") if inside and kind == "string" else text)
    return "".join(found)


@cache
def condition(source: str, *, ours: bool = False) -> Compiled:
    """Return a compiled bare expression, as in ``when``; ``ours``: as for `compiled`.

    Raises:
        jinja2.TemplateSyntaxError: it is not an expression.
    """
    return _kept("when", source, lambda: _condition(str(source)), ours=ours)


def _condition(source: str) -> StoredTemplate:
    parser = Parser(sandbox_environment(), source, state="variable")
    expression = parser.parse_expression()
    if not parser.stream.eos:
        raise jinja2.TemplateSyntaxError("one expression is expected here", parser.stream.current.lineno)
    expression.set_environment(sandbox_environment())
    return StoredTemplate(_assemble(expression), single=True, newlines=0)


def _assemble(expression: nodes.Expr) -> CodeType:
    guarded = guard(_owning(expression))
    body: list[nodes.Node] = [nodes.Assign(nodes.Name(Compiled.RESULT, "store"), guarded, lineno=1)]
    return _code(nodes.Template(body, lineno=1))


def _code(tree: nodes.Template) -> CodeType:
    env = sandbox_environment()
    tree.set_environment(env)
    return env.compile(tree)


def _refuse(name: str, hint: str) -> Callable[..., NoReturn]:
    def call(*_args: Any, **_kwargs: Any) -> NoReturn:
        raise ConfigError(f"{name}() is not supported in templates", hint=hint)

    return call


def _lookup(*, as_list: bool) -> Callable[..., Any]:
    @pass_context
    def call(context: Rendering, *args: Any, **options: Any) -> Any:
        from deployer.load.lookups import looked_up

        return looked_up(context, args, options, as_list=as_list)

    return call


GLOBALS: Mapping[str, Any] = {
    **{name: sandbox_environment().globals[name] for name in ("range", "dict", "namespace", "joiner", "cycler")},
    "lookup": _lookup(as_list=False),
    **dict.fromkeys(("query", "q"), _lookup(as_list=True)),
    "now": _refuse("now", "a plan must give the same answer twice; let the host's own programs ask for the time"),
    "omit": OMIT,
}
"""The names that every template can use."""
