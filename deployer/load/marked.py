"""Plain Python values that know where they were written, so that every error can name file, line and column."""

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
        plain: written without quotes and not as a block; needed to refuse ``mode: 0644``.
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
    """A mapping from YAML; ``mark``: where it starts; ``marks``: where each key is written."""

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
    """A list from YAML; ``mark``: where it starts; ``marks``: where each item is written."""

    __slots__ = ("mark", "marks")

    def __init__(self, items: Iterable[Any] = (), mark: Mark = NOWHERE) -> None:
        super().__init__(items)
        self.mark = mark
        self.marks: list[Mark] = []

    def at(self, index: int) -> Mark:
        """Return where the item is written, or where the list starts."""
        return self.marks[index] if index < len(self.marks) else self.mark


class Open(list[Any]):
    """A list made by deployer that has no secret and no template at any depth, so it need not be searched for them."""

    __slots__ = ()


class Encrypted:
    """A value tagged ``!vault``: encrypted until a host needs it. Prints as ``***``."""

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
    """Return where each key of a mapping was written; empty for a mapping without places."""
    return getattr(value, "marks", {})


def placed_as(value: object, items: Mapping[str, Any], default: Mark | None = None) -> Map:
    """Return items as a mapping with the places of ``value``, from which they were made."""
    return Map(items, mark_of(value, default), marks_of(value))


def folder_of(value: object, default: Mark) -> Path:
    """Return the directory of the file in which a value was written: the base for relative paths in it."""
    return Path(mark_of(value, default).file).parent


def mark_of(value: object, default: Mark | None = None) -> Mark:
    """Return where a value was written, or ``default`` if it has no place."""
    mark = getattr(value, "mark", None)
    return mark if isinstance(mark, Mark) and mark is not NOWHERE else default or NOWHERE


def joined(*maps: Mapping[str, Any]) -> Map:
    """Merge several mappings into one, with the marks of all; later ones win."""
    found = Map()
    for one in maps:
        found.update(one)
        found.marks.update(marks_of(one))
    return found


class Omit:
    """The value of ``omit`` in a template: an argument with this value is left out."""

    def __repr__(self) -> str:
        return "omit"


OMIT = Omit()
