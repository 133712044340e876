"""A strict reader of OpenSSH's known_hosts: every line is understood, or refused by its number.

Source: sshd(8), section "SSH_KNOWN_HOSTS FILE FORMAT". A reader that skips what it cannot read would take a host it
knows for a new one, so nothing is skipped.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import stat
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from deployer.errors import ConfigError, HostKeyError
from deployer.model import Mark

_MARKERS = ("@revoked", "@cert-authority")
_LIMIT = 16 * 1024 * 1024
_TYPE = re.compile(r"[a-z0-9@.-]{3,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
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

    def matches(self, name: str) -> bool:
        """Tell whether this line speaks of ``name`` (``host``, or ``[host]:port`` for a port other than 22)."""
        if self.hosts.startswith("|1|"):
            salt, digest = (base64.b64decode(part) for part in self.hosts[3:].split("|"))
            return hmac.compare_digest(hmac.digest(salt, name.encode(), "sha1"), digest)
        patterns = self.hosts.lower().split(",")
        if any(_like(name, pattern[1:]) for pattern in patterns if pattern.startswith("!")):
            return False
        return any(_like(name, pattern) for pattern in patterns if not pattern.startswith("!"))


def fingerprint(key: bytes) -> str:
    """Return ``SHA256:…`` as ``ssh-keygen -l`` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def parse(text: bytes, file: str) -> tuple[Entry, ...]:
    """Read one file's content.

    Raises:
        ConfigError: a line is damaged, with ``file:line``.
    """
    rows = enumerate(text.split(b"\n"), 1)
    return tuple(_entry(line, Mark(file, number)) for number, raw in rows if (line := _content(raw, file, number)))


class KnownHosts:
    """Several files read as one; first contact is written to the first of them.

    Args:
        files: in the order of precedence; a missing file is an empty one.

    Raises:
        ConfigError: a file is damaged, unreadable, or writable for everybody.
    """

    def __init__(self, files: Iterable[Path]) -> None:
        self._files = tuple(files)
        self._lock = threading.Lock()
        self._entries = [entry for file in self._files for entry in parse(_read(file), str(file))]

    def about(self, name: str, port: int) -> Knowledge:
        """Return what the files say of one host."""
        who = _name(name, port)
        with self._lock:
            entries = tuple(self._entries)
        exact = tuple(entry for entry in entries if entry.matches(who))
        loose = tuple(entry for entry in entries if entry.matches(name.lower())) if port != 22 else ()
        return Knowledge(who, exact, loose)

    def accept(self, who: str, kind: str, key: bytes) -> None:
        """Write down the key of a host met for the first time; raises ConfigError when the file cannot be written."""
        file = self._files[0]
        entry = Entry(Mark(str(file)), "", who, kind, key)
        with self._lock:
            if any((known.hosts, known.key) == (who, key) for known in self._entries):
                return
            try:
                _append(file, f"{who} {kind} {base64.b64encode(key).decode()}\n".encode())
            except OSError as error:
                raise ConfigError(f"the new host key cannot be written: {error.strerror}", where=file) from None
            self._entries.append(entry)


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What known_hosts says of one host.

    Attributes:
        who: ``host``, or ``[host]:port``.
        exact: lines that name it so.
        loose: for a port other than 22, lines that name the host alone; like OpenSSH, a key there vouches too.
    """

    who: str
    exact: tuple[Entry, ...]
    loose: tuple[Entry, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """Key types that are known."""
        return tuple(entry.kind for entry in self._plain)

    @property
    def _plain(self) -> tuple[Entry, ...]:
        return _marked("", self.exact) or _marked("", self.loose)

    def check(self, kind: str, key: bytes) -> bool:
        """Judge the key a host shows; True: it is the known one, False: nothing is known of this host.

        Raises:
            HostKeyError: the key is revoked or not the known one, or only an authority is known.
        """
        both = self.exact + self.loose
        for entry in _marked("@revoked", both):
            if entry.key == key:
                raise HostKeyError(
                    f"the key of {self.who} is revoked: {kind} {fingerprint(key)}",
                    where=entry.mark,
                    hint="whoever holds it is not to be trusted; give the host a new key",
                )
        if any(entry.key == key for entry in self._plain):
            return True
        if known := _marked("", self.exact):
            raise _changed(self.who, kind, key, known)
        for entry in _marked("@cert-authority", both):
            raise HostKeyError(
                f"{self.who} is known by its certificate authority only; host certificates are not read",
                where=entry.mark,
                hint="add the host's own key, as ssh-keyscan prints it",
            )
        return False


def _marked(marker: str, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    return tuple(entry for entry in entries if entry.marker == marker)


def _name(name: str, port: int) -> str:
    return name.lower() if port == 22 else f"[{name.lower()}]:{port}"


def _like(name: str, pattern: str) -> bool:
    """Match ``*`` and ``?`` alone: brackets belong to ``[host]:port``."""
    return fnmatchcase(name, pattern.replace("[", "[[]"))


def _changed(who: str, kind: str, key: bytes, known: tuple[Entry, ...]) -> HostKeyError:
    lines = "".join(f"\n  known: {e.kind} {fingerprint(e.key)} ({e.mark})" for e in known)
    return HostKeyError(
        f"the key of {who} is not the known one; nothing was sent to it\n  shown: {kind} {fingerprint(key)}{lines}",
        where=known[0].mark,
        hint=f"if the host was installed anew: `ssh-keygen -R '{who}'`, then compare the new key on its console",
    )


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            if not stat.S_ISREG(mode):
                return b""  # /dev/null: the usual way to say that nothing is known
            if mode & stat.S_IWOTH:
                raise ConfigError("everybody on this machine can write this file", where=file, hint=f"chmod o-w {file}")
            content = stream.read(_LIMIT + 1)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=file) from None
    if len(content) > _LIMIT:
        raise ConfigError("is larger than 16 MiB", where=file)
    return content


def _append(file: Path, line: bytes) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(fd).st_size
        open_ended = size > 0 and os.pread(fd, 1, size - 1) != b"\n"
        os.write(fd, (b"\n" if open_ended else b"") + line)
    finally:
        os.close(fd)


def _content(raw: bytes, file: str, number: int) -> str:
    line = raw.removesuffix(b"\r").strip(b" \t")
    if line.startswith(b"#"):
        return ""
    if any(byte < 32 and byte != 9 for byte in line):
        raise _damaged(Mark(file, number), "it holds control characters")
    return line.decode("utf-8", "replace")


def _entry(line: str, mark: Mark) -> Entry:
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
    return Entry(mark, marker, hosts, kind, _key(kind, encoded, mark))


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
    return ConfigError(f"this line is damaged: {why}", where=mark, hint="mend or delete it; it is never skipped")
