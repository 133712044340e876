"""What few tasks say; what reads it is loaded by the first task that says it."""

from __future__ import annotations

from typing import Any

from deployer.load import keywords
from deployer.load.marked import Map
from deployer.model import LoopControl, Mark, ResultWords

_LOOPS = frozenset(("loop", "loop_control", *keywords.WITH))
_RESULT = frozenset(keywords.RESULT_WORDS)


def arguments_of(module: str, value: Any, beside: Any, where: Mark) -> Map:
    """Return the arguments of a task, which may be text, or stand under ``args``.

    Raises:
        ConfigError: they are neither a mapping nor text that the module takes.
    """
    if isinstance(value, Map) and beside is None:
        return value
    from deployer.load.arguments import task_arguments

    return task_arguments(module, value, beside, where)


def result_of(given: Map, ignores: Any) -> ResultWords:
    """Return what a task says of its result; ``ignores``: what those around it say of ``ignore_errors``.

    Raises:
        ConfigError: a word of it is wrong.
    """
    if _RESULT.isdisjoint(given) and ignores is None:
        return ResultWords()
    from deployer.load.results import result_words

    return result_words(given, ignores)


def looped(given: Map) -> tuple[Any, LoopControl]:
    """Return the loop of a task, None without one, and what it says of it.

    Raises:
        ConfigError: a word of it is wrong.
    """
    if _LOOPS.isdisjoint(given):
        return None, LoopControl()
    from deployer.load.loops import loop_of

    return loop_of(given)
