"""Variables in layers, templated when they are used, and never twice.

A variable's text is rendered in the scope that uses it, as in Ansible. The result is never rendered again, so facts of
a host and results of templates stay data. A rendering that uses a secret gives a `Secret`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from deployer.errors import ConfigError, DeployerError
from deployer.fields import kind
from deployer.load.hushed import listening, touch
from deployer.load.marked import Encrypted, Map, Seq, Text, mark_of, marks_of, placed_as
from deployer.load.pieces import Pieces, put
from deployer.load.rendering_errors import told_where
from deployer.model import Mark, Secret
from deployer.syntax import Bare, truth

if TYPE_CHECKING:
    from deployer.load import sandbox
    from deployer.load.dialect import Dialect

Decrypt = Callable[[Encrypted, str], Secret]
_NOTHING = object()


@dataclass(frozen=True, slots=True)
class Layer:
    """Variables of one origin; a ``final`` layer (facts, loop items, derived words) is never templated.

    Attributes:
        hushed: names of variables that reports must not show.
    """

    values: Mapping[str, Any]
    final: bool = False
    hushed: frozenset[str] = frozenset()


class Variables(Mapping[str, Any]):
    """The variables at one place of a play on one host.

    Args:
        layers: the layers, the one with the highest precedence first.
        decrypt: turns a ``!vault`` value into a secret; called when the value is used.
        pieces: values that ``-e`` puts into parts of variables.
    """

    def __init__(self, layers: Sequence[Layer], decrypt: Decrypt, pieces: Pieces | None = None) -> None:
        self._layers = tuple(layers)
        self._decrypt, self._pieces = decrypt, pieces or {}
        self._rendered: dict[str, Any] = {}
        self._hushed: set[str] = set()
        self._open: list[tuple[str, Mark]] = []

    def over(self, *layers: Layer) -> Variables:
        """Return the same variables with layers of higher precedence on top."""
        return Variables((*layers, *self._layers), self._decrypt, self._pieces)

    def closed(self) -> Variables:
        """Return the same variables with nothing decrypted: a ``!vault`` value is a secret without its text."""
        return Variables(self._layers, lambda _, name: Secret("", name), self._pieces)

    def __contains__(self, name: object) -> bool:
        return self._layer(name) is not None or name in self._pieces or name in _globals()

    def __iter__(self) -> Iterator[str]:
        every = ((name, value) for layer in self._layers for name, value in layer.values.items())
        return iter(dict.fromkeys(name for name, value in every if value is not self))  # vars are not in themselves

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __getitem__(self, name: str) -> Any:
        found = self.meaning(name, _NOTHING)
        if found is _NOTHING:
            raise KeyError(name)
        return found

    def meaning(self, name: str, missing: Any) -> Any:
        """Return the value of a name, or ``missing``; all look-ups of all templates come here."""
        if name in self._rendered:
            if name in self._hushed:
                touch()
            return self._rendered[name]
        layer = self._layer(name)
        if layer is None and name in self._pieces:
            layer = Layer({name: Map()})
        if layer is None:
            return _globals().get(name, missing)
        raw = layer.values[name]
        if name in layer.hushed:
            touch()
        if layer.final:
            return raw
        where = _place(layer.values, name, raw)
        if any(name == one for one, _ in self._open):
            chain = " → ".join(f"{one} ({mark})" if mark.file else one for one, mark in [*self._open, (name, where)])
            raise ConfigError(f"variables refer to each other in a circle: {chain}", where=where)
        self._open.append((name, where))
        try:
            with listening() as heard:
                found = self.render(raw, where, name)
                for path, piece in self._pieces.get(name, {}).items():
                    found = put(found, path, self.render(piece, where, path))
            self._rendered[name] = found
            if heard.touched:
                self._hushed.add(name)
        finally:
            self._open.pop()
        return found

    def _layer(self, name: object) -> Layer | None:
        for layer in self._layers:
            if name in layer.values:
                return layer
        return None

    def only(self, name: str, keep: Callable[[Any], Any]) -> Any:
        """Return a variable, of which only the part that ``keep`` returns is rendered."""
        raw = next((layer.values[name] for layer in self._layers if name in layer.values), None)
        value = self[name] if raw is None or isinstance(raw, str) else raw
        for path, piece in self._pieces.get(name, {}).items():
            value = put(value, path, piece)
        return self.render(keep(value), self.place(name), name)

    def place(self, name: str, default: Mark | None = None) -> Mark:
        """Return the place where the value of a name is written, or ``default`` if it is not known."""
        layer = next((layer.values for layer in self._layers if name in layer.values), {})
        return _place(layer, name, layer.get(name), default)

    def render(self, value: Any, where: Mark | None = None, name: str = "this") -> Any:
        """Return ``value`` with every template in it rendered; text comes out as plain ``str``.

        Args:
            value: anything from YAML.
            where: the place to report if the value has none.
            name: the name for a secret found here.

        Raises:
            ConfigError: a template is wrong or uses an undefined variable.
            SecretError: a ``!vault`` value cannot be decrypted.
        """
        if isinstance(value, str):
            if isinstance(value, Text) and value.unsafe:
                return str(value)
            if isinstance(value, Text) and value.plain and truth(value) is not None:
                return Bare(value)
            return self._render_text(value, mark_of(value, where), name) if "{" in value else str(value)
        if isinstance(value, Encrypted):
            return self._decrypt(value, name)
        if isinstance(value, Mapping):
            items = {
                key: self.render(item, _place(value, key, item, where), f"{name}.{key}") for key, item in value.items()
            }
            return placed_as(value, items, where)
        if isinstance(value, list | tuple):
            found = Seq(
                (self.render(item, where, f"{name}[{i}]") for i, item in enumerate(value)), mark_of(value, where)
            )
            found.marks = list(getattr(value, "marks", ()))
            return found
        return value

    def _render_text(self, text: str, where: Mark, name: str) -> Any:
        if "{{" not in text and "{%" not in text and "{#" not in text:
            return str(text)
        from deployer.load import naming, sandbox, shelf

        if (found := naming.of_names(text, self, where)) is not naming.UNNAMED:
            return found
        run = partial(sandbox.compiled, text, ours=shelf.is_shipped(where))
        return told_where(lambda: self._run(run(), name), self, where)

    def render_file(self, text: str, file: str, name: str = "template", said: Dialect = ()) -> str | Secret:
        """Return a template file's text rendered; a `Secret` if it uses a secret.

        Raises:
            ConfigError: the template is wrong; with its file and line.
        """
        from deployer.load import dialect, sandbox, shelf

        ours = shelf.is_shipped(Mark(file))
        text, said, above = dialect.headed(text, file, said)
        run = partial(sandbox.compiled, text, file=True, ours=ours, said=said, above=above)
        found: str | Secret = told_where(lambda: self._run(run(), name, text=True), self, Mark(file), lines=True)
        return found

    def holds(self, condition: str, where: Mark | None = None) -> bool:
        """Return whether a bare expression, as in ``when``, is true.

        Raises:
            ConfigError: it is not an expression, or its value is not a boolean.
        """
        from deployer.load import naming, sandbox, shelf

        where = mark_of(condition, where)
        if isinstance(named := naming.truth_of_name(condition, self, where), bool):
            return named
        run = partial(sandbox.condition, condition, ours=shelf.is_shipped(where))
        with listening() as heard:
            found = told_where(lambda: self._run(run(), "when"), self, where)
        if hasattr(found, "wait"):  # a result that is not known yet
            found.wait()
        if not isinstance(found, bool | Bare):
            hint = "say what is meant: x | bool, x | length > 0, x is defined, x == …"
            said = "what is not shown (no_log)" if heard.touched else kind(found)
            raise ConfigError(f"the condition must be true or false, not {said}", where=where, hint=hint)
        return bool(found)

    def _run(self, compiled: sandbox.Compiled, name: str, *, text: bool = False) -> Any:
        from deployer.load.bounds import bounded
        from deployer.load.taint import Rendering, sealed, settled, whole

        template = compiled.template
        context = Rendering(template.environment, self, template.name, template.blocks)  # type: ignore[arg-type]
        try:
            with bounded():
                pieces = list(template.root_render_func(context))
                alone = not (text or compiled.newlines)
                value = (
                    settled(context.vars[compiled.RESULT]) if compiled.single else whole(context, pieces, alone=alone)
                )
        except DeployerError:
            raise
        except Exception as error:
            if context.tainted:
                import jinja2

                said = f"{type(error).__name__}; a secret is involved, so no more is said"
                hidden = jinja2.TemplateRuntimeError(said)
                raise hidden.with_traceback(error.__traceback__) from None
            raise
        value = compiled.ended(value) if type(value) is str else value
        return sealed(value, name) if context.tainted else value


def _globals() -> Mapping[str, Any]:
    from deployer.load.sandbox import GLOBALS

    return GLOBALS


def _place(values: Mapping[str, Any], name: str, raw: Any, default: Mark | None = None) -> Mark:
    return mark_of(raw, marks_of(values).get(name, default))
