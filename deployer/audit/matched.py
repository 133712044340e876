"""What sshd's configuration says under ``Match``: of that ``sshd -T`` tells nothing, for it depends on who comes."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Collection, Iterator, Mapping

from deployer.audit.facts import Facts
from deployer.audit.process import CannotTell, NotApplicable
from deployer.audit.rule import Complaints

_MAIN = "/etc/ssh/sshd_config"
_LINE = re.compile(r"\s*(\w+)(?:\s*=\s*|\s+)(.*)")
_INCLUDED = re.compile(r"(?:/etc/ssh/)?sshd_config\.d/(?:\*|[^/\s.][^/\s]*)\.conf")
_OPTION = re.compile(r"(?:^|\s)-o\s*[\"']?(\w+)\s*[= ]\s*(.*?)[\"']?(?=\s+-\w|\s*$)")
"""An option as sshd's title has it: without quotes, so that a value goes on until the next one begins."""


def sshd_settings(facts: Facts) -> Mapping[str, str]:
    """Return what sshd makes of all its files and of the options that it was started with, in lower case.

    Raises:
        CannotTell: sshd could not be asked, or was started with a file of its own.
        NotApplicable: no sshd is installed.
    """
    said = facts.read("login", "sshd", "the configuration that sshd uses (sshd -T)")
    if said == "absent":
        raise NotApplicable("no sshd of OpenSSH is installed")
    started = facts.group("login").get("sshd_line", "").partition("[listener]")[0]
    if re.search(r"\s-\w*f", _OPTION.sub("", started)):
        raise CannotTell("sshd was started with another configuration file (-f), which sshd -T does not read")
    told = {word: value for word, _, value in (line.partition(" ") for line in said.lower().splitlines())}
    # Of several the first counts.
    return told | {word.lower(): value.lower() for word, value in reversed(_OPTION.findall(started))}


def sshd_setting(told: Mapping[str, str], word: str) -> str:
    """Return one of `sshd_settings`; raises CannotTell without it."""
    if word not in told:
        raise CannotTell(f"sshd -T does not print {word}")
    return told[word]


def match_lines(facts: Facts) -> Iterator[tuple[str, str, str, str]]:
    """Yield what stands under each Match: criteria, file, a word of sshd_config(5) in lower case, and its value.

    Raises:
        CannotTell: the files cannot be read, or take in others that were not.
    """
    files, beyond = dict[str, list[tuple[str, str]]](), list[str]()
    what = "what sshd is told for some of those who log in (Match)"
    for line in facts.read("login", "matched", what, 16384).splitlines():
        place, _, text = line.partition(":")
        if found := _LINE.fullmatch(text):
            value = found[2].split("#")[0].strip().strip('"')
            files.setdefault(place, []).append((found[1].lower(), value))
    yield from _in_order(files, _MAIN, "", beyond)
    for place in sorted(files):  # of which nothing says where they are taken in
        yield from _in_order(files, place, "", beyond)
    if beyond:
        raise CannotTell(f"sshd includes {', '.join(beyond)}, whose Match blocks were not read")


def _in_order(
    files: dict[str, list[tuple[str, str]]], place: str, block: str, beyond: list[str]
) -> Iterator[tuple[str, str, str, str]]:
    """Yield as `match_lines`, each file where it is taken in: the first value counts, and what it holds is its Match's.

    What is yielded is gone from ``files``; what is taken in from elsewhere is added to ``beyond``.
    """
    for word, value in files.pop(place, ()):
        if word == "match":
            block = value
        elif word == "include":
            for one in (one.strip('"') for one in value.split()):
                if not _INCLUDED.fullmatch(one):
                    beyond.append(one)
                for other in fnmatch.filter(sorted(files), f"/etc/ssh/{one.removeprefix('/etc/ssh/')}"):
                    yield from _in_order(files, other, block, beyond)
        elif block:
            yield block, place, word, value


def matched(facts: Facts, good: Mapping[str, Collection[str]]) -> Complaints:
    """Yield which words have another value than the good ones for some of those who come.

    Args:
        facts: of the host.
        good: word of sshd_config(5), in lower case → its good values.

    Raises:
        CannotTell: as `match_lines`.
    """
    for block, place, word, value in match_lines(facts):
        if word in good and value.lower() not in good[word]:
            yield f"{word} {value} for Match {block}, in {place}"
