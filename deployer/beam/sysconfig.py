"""What a release's sys.config sets of the kernel application, read from its text alone.

The file is one Erlang term, ``[{Application, [{Key, Value}]}]`` (config(4)); Mix prints it in one line. Of a key that
the command line sets too the command line counts, and what runtime.exs sets nobody knows before it runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

LIMIT = 1 << 16
"""Characters that are looked at."""
_DEEPEST = 64
_TOKEN = re.compile(
    r"""%[^\n]*|"(?:\\.|[^"\\])*+"?|'(?:\\.|[^'\\])*+'?|\$(?:\\.|.)|<<|>>|[\[\](){},]|[^\s%"'$\[\](){},<>]+|.""",
    re.DOTALL,
)
_OPENS, _CLOSES = frozenset({"[", "{", "(", "<<"}), frozenset({"]", "}", ")", ">>"})
_APPLICATION, _SETTING = "[{", "[{[{"
"""The brackets around an application and around one of its settings."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A key of the kernel application and the text of its value; ``line`` counts from 1."""

    key: str
    value: str
    line: int


def kernel_settings(text: str) -> Iterator[Setting]:
    """Yield what is set of the kernel application; of a damaged text what can be told."""
    text = text[:LIMIT]
    path, application, key, begin = "", "", "", 0
    for token in _TOKEN.finditer(text):
        word = token[0]
        if word.isspace() or word.startswith("%"):
            continue
        if word in _CLOSES:
            if (path, application) == (_SETTING, "kernel") and begin:
                value = " ".join(text[begin : token.start()].split())
                yield Setting(key, value, text.count("\n", 0, begin) + 1)
            path = path[:-1]
        elif word in _OPENS:
            if len(path) == _DEEPEST:
                return
            path += word[0]
            application = "" if path == _APPLICATION else application
            key, begin = ("", 0) if path == _SETTING else (key, begin)
        elif path == _APPLICATION:
            application = application or word.strip("'")
        elif path == _SETTING and not key:
            key = word.strip("'")
        elif path == _SETTING and word == ",":
            begin = begin or token.end()
