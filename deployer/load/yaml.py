"""The strict YAML reader: it guesses nothing, everything has a limit, and every value knows its place.

A plain scalar becomes a number, a boolean or None only if printing that value gives the same characters again. So
``NO``, ``on``, ``0644``, ``1.10``, ``22:22``, ``1_000``, ``0x1F`` and dates stay text, and the schema decides what they
are: the implicit types of YAML 1.1 would change deployment data silently. The tree is built from parser events with a
stack of our own, so that we check the depth ourselves and never reach Python's recursion limit.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml as pyyaml

from deployer.errors import At, ConfigError
from deployer.load.marked import Encrypted, Map, Seq, Text
from deployer.model import Mark
from deployer.regular import open_regular

__all__ = ["Encrypted", "Map", "Seq", "Text", "parse", "read", "source"]

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32
MAX_NODES = 100_000
MAX_SCALAR = 64 * 1024

_PARSER: Any = getattr(pyyaml, "CSafeLoader", pyyaml.SafeLoader)
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+(?:e[+-][0-9]+)?")
_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "true": True, "false": False}
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_PAIR = re.compile(r"(?<!\\)((?:\\\\)*)\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE)
_LINES = dict.fromkeys(map(ord, "\t\n\r"), " ")
_NO_ANCHORS = 'say it once under vars: and use it as "{{ name }}", or use loop:'


def read(path: Path) -> Any:
    """Return the content of a YAML file.

    Raises:
        ConfigError: it cannot be read, is too large, or is not YAML of the strict kind.
    """
    return parse(source(path), str(path))


def source(path: Path) -> str:
    """Return the text of a file, at most `MAX_BYTES` long, decoded from UTF-8 with or without a byte order mark.

    Raises:
        ConfigError: it is missing, not readable, too large, or not UTF-8.
    """
    with At(path):
        try:
            with open_regular(path) as file:
                size = os.fstat(file.fileno()).st_size
                data = file.read(MAX_BYTES + 1) if size <= MAX_BYTES else b""
        except OSError as error:
            raise ConfigError(f"cannot be read: {error.strerror}") from None
        if size > MAX_BYTES or len(data) > MAX_BYTES:
            raise ConfigError(f"is larger than {MAX_BYTES} bytes", hint="put large content in a file under files/")
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise ConfigError("is UTF-16", where=Mark(str(path), 1, 1), hint="save it as UTF-8")
        try:
            return data.removeprefix(b"\xef\xbb\xbf").decode()
        except UnicodeDecodeError as error:
            mark = _mark_at(data[: error.start].decode(errors="replace"), str(path))
            raise ConfigError("is not UTF-8", where=mark, hint="save it as UTF-8") from None


def json_as_yaml(text: str) -> str:
    """Return JSON text that is also YAML: without tabs, and with each surrogate pair written as one escape."""

    def one(pair: re.Match[str]) -> str:
        return f"{pair[1]}\\U{0x10000 + ((int(pair[2], 16) - 0xD800) << 10) + int(pair[3], 16) - 0xDC00:08x}"

    return _PAIR.sub(one, text.replace("\t", " "))


def parse(text: str, name: str) -> Any:
    """Return the content of YAML text; `None` for an empty document.

    Args:
        text: at most `MAX_BYTES` characters.
        name: the file to name in marks.

    Raises:
        ConfigError: with line and column of the first thing that is wrong.
    """
    text = text.removeprefix("\ufeff")
    if len(text) > MAX_BYTES:
        raise ConfigError(
            f"is larger than {MAX_BYTES} bytes", where=name, hint="put large content in a file under files/"
        )
    if not (text.isascii() and text.translate(_LINES).isprintable()) and (bad := _UNPRINTABLE.search(text)):
        mark = _mark_at(text[: bad.start()], name)
        raise ConfigError(f"contains a character that is not text (U+{ord(bad[0]):04X})", where=mark)
    builder = _Builder(name)
    try:
        for event in pyyaml.parse(text, Loader=_PARSER):
            try:
                builder.feed(event)
            except ConfigError as error:
                error.where = str(builder.mark(event))
                raise
    except pyyaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, name) from None
    return builder.result


def _mark_at(before: str, name: str) -> Mark:
    return Mark(name, before.count("\n") + 1, len(before) - before.rfind("\n"))


def _syntax_error(error: pyyaml.MarkedYAMLError, text: str, name: str) -> ConfigError:
    place = error.problem_mark or error.context_mark
    mark = Mark(name, place.line + 1, place.column + 1) if place else Mark(name)
    line = next(iter(text.splitlines()[mark.line - 1 : mark.line]), "")
    hint = ""
    if "\t" in line[: len(line) - len(line.lstrip())] or line[mark.column - 1 : mark.column] == "\t":
        hint = "indent with spaces; YAML does not allow tabs there"
    elif "{{" in line:
        hint = 'a value that starts with {{ must be in quotes: "{{ … }}"'
    elif "mapping values" in str(error.problem):
        hint = 'text with ": " in it must be in quotes'
    return ConfigError(f"is not YAML: {error.problem or error.context}", where=mark, hint=hint)


class _Builder:
    """Builds values from events; `stack` has the open containers, `keys` the current key of each open mapping."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.result: Any = None
        self.stack: list[Map | Seq] = []
        self.keys: list[Text | None] = []
        self.nodes = 0
        self.documents = 0

    def feed(self, event: Any) -> None:
        kind = type(event)
        if kind is pyyaml.ScalarEvent:
            self.scalar(event)
        elif kind is pyyaml.MappingStartEvent or kind is pyyaml.SequenceStartEvent:
            self.open(
                event, Map(mark=self.mark(event)) if kind is pyyaml.MappingStartEvent else Seq(mark=self.mark(event))
            )
        elif kind is pyyaml.MappingEndEvent or kind is pyyaml.SequenceEndEvent:
            self.stack.pop()
            self.keys.pop()
        elif kind is pyyaml.AliasEvent:
            raise ConfigError(f"aliases (*{event.anchor}) are not supported", hint=_NO_ANCHORS)
        elif kind is pyyaml.DocumentStartEvent:
            self.documents += 1
            if self.documents > 1:
                raise ConfigError("a second document starts here", hint="write one document per file")

    def mark(self, event: Any) -> Mark:
        start = event.start_mark
        return Mark(self.name, start.line + 1, start.column + 1)

    def check(self, event: Any) -> Mark:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise ConfigError(f"has more than {MAX_NODES} values")
        if event.anchor is not None:
            raise ConfigError(f"anchors (&{event.anchor}) are not supported", hint=_NO_ANCHORS)
        return self.mark(event)

    def open(self, event: Any, container: Map | Seq) -> None:
        mark = self.check(event)
        if event.tag is not None:
            raise _unknown_tag(event.tag)
        if len(self.stack) >= MAX_DEPTH:
            raise ConfigError(f"is nested deeper than {MAX_DEPTH} levels")
        self.put(container, mark, container=True)
        self.stack.append(container)
        self.keys.append(None)

    def scalar(self, event: Any) -> None:
        mark = self.check(event)
        if len(event.value) > MAX_SCALAR:
            hint = "put it in a file under files/ and name that in src:"
            raise ConfigError(f"a value is longer than {MAX_SCALAR} characters", hint=hint)
        plain = event.implicit[0] and event.style in (None, "")
        if event.tag is not None and event.tag not in ("!vault", "!unsafe", "!"):
            raise _unknown_tag(event.tag)
        if self.stack and isinstance(self.stack[-1], Map) and self.keys[-1] is None:
            self.key(Text(event.value, mark, plain=plain), event.tag)
        elif event.tag == "!vault":
            self.put(Encrypted(event.value, mark), mark)
        elif plain:
            self.put(_typed(event.value, mark), mark)
        else:
            self.put(Text(event.value, mark, unsafe=event.tag == "!unsafe"), mark)

    def key(self, key: Text, tag: str | None) -> None:
        mapping = self.stack[-1]
        if key.plain and key == "<<":
            raise ConfigError("merge keys (<<) are not supported", hint=_NO_ANCHORS)
        if tag is not None or not key:
            raise ConfigError("a key must be plain text")
        if isinstance(mapping, Map):
            if key in mapping.marks:
                first = mapping.marks[key].line
                raise ConfigError(f"{str(key)!r} is written twice: first in line {first}, again here")
            mapping.marks[str(key)] = key.mark
            self.keys[-1] = key

    def put(self, value: Any, mark: Mark, *, container: bool = False) -> None:
        if not self.stack:
            self.result = value
            return
        parent = self.stack[-1]
        if isinstance(parent, Seq):
            parent.append(value)
            parent.marks.append(mark)
            return
        key = self.keys[-1]
        if key is None:
            hint = 'a value that starts with {{ must be in quotes: "{{ … }}"' if container else ""
            raise ConfigError("a key must be plain text", hint=hint)
        parent[str(key)] = value
        self.keys[-1] = None


def _typed(text: str, mark: Mark) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text) and str(int(text)) == text:
        return int(text)
    if _FLOAT.fullmatch(text) and repr(float(text)) == text:
        return float(text)
    return Text(text, mark, plain=True)


def _unknown_tag(tag: str) -> ConfigError:
    hint = "only !vault and !unsafe are supported; put text that looks like something else in quotes"
    return ConfigError(f"unknown tag {tag!r}", hint=hint)


def walk(value: Any) -> Iterator[Any]:
    """Yield ``value`` and then every value inside it, but no keys; the depth is at most `MAX_DEPTH`."""
    yield value
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        yield from walk(child)
