"""Variables that are not for a report: what a task under ``no_log`` has registered, and what is made of it.

Their values are plain, so that whatever uses them works as it does without the word. Whoever shows what was made from
variables listens while it is made, and shows nothing of it where one of these was looked at.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class Listening:
    """What was noticed: whether such a variable was ``touched``."""

    touched: bool = False


class _Ears(threading.local):
    now: Listening | None = None


_ears = _Ears()


@contextmanager
def listening() -> Iterator[Listening]:
    """Notice whether such a variable is looked at in here; whoever listens around it notices it, too."""
    before, now = _ears.now, Listening()
    _ears.now = now
    try:
        yield now
    finally:
        _ears.now = before
        if now.touched and before:
            before.touched = True


def touch() -> None:
    """Tell who listens that one was looked at."""
    if _ears.now:
        _ears.now.touched = True
