"""Versions of Erlang and of Hex, compared as their makers order them."""

from __future__ import annotations

import re

_NUMBERS = re.compile(r"\d+(?:\.\d+)*", re.ASCII)


def numbers(text: str) -> tuple[int, ...]:
    """Return the numbers of a version of OTP, such as (15, 2, 7, 13); empty when it does not begin with any."""
    found = _NUMBERS.match(text.removeprefix("OTP-"))
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def follows(version: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Return whether a version of OTP has all that another one has, as its makers order them.

    Three numbers are of the one track that goes on; with more of them a version is of a track of its own, which leaves
    the other at what comes before its last number: 11.3 does not have what 11.2.12.9 has.
    """
    whole, base = (*version, *(0,) * (3 - len(version))), (*other, *(0,) * (3 - len(other)))
    if len(base) == 3:
        return whole[:3] >= base
    place = len(base) - 1
    return whole[:place] == base[:place] and len(whole) > place and whole[place] >= base[place]


def hex_key(text: str) -> tuple[object, ...]:
    """Return what to order a version of Hex by (semantic versions: 1.0.0-rc.1 comes before 1.0.0); empty for none."""
    plain = text.partition("+")[0]
    core, dash, before = plain.partition("-")
    found = numbers(core)
    if not found or ".".join(map(str, found)) != core:
        return ()
    whole = (*found, *(0,) * (3 - len(found)))
    parts = tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in before.split("."))
    return (whole, 0 if dash else 1, parts if dash else ())
