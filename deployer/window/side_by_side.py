"""Hosts side by side, in threads that nobody waits for once a person has given up."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import TypeVar

_T = TypeVar("_T")


def side_by_side(act: Callable[[_T], object], items: Collection[_T], most: int = 1000) -> None:
    """Call ``act`` with each item, at most so many at once, and return when all have ended; raises what one raised.

    Ctrl-C ends that wait at once, and nothing new begins. What is under way then, such as a login at a frozen host,
    ends with the program, which does not wait for it either: for the threads of an executor Python would.
    """
    left: queue.SimpleQueue[_T] = queue.SimpleQueue()
    wrong: list[BaseException] = []
    over = threading.Event()
    for item in items:
        left.put(item)

    def work() -> None:
        with suppress(queue.Empty):
            while not over.is_set():
                item = left.get_nowait()
                try:
                    act(item)
                except BaseException as error:  # noqa: BLE001 - raised below, in the thread of who called
                    wrong.append(error)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(max(1, most), len(items)))]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        over.set()
    if wrong:
        raise wrong[0]
