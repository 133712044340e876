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
_TEXT = re.compile(r"releases/([^/]{1,64})/(env\.sh|(?:remote\.)?vm\.args|sys\.config)(\.src)?")
_START = re.compile(r"releases/([^/]{1,64})/([^/]{1,64}\.sh|start_clean\.boot)")
_FILLED = re.compile(r"\$\{([^}\n]*)(\}?)")
"""What relx fills in at a start, a name and perhaps :- and a default; without its brace in the same line it stays."""
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
        starts: (version, name) of other sh texts, as other makers have them, and of what boots without applications.
        boots: (version, name) of each release that can boot.
        emulators: machine by ERTS version, or the system that beam.smp is for; None where it cannot be read.
        programs: what each program and library asks for, by its path; None for a damaged one.
        clashes: by the file's name.
        left_out: by the file's name, the lines that a start of a rebar3 release leaves out.
        hooks: by the script's name, what of relx's hooks it would run.
        kernel: what it sets of the kernel application, by the file's name.
        ports: the port limit that it sets, by the name of an args file.
    """

    files: int = 0
    unpacked: int = 0
    start_erl: str | None = None
    has_cookie: bool = False
    scripts: set[str] = field(default_factory=set)
    environments: set[str] = field(default_factory=set)
    starts: set[tuple[str, str]] = field(default_factory=set)
    boots: set[tuple[str, str]] = field(default_factory=set)
    applications: dict[str, str] = field(default_factory=dict)
    emulators: dict[str, str | None] = field(default_factory=dict)
    programs: dict[str, Elf | None] = field(default_factory=dict)
    clashes: dict[str, list[Clash]] = field(default_factory=dict)
    left_out: dict[str, frozenset[int]] = field(default_factory=dict)
    hooks: dict[str, list[Clash]] = field(default_factory=dict)
    kernel: dict[str, dict[str, str]] = field(default_factory=dict)
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
            found = clashes.of_hooks(entry.name, head.decode("utf-8", "replace"))
            self.hooks[match[1]] = [*islice(found, clashes.CLASHES_LIMIT)]
        elif match := _APPLICATION.fullmatch(entry.name):
            self.applications[match[1]] = match[2]
        elif match := _TEXT.fullmatch(entry.name):
            self._add_text(match[1], match[2], entry.name, head, filled=bool(match[3]))
        elif match := _START.fullmatch(entry.name):
            self.starts.add((match[1], match[2]))
        self.has_cookie |= entry.name == "releases/COOKIE"
        if head.startswith(elf.MAGIC):
            self._add_program(entry, head, body, archive)
        elif match := _EMULATOR.fullmatch(entry.name):
            self.emulators[match[1]] = _FOREIGN.get(head[:4])
        kept = (self.boots, self.scripts, self.environments, self.starts, self.applications, self.clashes)
        if any(len(names) > _KEPT_LIMIT for names in (*kept, self.programs)):
            raise archive.refuse("holds more releases, applications or programs than one release can")

    def _add_text(self, version: str, kind: str, name: str, head: bytes, *, filled: bool) -> None:
        """The first 64 KiB count, which is a hundred times what such a file has."""
        text = head.decode("utf-8", "replace")
        if kind == "vm.args":
            self.left_out[name] = clashes.lines_left_out(text)
        if filled:  # what the variables will be nobody knows yet
            text = _FILLED.sub(lambda asked: asked[1].partition(":-")[2] or "_" if asked[2] else asked[0], text)
        if name.endswith("/env.sh"):
            self.environments.add(version)
        elif kind == "vm.args":
            self.kernel[name], self.ports[name] = overrides.kernel(text), overrides.port_limit(text)
        elif kind == "sys.config":
            self.kernel[name] = {found.key: found.value for found in sysconfig.kernel_settings(text)}
        read = {"env.sh": clashes.of_env, "sys.config": clashes.of_config}.get(kind, clashes.of_args)
        self.clashes[name] = [*islice(read(name, text), clashes.CLASHES_LIMIT)]

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
