"""What sshd's configuration says under ``Match``: of that ``sshd -T`` tells nothing, for it depends on who comes."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from deployer.audit.facts import Facts
from deployer.audit.process import CannotTell
from deployer.audit.rule import Complaints

_LINE = re.compile(r"\s*(\w+)(?:\s*=\s*|\s+)(.*)")
_INCLUDED = re.compile(r"(?:/etc/ssh/)?sshd_config\.d/\*\.conf|/etc/ssh/sshd_config\.d/[^/\s]+")


def matched(facts: Facts, good: Mapping[str, Collection[str]]) -> Complaints:
    """Yield which words have another value than the good ones for some of those who come.

    Args:
        facts: of the host; each line of its files that is of interest stands there behind the file and a colon.
        good: word of sshd_config(5), in lower case → its good values.

    Raises:
        CannotTell: the files cannot be read, or take in others that were not.
    """
    file = block = ""
    beyond = []
    what = "what sshd is told for some of those who log in (Match)"
    for line in facts.read("login", "matched", what, 16384).splitlines():
        place, _, text = line.partition(":")
        found = _LINE.fullmatch(text)
        if not found:
            continue
        word, value = found[1].lower(), found[2].split("#")[0].strip().strip('"')
        if place != file:
            file, block = place, ""
        if word == "match":
            block = value
        elif word == "include" and not all(_INCLUDED.fullmatch(one.strip('"')) for one in value.split()):
            beyond.append(value)
        elif block and word in good and value.lower() not in good[word]:
            yield f"{word} {value} for Match {block}, in {place}"
    if beyond:
        raise CannotTell(f"sshd takes in {', '.join(beyond)}, and Match blocks there were not read")
