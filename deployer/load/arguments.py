"""Reads a module's arguments in all forms: a mapping, ``KEY=VALUE`` text, ``args:`` beside it, or free text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from deployer.errors import At, ConfigError
from deployer.fields import kind
from deployer.load.keywords import mapping
from deployer.load.marked import Map, Text, mark_of
from deployer.model import Mark

FREE_FORM: Mapping[str, str] = {
    "command": "cmd",
    "shell": "cmd",
    "raw": "cmd",
    "script": "cmd",
    "include_tasks": "file",
    "include_vars": "file",
    "meta": "action",
}
"""Modules whose arguments may be one text, and the argument for which the text stands."""

_BESIDE = ("creates", "removes", "chdir", "executable", "stdin", "warn", "strip_empty_ends", "stdin_add_newline")
"""Arguments that may be written as KEY=VALUE inside the text of a command."""
_ASIDE = re.compile(rf"(?:^|\s)(?:{'|'.join(_BESIDE)})=")
_LONGEST = 16 * 1024
_KEY = re.compile(r"([A-Za-z_][A-Za-z0-9_.]*)=")
_PIECE = re.compile(
    r"""\{\{.*?\}\}|\{%.*?%\}|\{\#.*?\#\}   # a template is never split
    |"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'    # nor is what stands in quotes
    |\\.|\S""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(\\|'|\"|a|b|f|n|r|t|v|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4})")
_LETTERS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_NO_OPTIONS = {"warn", "strip_empty_ends"}


def task_arguments(module: str, value: Any, beside: Any, where: Mark) -> Map:
    """Return a module's arguments as a mapping; its own win over those of ``args:``, as in Ansible.

    Args:
        module: its short name.
        value: the value of the module's key.
        beside: the value of ``args:``; None without it.
        where: the place to report.

    Raises:
        ConfigError: they are neither a mapping nor ``KEY=VALUE`` text.
    """
    with At(mark_of(value, where)):
        own = _own(module, value, where)
    if beside is None:
        return own
    more = mapping(beside, "args", where, f"{module}: {{ARGUMENT: VALUE}}")
    return Map({**more, **own}, where, {**more.marks, **own.marks})


def _own(module: str, value: Any, where: Mark) -> Map:
    if value is None:
        return Map(mark=where)
    if isinstance(value, Map):
        return value
    at, free = mark_of(value, where), FREE_FORM.get(module)
    if isinstance(value, str) and module == "raw" and value.strip():
        return Map({"cmd": value}, at, {"cmd": at})
    if isinstance(value, str) and module in ("command", "shell", "script") and value.strip():
        return _command(value, at)
    if isinstance(value, str) and value.strip():
        found, left = _pairs(value, at)
        if free and not found:
            return Map({free: value}, at, {free: at})
        if not left:
            return found
        if found:
            problem = f"{left[0][:60]!r} is not KEY=VALUE"
            raise ConfigError(problem, hint=f"{module}: {{ARGUMENT: VALUE}}, or put the value in quotes")
    problem = f"the arguments of {module} must be a mapping, not {kind(value)}"
    raise ConfigError(problem, hint=f"{module}: {{ARGUMENT: VALUE}}")


def named_module(value: Any, where: Mark) -> tuple[str, Any]:
    """Return module and arguments of ``action:`` or ``local_action:``, from text or from a mapping with ``module``.

    Raises:
        ConfigError: no module is named.
    """
    if isinstance(value, Map) and isinstance(value.get("module"), str):
        left = {key: item for key, item in value.items() if key != "module"}
        return str(value["module"]), Map(left, value.mark, value.marks)
    if isinstance(value, str) and value.strip():
        name, _, rest = value.strip().partition(" ")
        return name, Text(rest.strip(), mark_of(value, where)) if rest.strip() else None
    raise ConfigError("it names no module", where=mark_of(value, where), hint="write MODULE: {ARGUMENT: VALUE}")


def _command(text: str, where: Mark) -> Map:
    """Return a command, with arguments such as ``creates=FILE`` taken out of its text."""
    found, left, last = Map(mark=where), "", 0
    if not _ASIDE.search(text):
        return Map({"cmd": text}, where, {"cmd": where})
    for word, begin, end in _words(text):
        match = _KEY.match(word)
        if match and match[1] in _BESIDE:
            if match[1] not in _NO_OPTIONS:
                found[match[1]], found.marks[match[1]] = _value(word[match.end() :], where), where
            left += text[last:begin].rstrip(" ")
            last = end
    left += text[last:]
    found["cmd"], found.marks["cmd"] = (Text(left.strip() if last else text, where)), where
    if last and not left.strip():
        raise ConfigError("it names no command", hint="command: {cmd: …, creates: …}")
    return found


def _pairs(text: str, where: Mark) -> tuple[Map, list[str]]:
    """Return the ``KEY=VALUE`` pairs of a text, and the other words."""
    found, left = Map(mark=where), []
    for word, _, _ in _words(text):
        match = _KEY.match(word)
        if not match:
            left.append(word)
            continue
        if match[1] in found:
            raise ConfigError(f"{match[1]} is given twice")
        found[match[1]], found.marks[match[1]] = _value(word[match.end() :], where), where
    return found, left


def _words(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield the words of a text with their begin and end; templates and quoted text are not split."""
    begin = end = -1
    if len(text) > _LONGEST:
        hint = "write the arguments as a mapping, and content into a file"
        raise ConfigError(f"KEY=VALUE text is longer than {_LONGEST} characters", hint=hint)
    for piece in _PIECE.finditer(text):
        if piece.start() != end:
            if begin >= 0:
                yield text[begin:end], begin, end
            begin = piece.start()
        end = piece.end()
    if begin >= 0:
        yield text[begin:end], begin, end


def first_word(text: str) -> tuple[str, str]:
    """Return the first word of a text, without its quotes, and the rest."""
    word, _, end = next(_words(text))
    quoted = len(word) > 1 and word[0] == word[-1] and word[0] in "'\""
    return word[1:-1] if quoted else word, text[end:]


def _value(text: str, where: Mark) -> Text:
    plain = text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text
    return Text(_ESCAPE.sub(_unescaped, plain), where)


def _unescaped(match: re.Match[str]) -> str:
    word = match[1]
    return chr(int(word[1:], 16)) if word[0] in "xu" and len(word) > 1 else _LETTERS.get(word, word)


def without_action(given: Map) -> Map:
    """Return a task with ``action: MODULE KEY=VALUE`` or ``local_action`` turned into ``MODULE:``.

    Raises:
        ConfigError: it names no module; or ``local_action`` is combined with ``delegate_to``.
    """
    word = "action" if "action" in given else "local_action"
    name, value = named_module(given[word], at := given.at(word))
    left = {key: item for key, item in given.items() if key != word}
    if word == "local_action":
        if "delegate_to" in given:
            raise ConfigError("local_action is on this machine already", where=at, hint="leave delegate_to out")
        left["delegate_to"] = Text("localhost", at)
    return Map({**left, name: value}, given.mark, {**given.marks, name: at, "delegate_to": given.at("delegate_to")})
