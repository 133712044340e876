"""OpenSSH's known_hosts: read strictly, to verify host keys, and extended by keys of new hosts."""

from __future__ import annotations

import base64
import hashlib
import os
import stat
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from deployer.errors import At, ConfigError, HostKeyChanged, HostKeyError
from deployer.model import Mark
from deployer.regular import open_regular
from deployer.transport.host_line import HostKeyEntry, parse_host_line

_LIMIT = 16 * 1024 * 1024


def key_fingerprint(key: bytes) -> str:
    """Return ``SHA256:…`` as ``ssh-keygen -l`` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


class KnownHosts:
    """Several files read as one; keys of new hosts are written to the first file.

    Args:
        files: in the order of precedence; a missing file counts as empty.

    Raises:
        ConfigError: a file is damaged, unreadable, or writable for everybody.
    """

    def __init__(self, files: Iterable[Path]) -> None:
        self._files = tuple(files)
        self._lock = threading.Lock()
        self._entries: list[HostKeyEntry] = []
        self._named: dict[str, list[int]] = {}
        self._others: list[int] = []
        for file in self._files:
            for entry in parse_host_line(_read(file), str(file)):
                self._keep(entry)

    def _keep(self, entry: HostKeyEntry) -> None:
        """Index a line by its names, so that a host need not be compared with every line of a large file."""
        place, names = len(self._entries), entry.names
        self._entries.append(entry)
        for name in dict.fromkeys(names):
            self._named.setdefault(name, []).append(place)
        if not names:
            self._others.append(place)

    def about(self, name: str, port: int) -> KnownKeys:
        """Return the lines about one host."""
        who = _name(name, port)
        with self._lock:
            return KnownKeys(who, self._of(who), self._of(name.lower()) if port != 22 else ())

    def _of(self, name: str) -> tuple[HostKeyEntry, ...]:
        """Return the lines about a name, in their order."""
        matching = (place for place in self._others if self._entries[place].matches(name))
        return tuple(self._entries[place] for place in sorted((*self._named.get(name, ()), *matching)))

    def accept(self, who: str, kind: str, key: bytes) -> None:
        """Store the key of a new host; raises ConfigError when the file cannot be written."""
        file = self._files[0]
        entry = HostKeyEntry(Mark(str(file)), "", who, kind, key)
        with self._lock:
            if any((known.hosts, known.key) == (who, key) for known in self._entries):
                return
            try:
                _append(file, f"{who} {kind} {base64.b64encode(key).decode()}\n".encode())
            except OSError as error:
                raise ConfigError(f"the new host key cannot be written: {error.strerror}", where=file) from None
            self._keep(entry)


@dataclass(frozen=True, slots=True)
class KnownKeys:
    """The lines of known_hosts about one host.

    Attributes:
        who: ``host``, or ``[host]:port``.
        exact: lines about exactly this name.
        loose: for a port other than 22, lines about the host without a port; as in OpenSSH, their keys are trusted,
            too.
    """

    who: str
    exact: tuple[HostKeyEntry, ...]
    loose: tuple[HostKeyEntry, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The types of the known keys."""
        return tuple(entry.kind for entry in self._plain)

    @property
    def _plain(self) -> tuple[HostKeyEntry, ...]:
        return _marked("", self.exact) or _marked("", self.loose)

    def check(self, kind: str, key: bytes) -> bool:
        """Check the key that a host shows; True: it is known, False: nothing is known about this host.

        Raises:
            HostKeyChanged: the key is revoked, or another one is known.
            HostKeyError: only a certificate authority is known.
        """
        both = self.exact + self.loose
        for entry in _marked("@revoked", both):
            if entry.key == key:
                raise HostKeyChanged(
                    f"the key of {self.who} is revoked: {kind} {key_fingerprint(key)}",
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


def _marked(marker: str, entries: tuple[HostKeyEntry, ...]) -> tuple[HostKeyEntry, ...]:
    return tuple(entry for entry in entries if entry.marker == marker)


def _name(name: str, port: int) -> str:
    return name.lower() if port == 22 else f"[{name.lower()}]:{port}"


def _changed(who: str, kind: str, key: bytes, known: tuple[HostKeyEntry, ...]) -> HostKeyChanged:
    lines = "".join(f"\n  known: {e.kind} {key_fingerprint(e.key)} ({e.mark})" for e in known)
    return HostKeyChanged(
        f"the key of {who} is not the known one; nothing was sent to it\n  shown: {kind} {key_fingerprint(key)}{lines}",
        where=known[0].mark,
        hint=f"if the host was installed anew: `ssh-keygen -R '{who}'`, then compare the new key on its console",
    )


def _read(file: Path) -> bytes:
    with At(file):
        try:
            if file.samefile(os.devnull):
                return b""  # the usual way to configure an empty file
            with open_regular(file) as stream:
                mode = os.fstat(stream.fileno()).st_mode
                if mode & stat.S_IWOTH:
                    raise ConfigError("everybody on this machine can write this file", hint=f"chmod o-w {file}")
                content = stream.read(_LIMIT + 1)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise ConfigError(f"cannot be read: {error.strerror}") from None
        if len(content) > _LIMIT:
            raise ConfigError("is larger than 16 MiB")
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
