"""Symbolic modes: ``u=rwx,g=rx,o=`` sets all bits, so it is the same as ``0750``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from deployer.errors import ConfigError
from deployer.fields import kind
from deployer.load.marked import Text

_LONG = re.compile(r"0[1-7][0-7]{3}")
_WHOLE = re.compile(rf"0[0-7]{{3}}|{_LONG.pattern}")
_PYTHONS = re.compile(r"0o[0-7]{3,4}")
_CLAUSE = re.compile(r"([ugoa]*)((?:[-+=][rwxXst]*)+)")
_ACT = re.compile(r"([-+=])([rwxXst]*)")
_SHIFT = {"u": 6, "g": 3, "o": 0}
_BITS = {"r": 4, "w": 2, "x": 1}
_SPECIAL = {"u": 0o4000, "g": 0o2000, "o": 0o1000}


def mode_of(argument: str, value: Any, args: Mapping[str, Any]) -> Any:
    """Return a symbolic mode as digits; digits, templates and other values stay as they are.

    Args:
        argument: its name.
        value: as written, or rendered.
        args: the other arguments of the task: for a directory, ``X`` is ``x``.

    Raises:
        ConfigError: it is a number in YAML, or it does not set all bits.
    """
    bare = isinstance(value, Text) and value.plain and value.strip("+-").isdigit()
    if isinstance(value, int) or (bare and not _WHOLE.fullmatch(str(value))):
        hint = f'write {argument}: "{value!s:0>4}"'
        raise ConfigError(f"{argument} must be in quotes, not {kind(value)}", hint=hint)
    if isinstance(value, str) and (_PYTHONS.fullmatch(value) or _LONG.fullmatch(value)):
        return f"{int(value, 8):04o}"
    if not isinstance(value, str) or "{" in value or not re.search("[-+=]", value):
        return value
    return f"{_octal(argument, str(value), args.get('state') == 'directory'):04o}"


def _octal(argument: str, text: str, directory: bool) -> int:
    hint = f'write {argument}: "0644", or all of it: {argument}: u=rw,g=r,o=r'
    found, said = 0, set[str]()
    for clause in text.replace(" ", "").split(","):
        match = _CLAUSE.fullmatch(clause)
        if not match:
            raise ConfigError(f"{argument} cannot be {text!r}", hint=hint)
        who = "ugo" if "a" in match[1] or not match[1] else match[1]
        for act, letters in _ACT.findall(match[2]):
            if "X" in letters and not directory:
                problem = f"{argument} {text!r}: X depends on what is there"
                raise ConfigError(problem, hint=hint)
            for one in who:
                mask = 7 << _SHIFT[one] | _SPECIAL[one]
                bits = sum(_BITS[letter.lower()] for letter in set(letters.lower()) & set(_BITS)) << _SHIFT[one]
                bits |= _SPECIAL[one] if ("s" in letters and one != "o") or ("t" in letters and one == "o") else 0
                found = found & ~mask | bits if act == "=" else found | bits if act == "+" else found & ~bits
            said |= set(who) if act == "=" else set()
    if said != set("ugo") or (re.search("(?:^|,)[-+=]", text)):
        problem = f"{argument} {text!r} depends on the mode that is there, or on the umask"
        raise ConfigError(problem, hint=hint)
    return found
