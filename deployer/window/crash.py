"""``logs --crash``: a summary of a node's crash dump, and the dump itself.

A dump is written by the node, and read as its user (docs/security.md); its content is shown, but not trusted.
Source: ERTS, "How to Interpret the Erlang Crash Dumps"; memory words are those of a 64-bit emulator.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from deployer.errors import ConfigError, NotConverged, ProbeError
from deployer.modules.base import records
from deployer.report.plain import safe
from deployer.sh import Sh, lines, script, sh
from deployer.transport import Transport
from deployer.window.choice import Fleet, Spot
from deployer.window.door import ask_node, note
from deployer.window.shells import SAID_KEPT, fit, session_on

_SHOWN = 10
_WORD = 8
_LAST = 253_000_000_000
"""Seconds since the epoch, in the year 9987."""


@dataclass(slots=True)
class DumpedProcess:
    """A process in a dump; sizes in bytes."""

    pid: str
    says: dict[str, str] = field(default_factory=dict)

    @property
    def memory(self) -> int:
        """The size of its heaps."""
        return _WORD * (_number(self.says.get("Stack+heap")) + _number(self.says.get("OldHeap")))

    @property
    def queue(self) -> int:
        """The number of messages in its queue."""
        return _number(self.says.get("Message queue length"))


@dataclass(frozen=True, slots=True)
class Crash:
    """The summary of a dump.

    Attributes:
        slogan: why the emulator ended.
        when: when it was written, in seconds since the epoch.
        size: bytes of the dump.
        memory: bytes by kind.
        processes: processes with the most memory, the largest first.
        running: processes that were running at that moment.
    """

    slogan: str
    when: int
    size: int
    memory: dict[str, int]
    processes: tuple[DumpedProcess, ...]
    running: tuple[DumpedProcess, ...]


def crash(fleet: Fleet, spot: Spot) -> Crash | None:
    """Read a node's crash dump; None if it has none.

    Raises:
        ConfigError: deployer has not installed the node.
        HostError: its host cannot be reached or read.
    """
    fit(spot)
    transport = fleet.open(spot.host)
    try:
        return parse_dump(
            ask_node(transport, look_at_dump(spot.node.crash_dump), become=fleet.resolver.connection(spot.host).become)
        )
    finally:
        transport.close()


def look_at_dump(path: str) -> Sh:
    """Return the fragment that summarises a dump."""
    return lines(_newest(path), script("crash.sh", "deployer.window"))


def whole_dump(path: str) -> Sh:
    """Return the program that prints a dump."""
    own = Sh("own_uid=$(id -u) lf=")
    return lines(own, script("files.sh", "deployer.sh"), _newest(path), script("crash_save.sh", "deployer.window"))


def _newest(path: str) -> Sh:
    return lines(sh("dump={}", path), script("newest_dump.sh", "deployer.window"))


def parse_dump(out: str) -> Crash | None:
    """Turn the answer of ``crash.sh`` into a summary; raises ProbeError."""
    if not out:
        return None
    raw = records(out, "size", "head", "told")
    size, _, when = raw["size"].partition(" ")
    slogan = next((line[8:].strip() for line in raw["head"].splitlines() if line.startswith("Slogan: ")), "")
    memory, found = dict[str, int](), list[DumpedProcess]()
    section = ""
    for line in raw["told"].splitlines():
        key, _, value = line.partition(": ")
        if line.startswith("="):
            section, _, pid = line.partition(":")
            found += [DumpedProcess(pid)] if section == "=proc" else []
        elif section == "=memory":
            memory.setdefault(key, _number(value))
        elif section == "=proc":
            found[-1].says.setdefault(key, value.strip())
    if not (size.isdecimal() and when.isdecimal()) or _number(when) > _LAST:
        raise ProbeError("the host's answer about a crash dump cannot be understood")
    first = sorted(found, key=lambda one: (one.memory, one.queue), reverse=True)[:_SHOWN]
    running = tuple(one for one in found if one.says.get("State") == "Running")
    return Crash(slogan, _number(when), _number(size), memory, tuple(first), running[:_SHOWN])


def dump_lines(spot: Spot, found: Crash) -> Iterator[str]:
    """Yield the lines to print."""
    when = datetime.fromtimestamp(found.when).astimezone()
    yield f"{spot.name}  {when:%Y-%m-%d %H:%M:%S}  {spot.node.crash_dump}, {human(found.size)}"
    yield f"  slogan: {safe(found.slogan) or 'none: it was cut short, or is still being written'}"
    if found.memory:
        yield "  memory: " + ", ".join(f"{kind} {human(size)}" for kind, size in found.memory.items())
    for one in found.running:
        yield f"  was running: {_called(one)}"
    for one in found.processes:
        yield f"  {human(one.memory):>9}  {one.queue:>7} messages  {_called(one)}"


def save(fleet: Fleet, spot: Spot, place: Path) -> int:
    """Fetch a node's dump into a new file that only this user can read, and return its size.

    Raises:
        ConfigError: the file exists already, or cannot be created.
        NotConverged: there is no dump.
        HostError: its host cannot be reached or read.
    """
    fit(spot)
    transport = fleet.open(spot.host)
    try:
        become = fleet.resolver.connection(spot.host).become
        ask_node(transport, note(f"logs --crash --save {spot.name}"), become=become)
        try:
            out = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise ConfigError(f"--save {place}: {error.strerror}", hint="name a new file") from None
        try:
            with os.fdopen(out, "wb") as file:
                return _fetch(transport, spot, file, become=become)
        except BaseException as error:
            place.unlink()  # a partial dump looks like a whole one, and contains secrets, too
            if isinstance(error, OSError):
                raise ConfigError(f"--save {place}: {error.strerror}") from None
            raise
    finally:
        transport.close()


def _fetch(transport: Transport, spot: Spot, file: BinaryIO, *, become: bool) -> int:
    said = bytearray()
    session = session_on(transport, become=become)
    try:
        session.open(whole_dump(spot.node.crash_dump), None)
        code = session.pump(file.write, lambda data: said.extend(data[: SAID_KEPT - len(said)]))
    finally:
        session.close()
    if code or not file.tell():
        raise NotConverged(f"{spot.name} has no crash dump", hint=safe(said.decode("utf-8", "replace").strip())[-300:])
    return file.tell()


def human(size: int) -> str:
    """Return bytes in a readable unit: ``12.4 MiB``."""
    value, unit = float(size), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):  # noqa: B007
        if value < 1024:
            break
        value /= 1024
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def _called(one: DumpedProcess) -> str:
    says: Sequence[str] = [one.says.get("Name", ""), one.says.get("Spawned as", ""), one.says.get("Current call", "")]
    return " ".join([one.pid, *(safe(word)[:80] for word in says if word)])


def _number(text: str | None) -> int:
    """Return a number from a dump, which may contain anything; 0 if it is not a number."""
    return int(text) if text and len(text) < 19 and text.isascii() and text.isdecimal() else 0
