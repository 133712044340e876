"""What a program or library needs of its host, read from its own headers."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from deployer.beam.elf import Elf, ElfError, read_elf
from tests.unit.beam.beam_tarballs import elf

NEEDS = {"libc.so.6": ("GLIBC_2.4", "GLIBC_2.34"), "libz.so.1": (), "libcrypto.so.3": ("OPENSSL_3.0.0",)}
FOUND = {library: frozenset(versions) for library, versions in NEEDS.items()}


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("little", [True, False])
def test_libraries_and_their_versions_are_read_in_every_class_and_order(wide: bool, little: bool) -> None:
    seen = read_elf(io.BytesIO(elf(NEEDS, wide=wide, little=little, soname="libown.so.1")))
    assert seen == Elf("x86_64", FOUND, "libown.so.1")


def test_what_lies_far_behind_is_reached(tmp_path: Path) -> None:
    assert read_elf(io.BytesIO(elf(NEEDS, filler=9_000_000))).libraries == FOUND


def test_a_weak_version_is_not_needed() -> None:
    assert read_elf(io.BytesIO(elf(NEEDS, weak=("GLIBC_2.34",)))).libraries["libc.so.6"] == {"GLIBC_2.4"}


def test_the_interpreter_of_this_test_needs_a_libc() -> None:
    with Path(sys.executable).resolve().open("rb") as file:
        seen = read_elf(file)
    assert any(library.startswith("libc.") for library in seen.libraries)


def test_what_is_linked_statically_needs_nothing() -> None:
    assert read_elf(io.BytesIO(elf()[:56] + bytes(8))).libraries == {}


def test_a_machine_without_a_name_has_its_number() -> None:
    assert read_elf(io.BytesIO(elf(machine=4711))).machine == "ELF 4711"


WRONG = {
    "no ELF": b"#!/bin/sh\n" + bytes(60),
    "cut in its head": elf()[:18],
    "cut in its segments": elf()[:100],
    "cut in its strings": elf()[:190],
    "no name": elf({"": ()}),
    "a name with a slash": elf({"/tmp/evil.so": ()}),
    "a name with an escape": elf({"lib\x1b[2J.so": ()}),
    "an endless name": elf({"lib" + "x" * 500: ()}),
    "300 libraries": elf({f"lib{i}.so": () for i in range(300)}),
    "2000 versions": elf({"libc.so.6": [f"V_{i}" for i in range(2000)]}),
    "a place in no file": elf()[:72] + b"\xff" * 8 + elf()[80:],
    "65535 segments": elf()[:56] + b"\xff\xff" + elf()[58:],
}


@pytest.mark.parametrize("data", WRONG.values(), ids=WRONG)
def test_what_makes_no_sense_is_said_at_once(data: bytes) -> None:
    with pytest.raises(ElfError) as raised:
        read_elf(io.BytesIO(data))
    assert str(raised.value).isprintable()
