"""Evaluates ssh configuration for one host as the OpenSSH client does, for machines without it.

The first value wins. Supported are Host and Match blocks, negation, Include inside of blocks, and the final pass. A
block with ``Match exec`` (which would run a program) or ``Match localnetwork`` is left out, with a warning.
"""

from __future__ import annotations

import getpass
import re
import socket
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from deployer.transport.ssh_lines import SSH_WORDS, SshLine, warn

SshSettings = dict[str, tuple[str, ...]]
"""Keyword in lower case → its values; several for files."""

_LISTS = ("userknownhostsfile", "globalknownhostsfile", "canonicaldomains")
_ALONE = ("all", "canonical", "final")
_ROADS = {"proxyjump": "proxycommand", "proxycommand": "proxyjump"}
"""Only the first of these two that is given counts."""
_NUMBERS = ("port", "connecttimeout")
_NUMBER = re.compile(r"[0-9]+[smhdw]?(?:[0-9]+[smhdw]?)*|none", re.IGNORECASE | re.ASCII)


@dataclass(slots=True)
class _Look:
    """One host's look-up.

    Attributes:
        original: the name that was given.
        host: the name that Host and Match host see.
        final: the file is read for the second time.
    """

    original: str
    user: str
    said: SshSettings
    host: str = ""
    final: bool = False
    again: bool = False
    files: list[str] = field(default_factory=list)

    def walk(self, lines: tuple[SshLine, ...], *, active: bool = True, never: bool = False) -> None:
        for line in lines:
            if line.word == "host":
                active = not never and _any_host(line.args, self.host)
            elif line.word == "match":
                active = self._matches(line) and not never
            elif line.word == "include":
                for inner in line.files:
                    self.walk(inner, active=active, never=never or not active)
            elif active:
                self._take(line)

    def _take(self, line: SshLine) -> None:
        word = line.word
        if word == "identityfile":
            self.files += [line.args[0]] if line.args[0] not in self.files else []
        elif word in _NUMBERS and not _NUMBER.fullmatch(line.args[0]):
            warn(line.mark, f"left out: {line.args[0][:32]!r} is no number")
        elif word in SSH_WORDS and _ROADS.get(word) not in self.said:
            self.said.setdefault(word, line.args if word in _LISTS else line.args[:1])

    def _matches(self, line: SshLine) -> bool:
        words = _criteria(line.args[0])
        result, left = True, iter(words)
        for raw in left:
            name, negated = raw.lstrip("!").lower(), raw.startswith("!")
            if name in ("canonical", "final"):
                self.again |= name == "final"
                result &= self.final != negated
                continue
            if name == "all":
                result &= not negated
                continue
            wanted = next(left, None)
            seen = self._seen(name, line, wanted)
            if seen is None or wanted is None:
                return False
            result &= _in_list(wanted.lower() if name in ("host", "originalhost") else wanted, seen) != negated
        return result and bool(words)

    def _seen(self, name: str, line: SshLine, wanted: str | None) -> str | None:
        """Return the value that a criterion is compared with; None for a criterion that leaves the block out."""
        if name == "host":
            hostname = self.said.get("hostname", ("",))[0]
            return (hostname.replace("%h", self.original) or self.host).lower() if not self.final else self.host
        known = {"originalhost": self.original.lower(), "localuser": getpass.getuser()}
        known["user"] = self.user or self.said.get("user", (getpass.getuser(),))[0]
        known["tagged"] = self.said.get("tag", ("",))[0]
        if name in known and wanted is not None:
            return known[name]
        problem = "Match exec would run a program" if name == "exec" else f"Match {name} is not understood here"
        warn(line.mark, f"left out, because {problem}")
        return None


def evaluate_config(lines: tuple[SshLine, ...], address: str, user: str = "") -> SshSettings:
    """Return the configuration for a host.

    Args:
        lines: the result of `deployer.transport.ssh_lines.read_ssh_config`.
        address: the name of the host.
        user: the user name, if the inventory sets it; else empty.
    """
    look = _Look(address, user, {}, address)
    look.walk(lines)
    hostname = look.said.get("hostname", ("%h",))[0].replace("%%", "\0").replace("%h", address).replace("\0", "%")
    canonical = look.said.get("canonicalizehostname", ("no",))[0].lower() in ("yes", "always", "true")
    look.host = (_canonical(hostname, look.said) if canonical else hostname).lower()
    if canonical or look.again:
        look.said["hostname"] = (look.host,)
        look.final = True
        look.walk(lines)
    return {**look.said, "hostname": (look.host,), **({"identityfile": tuple(look.files)} if look.files else {})}


def _canonical(hostname: str, said: SshSettings) -> str:
    dots = said.get("canonicalizemaxdots", ("1",))[0]
    domains = said.get("canonicaldomains", ())
    if hostname.count(".") > (int(dots) if dots.isdigit() else 1) or hostname.endswith("."):
        return hostname
    for domain in domains if domains != ("none",) else ():
        try:
            socket.getaddrinfo(f"{hostname}.{domain}", None)
        except OSError:
            continue
        return f"{hostname}.{domain}"
    return hostname


def _criteria(text: str) -> list[str]:
    """Return the words of a Match line: separated by blanks or ``=``, joined by quotes, ended by ``#``."""
    found = re.findall(r'"([^"]*)"|([^\s="]+)', text)
    words: list[str] = []
    for quoted, bare in found:
        if bare.startswith("#"):
            break
        words.append(quoted or bare)
    return words


def _any_host(patterns: tuple[str, ...], host: str) -> bool:
    found = False
    for pattern in patterns:
        if _like(host, pattern.lstrip("!")):
            if pattern.startswith("!"):
                return False
            found = True
    return found


def _in_list(patterns: str, value: str) -> bool:
    return _any_host(tuple(part for part in patterns.split(",") if part), value)


def _like(value: str, pattern: str) -> bool:
    return fnmatchcase(value, pattern.replace("[", "[[]"))
