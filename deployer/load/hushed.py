"""Variables that reports must not show: registered by a task under ``no_log``, or made from such a variable.

Their values are plain, so everything that uses them works as without ``no_log``. Code that shows a rendered value
observes the rendering (`listening`), and does not show it if such a variable was used.
"""

from __future__ import annotations

import threading
from typing import Self

from deployer.errors import ConfigError, NotYet


class Listening:
    """Observes a rendering: ``touched`` if such a variable was used. Every template is rendered inside such objects."""

    __slots__ = ("_before", "touched")

    def __init__(self) -> None:
        self.touched = False
        self._before: Listening | None = None

    def __enter__(self) -> Self:
        """Begin to observe."""
        self._before, _ears.now = _ears.now, self
        return self

    def __exit__(self, *_: object) -> None:
        """Stop observing, and pass the result on to the outer observer."""
        _ears.now = self._before
        if self.touched and self._before:
            self._before.touched = True


class _Ears(threading.local):
    now: Listening | None = None


_ears = _Ears()


def listening() -> Listening:
    """Observe whether such a variable is used inside the ``with`` block; an outer observer sees it, too."""
    return Listening()


def silenced(error: ConfigError, heard: Listening, what: str, where: object) -> ConfigError:
    """Return an error without details if such a variable was used; NotYet stays as it is."""
    if not heard.touched or isinstance(error, NotYet):
        return error
    said = f"{what} cannot be made of this; what is wrong with it is not shown (no_log)"
    return ConfigError(said, where=error.where or where)


def touch() -> None:
    """Tell the current observer that such a variable was used."""
    if _ears.now:
        _ears.now.touched = True
