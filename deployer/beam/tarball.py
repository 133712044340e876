"""What a release tarball holds, known before a host is touched: can it be unpacked, what is it, what does it need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deployer.beam.archive import Archive
from deployer.beam.clashes import Clash
from deployer.beam.contents import START_ERL, Contents
from deployer.beam.elf import MACHINES, Elf
from deployer.beam.inflate import Inflate
from deployer.beam.maker import BuiltBy, clashes_of, maker_of, read_at_start
from deployer.beam.names import check_release_name, check_release_version
from deployer.errors import ConfigError

OTP_OF_ERTS: Mapping[int, int] = {11: 23, 12: 24, 13: 25, 14: 26, 15: 27, 16: 28, 17: 29}
"""OTP release by major version of ERTS (otp_versions.table)."""

_REBUILD = (
    "pack the release directory's content itself: releases: [NAME: [steps: [:assemble, :tar]]] in mix.exs, or: "
    "rebar3 as prod tar"
)


@dataclass(frozen=True, slots=True)
class LibraryNeed:
    """A shared library that the host has to have.

    Attributes:
        library: the name under which it is looked for, such as ``libcrypto.so.3``.
        versions: of its interface, such as ``OPENSSL_3.0.0``; oldest first.
        files: who asks for it, paths inside the tarball.
    """

    library: str
    versions: tuple[str, ...]
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tarball:
    """A tarball that a host can unpack and run.

    Attributes:
        path: the file on the controller.
        size: bytes of the file.
        sha256: hex digest of the file.
        name: the release's name, which is also that of its start script.
        version: the release's version.
        maker: whose release it is, mix's or rebar3's; one that is not here counts as mix's.
        erts: version of the runtime it brings, such as ``13.1.5``.
        otp: the OTP release of that runtime, such as 25; None when it is not known.
        machine: ``uname -m`` of the hosts it runs on.
        needs: the libraries that its programs and NIFs ask the host for; those that are inside are left out.
        unreadable: programs and libraries, paths inside the tarball, of which it cannot be known what they ask for.
        clashes: lines of its args files, sys.config and env.sh that set what the inventory decides.
        kernel: what its own vm.args and sys.config set of the kernel application, by key.
        ports: the emulator's port limit (``+Q``) in its own vm.args, which is the last to speak; None when it has none.
        applications: version by application.
        has_cookie: the tarball carries a cookie that everybody who has it knows.
        files: number of files.
        unpacked: bytes of all files together.
        manifest: digest of the sorted list of its files and their digests (`Archive.manifest`).
        epmd: sha256 of the EPMD of its runtime; empty when it brings none.
    """

    path: Path
    size: int
    sha256: str
    name: str
    version: str
    maker: BuiltBy
    erts: str
    otp: int | None
    machine: str
    needs: tuple[LibraryNeed, ...]
    unreadable: tuple[str, ...]
    clashes: tuple[Clash, ...]
    kernel: Mapping[str, str]
    ports: int | None
    applications: Mapping[str, str]
    has_cookie: bool
    files: int
    unpacked: int
    manifest: str
    epmd: str

    @property
    def seen(self) -> bool:
        """Whether the file was here to be read."""
        return bool(self.sha256)

    @property
    def elixir(self) -> str | None:
        """The version of Elixir inside; None for a release of Erlang alone."""
        return self.applications.get("elixir")

    @property
    def has_ssl(self) -> bool:
        """Whether it can speak TLS, which TLS distribution needs."""
        return "ssl" in self.applications

    @property
    def glibc(self) -> str | None:
        """The newest glibc that is asked for, such as ``2.34``; None when none is."""
        found = [version for need in self.needs for version in need.versions if version.startswith("GLIBC_2.")]
        return max(found, key=_age).removeprefix("GLIBC_") if found else None


def unread_tarball(path: Path, name: str, version: str) -> Tarball:
    """Return what is known of a tarball that is not here: what was declared, and nothing else."""
    return Tarball(
        path=path, size=0, sha256="", name=name, version=version, maker="mix", erts="", otp=None, machine="", needs=(),
        unreadable=(), clashes=(), kernel={}, ports=None, applications={}, has_cookie=False, files=0, unpacked=0,
        manifest="", epmd="",
    )  # fmt: skip


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
        seen = Contents()
        for entry in archive:
            if entry.is_file:
                seen.add(entry, archive)
        return _judge(source, seen, archive, name, version)
    finally:
        source.close()


def _judge(source: Inflate, seen: Contents, archive: Archive, name: str | None, version: str | None) -> Tarball:
    erts, inside = _start_erl(source.path, seen, version)
    maker = maker_of(source.path, seen, inside)
    machine = _machine(source.path, seen, erts)
    major = erts.partition(".")[0]
    mine = {file: program for file, program in seen.programs.items() if program and program.machine == machine}
    own = _name(source.path, seen, inside, name)
    flags, config = (read_at_start(seen, inside, maker, file) for file in ("vm.args", "sys.config"))
    return Tarball(
        path=source.path,
        size=source.size,
        sha256=source.sha256,
        name=own,
        version=inside,
        maker=maker,
        erts=erts,
        otp=OTP_OF_ERTS.get(int(major)) if major.isdecimal() and len(major) < 4 else None,
        machine=machine,
        needs=_needs(mine),
        unreadable=tuple(sorted(file for file, program in seen.programs.items() if program is None)),
        clashes=tuple(clashes_of(seen, inside, maker, own)),
        kernel={**seen.kernel.get(config, {}), **seen.kernel.get(flags, {})},
        ports=seen.ports.get(flags),
        applications=dict(sorted(seen.applications.items())),
        has_cookie=seen.has_cookie,
        files=seen.files,
        unpacked=seen.unpacked,
        manifest=archive.manifest,
        epmd=archive.digest(f"erts-{erts}/bin/epmd"),
    )


def _machine(path: Path, seen: Contents, erts: str) -> str:
    emulator = f"erts-{erts}/bin/beam.smp"
    if erts not in seen.emulators:
        raise _refuse(
            path,
            f"brings no {emulator}",
            "set include_erts: true, the default, in mix.exs; with rebar3 {mode, prod} in relx",
        )
    machine = seen.emulators[erts]
    if machine is None:
        raise _refuse(path, f"brings a damaged {emulator}", "build the release again")
    if machine == "macOS":
        hint = "build on the hosts' own Debian, as deployer lab build APP does, or in a container of it"
        raise _refuse(path, f"brings an emulator for macOS: {emulator} runs on no Linux host", hint)
    if machine not in MACHINES.values():
        raise _refuse(path, f"brings a beam.smp for an unknown machine ({machine})")
    return machine


def _needs(programs: Mapping[str, Elf]) -> tuple[LibraryNeed, ...]:
    inside = {file.rpartition("/")[2] for file in programs} | {program.soname for program in programs.values()}
    versions: dict[str, set[str]] = {}
    files: dict[str, list[str]] = {}
    for file, program in sorted(programs.items()):
        for library, asked in program.libraries.items():
            if library not in inside:
                versions.setdefault(library, set()).update(asked)
                files.setdefault(library, []).append(file)
    return tuple(LibraryNeed(name, _in_order(versions[name]), tuple(files[name])) for name in sorted(versions))


def _in_order(versions: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(versions, key=_age))


def _age(version: str) -> tuple[str, list[int], str]:
    """Return what sorts ``GLIBC_2.4`` before ``GLIBC_2.34``."""
    name, _, numbers = version.rpartition("_")
    return name, [int(part) for part in numbers.split(".") if part.isdecimal()], numbers


def _start_erl(path: Path, seen: Contents, declared: str | None) -> tuple[str, str]:
    """Return the ERTS version and the release version that ``start_erl.data`` names."""
    if seen.start_erl is None:
        raise _refuse(path, f"is not a release: {START_ERL} is missing")
    words = seen.start_erl.split()
    if len(words) != 2 or not words[0].isprintable():
        raise _refuse(path, f"{START_ERL} does not name an ERTS and a release version")
    erts, inside = words[0], check_release_version(words[1])
    if declared is not None and declared != inside:
        problem = f"holds version {inside}, not {declared}"
        raise _refuse(path, problem, "declare release.version as it is inside, or leave it out")
    return erts, inside


def _name(path: Path, seen: Contents, version: str, declared: str | None) -> str:
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
