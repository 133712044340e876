"""Loops as written: ``loop``, Ansible's ``with_…``, and ``loop_control``."""

from __future__ import annotations

import re
from typing import Any

from deployer.errors import At, ConfigError
from deployer.fields import kind
from deployer.load.keywords import WITH, boolean, check_words, mapping, text
from deployer.load.marked import Map, Seq, mark_of
from deployer.model import LoopControl
from deployer.syntax import VARIABLE

_CONTROL = ("loop_var", "index_var", "label", "extended")
_TEXTS = ("loop", "with_sequence", "with_fileglob", "with_first_found")
_BARE = re.compile(r"[A-Za-z_][\w.\[\]'\"]*")


def loop_of(given: Map) -> tuple[Any, LoopControl]:
    """Return a task's loop as written, None without one, and how it is to be read.

    Raises:
        ConfigError: there are two loops, or a word of one is wrong.
    """
    words = [word for word in given if word == "loop" or word in WITH]
    if len(words) > 1:
        raise ConfigError(f"a task has one loop, not {' and '.join(words)}", where=given.at(words[1]))
    control = _control(given, words[0].removeprefix("with_") if words else "loop")
    if not words:
        return None, control
    word, value = words[0], given[words[0]]
    with At(mark_of(value, given.at(word))):
        if word == "loop" and not isinstance(value, Seq | str):
            raise ConfigError(f"loop must be a list or a template, not {kind(value)}", where=given.at("loop"))
        if value is None:
            raise ConfigError(f"{word} has nothing to go through")
        if isinstance(value, str) and word not in _TEXTS and "{" not in value and _BARE.fullmatch(value):
            hint = f'write {word}: "{{{{ {value} }}}}" for a variable, {word}: [{value}] for the word itself'
            raise ConfigError(f"{word} is the bare word {str(value)!r}", hint=hint)
        return value, control


def _control(given: Map, form: str) -> LoopControl:
    where = given.at("loop_control")
    words = mapping(given.get("loop_control") or Map(mark=where), "loop_control", where)
    check_words(words, _CONTROL, "loop_control")
    names = {word: text(words, word) or "" for word in ("loop_var", "index_var")}
    for word, name in names.items():
        if name and not VARIABLE.fullmatch(name):
            raise ConfigError(f"{word} {name!r} cannot be the name of a variable", where=words.at(word))
    return LoopControl(
        form=form,
        var=names["loop_var"] or "item",
        index=names["index_var"],
        label=words.get("label"),
        extended=bool(boolean(words, "extended")),
    )
