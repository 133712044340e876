"""Tarballs in the making, for the tests: sound ones and every kind of broken one."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
from dataclasses import dataclass, field
from pathlib import Path


def elf(machine: int = 62, glibc: str = "2.36", filler: int = 0) -> bytes:
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 3, machine)
    return head + bytes(filler) + f"\0GLIBC_2.2.5\0GLIBC_{glibc}\0GLIBC_2.4\0".encode()


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


def release(prefix: str = "", tar_format: int = tarfile.USTAR_FORMAT) -> Recipe:
    recipe = Recipe(format=tar_format)
    recipe.add(f"{prefix}bin/demo", b"#!/bin/sh\n", mode=0o755).add(f"{prefix}bin/demo.bat", b"@echo off\r\n")
    recipe.add(f"{prefix}erts-13.1.5/bin/beam.smp", elf(), mode=0o755)
    recipe.add(f"{prefix}lib/crypto-5.1.2/priv/lib/crypto.so", elf(glibc="2.38"), mode=0o755)
    recipe.add(f"{prefix}lib/demo-0.1.0/ebin/Elixir.Demo.beam", b"FOR1")
    recipe.add(f"{prefix}releases/COOKIE", b"ABC").add(f"{prefix}releases/start_erl.data", b"13.1.5 0.1.0")
    return recipe.add(f"{prefix}releases/0.1.0/demo.rel", b"{release}.").add(f"{prefix}releases/0.1.0/start.boot", b"x")
