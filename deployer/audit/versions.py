"""Versions of Erlang and of Hex, compared as their makers order them."""

from __future__ import annotations

import re

_NUMBERS = re.compile(r"\d+(?:\.\d+)*", re.ASCII)


def numbers(text: str) -> tuple[int, ...]:
    """Return the numbers of a version of OTP, such as (15, 2, 7, 13); empty when it does not begin with any."""
    found = _NUMBERS.match(text.removeprefix("OTP-"))
    return tuple(int(part) for part in found[0].split(".")) if found else ()
