"""Plain Python values that remember where they were written, so that every complaint can name file, line and column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn, Self

from deployer.model import MASK, Mark

NOWHERE = Mark("")


class Text(str):
    """Text from YAML.

    Attributes:
        mark: where it starts.
        plain: written without quotes and not a block; ``mode: 0644`` is refused because of it.
        unsafe: tagged ``!unsafe``; never templated.
    """

    __slots__ = ("mark", "plain", "unsafe")
    mark: Mark
    plain: bool
    unsafe: bool

    def __new__(cls, value: str, mark: Mark = NOWHERE, *, plain: bool = False, unsafe: bool = False) -> Self:
        """Return ``value`` with its place."""
        text = super().__new__(cls, value)
        text.mark, text.plain, text.unsafe = mark, plain, unsafe
        return text


class Map(dict[str, Any]):
    """A mapping from YAML; ``mark`` is where it starts, ``marks`` where each key stands."""

    __slots__ = ("mark", "marks")

    def __init__(
        self,
        items: Mapping[str, Any] | Iterable[tuple[str, Any]] = (),
        mark: Mark = NOWHERE,
        marks: Mapping[str, Mark] | None = None,
    ) -> None:
        super().__init__(items)
        self.mark = mark
        self.marks: dict[str, Mark] = dict(marks or {})

    def at(self, key: str) -> Mark:
        """Return where ``key`` is written, or where the mapping starts."""
        return self.marks.get(key, self.mark)


class Seq(list[Any]):
    """A list from YAML; ``mark`` is where it starts, ``marks`` where each item stands."""

    __slots__ = ("mark", "marks")

    def __init__(self, items: Iterable[Any] = (), mark: Mark = NOWHERE) -> None:
        super().__init__(items)
        self.mark = mark
        self.marks: list[Mark] = []

    def at(self, index: int) -> Mark:
        """Return where the item is written, or where the list starts."""
        return self.marks[index] if index < len(self.marks) else self.mark


class Open(list[Any]):
    """A list of ours in which, however deep, is no secret and no template: nobody has to look through it again."""

    __slots__ = ()


class Encrypted:
    """A value tagged ``!vault``: still encrypted, decrypted when a host really needs it. Prints as ``***``."""

    __slots__ = ("mark", "text")

    def __init__(self, text: str, mark: Mark = NOWHERE) -> None:
        self.text = text
        self.mark = mark

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return MASK

    def __reduce__(self) -> NoReturn:
        raise TypeError("an encrypted value cannot be pickled")


def marks_of(value: object) -> Mapping[str, Mark]:
    """Return where each key of a mapping was written; nothing for a mapping that does not know."""
    return getattr(value, "marks", {})


def placed_as(value: object, items: Mapping[str, Any], default: Mark | None = None) -> Map:
    """Return items as a mapping that stands, key by key, where ``value`` does: what was made of a written mapping."""
    return Map(items, mark_of(value, default), marks_of(value))


def folder_of(value: object, default: Mark) -> Path:
    """Return the directory of the file in which a value was written: where what it names relatively starts."""
    return Path(mark_of(value, default).file).parent


def mark_of(value: object, default: Mark | None = None) -> Mark:
    """Return where a value was written, or ``default`` when it does not know."""
    mark = getattr(value, "mark", None)
    return mark if isinstance(mark, Mark) and mark is not NOWHERE else default or NOWHERE


def joined(*maps: Mapping[str, Any]) -> Map:
    """Return one mapping of several, the last one winning, with the marks of all."""
    found = Map()
    for one in maps:
        found.update(one)
        found.marks.update(marks_of(one))
    return found


class Omit:
    """What ``omit`` is in a template: an argument with this value is left out."""

    def __repr__(self) -> str:
        return "omit"


OMIT = Omit()
