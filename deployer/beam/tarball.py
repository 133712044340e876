"""What a release tarball holds, known before a host is touched: can it be unpacked, what is it, where does it run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deployer.beam.archive import Archive, Entry
from deployer.beam.inflate import Inflate
from deployer.beam.names import check_release_name, check_release_version
from deployer.errors import ConfigError

OTP_OF_ERTS: Mapping[int, int] = {11: 23, 12: 24, 13: 25, 14: 26, 15: 27, 16: 28, 17: 29}
"""OTP release by major version of ERTS (otp_versions.table)."""

_MACHINES = {62: "x86_64", 183: "aarch64", 40: "arm", 243: "riscv64", 22: "s390x", 21: "ppc64le"}
_GLIBC = re.compile(rb"GLIBC_(2)\.(\d{1,3})(?!\d)")
_OVERLAP = 16  # a version name can lie across two pieces
_NATIVE = re.compile(r"erts-[^/]+/bin/[^/]+|lib/[^/]+/priv/.+")
_EMULATOR = re.compile(r"erts-([^/]+)/bin/beam\.smp")
_APPLICATION = re.compile(r"lib/([a-z][a-z0-9_]*)-([^/]+)/.+")
_BOOT = re.compile(r"releases/([^/]+)/([^/]+)\.rel")
_START_ERL = "releases/start_erl.data"
_START_ERL_LIMIT = 512
_REBUILD = "pack the release directory's content itself: releases: [NAME: [steps: [:assemble, :tar]]] in mix.exs"


@dataclass(frozen=True, slots=True)
class Tarball:
    """A tarball that a host can unpack and run.

    Attributes:
        path: the file on the controller.
        size: bytes of the file.
        sha256: hex digest of the file.
        name: the release's name, which is also that of its start script.
        version: the release's version.
        erts: version of the runtime it brings, such as ``13.1.5``.
        otp: the OTP release of that runtime, such as 25; None when it is not known.
        machine: ``uname -m`` of the hosts it runs on.
        glibc: the newest glibc version that its programs and libraries ask for; None when they ask for none.
        applications: version by application.
        has_cookie: the tarball carries a cookie that everybody who has it knows.
        files: number of files.
        unpacked: bytes of all files together.
    """

    path: Path
    size: int
    sha256: str
    name: str
    version: str
    erts: str
    otp: int | None
    machine: str
    glibc: tuple[int, int] | None
    applications: Mapping[str, str]
    has_cookie: bool
    files: int
    unpacked: int


def inspect(path: Path, *, name: str | None = None, version: str | None = None) -> Tarball:
    """Read a release tarball once, from beginning to end, and unpack nothing.

    Args:
        path: the ``.tar.gz`` on the controller.
        name: the release name declared; None takes the one inside.
        version: the version declared; None takes the one inside.

    Raises:
        ConfigError: it could harm a host, could not start there, or is another release than declared.
    """
    source = Inflate(path)
    try:
        archive = Archive(source)
        seen = _Seen()
        for entry in archive:
            if entry.is_file:
                seen.add(entry, archive.body())
        return _judge(source, seen, name, version)
    finally:
        source.close()


@dataclass(slots=True)
class _Seen:
    files: int = 0
    unpacked: int = 0
    start_erl: str | None = None
    has_cookie: bool = False
    scripts: set[str] = field(default_factory=set)
    boots: set[tuple[str, str]] = field(default_factory=set)  # (version, name)
    applications: dict[str, str] = field(default_factory=dict)
    emulators: dict[str, int] = field(default_factory=dict)  # ELF machine by ERTS version
    glibc: dict[int, tuple[int, int]] = field(default_factory=dict)  # by ELF machine

    def add(self, entry: Entry, body: Iterator[bytes]) -> None:
        self.files += 1
        self.unpacked += entry.size
        if entry.name == _START_ERL:
            self.start_erl = next(body, b"")[:_START_ERL_LIMIT].decode("utf-8", "replace")
        elif match := _BOOT.fullmatch(entry.name):
            self.boots.add((match[1], match[2]))
        elif entry.name.startswith("bin/"):
            self.scripts.add(entry.name.removeprefix("bin/"))
        elif match := _APPLICATION.fullmatch(entry.name):
            self.applications[match[1]] = match[2]
        self.has_cookie |= entry.name == "releases/COOKIE"
        if _NATIVE.fullmatch(entry.name):
            self._add_native(entry.name, body)

    def _add_native(self, name: str, body: Iterator[bytes]) -> None:
        head = next(body, b"")
        if head[:4] != b"\x7fELF" or len(head) < 20:
            return
        machine = int.from_bytes(head[18:20], "little" if head[5] == 1 else "big")
        if match := _EMULATOR.fullmatch(name):
            self.emulators[match[1]] = machine
        newest = max(_glibc_versions(head, body), default=None)
        if newest is not None:
            self.glibc[machine] = max(newest, self.glibc.get(machine, (0, 0)))


def _glibc_versions(head: bytes, body: Iterable[bytes]) -> Iterator[tuple[int, int]]:
    window = head
    yield from ((int(major), int(minor)) for major, minor in set(_GLIBC.findall(window)))
    for piece in body:
        window = window[-_OVERLAP:] + piece
        yield from ((int(major), int(minor)) for major, minor in set(_GLIBC.findall(window)))


def _judge(source: Inflate, seen: _Seen, name: str | None, version: str | None) -> Tarball:
    erts, inside = _start_erl(source.path, seen, version)
    machine = seen.emulators.get(erts)
    if machine is None:
        raise _refuse(
            source.path, f"brings no erts-{erts}/bin/beam.smp", "set include_erts: true, the default, in mix.exs"
        )
    if machine not in _MACHINES:
        raise _refuse(source.path, f"brings a beam.smp for an unknown machine (ELF {machine})")
    major = erts.partition(".")[0]
    return Tarball(
        path=source.path,
        size=source.size,
        sha256=source.sha256,
        name=_name(source.path, seen, inside, name),
        version=inside,
        erts=erts,
        otp=OTP_OF_ERTS.get(int(major)) if major.isdecimal() else None,
        machine=_MACHINES[machine],
        glibc=seen.glibc.get(machine),
        applications=dict(sorted(seen.applications.items())),
        has_cookie=seen.has_cookie,
        files=seen.files,
        unpacked=seen.unpacked,
    )


def _start_erl(path: Path, seen: _Seen, declared: str | None) -> tuple[str, str]:
    """Return the ERTS version and the release version that ``start_erl.data`` names."""
    if seen.start_erl is None:
        raise _refuse(path, f"is not a release: {_START_ERL} is missing")
    words = seen.start_erl.split()
    if len(words) != 2 or not words[0].isprintable():
        raise _refuse(path, f"{_START_ERL} does not name an ERTS and a release version")
    erts, inside = words[0], check_release_version(words[1])
    if declared is not None and declared != inside:
        problem = f"holds version {inside}, not {declared}"
        raise _refuse(path, problem, "declare release.version as it is inside, or leave it out")
    return erts, inside


def _name(path: Path, seen: _Seen, version: str, declared: str | None) -> str:
    """Return the release that has both a boot script of this version and a start script."""
    named = sorted(boot for of, boot in seen.boots if of == version and boot in seen.scripts)
    if declared is not None and declared not in named:
        has = f"it has {', '.join(named)}" if named else f"it lacks bin/{declared} or releases/{version}/{declared}.rel"
        raise _refuse(path, f"is not release {declared}: {has}")
    if declared is None and len(named) != 1:
        raise _refuse(path, f"has {len(named)} releases with a start script in bin/: {', '.join(named) or 'none'}")
    return check_release_name(declared or named[0])


def _refuse(path: Path, problem: str, hint: str = _REBUILD) -> ConfigError:
    return ConfigError(problem, where=path, hint=hint)
