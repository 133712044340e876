"""Parses lines of known_hosts strictly.

Source: sshd(8), section "SSH_KNOWN_HOSTS FILE FORMAT". A reader that skips damaged lines could take a known host for a
new one, so a damaged line is an error.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from deployer.errors import ConfigError
from deployer.model import Mark

_MARKERS = ("@revoked", "@cert-authority")
_TYPE = re.compile(r"[a-z0-9@.-]{3,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class HostKeyEntry:
    """One line.

    Attributes:
        marker: ``""``, ``@revoked`` or ``@cert-authority``.
        hosts: the first field as written: patterns, or one hashed name.
        kind: the key's type, such as ``ssh-ed25519``.
        key: the public key as it travels on the wire.
    """

    mark: Mark
    marker: str
    hosts: str
    kind: str
    key: bytes

    @property
    def names(self) -> tuple[str, ...]:
        """The names of this line if it names hosts without patterns or hashes; else empty, and `matches` decides."""
        return () if any(sign in self.hosts for sign in "|*?!") else tuple(self.hosts.lower().split(","))

    def matches(self, name: str) -> bool:
        """Return whether this line is about ``name`` (``host``, or ``[host]:port`` for a port other than 22)."""
        if self.hosts.startswith("|1|"):
            salt, digest = (base64.b64decode(part) for part in self.hosts[3:].split("|"))
            return hmac.compare_digest(hmac.digest(salt, name.encode(), "sha1"), digest)
        patterns = self.hosts.lower().split(",")
        if any(_like(name, pattern[1:]) for pattern in patterns if pattern.startswith("!")):
            return False
        return any(_like(name, pattern) for pattern in patterns if not pattern.startswith("!"))


def parse_host_line(text: bytes, file: str) -> tuple[HostKeyEntry, ...]:
    """Parse one file's content.

    Raises:
        ConfigError: a line is damaged, with ``file:line``.
    """
    rows = enumerate(text.split(b"\n"), 1)
    return tuple(_entry(line, Mark(file, number)) for number, raw in rows if (line := _content(raw, file, number)))


def _like(name: str, pattern: str) -> bool:
    """Match only ``*`` and ``?``: brackets belong to ``[host]:port``."""
    return fnmatchcase(name, pattern.replace("[", "[[]"))


def _content(raw: bytes, file: str, number: int) -> str:
    line = raw.removesuffix(b"\r").strip(b" \t")
    if line.startswith(b"#"):
        return ""
    if any(byte < 32 and byte != 9 for byte in line):
        raise _damaged(Mark(file, number), "it holds control characters")
    return line.decode("utf-8", "replace")


def _entry(line: str, mark: Mark) -> HostKeyEntry:
    fields = re.split("[ \t]+", line)
    marker = fields.pop(0) if fields[0].startswith("@") else ""
    if marker and marker not in _MARKERS:
        raise _damaged(mark, f"its marker is not {' or '.join(_MARKERS)}")
    if len(fields) < 3:
        raise _damaged(mark, "it needs host, key type and key")
    hosts, kind, encoded = fields[:3]
    if hosts.startswith("|"):
        _check_hashed(hosts, mark)
    elif not all(pattern.removeprefix("!") for pattern in hosts.split(",")) or not hosts.isascii():
        raise _damaged(mark, "its host field has an empty or non-ASCII name")
    return HostKeyEntry(mark, marker, hosts, kind, _key(kind, encoded, mark))


def _check_hashed(hosts: str, mark: Mark) -> None:
    parts = hosts.split("|")
    if len(parts) != 4 or parts[:2] != ["", "1"] or any(len(_decode(part)) != 20 for part in parts[2:]):
        raise _damaged(mark, "its hashed host name is cut or of an unknown kind")


def _key(kind: str, encoded: str, mark: Mark) -> bytes:
    key = _decode(encoded)
    size = int.from_bytes(key[:4], "big")
    if not _TYPE.fullmatch(kind) or key[4 : 4 + size] != kind.encode() or len(key) <= 4 + size:
        raise _damaged(mark, "its key is cut or not of the type it names")
    return key


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _damaged(mark: Mark, why: str) -> ConfigError:
    return ConfigError(f"this line is damaged: {why}", where=mark, hint="fix or delete it; it is never skipped")
