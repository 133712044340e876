"""Tarballs in the making, for the tests: sound ones and every kind of broken one."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

LIBC: Mapping[str, Sequence[str]] = {"libc.so.6": ("GLIBC_2.2.5", "GLIBC_2.34", "GLIBC_2.4")}
BASE = 0x10000
LOADER = "/lib64/ld-linux-x86-64.so.2"


def elf_hash(name: str) -> int:
    """What the loader compares first (System V gABI, chapter 5)."""
    value = 0
    for char in name.encode():
        value = (value << 4) + char
        value = (value ^ (value & 0xF0000000) >> 24) & 0x0FFFFFFF
    return value


def elf(
    needs: Mapping[str, Sequence[str]] = LIBC, *, machine: int = 62, wide: bool = True, little: bool = True,
    soname: str = "", weak: Sequence[str] = (), filler: int = 0, loader: str = "",
) -> bytes:  # fmt: skip
    """A shared library, or with a loader a program, with nothing but what a reader of needs looks at."""
    order = "<" if little else ">"
    strings = bytearray(b"\0")

    def named(text: str) -> int:
        strings.extend(text.encode() + b"\0")
        return len(strings) - len(text) - 1

    verneed = bytearray()
    tags = [(1, named(library)) for library in needs] + ([(14, named(soname))] if soname else [])
    versioned = {library: versions for library, versions in needs.items() if versions}
    for library, versions in versioned.items():
        more = 0 if library == list(versioned)[-1] else 16 + 16 * len(versions)
        verneed += struct.pack(order + "HHIII", 1, len(versions), named(library), 16, more)
        for version in versions:
            step = 0 if version == versions[-1] else 16
            flags = 2 if version in weak else 0
            verneed += struct.pack(order + "IHHII", elf_hash(version), flags, 2, named(version), step)
    interpreter = named(loader)
    head, segment = (64, 56) if wide else (52, 32)
    begin = head + (4 if loader else 2) * segment + filler
    if versioned:
        tags += [(0x6FFFFFFE, BASE + begin + len(strings)), (0x6FFFFFFF, len(versioned))]
    tags += [(5, BASE + begin), (0, 0)]
    dynamic = b"".join(struct.pack(order + ("QQ" if wide else "II"), *tag) for tag in tags)
    end = begin + len(strings) + len(verneed)
    places = [(1, 0, BASE, end), (2, end, BASE + end, len(dynamic))]
    if loader:
        places.insert(0, (6, head, BASE + head, 4 * segment))
        places.insert(1, (3, begin + interpreter, BASE + begin + interpreter, len(loader) + 1))
    segments = []
    for kind, at, to, size in places:
        if wide:
            segments.append(struct.pack(order + "IIQQQQQQ", kind, 4, at, to, to, size, size, 8))
        else:
            segments.append(struct.pack(order + "IIIIIIII", kind, at, to, to, size, size, 4, 4))
    ident = b"\x7fELF" + bytes((1 + wide, 2 - little, 1)) + bytes(9)
    form = order + ("HHIQQQIHHH" if wide else "HHIIIIIHHH")
    header = struct.pack(form, 3, machine, 1, 0, head, 0, 0, head, segment, len(places)).ljust(head - 16, b"\0")
    return ident + header + b"".join(segments) + bytes(filler) + bytes(strings) + bytes(verneed) + dynamic


CRYPTO = {"libcrypto.so.3": ("OPENSSL_3.0.0",), "libc.so.6": ("GLIBC_2.38",)}


@dataclass
class Recipe:
    """A tarball in the making: members may be replaced, added and left out."""

    members: list[tuple[tarfile.TarInfo, bytes]] = field(default_factory=list)
    format: int = tarfile.USTAR_FORMAT

    def add(
        self, name: str, data: bytes = b"", *, mode: int = 0o644, kind: bytes = tarfile.REGTYPE, **more: str
    ) -> Recipe:
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.type = len(data), mode, kind
        for key, value in more.items():
            setattr(info, key, value)
        self.members.append((info, data))
        return self

    def without(self, name: str) -> Recipe:
        self.members = [(info, data) for info, data in self.members if info.name != name]
        return self

    def tar(self) -> bytes:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=self.format) as tar:
            for info, data in self.members:
                tar.addfile(info, io.BytesIO(data))
        return out.getvalue()

    def write(self, directory: Path) -> Path:
        return packed(directory, gzip.compress(self.tar(), mtime=0))


def packed(directory: Path, data: bytes) -> Path:
    path = directory / "demo-0.1.0.tar.gz"
    path.write_bytes(data)
    return path


def release(
    prefix: str = "",
    tar_format: int = tarfile.USTAR_FORMAT,
    erts: str = "13.1.5",
    name: str = "demo",
    version: str = "0.1.0",
) -> Recipe:
    recipe = Recipe(format=tar_format)
    recipe.add(f"{prefix}bin/{name}", b"#!/bin/sh\n", mode=0o755).add(f"{prefix}bin/{name}.bat", b"@echo off\r\n")
    recipe.add(f"{prefix}erts-{erts}/bin/beam.smp", elf(loader=LOADER), mode=0o755)
    recipe.add(f"{prefix}lib/crypto-5.1.2/priv/lib/crypto.so", elf(CRYPTO), mode=0o755)
    recipe.add(f"{prefix}lib/{name}-{version}/ebin/Elixir.Demo.beam", b"FOR1")
    started = f"{erts} {version}".encode()
    recipe.add(f"{prefix}releases/COOKIE", b"ABC").add(f"{prefix}releases/start_erl.data", started)
    inside = f"{prefix}releases/{version}"
    recipe.add(f"{inside}/env.sh", b"#!/bin/sh\n", mode=0o755)
    return recipe.add(f"{inside}/{name}.rel", b"{release}.").add(f"{inside}/start.boot", b"x")
