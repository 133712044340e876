"""One gzip member, read once: hashed, counted and bounded on the way (RFC 1952)."""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path

from deployer.errors import ConfigError
from deployer.regular import open_regular

UNPACKED_LIMIT = 8 << 30
RATIO_LIMIT, RATIO_FROM = 200, 100 << 20
CHUNK = 1 << 16
_AGAIN = "copy or build the tarball again"
_OTHERS = ((0, b"PK\x03\x04", "a zip archive"), (0, b"\xfd7zXZ\0", "packed by xz"), (0, b"BZh", "packed by bzip2"),
           (0, b"\x28\xb5\x2f\xfd", "packed by zstd"), (257, b"ustar", "a tar archive that is not packed"))  # fmt: skip
"""What begins so, and at which byte."""


class Inflate:
    """Read the content of a gzip file that must hold exactly one member.

    Attributes:
        path: the file.
        size: bytes of the file read so far; all of it once `some` has returned ``b""``.
        unpacked: bytes given out so far.

    Raises:
        ConfigError: unreadable, not gzip, damaged, cut off, continued after its end, or out of all proportion.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = self.unpacked = 0
        self._hash = hashlib.sha256()
        self._stream = zlib.decompressobj(wbits=31)
        self._pending = b""
        try:
            self._file = open_regular(path)
        except OSError as error:
            hint = "give the path of the release's .tar.gz"
            raise ConfigError(f"cannot be read: {error.strerror}", where=path, hint=hint) from None

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def sha256(self) -> str:
        """Hex digest of the file itself, final once `some` has returned ``b""``."""
        return self._hash.hexdigest()

    def some(self, size: int) -> bytes:
        """Return 1 to ``size`` bytes, or ``b""`` at the end: checksum right, nothing behind it."""
        while not self._stream.eof:
            self._pending = self._pending or self._more()
            if not self._pending:
                raise self._refuse("is cut off: the gzip stream ends in the middle")
            try:
                piece = self._stream.decompress(self._pending, size)
            except zlib.error:
                raise self._no_gzip() from None
            self._pending = self._stream.unconsumed_tail
            if piece:
                self._count(len(piece))
                return piece
        if rest := self._stream.unused_data or self._more():
            kind = "a second gzip member" if rest.startswith(b"\x1f") else "something that is not gzip"
            raise self._refuse(f"goes on with {kind} after its end")
        return b""

    def _more(self) -> bytes:
        raw = self._file.read(CHUNK)
        self._hash.update(raw)
        self.size += len(raw)
        return raw

    def _count(self, size: int) -> None:
        self.unpacked += size
        bomb = self.unpacked > RATIO_FROM and self.unpacked > RATIO_LIMIT * self.size
        if bomb or self.unpacked > UNPACKED_LIMIT:
            raise self._refuse("unpacks to far more than a release can be")

    def _no_gzip(self) -> ConfigError:
        start = b"" if self.unpacked else self._pending
        for at, mark, what in _OTHERS:
            if start.startswith(mark, at):
                hint = "mix release packs it with steps: [:assemble, :tar]; by hand: gzip"
                return ConfigError(f"is {what}, not a gzip file", where=self.path, hint=hint)
        return self._refuse("is damaged, or not a gzip file")

    def _refuse(self, problem: str) -> ConfigError:
        return ConfigError(problem, where=self.path, hint=_AGAIN)
