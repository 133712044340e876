"""A frozen dataclass is a schema: validation, JSON Schema and reference pages come from its annotated fields.

    @dataclass(frozen=True, kw_only=True)
    class File(Module):
        path: Annotated[str, Doc("where it is on the host", check=absolute)]
        mode: Annotated[str | None, Doc("permissions, in quotes", check=mode)] = None

Understood types: str, int, float, bool, Secret, Blob, ``Literal[…]``, ``tuple[T, ...]``, ``Mapping[str, T]``, nested
dataclasses, and unions of these with None.
"""

from __future__ import annotations

import difflib
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from deployer.errors import At, ConfigError
from deployer.model import Blob, Mark, Secret
from deployer.syntax import Bare, truth

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Doc:
    """What a field means.

    Attributes:
        text: one sentence for the reference page.
        check: returns a complaint about a well-typed value, or None when it is fine.
        example: a value for documentation and for the contract test.
        alias: other names under which the field may be written (Ansible's older ones), with spaces between.
        quoted: a number is refused, because YAML reads ``0644`` without quotes as another one.
        hint: what to write instead of a value of another type.
    """

    text: str
    check: Callable[[Any], str | None] | None = None
    example: Any = None
    alias: str = ""
    quoted: bool = False
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """One argument as documentation and validation see it."""

    name: str
    type: Any
    doc: Doc
    required: bool
    default: Any


@cache
def describe(cls: type) -> tuple[Field, ...]:
    """Return the fields of a dataclass with their documentation, in order of definition."""
    places = {name: base.__module__ for base in reversed(cls.__mro__) for name in vars(base).get("__annotations__", ())}
    return tuple(_field(f.name, _hint(places[f.name], f.type), f) for f in fields(cls) if f.init)


def _hint(module: str, written: Any) -> Any:
    """Return what `typing.get_type_hints` does, in half its time: our annotations have no text inside."""
    return eval(written, vars(sys.modules[module])) if isinstance(written, str) else written  # noqa: S307


def _field(name: str, hint: Any, raw: Any) -> Field:
    inner, *notes = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    doc = next((note for note in notes if isinstance(note, Doc)), Doc(""))
    default = raw.default if raw.default_factory is MISSING else raw.default_factory()
    return Field(name, inner, doc, required=default is MISSING, default=None if default is MISSING else default)


def build(cls: type[T], given: object, *, where: Mark | None = None, path: str = "") -> T:
    """Return an instance of a dataclass from what a person wrote.

    Args:
        cls: the schema.
        given: a mapping; values may be text where a number is meant as long as the text is exactly that number.
        where: the place to name in errors; a mapping that knows the marks of its keys (``marks``) is more exact.
        path: how the value is called in errors, such as ``cluster`` or ``nodes[0]``.

    Raises:
        ConfigError: unknown, missing or wrong; with the nearest known name.
    """
    with At(where):
        return cls(**_values(cls, given, path))


def _values(cls: type, given: object, path: str) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise ConfigError(f"{path or 'this'} must be a mapping, not {kind(given)}")
    known, marks = _known(cls), getattr(given, "marks", {})
    values: dict[str, Any] = {}
    with At() as at:
        for key, value in given.items():
            name, at.where = f"{path}.{key}" if path else str(key), marks.get(key)
            if key not in known:
                raise ConfigError(f"unknown word {name!r}", hint=nearest(str(key), known))
            field = known[key]
            if field.name in values:
                raise ConfigError(f"{name} is given twice")
            values[field.name] = _value(field, value, name)
    for field in describe(cls):
        if field.required and field.name not in values:
            name = f"{path}.{field.name}" if path else field.name
            raise ConfigError(f"{name} is missing", hint=field.doc.text)
    return values


@cache
def _known(cls: type) -> dict[str, Field]:
    return {f.name: f for f in describe(cls)} | {word: f for f in describe(cls) for word in f.doc.alias.split()}


def complaints(cls: type, given: Mapping[str, Any], where: Mark | None = None) -> Iterator[ConfigError]:
    """Yield what `build` would refuse: unknown words, and those values that are written out, without a template."""
    known, marks = _known(cls), getattr(given, "marks", {})
    for key, value in given.items():
        at = marks.get(key, where)
        if key not in known:
            yield ConfigError(f"unknown word {key!r}", where=at, hint=nearest(str(key), known))
        elif isinstance(value, int | float) or (isinstance(value, str) and "{" not in value):
            try:
                with At(at):
                    _value(known[key], value, str(key))
            except ConfigError as error:
                yield error


def _value(field: Field, value: object, name: str) -> Any:
    if field.doc.quoted and isinstance(value, int | float):
        raise ConfigError(f"{name} must be in quotes", hint=f'write {name}: "…"')
    try:
        typed = value if type(value) in _as_they_are(field.type) else coerce(field.type, value, name)
    except ConfigError as error:
        error.hint = field.doc.hint or error.hint
        raise
    complaint = field.doc.check(typed) if field.doc.check and typed is not None else None
    if complaint:
        # Of more than one value the complaint names the wrong one: the others are beside the point, and may be private.
        shown = "" if not isinstance(typed, str | int | float) or complaint.startswith(repr(typed)) else f" {typed!r}"
        raise ConfigError(f"{name}{shown}: {complaint}")
    return typed


@cache
def _as_they_are(hint: Any) -> frozenset[type]:
    """Return the types whose values `coerce` gives back: most values of most fields."""
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return frozenset({str, bool, int, type(None)}.intersection(options))


def coerce(hint: Any, value: object, name: str) -> Any:
    """Return ``value`` as the annotated type, or raise `ConfigError` naming ``name``. Nothing is guessed."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return coerce(args[0], value, name)
    if origin in (Union, types.UnionType):
        return _union(args, value, name)
    if origin is Literal:
        if value in args:
            return str(value) if isinstance(value, Bare) else value
        raise ConfigError(f"{name} cannot be {value!r}", hint=nearest(str(value), map(str, args)))
    if origin is tuple:
        items = value if isinstance(value, list | tuple) else [value]
        if args[0] is str and set(map(type, items)) <= {str}:  # all members of a cluster, for each of its hosts
            return tuple(items)
        return tuple(coerce(args[0], item, f"{name}[{i}]") for i, item in enumerate(items))
    if origin in (Mapping, dict) or (isinstance(origin, type) and issubclass(origin, Mapping)):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{name} must be a mapping, not {kind(value)}")
        return {str(key): coerce(args[1], item, f"{name}.{key}") for key, item in value.items()}
    if is_dataclass(hint) and isinstance(hint, type) and hint is not Blob:
        return value if isinstance(value, hint) else build(hint, value, path=name)
    # A word of truth is the text that it is: a field is not as true as it says.
    return _scalar(hint, str(value) if isinstance(value, Bare) else value, name)


def _union(args: tuple[Any, ...], value: object, name: str) -> Any:
    if value is None and type(None) in args:
        return None
    options = [arg for arg in args if arg is not type(None)]
    exact = [arg for arg in options if isinstance(arg, type) and type(value) is arg]
    problem: ConfigError | None = None
    for option in exact or options:
        try:
            return coerce(option, value, name)
        except ConfigError as error:
            problem = problem or error
    raise problem or ConfigError(f"{name} cannot be {kind(value)}")


def _scalar(hint: Any, value: object, name: str) -> Any:
    if hint is Any or (isinstance(value, hint) and not (isinstance(value, bool) and hint in (int, float))):
        return value
    if hint is Secret and isinstance(value, str | int) and not isinstance(value, bool):
        return Secret(str(value), name)
    if hint is str and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if hint is Blob and isinstance(value, str | Secret):
        return Blob.of(value)
    if hint in (int, float) and isinstance(value, str | int) and not isinstance(value, bool):
        try:
            number = hint(value)
        except ValueError:
            number = None
        if number is not None and (isinstance(value, int) or str(number) in (value, f"{value}.0")):
            return number
    if hint is bool:
        if (meant := truth(value)) is not None:
            return meant
        raise ConfigError(f"{name} must be true or false, not {value!r}", hint="write true or false")
    wanted = {str: "text", int: "a whole number", float: "a number", Secret: "text", Blob: "text"}.get(hint, str(hint))
    hint_text = 'put it in quotes: "…"' if hint in (str, Secret) and isinstance(value, bool | float) else ""
    shown = "a value without quotes" if hint is Secret and isinstance(value, bool | float) else kind(value)
    raise ConfigError(f"{name} must be {wanted}, not {shown}", hint=hint_text)


def kind(value: object) -> str:
    """Return how a person would call a value: ``a list``, ``the text 'x'``; a secret is only ``a secret``."""
    if isinstance(value, Secret):
        return "a secret"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "nothing"
    return f"the text {value[:60]!r}" if isinstance(value, str) else repr(value)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint with the known name nearest to a misspelt one, or the names there are."""
    names = sorted(set(known))
    if close := alike(word, names):
        return f"did you mean {close!r}?"
    return f"known: {', '.join(names)}" if names else ""


def alike(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return the known name that is most like a word, or an empty one when none is."""
    return next(iter(difflib.get_close_matches(word, sorted(set(known)), n=1, cutoff=cutoff)), "")
