"""Variables that are not for a report: what a task under ``no_log`` has registered, and what is made of it.

Their values are plain, so that whatever uses them works as it does without the word. Whoever shows what was made from
variables listens while it is made, and shows nothing of it where one of these was looked at.
"""

from __future__ import annotations

import threading
from typing import Self

from deployer.errors import ConfigError, NotYet


class Listening:
    """What was noticed: whether such a variable was ``touched``. Every template is rendered inside of some of these."""

    __slots__ = ("_before", "touched")

    def __init__(self) -> None:
        self.touched = False
        self._before: Listening | None = None

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._before, _ears.now = _ears.now, self
        return self

    def __exit__(self, *_: object) -> None:
        """Leave it to who listens around it, and tell them."""
        _ears.now = self._before
        if self.touched and self._before:
            self._before.touched = True


class _Ears(threading.local):
    now: Listening | None = None


_ears = _Ears()


def listening() -> Listening:
    """Notice whether such a variable is looked at in here; whoever listens around it notices it, too."""
    return Listening()


def silenced(error: ConfigError, heard: Listening, what: str, where: object) -> ConfigError:
    """Return an error without what it may quote, where such a variable was looked at; one that only waits stays."""
    if not heard.touched or isinstance(error, NotYet):
        return error
    said = f"{what} cannot be made of this; what is wrong with it is not shown (no_log)"
    return ConfigError(said, where=error.where or where)


def touch() -> None:
    """Tell who listens that one was looked at."""
    if _ears.now:
        _ears.now.touched = True
