"""The supported keywords of plays and tasks, and what to write instead of unsupported ones."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches
from typing import Any

from deployer.errors import At, ConfigError, Problems
from deployer.fields import alike, kind, nearest
from deployer.gathering import Gathering
from deployer.load.instead import INSTEAD, INSTEAD_OF_MODULES, OF_OTHER_SYSTEMS
from deployer.load.marked import Map, Seq, Text, mark_of
from deployer.model import Mark
from deployer.syntax import truth

ACCEPTED = (
    *("collections", "gather_subset", "gather_timeout", "strategy", "throttle", "become_method", "force_handlers"),
    "delegate_facts",
)
"""Keywords of Ansible that have no effect here; `check_accepted` refuses values that would need one."""
FORMS = (
    *("list", "items", "flattened", "dict", "nested", "cartesian", "together", "indexed_items", "subelements"),
    *("sequence", "fileglob", "first_found"),
)
"""What may follow ``with_``."""
WITH = tuple(f"with_{form}" for form in FORMS)
SETTERS = ("set_fact", "include_vars")
"""Tasks that set variables for later tasks."""
ACTS = (*SETTERS, "assert", "debug", "fail", "meta", "setup")
"""Tasks that change no host and run while the play is resolved (`deployer.resolve.acts`)."""
INCLUDES = ("include_tasks", "include_role")
ROLE_WORDS = ("name", "tasks_from", "defaults_from", "vars_from", "handlers_from", "allow_duplicates", "public")
RESULT_WORDS = ("register", "changed_when", "failed_when", "ignore_errors", "until", "retries", "delay", "check_mode")
"""Keywords about a task's result (`deployer.load.results`)."""
RESULT_TESTS = {
    **dict.fromkeys(("changed", "change"), ("changed", True)),
    **dict.fromkeys(("failed", "failure"), ("failed", True)),
    **dict.fromkeys(("succeeded", "success", "successful"), ("failed", False)),
    **dict.fromkeys(("skipped", "skip"), ("skipped", True)),
    **dict.fromkeys(("finished", "started"), ("finished", True)),
}
"""Tests of results: the key of the result that is checked, and the value that it must have."""
HANDED = ("delegate_to", "ignore_errors")
"""Further keywords that tasks inherit from blocks, roles and imports; from a play only the second."""
SHARED = ("name", "vars", "tags", "when", "become", "become_user", "environment")
PLAY = (
    *("name", "vars", "tags", "become", "become_user", "environment", "hosts", "vars_files", "roles"),
    *("pre_tasks", "tasks", "post_tasks", "handlers", "gather_facts", "any_errors_fatal"),
    *("serial", "max_fail_percentage", "order", "hooks"),
    *("remote_user", "user", "connection", "vars_prompt", "no_log", "engine", "ignore_errors", *ACCEPTED),
)
BLOCK = (*SHARED, "block", "rescue", "always", "no_log", "run_once", "notify", *HANDED, *ACCEPTED)
TASK = (
    *(*SHARED, "loop", "notify", "timeout", "confirm", "args", "loop_control", "no_log", "run_once", "delegate_to"),
    *("connection", *RESULT_WORDS, *WITH, *ACCEPTED),
)
HANDLER = (*TASK, "listen")
HOOK = (*SHARED, "loop", "run_once", "delegate_to", "as_node", "timeout")
ROLE = (*SHARED, *HANDED, "role", "engine")

_WHOLE = re.compile(r"\s*\{\{((?:(?!\{\{|\}\}).)+)\}\}\s*", re.DOTALL)
_BUILTIN = ("ansible.builtin.", "ansible.legacy.")
_COLLECTIONS = (
    *(*_BUILTIN, "ansible.posix.", "community.general.", "community.postgresql.", "community.docker."),
    "community.rabbitmq.",
)
_ALIASES = {"service": "systemd", "systemd_service": "systemd"}


def short_name(name: str) -> str:
    """Return a module's short name: ``copy`` for ``ansible.builtin.copy``, ``systemd`` for ``service``."""
    short = next((name.removeprefix(prefix) for prefix in _COLLECTIONS if name.startswith(prefix)), name)
    return _ALIASES.get(short, short)


def short_word(name: str) -> str:
    """Return a keyword as it is called here: ``import_tasks`` for ``ansible.builtin.import_tasks``."""
    return next((name.removeprefix(prefix) for prefix in _BUILTIN if name.startswith(prefix)), name)


def instead(word: str) -> str:
    """Return what to write instead of a word or module of Ansible's; empty for one that is none of them."""
    word = short_word(word)
    return (
        INSTEAD.get(word) or INSTEAD_OF_MODULES.get(short_name(word)) or ("loop:" if word.startswith("with_") else "")
    )


def check_words(given: Map, known: Iterable[str], what: str, otherwise: str = "") -> None:
    """Refuse words that are not understood.

    Args:
        given: what was written.
        known: the words there are.
        what: what has these words.
        otherwise: what an unknown word may be meant for; empty: the known words are listed.

    Raises:
        ConfigError: with what to write instead, or the nearest known word; `Problems` for several.
    """
    Problems.check(_unknown(given, word, known, what, otherwise) for word in given if word not in known)


def _unknown(given: Map, word: str, known: Iterable[str], what: str, otherwise: str) -> ConfigError:
    if hint := INSTEAD.get(short_word(word), ""):
        hint = "; ".join(filter(None, (hint, otherwise)))
        return ConfigError(f"{word!r} is not supported in {what}", where=given.at(word), hint=hint)
    hint = otherwise if otherwise and not alike(word, known) else nearest(word, known)
    return ConfigError(f"unknown word {word!r} in {what}", where=given.at(word), hint=hint)


def check_accepted(given: Map) -> None:
    """Refuse those values of accepted words that ask for something else than what happens here.

    Raises:
        ConfigError: with what happens instead.
    """
    for word, fine in (("strategy", ("linear", "free")), ("become_method", ("sudo",))):
        value = given.get(word)
        if value is not None and short_name(str(value)) not in fine:
            raise ConfigError(f"{word} cannot be {str(value)!r}", where=given.at(word), hint=INSTEAD[word])
    for word in ("force_handlers", "delegate_facts"):
        if boolean(given, word):
            raise ConfigError(f"{word} is not supported", where=given.at(word), hint=INSTEAD[word])


def mapping(value: Any, what: str, where: Mark, hint: str = "") -> Map:
    """Return ``value``, which has to be a mapping.

    Raises:
        ConfigError: it is something else.
    """
    if isinstance(value, Map):
        return value
    raise ConfigError(f"{what} must be a mapping, not {kind(value)}", where=mark_of(value, where), hint=hint)


def sequence(value: Any, what: str, where: Mark) -> Seq:
    """Return ``value``, which has to be a list or nothing.

    Raises:
        ConfigError: it is something else.
    """
    if value is None:
        return Seq(mark=where)
    if isinstance(value, Seq):
        return value
    raise ConfigError(
        f"{what} must be a list, not {kind(value)}", where=mark_of(value, where), hint="start each line with -"
    )


def text(given: Map, word: str, default: str | None = None) -> str | None:
    """Return the text under a word, or ``default`` when the word is not there.

    Raises:
        ConfigError: it is not text.
    """
    value = given.get(word)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ConfigError(f"{word} must be text, not {kind(value)}", where=mark_of(value, given.at(word)))
    return value if isinstance(value, str) else str(value)


def boolean(given: Map, word: str) -> bool | None:
    """Return the boolean under a word, or None when the word is not there.

    Raises:
        ConfigError: it is neither ``true`` or ``false`` nor ``yes``, ``no``, ``on`` or ``off``.
    """
    value = given.get(word)
    if value is None or isinstance(value, bool):
        return value
    if (meant := truth(value)) is not None:
        return meant
    raise ConfigError(
        f"{word} must be true or false, not {kind(value)}", where=given.at(word), hint="write true or false"
    )


def items(given: Map, word: str) -> Iterator[tuple[Any, Mark]]:
    """Yield what stands under a word that takes one value or a list of them, and where; nothing without the word."""
    value = given.get(word)
    for i, item in enumerate(value if isinstance(value, Seq) else () if value is None else [value]):
        yield item, mark_of(item, value.at(i) if isinstance(value, Seq) else given.at(word))


def expression(item: Any, word: str, at: Mark) -> Text:
    """Return a condition as it is written: an expression; braces around the whole of it are left out.

    Raises:
        ConfigError: it is not text, or has braces inside.
    """
    with At(at):
        if not isinstance(item, str) or not item.strip():
            raise ConfigError(f"{word} must be an expression, not {kind(item)}")
        if whole := _WHOLE.fullmatch(item):
            item = Text(whole[1], at)
        if "{{" in item or "{%" in item:
            raise ConfigError(f"{word} is an expression already", hint="write it without {{ }}")
        return item if isinstance(item, Text) else Text(item, at)


def words(given: Map, word: str) -> tuple[Text, ...]:
    """Return the texts under a word that takes one text or a list of them.

    Raises:
        ConfigError: it is something else.
    """
    found = []
    for item, at in items(given, word):
        if not isinstance(item, str | int) or isinstance(item, bool):
            raise ConfigError(f"{word} must be text or a list of texts, not {kind(item)}", where=at)
        found.append(item if isinstance(item, Text) else Text(str(item), at))
    return tuple(found)


def module_key(given: Map, known: Collection[str], problems: Gathering, under: bool = False) -> str:
    """Return the one key that is no keyword; where only keywords that are refused are left, the first of these.

    Args:
        given: the task.
        known: the keywords it may have.
        problems: where refused keywords go.
        under: whether it stands under a condition, so that modules that are not here may be left to the hosts.

    Raises:
        ConfigError: there is none, or there are several.
    """
    left = [key for key in given if key not in known]
    later = {*OF_OTHER_SYSTEMS, *(INSTEAD_OF_MODULES if under else ())}
    refused = [key for key in left if instead(key) and short_name(key) not in later]
    problems.found += (
        ConfigError(f"{key!r} is not supported in a task", where=given.at(key), hint=instead(key)) for key in refused
    )
    left = [key for key in left if key not in refused]
    if len(left) == 1:
        return left[0]
    if not left:
        if refused:
            return refused[0]
        raise ConfigError("the task names no module", where=given.mark, hint="write MODULE: {ARGUMENT: VALUE}")
    for key in left:
        for close in get_close_matches(key, known, n=1, cutoff=0.7):
            raise ConfigError(f"unknown word {key!r} in a task", where=given.at(key), hint=f"did you mean {close!r}?")
    raise ConfigError(f"a task has one module, not {' and '.join(left)}", where=given.at(left[1]))
