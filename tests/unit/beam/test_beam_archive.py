"""A tarball is let in member by member: what could lead elsewhere, give away rights or never end is refused."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deployer.beam import archive, inflate
from deployer.beam.tarball import inspect
from deployer.errors import ConfigError
from tests.unit.beam.beam_tarballs import packed, release


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (tarfile.SYMTYPE, "symbolic link"),
        (tarfile.LNKTYPE, "hard link"),
        (tarfile.CHRTYPE, "character device"),
        (tarfile.BLKTYPE, "block device"),
        (tarfile.FIFOTYPE, "fifo"),
        (tarfile.CONTTYPE, "unknown type"),
        (tarfile.GNUTYPE_SPARSE, "sparse"),
        (b"Z", "unknown type"),
    ],
)
def test_only_files_and_directories_pass(tmp_path: Path, kind: bytes, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as raised:
        inspect(release().add("lib/odd", kind=kind, linkname="bin/demo").write(tmp_path))
    assert "lib/odd" in raised.value.message
    assert raised.value.where.endswith("demo-0.1.0.tar.gz")
    assert ("--hard-dereference" if kind == tarfile.LNKTYPE else "--dereference") in raised.value.hint


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../up",
        "lib/../../up",
        "lib/..",
        "..",
        "lib//x",
        "lib/./x",
        ".bashrc",
        "-rf",
        "lib/new\nline",
        "lib/\x1b[2J",
        "lib/\x7f",
        "lib/x/",
        "lib/right\u202eleft",
        "lib/" + "x" * 256,
    ],
)
def test_a_name_that_leads_elsewhere_or_hides_something_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError) as raised:
        inspect(release(tar_format=tarfile.PAX_FORMAT).add(name, b"x").write(tmp_path))
    assert raised.value.message.isprintable()
    assert raised.value.message.isascii()


@pytest.mark.parametrize("mode", [0o4755, 0o2755, 0o1755, 0o666, 0o777, 0o602])
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.DIRTYPE])
def test_modes_that_give_away_rights_are_refused(tmp_path: Path, mode: int, kind: bytes) -> None:
    with pytest.raises(ConfigError, match=r"setuid|writable"):
        inspect(release().add("lib/odd", mode=mode, kind=kind).write(tmp_path))


@pytest.mark.parametrize("name", ["bin/demo", "./bin/demo"])
def test_a_member_that_is_there_again_with_the_same_content_is_one(tmp_path: Path, name: str) -> None:
    once = inspect(release().write(tmp_path))
    again = inspect(release().add(name, b"#!/bin/sh\n", mode=0o755).write(tmp_path))
    assert (again.files, again.unpacked) == (once.files, once.unpacked)


@pytest.mark.parametrize("more", [{"data": b"x", "mode": 0o755}, {"data": b"#!/bin/sh\n", "mode": 0o644}])
def test_a_member_that_is_there_again_and_differs_is_refused_with_both_places(
    tmp_path: Path, more: dict[str, Any]
) -> None:
    recipe = release().add("./bin/demo", **more)
    with pytest.raises(ConfigError, match=r"'bin/demo' is there twice.*members 1 and 11 of") as raised:
        inspect(recipe.write(tmp_path))
    assert "overlay" in raised.value.hint
    with tarfile.open(tmp_path / "demo-0.1.0.tar.gz") as listed:
        names = listed.getnames()
    assert (names[0], names[10]) == ("bin/demo", "./bin/demo"), "as tar -t counts them"


@pytest.mark.parametrize("name", ["bin", "bin/demo/child", "bin/demo/child/", "lib"])
def test_a_file_where_a_directory_has_to_be_is_refused(tmp_path: Path, name: str) -> None:
    kind = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
    with pytest.raises(ConfigError, match="directory"):
        inspect(release().add(name, mode=0o755, kind=kind).write(tmp_path))


@pytest.mark.parametrize("name", ["bin/DEMO", "BIN/other", "Lib/demo-0.1.0/x", "releases/cookie"])
def test_names_that_differ_in_case_only_are_two_names(tmp_path: Path, name: str) -> None:
    assert inspect(release().add(name, b"x").write(tmp_path)).files == len(release().members) + 1


def test_a_directory_may_be_listed_twice(tmp_path: Path) -> None:
    recipe = release().add("priv", kind=tarfile.DIRTYPE, mode=0o755).add("priv", kind=tarfile.DIRTYPE, mode=0o755)
    assert inspect(recipe.write(tmp_path)).name == "demo"


@pytest.mark.parametrize("name", ["._bin", "bin/._demo", "lib/demo-0.1.0/._ebin/x"])
def test_what_tar_on_macos_adds_is_refused_with_what_keeps_it_out(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="macOS") as raised:
        inspect(release().add(name, b"x").write(tmp_path))
    assert "COPYFILE_DISABLE=1" in raised.value.hint


@pytest.mark.parametrize(
    ("kind", "records"),
    [
        (b"x", b"25 GNU.sparse.name=a\n"),
        (b"x", b"19 linkpath=../up\n"),
        (b"x", b"10 size=9\n"),
        (b"g", b"13 path=evil\n"),
        (b"x", b"30 SCHILY.xattr.security.capability=x\n"),
        (b"x", b"99 path=short\n"),
        (b"x", b"path=x\n"),
        (b"x", b"0 path=x\n"),
        (b"x", b"-5 path=x\n"),
        (b"x", b"11 path=a\0b\n"),
        (b"x", b"15 path=/etc/xx\n"),
        (b"x", b"13 path=../x\n"),
        (b"x", b"8 path=\n"),
    ],
)
def test_pax_headers_that_change_what_a_member_is_are_refused(tmp_path: Path, kind: bytes, records: bytes) -> None:
    recipe = release().add("pax", records, kind=kind).add("lib/x", b"x")
    with pytest.raises(ConfigError):
        inspect(recipe.write(tmp_path))


def test_a_member_named_by_two_headers_is_refused(tmp_path: Path) -> None:
    recipe = (
        release().add("pax", b"14 path=lib/a\n", kind=b"x").add("@LongLink", b"lib/b\0", kind=b"L").add("lib/c", b"x")
    )
    with pytest.raises(ConfigError, match="named twice"):
        inspect(recipe.write(tmp_path))


def test_a_name_without_a_member_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not there"):
        inspect(release().add("@LongLink", b"lib/b\0", kind=b"L").write(tmp_path))


def test_an_oversized_extension_header_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="oversized"):
        inspect(release().add("pax", bytes(1 << 17), kind=b"x").write(tmp_path))


def test_members_are_counted_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = release().write(tmp_path)
    monkeypatch.setattr(archive, "MEMBERS_LIMIT", 8)
    with pytest.raises(ConfigError, match="more than 8 members"):
        inspect(path)


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda data: data[: len(data) // 2], "cut off"),
        (lambda data: data[:-4], "cut off"),
        (lambda data: data + b"garbage", "not gzip"),
        (lambda data: data + bytes(512), "not gzip"),
        (lambda data: data + gzip.compress(b"more"), "second gzip member"),
        (lambda data: data[:40] + bytes((data[40] ^ 1,)) + data[41:], "damaged|cut off|header"),
        (lambda data: data[:-8] + bytes(4) + data[-4:], "damaged"),
        (lambda data: b"", "cut off"),
        (lambda data: b"PK\x03\x04" + data, "is a zip archive, not a gzip"),
        (gzip.decompress, "is a tar archive that is not packed, not a gzip"),
        (lambda data: lzma.compress(gzip.decompress(data)), "packed by xz, not a gzip"),
        (lambda data: bz2.compress(gzip.decompress(data)), "packed by bzip2, not a gzip"),
        (lambda data: b"no archive at all", "damaged, or not a gzip"),
        (lambda data: gzip.compress(b""), "cut off"),
        (lambda data: gzip.compress(gzip.decompress(data)[: 512 * 7]), "cut off"),
        (lambda data: gzip.compress(gzip.decompress(data).rstrip(b"\0")), "cut off"),
        (lambda data: gzip.compress(gzip.decompress(data) + b"x" * 512), "after the end"),
        (lambda data: gzip.compress(gzip.decompress(data) + gzip.decompress(data)), "after the end"),
        (lambda data: gzip.compress(b"not a tar " * 200), "tar header"),
    ],
)
def test_a_damaged_file_is_refused_by_what_is_wrong(tmp_path: Path, damage: Callable[[bytes], bytes], why: str) -> None:
    data = gzip.compress(release().tar(), mtime=0)
    with pytest.raises(ConfigError, match=why):
        inspect(packed(tmp_path, damage(data)))


def test_a_bomb_is_refused_long_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = release().add("lib/zeros", bytes(8 << 20)).write(tmp_path)
    inspect(path)
    monkeypatch.setattr(inflate, "RATIO_FROM", 4 << 20)
    with pytest.raises(ConfigError, match="far more than a release"):
        inspect(path)


def test_a_file_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        inspect(tmp_path / "nothing.tar.gz")


@pytest.mark.slow
def test_memory_stays_small_for_a_large_tarball(tmp_path: Path) -> None:
    noise = random.Random(1).randbytes(16 << 20)
    path = release().add("lib/demo-0.1.0/priv/large", noise).write(tmp_path)
    del noise
    tracemalloc.start()
    try:
        inspect(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 << 20


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_mutilated_tarball_is_refused_or_read_never_a_crash(tmp_path: Path, data: st.DataObject) -> None:
    tar = bytearray(release(tar_format=tarfile.PAX_FORMAT).add("lib/ä" + "x" * 120, b"x").tar())
    for _ in range(data.draw(st.integers(1, 6))):
        tar[data.draw(st.integers(0, len(tar) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(tar)) | st.just(len(tar)))
    try:
        inspect(packed(tmp_path, gzip.compress(bytes(tar[:cut]), 1)))
    except ConfigError as error:
        assert error.message.isascii()
