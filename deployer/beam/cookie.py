"""The cookie: made strong, checked before anything is touched, compared without being shown.

Whoever knows it owns every node of the cluster, and a node that connects first hands MD5(cookie, challenge) to whoever
listens, so that a guessable cookie is found offline. No message of this module holds any part of one.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
from collections.abc import Callable

from deployer.errors import ConfigError

ALPHABET = string.ascii_letters + string.digits
LENGTH = 43
"""Characters of a generated cookie: 62 ** 43 is just over 2 ** 256."""
SHORTEST, LONGEST = 32, 255

_SAFE = re.compile(r"[A-Za-z0-9_.+/=@%:-]+", re.ASCII)
_DISTINCT = 8
_KNOWN = ("cookie", "secret", "monster", "rabbit", "password", "passwd", "changeme", "default", "example", "erlang",
          "elixir", "phoenix", "production", "12345678", "abcdefgh", "qwertyui", "swqokodsqalrpclnmeqg")  # fmt: skip
_MAKE = "make one with: deployer cookie generate"


def generate(choice: Callable[[str], str] = secrets.choice) -> str:
    """Return a fresh cookie of 256 random bits: letters and digits only, so that no shell or unit can misread it."""
    return "".join(choice(ALPHABET) for _ in range(LENGTH))


def check_format(text: str, name: str = "cluster.cookie") -> None:
    """Refuse a cookie that ``.erlang.cookie``, a unit or a shell could misread.

    Args:
        text: the cookie; it appears in no message.
        name: what the cookie is called in the message.

    Raises:
        ConfigError: empty, longer than an atom can be, a leading ``-``, or a character outside of the safe ones.
    """
    if not text:
        raise ConfigError(f"{name} is empty: a node would accept everybody", hint=_MAKE)
    if len(text) > LONGEST:
        raise ConfigError(f"{name} is longer than {LONGEST} characters, the most an Erlang atom holds", hint=_MAKE)
    if text.startswith("-"):
        raise ConfigError(f"{name} begins with '-', which a node takes for a flag", hint=_MAKE)
    if not _SAFE.fullmatch(text):
        raise ConfigError(
            f"{name} has a character that a shell, a unit or the cookie file could misread",
            hint=f"use letters, digits and _ . + / = @ % : - only; or {_MAKE}",
        )


def guessable(text: str) -> bool:
    """Return whether `check_cookie` refuses a cookie of a right form."""
    try:
        check_cookie(text)
    except ConfigError:
        return True
    return False


def check_cookie(text: str, name: str = "cluster.cookie") -> None:
    """Refuse a cookie of a wrong form or one that can be guessed; arguments and errors are `check_format`'s."""
    check_format(text, name)
    if len(text) < SHORTEST:
        raise ConfigError(f"{name} is shorter than {SHORTEST} characters", hint=_MAKE)
    if len(set(text)) < _DISTINCT or text in (text + text)[1:-1]:
        raise ConfigError(f"{name} repeats itself and can be guessed", hint=_MAKE)
    if any(word in text.lower() for word in _KNOWN):
        raise ConfigError(f"{name} contains a well-known word and can be guessed", hint=_MAKE)


def fingerprint(cookie: str, key: bytes) -> str:
    """Return 16 hex digits of HMAC-SHA256: equal for equal cookies under one key, and worth nothing without the key."""
    return hmac.new(key, cookie.encode(), hashlib.sha256).hexdigest()[:16]
