"""What is noted of a tarball's members while they pass by: a few names, a few small texts, what programs need."""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from deployer.beam import clashes, elf, overrides, sysconfig
from deployer.beam.archive import Archive, ArchiveEntry
from deployer.beam.clashes import Clash
from deployer.beam.elf import Elf, ElfError

START_ERL = "releases/start_erl.data"
_APPLICATION = re.compile(r"lib/([a-z][a-z0-9_]{0,63})-([^/]{1,64})/.+")
_BOOT = re.compile(r"releases/([^/]{1,64})/([^/]{1,64})\.rel")
_SCRIPT = re.compile(r"bin/([^/]{1,64})")
_EMULATOR = re.compile(r"erts-([^/]{1,64})/bin/beam\.smp")
_TEXT = re.compile(r"releases/([^/]{1,64})/(env\.sh|(?:remote\.)?vm\.args|sys\.config)")
_FOREIGN = {b"\xcf\xfa\xed\xfe": "macOS", b"\xca\xfe\xba\xbe": "macOS"}
"""Whose programs begin so (Mach-O, and several of them in one file)."""
_START_ERL_LIMIT = 512
_IN_MEMORY = 4 << 20  # a larger program passes through a file without a name
_KEPT_LIMIT = 4096


@dataclass(slots=True)
class Contents:
    """Fed with every file of an archive by `add`; holds what `deployer.beam.tarball` judges.

    Attributes:
        start_erl: the text of ``releases/start_erl.data``; None when there is none.
        scripts: names below ``bin/``.
        environments: versions that have an ``env.sh``, as mix release makes it.
        boots: (version, name) of each release that can boot.
        emulators: machine by ERTS version, or the system that beam.smp is for; None where it cannot be read.
        programs: what each program and library asks for, by its path; None for a damaged one.
        clashes: by release version.
        kernel: what vm.args sets of the kernel application, by release version.
        configured: what sys.config sets of it; weaker.
        ports: the port limit that vm.args sets, by release version.
    """

    files: int = 0
    unpacked: int = 0
    start_erl: str | None = None
    has_cookie: bool = False
    scripts: set[str] = field(default_factory=set)
    environments: set[str] = field(default_factory=set)
    boots: set[tuple[str, str]] = field(default_factory=set)
    applications: dict[str, str] = field(default_factory=dict)
    emulators: dict[str, str | None] = field(default_factory=dict)
    programs: dict[str, Elf | None] = field(default_factory=dict)
    clashes: dict[str, list[Clash]] = field(default_factory=dict)
    kernel: dict[str, dict[str, str]] = field(default_factory=dict)
    configured: dict[str, dict[str, str]] = field(default_factory=dict)
    ports: dict[str, int | None] = field(default_factory=dict)

    def add(self, entry: ArchiveEntry, archive: Archive) -> None:
        """Note what counts of one file.

        Raises:
            ConfigError: the archive is damaged, or holds more than a release can.
        """
        body = archive.body()
        head = next(body, b"")
        self.files += 1
        self.unpacked += entry.size
        if entry.name == START_ERL:
            self.start_erl = head[:_START_ERL_LIMIT].decode("utf-8", "replace")
        elif match := _BOOT.fullmatch(entry.name):
            self.boots.add((match[1], match[2]))
        elif match := _SCRIPT.fullmatch(entry.name):
            self.scripts.add(match[1])
        elif match := _APPLICATION.fullmatch(entry.name):
            self.applications[match[1]] = match[2]
        elif match := _TEXT.fullmatch(entry.name):
            self._add_text(match[1], match[2], entry.name, head)
        self.has_cookie |= entry.name == "releases/COOKIE"
        if head.startswith(elf.MAGIC):
            self._add_program(entry, head, body, archive)
        elif match := _EMULATOR.fullmatch(entry.name):
            self.emulators[match[1]] = _FOREIGN.get(head[:4])
        kept = (self.boots, self.scripts, self.environments, self.applications, self.clashes, self.programs)
        if any(len(names) > _KEPT_LIMIT for names in kept):
            raise archive.refuse("holds more releases, applications or programs than one release can")

    def _add_text(self, version: str, kind: str, name: str, head: bytes) -> None:
        """The first 64 KiB count, which is a hundred times what such a file has."""
        text = head.decode("utf-8", "replace")
        if kind == "env.sh":
            self.environments.add(version)
        elif kind == "vm.args":
            self.kernel[version], self.ports[version] = overrides.kernel(text), overrides.port_limit(text)
        elif kind == "sys.config":
            self.configured[version] = {found.key: found.value for found in sysconfig.kernel_settings(text)}
        read = {"env.sh": clashes.of_env, "sys.config": clashes.of_config}.get(kind, clashes.of_args)
        found = read(name, text)
        self.clashes.setdefault(version, []).extend(islice(found, clashes.CLASHES_LIMIT))

    def _add_program(self, entry: ArchiveEntry, head: bytes, body: Iterator[bytes], archive: Archive) -> None:
        try:
            with io.BytesIO() if entry.size <= _IN_MEMORY else tempfile.TemporaryFile() as file:
                file.write(head)
                file.writelines(body)
                program = elf.read_elf(file)
        except ElfError:
            program = None
        except OSError as error:
            hint = "make room there; a large program passes through it on its way to the check"
            place = tempfile.gettempdir()
            raise archive.refuse(f"cannot be put into {place}: {error.strerror}", entry.name, hint) from None
        self.programs[entry.name] = program
        if match := _EMULATOR.fullmatch(entry.name):
            self.emulators[match[1]] = program.machine if program else None
