"""What a program or library asks of the machine that it is to run on: the dynamic section of an ELF file, and no more.

Sources: System V gABI, chapter 5 ("Dynamic Section"), and the LSB's "Symbol Versioning" for the version needs. A reader
of our own and not pyelftools 0.33: given an ``epmd`` with one to four damaged words, that one leaves with exceptions
that are not its own (OverflowError, AssertionError) and, once in a thousand, is not back after five seconds, because
it believes the counts that stand in the file. Here every count has a limit, and so has what is read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

MACHINES: Mapping[int, str] = {
    62: "x86_64", 183: "aarch64", 40: "arm", 243: "riscv64", 22: "s390x", 21: "ppc64le", 3: "i686", 258: "loongarch64",
}  # fmt: skip
"""``uname -m`` by ELF machine."""
MAGIC = b"\x7fELF"
_PT_LOAD, _PT_DYNAMIC = 1, 2
_DT_NEEDED, _DT_STRTAB, _DT_SONAME, _DT_VERNEED, _DT_VERNEEDNUM = 1, 5, 14, 0x6FFFFFFE, 0x6FFFFFFF
_VER_FLG_WEAK = 2
_SEGMENTS_LIMIT, _DYNAMIC_LIMIT, _LIBRARIES_LIMIT, _VERSIONS_LIMIT, _NAME_LIMIT = 256, 1 << 16, 256, 1024, 128


class ElfError(ValueError):
    """The file begins as ELF and cannot be read on."""


@dataclass(frozen=True, slots=True)
class Elf:
    """What one file asks for.

    Attributes:
        machine: as ``uname -m`` says it; ``ELF 123`` for one that is not known.
        libraries: shared libraries by the name under which they are looked for → the versions of their interface that
            must be there; weak ones, which need not be, are left out.
        soname: the name under which others look for it; empty for a program.
    """

    machine: str
    libraries: Mapping[str, frozenset[str]]
    soname: str = ""


def read_elf(file: BinaryIO) -> Elf:
    """Read an ELF file; one that is linked statically, or no program at all, asks for nothing.

    Reads at most about 300 KiB, wherever it has to, and takes milliseconds, whatever is in the file.

    Raises:
        ElfError: not an ELF file, damaged, or beyond every measure.
        OSError: the file cannot be read.
    """
    try:
        return _Reader(file).elf()
    except (struct.error, OverflowError, UnicodeDecodeError):
        raise ElfError("a part lies outside of the file, or is no text") from None


class _Reader:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        head = self._at(0, 20)
        if len(head) < 20 or head[:4] != MAGIC or head[4] not in (1, 2) or head[5] not in (1, 2):
            raise ElfError("this is no ELF file")
        self._wide = head[4] == 2
        self._order = "<" if head[5] == 1 else ">"
        self._loads: list[tuple[int, int, int]] = []  # (address, offset, size)

    def elf(self) -> Elf:
        (machine,) = self._unpack("H", 18)
        tags = list(self._dynamic(*self._segments()))
        values = dict(tags)
        strings = self._offset(values[_DT_STRTAB]) if _DT_STRTAB in values else 0
        names = [value for tag, value in tags if tag == _DT_NEEDED]
        if len(names) > _LIBRARIES_LIMIT:
            raise ElfError("it needs more libraries than a program can")
        found: dict[str, set[str]] = {self._string(strings + name): set() for name in names}
        if _DT_VERNEED in values:
            place, count = self._offset(values[_DT_VERNEED]), values.get(_DT_VERNEEDNUM, 0)
            for library, version in self._versions(place, count, strings):
                found.setdefault(library, set()).add(version)
        libraries = {library: frozenset(versions) for library, versions in sorted(found.items())}
        soname = self._string(strings + values[_DT_SONAME]) if _DT_SONAME in values else ""
        return Elf(MACHINES.get(machine, f"ELF {machine}"), libraries, soname)

    def _segments(self) -> tuple[int, int]:
        """Keep where what is loaded lies in the file; return offset and size of the dynamic section."""
        offset = self._unpack("Q", 32)[0] if self._wide else self._unpack("I", 28)[0]
        size, count = self._unpack("HH", 54 if self._wide else 42)
        if count > _SEGMENTS_LIMIT or (count and size < (56 if self._wide else 32)):
            raise ElfError("its program headers make no sense")
        dynamic = (0, 0)
        for at in range(offset, offset + count * size, size or 1):
            if self._wide:
                kind, _, start, address, _, length = self._unpack("IIQQQQ", at)
            else:
                kind, start, address, _, length = self._unpack("IIIII", at)
            if kind == _PT_LOAD:
                self._loads.append((address, start, length))
            elif kind == _PT_DYNAMIC:
                dynamic = (start, length)
        return dynamic

    def _dynamic(self, offset: int, size: int) -> Iterator[tuple[int, int]]:
        if size > _DYNAMIC_LIMIT:
            raise ElfError("its dynamic section is larger than one can be")
        pair = "QQ" if self._wide else "II"
        for tag, value in struct.iter_unpack(self._order + pair, self._at(offset, size, whole=True)):
            if tag == 0:
                return
            yield tag, value

    def _versions(self, place: int, count: int, strings: int) -> Iterator[tuple[str, str]]:
        """Yield library and version: each ``Elfxx_Verneed`` with its ``Elfxx_Vernaux``, alike in both classes."""
        left = _VERSIONS_LIMIT
        if count > _LIBRARIES_LIMIT:
            raise ElfError("it needs versions of more libraries than a program can")
        for _ in range(count):
            _, versions, library, first, following = self._unpack("HHIII", place)
            left -= versions
            if left < 0:
                raise ElfError("it needs more versions than libraries have")
            at = place + first
            for _ in range(versions):
                _, flags, _, name, step = self._unpack("IHHII", at)
                if not flags & _VER_FLG_WEAK:
                    yield self._string(strings + library), self._string(strings + name)
                at += step
            place += following

    def _offset(self, address: int) -> int:
        for start, offset, size in self._loads:
            if start <= address < start + size:
                return address - start + offset
        raise ElfError("it points to a place that is not in the file")

    def _string(self, offset: int) -> str:
        raw, end, _ = self._at(offset, _NAME_LIMIT).partition(b"\0")
        text = raw.decode("ascii")
        if not end or not text or not text.isprintable() or " " in text or "/" in text:
            raise ElfError("a library or version has no name that one can have")
        return text

    def _unpack(self, form: str, offset: int) -> tuple[int, ...]:
        form = self._order + form
        return struct.unpack(form, self._at(offset, struct.calcsize(form)))

    def _at(self, offset: int, size: int, *, whole: bool = False) -> bytes:
        if offset >= 1 << 62:
            raise ElfError("it points to a place that no file has")
        self._file.seek(offset)
        data = self._file.read(size)
        if whole and len(data) < size:
            raise ElfError("it is cut off")
        return data
