"""Which hosts a pattern means: ``web:db``, ``web,db``, ``all:!db1``, ``web:&blue``, ``web*``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from deployer.errors import ConfigError
from deployer.fields import nearest

_RANGE = re.compile(r"\[([0-9]+|[a-zA-Z]):([0-9]+|[a-zA-Z])(?::([0-9]+))?\]")
_MOST = 10_000
_HERE = (
    "it is a host like others here: write localhost: {ansible_connection: local} into the inventory,"
    " or connection: local into the play"
)
_SEPARATOR = re.compile(r"[,:](?![^\[]*\])")


def expand_range(name: str) -> Iterator[str]:
    """Yield the names that ``web[1:3]``, ``web[01:10]``, ``db[a:c]`` stand for; both ends belong to the range.

    Raises:
        ConfigError: the range is empty, mixed, or larger than anybody means.
    """
    match = _RANGE.search(name)
    if not match:
        yield name
        return
    begin, end, step = match[1], match[2], int(match[3] or 1)
    digits = begin.isdecimal()
    if digits != end.isdecimal() or not step or (len(begin) > 1 and not digits) or max(len(begin), len(end)) > 6:
        raise ConfigError(f"{match[0]} is not a range", hint="write web[1:3], web[01:10] or db[a:c]")
    first, last = (int(begin), int(end)) if digits else (ord(begin), ord(end))
    if not 0 <= last - first < _MOST:
        raise ConfigError(f"{match[0]} is an empty or too large range", hint="the smaller end comes first")
    width = len(begin) if digits and begin.startswith("0") else 0
    for number in range(first, last + 1, step):
        part = f"{number:0{width}d}" if digits else chr(number)
        yield from expand_range(name[: match.start()] + part + name[match.end() :])


def matching(pattern: str, hosts: Sequence[str], groups: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the names of the hosts that ``pattern`` means, in its order; empty only through ``!`` and ``&``.

    Raises:
        ConfigError: a part is not understood or matches no host and no group.
    """
    parts = [part.strip() for part in _SEPARATOR.split(pattern) if part.strip()]
    kinds: dict[str, list[str]] = {"": [], "&": [], "!": []}
    for part in parts:
        kinds[part[0] if part[0] in "&!" else ""].append(part.lstrip("&!"))
    chosen: dict[str, None] = {}
    for part in kinds[""] or (["all"] if parts else []):
        chosen |= dict.fromkeys(_one(part, hosts, groups))
    for part in kinds["&"]:
        within = set(_one(part, hosts, groups))
        chosen = {name: None for name in chosen if name in within}
    for part in kinds["!"]:
        without = set(_one(part, hosts, groups))
        chosen = {name: None for name in chosen if name not in without}
    return tuple(chosen)


def _one(part: str, hosts: Sequence[str], groups: Mapping[str, Sequence[str]]) -> list[str]:
    if part in ("all", "*"):
        return list(hosts)
    if part.startswith("~") or "[" in part:
        hint = "name hosts and groups, with * for any characters"
        raise ConfigError(f"the pattern {part!r} is not supported", hint=hint)
    found = [name for group in groups if fnmatchcase(group, part) for name in groups[group]]
    found += [name for name in hosts if fnmatchcase(name, part)]
    if not found and part not in groups:
        hint = _HERE if part in ("localhost", "127.0.0.1") else nearest(part, [*hosts, *groups])
        raise ConfigError(f"no host and no group matches {part!r}", hint=hint)
    return found
