"""Spelling that people bring, written as it is understood here: one line each, and nothing that guesses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_DROPPED = "debugger|diff|ignore_unreachable|strategy"


@dataclass(frozen=True, slots=True)
class _Rule:
    refused: re.Pattern[str]
    written: re.Pattern[str]
    instead: str


def _rule(refused: str, written: str, instead: str) -> _Rule:
    return _Rule(re.compile(refused), re.compile(written), instead)


_RULES: Sequence[_Rule] = (
    _rule(r"\balways_run\b", r"^(\s*)always_run\s*:\s*(?:yes|true|True)\s*$", r"\1check_mode: false"),
    _rule(r"with_\w+ is the bare word", r"^(\s*with_\w+\s*:\s*)['\"]?([A-Za-z_][\w.]*)['\"]?\s*$", r'\1"{{ \2 }}"'),
    _rule(rf"'(?:{_DROPPED})'|(?:{_DROPPED}) cannot be", rf"^\s*(?:{_DROPPED})\s*:\s*\S+\s*$", ""),
    _rule(r"\b(?:\w+_)?when is an expression already", r"(['\"])\{\{ *([A-Za-z_][\w.]*) *\}\}\1", r"(\2 | string)"),
    _rule(r"ansible_ssh_(?:user|host|port) is not", r"\bansible_ssh_(user|host|port)\b", r"ansible_\1"),
)


def respelled(line: str, problem: str) -> str | None:
    """Return a line that is refused as it is understood; None where no spelling helps.

    Args:
        line: as it is written, without its end. Empty in the answer: the line goes.
        problem: what is said of it.
    """
    for rule in _RULES:
        if rule.refused.search(problem) and rule.written.search(line):
            return rule.written.sub(rule.instead, line)
    return None
