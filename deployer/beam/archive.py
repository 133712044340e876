"""Reads an untrusted ``.tar.gz`` once and in small pieces; everything is refused that could harm the unpacking host.

Only plain files and directories are accepted. Anything that GNU tar and this reader could understand differently is
refused (POSIX.1-2017 pax, GNU tar's "Basic Tar Format"). A member may occur twice with the same content, as
``mix release`` does for files from ``rel/overlays``. Nothing is ever written.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass

from deployer.beam.inflate import CHUNK, Inflate
from deployer.errors import ConfigError

MEMBERS_LIMIT = 200_000
_BLOCK = 512
_EXTENSION_LIMIT = 1 << 16  # of a pax or long-name header; PATH_MAX is 4096
_PATH_LIMIT, _COMPONENT_LIMIT = 4095, 255
_HARMLESS_PAX = frozenset({"path", "mtime", "atime", "ctime", "uid", "gid", "uname", "gname", "comment"})
_REFUSED_TYPES = {
    b"1": "a hard link", b"2": "a symbolic link", b"3": "a character device", b"4": "a block device",
    b"6": "a fifo", b"S": "a sparse file", b"K": "a link with a long target",
}  # fmt: skip
_REPACK = "build the archive with mix release's :tar step, or tar --format=ustar --dereference"
_REMEDIES = {b"1": "pack it with tar --hard-dereference, which puts a copy in the place of the link"}
_MACOS = "macOS's tar put it there: pack with COPYFILE_DISABLE=1 in the environment"


@dataclass(frozen=True, slots=True)
class ArchiveEntry:
    """One member: a clean relative path without a leading ``./``; ``size`` in bytes, 0 for a directory."""

    name: str
    size: int
    is_file: bool


class Archive:
    """Iterate over its entries; `body` yields the bytes of the present one.

    Args:
        source: the open file; its owner closes it, and its totals are final after the last entry.

    Raises:
        ConfigError: from any method, with the file, the member and what to do.
    """

    def __init__(self, source: Inflate) -> None:
        self._source = source
        self._headers = self._members = self._left = 0
        self._hash = hashlib.sha256()
        self._lines: list[bytes] = []
        self._runs = False
        self._seen: dict[int, tuple[int, bool, bytes]] = {}
        self._directories: set[int] = set()

    def refuse(self, problem: str, member: str | None = None, hint: str = _REPACK) -> ConfigError:
        """Return the error to raise; the member's name is shown escaped."""
        about = "" if member is None else f"member {member[:200]!a} "
        return ConfigError(f"{about}{problem}", where=self._source.path, hint=hint)

    @property
    def manifest(self) -> str:
        """Digest of the output of ``find . -type f -exec sha256sum -z {} + | sort -z`` where it is unpacked."""
        return hashlib.sha256(b"".join(sorted(self._lines))).hexdigest()

    def manifest_without(self, name: str) -> str:
        """Return the same digest of all files but one."""
        left = (line for line in self._lines if line[64:] != b"  ./%b\0" % name.encode())
        return hashlib.sha256(b"".join(sorted(left))).hexdigest()

    def digest(self, name: str) -> str:
        """Return the sha256 of a file's content in hex; empty when there is no file of that name."""
        end = b"  ./%b\0" % name.encode()
        return next((line[:64].decode() for line in self._lines if line.endswith(end)), "")

    def __iter__(self) -> Iterator[ArchiveEntry]:
        override: str | None = None
        while (block := self._read(_BLOCK)).strip(b"\0"):
            info = self._header(block)
            if info.type in (b"x", b"g", b"L"):
                name = self._extension(info)
                if name is not None and override is not None:
                    raise self.refuse("is named twice", name)
                override = override if name is None else name
                continue
            entry = self._entry(info, info.name if override is None else override)
            override = None
            self._left = entry.size
            self._members += 1
            self._hash, self._runs = hashlib.sha256(), info.mode & 0o111 > 0
            if not self._known(entry):
                yield entry
            for _ in self.body():
                pass
            self._compare(entry)
            self._read(-entry.size % _BLOCK)
        if override is not None:
            raise self.refuse("is named, but not there", override)
        self._finish()

    def body(self) -> Iterator[bytes]:
        """Yield the rest of the present entry, in pieces of at most 64 KiB."""
        while self._left:
            piece = self._read(min(self._left, CHUNK))
            self._left -= len(piece)
            self._hash.update(piece)
            yield piece

    def _header(self, block: bytes) -> tarfile.TarInfo:
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except (tarfile.HeaderError, ValueError, OverflowError):
            raise self.refuse(f"is damaged: no valid tar header after {self._headers} headers") from None
        self._headers += 1
        if self._headers > MEMBERS_LIMIT:
            raise self.refuse(f"has more than {MEMBERS_LIMIT} members", hint="check what was packed")
        if info.size < 0:
            raise self.refuse("has a negative size", info.name)
        return info

    def _extension(self, info: tarfile.TarInfo) -> str | None:
        """Read a pax or GNU header about the next member, and return the name that it sets, if any."""
        if info.size > _EXTENSION_LIMIT:
            raise self.refuse("has an oversized extension header", info.name)
        data = self._read(info.size)
        self._read(-info.size % _BLOCK)
        if info.type == b"L":
            return data.rstrip(b"\0").decode("utf-8", "surrogateescape")
        records = dict(self._pax_records(data))
        strange = set(records) - _HARMLESS_PAX | ({"path"} & set(records) if info.type == b"g" else set())
        if strange:
            hint = _MACOS if any(".xattr." in key for key in strange) else _REPACK
            raise self.refuse(f"has a pax header that changes {min(strange)[:60]!a}", info.name, hint)
        return records.get("path")

    def _pax_records(self, data: bytes) -> Iterator[tuple[str, str]]:
        while data:
            digits, _, _ = data.partition(b" ")
            length = int(digits) if len(digits) <= 6 and digits.isdigit() else 0
            key, equals, value = data[len(digits) + 1 : length - 1].partition(b"=")
            if not equals or length > len(data) or data[length - 1 : length] != b"\n":
                raise self.refuse("is damaged: a pax header cannot be read")
            yield key.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape")
            data = data[length:]

    def _entry(self, info: tarfile.TarInfo, name: str) -> ArchiveEntry:
        if not (info.isreg() or info.isdir()) or info.type not in (b"0", b"\0", b"5"):
            kind = _REFUSED_TYPES.get(info.type, "of an unknown type")
            raise self.refuse(f"is {kind}", name, _REMEDIES.get(info.type, _REPACK))
        if info.mode & 0o7002:
            what = "is writable by everybody" if info.mode & 0o002 else "has a setuid, setgid or sticky bit"
            raise self.refuse(what, name, hint="chmod it before packing: a release needs 0644 and 0755 only")
        if info.isdir() and info.size:
            raise self.refuse("is a directory with a content", name)
        clean = self._clean(name, is_file=info.isfile())
        self._place(clean, is_file=info.isfile())
        return ArchiveEntry(clean, info.size, info.isfile())

    def _clean(self, name: str, *, is_file: bool) -> str:
        clean = name.removeprefix("./") if is_file else name.removesuffix("/").removeprefix("./")
        if clean in ("", ".") and not is_file:
            return "."
        parts = clean.split("/")
        if name.startswith("/") or ".." in parts:
            raise self.refuse("leads out of the release directory", name)
        if not clean.isprintable() or not all(0 < len(part.encode()) <= _COMPONENT_LIMIT for part in parts):
            raise self.refuse("has a name with control characters, empty or overlong parts, or not in UTF-8", name)
        if any(part.startswith("._") for part in parts):
            raise self.refuse("holds what macOS notes beside a file, and no release has it", name, _MACOS)
        if "." in parts or clean[0] in ".-" or len(clean.encode()) > _PATH_LIMIT:
            raise self.refuse("has a name that no release has", name)
        return clean

    def _place(self, name: str, *, is_file: bool) -> None:
        """Refuse a file where a directory must be, and the other way round.

        Hashes are kept instead of names, to save memory for 200,000 of them; Python's hashes are keyed, so nobody can
        construct a collision.
        """
        parts = name.split("/")
        above = {hash("/".join(parts[:depth])) for depth in range(1, len(parts) + (not is_file))}
        self._directories |= above
        if (is_file and hash(name) in self._directories) or not above.isdisjoint(self._seen):
            raise self.refuse("is a file where another member needs a directory, or the other way round", name)

    def _known(self, entry: ArchiveEntry) -> bool:
        """Return whether there was a file of this name before."""
        return entry.is_file and hash(entry.name) in self._seen

    def _compare(self, entry: ArchiveEntry) -> None:
        """Keep the digest of a file, and compare a second file of the same name with the first."""
        if not entry.is_file:
            return
        now = (self._runs, self._hash.digest())
        first, *held = self._seen.setdefault(hash(entry.name), (self._members, *now))
        if first == self._members:
            self._lines.append(b"%b  ./%b\0" % (self._hash.hexdigest().encode(), entry.name.encode()))
        elif now != tuple(held):
            both = f"members {first} and {self._members} of the archive"
            hint = "one overlay or step writes over what another one has packed: leave one of them out"
            raise self.refuse(f"is there twice, and not the same: {both} differ", entry.name, hint)

    def _finish(self) -> None:
        """Check the end: after the first block of zeros there must be a second one, then only zeros until the end."""
        self._read(_BLOCK, zeros=True)
        while piece := self._source.some(CHUNK):
            if piece.strip(b"\0"):
                raise self.refuse("has data after the end of the archive")

    def _read(self, size: int, *, zeros: bool = False) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            piece = self._source.some(size - len(parts))
            if not piece:
                raise self.refuse("is cut off: the archive ends in the middle", hint="copy or build the tarball again")
            parts += piece
        if zeros and parts.strip(b"\0"):
            raise self.refuse("has data after the end of the archive")
        return bytes(parts)
