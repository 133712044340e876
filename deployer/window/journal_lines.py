"""What of a node's journal is asked for, and its lines as journald gives them."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from deployer.errors import ConfigError
from deployer.report.plain import safe
from deployer.sh import Sh, lines, sh

_AGE = re.compile(r"([0-9]+)\s*(s|m|min|h|d)")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_FIELDS = "MESSAGE,PRIORITY"
_LONGEST = 1 << 16
LINE_LIMIT = 4 << 20
"""Bytes of a line of JSON; journald itself takes messages that are larger."""
_LAST = 253_000_000_000_000_000
"""Microseconds since the epoch, in the year 9987."""


@dataclass(frozen=True, slots=True, order=True)
class LogLine:
    """One line of a node's journal.

    Attributes:
        at: microseconds since the epoch, by the clock of its host.
        node: whose it is.
        text: made safe to print.
        urgent: an error or worse.
    """

    at: int
    node: str = field(compare=False)
    text: str = field(compare=False)
    urgent: bool = field(compare=False, default=False)

    @property
    def time(self) -> str:
        """When it was, in this machine's time."""
        when = datetime.fromtimestamp(self.at / 1e6).astimezone()
        return f"{when:%b %d %H:%M:%S}.{when.microsecond // 1000:03}"


@dataclass(frozen=True, slots=True)
class LogChoice:
    """What of the journals.

    Attributes:
        last: at most so many lines of each node, the newest; 0: all.
        since: seconds since the epoch; None: from the beginning.
        grep: only lines in which this is found.
    """

    last: int = 0
    since: float | None = None
    grep: str = ""

    def text(self, unit: str, *, follow: bool, after: str = "") -> Sh:
        """Return the program that prints a unit's journal as JSON lines; ``after``: behind this cursor."""
        words = ["-o", "json", f"--output-fields={_FIELDS}", "--all", "--no-pager", "-q", "-u", unit]
        words += ["-f"] if follow else []
        if after:
            words += [f"--after-cursor={after}", "-n", "all"]
        else:
            words += ["-n", str(self.last) if self.last else "all"]
            words += [f"--since=@{self.since:.0f}"] if self.since is not None else []
        words += [f"--grep={self.grep}", "--case-sensitive=yes"] if self.grep else []
        return lines(Sh("unset LC_ALL"), sh("exec journalctl {}", words))


def wanted(*, last: int, since: str, grep: str, now: float) -> LogChoice:
    """Return what flags say; raises ConfigError."""
    if last < 0:
        raise ConfigError(f"-n is {last}", hint="give a number from 1 on; 0 is all")
    try:
        re.compile(grep)
    except re.error as error:
        raise ConfigError(f"--grep {grep!r} is no regular expression: {error}") from None
    return LogChoice(last, _since(since, now) if since else None, grep)


def seconds_of(text: str) -> int | None:
    """Return the seconds that ``90s``, ``10m``, ``2h`` or ``1d`` are; None for what is no such time."""
    age = _AGE.fullmatch(text)
    return int(age[1]) * _SECONDS[age[2]] if age else None


def _since(text: str, now: float) -> float:
    if (age := seconds_of(text)) is not None:
        return now - age
    with suppress(ValueError):
        return datetime.fromisoformat(text).timestamp()
    raise ConfigError(
        f"--since {text!r} is neither a duration nor a time", hint="write 90s, 10m, 2h, 1d, or 2026-11-27 14:30"
    )


class LineCutter:
    """Cuts what a host prints into lines. One without an end costs no memory: it is left out, and counted.

    Attributes:
        lost: lines that were left out.
    """

    def __init__(self) -> None:
        self.lost = 0
        self._rest, self._losing = bytearray(), False

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that ``data`` ends."""
        *whole, rest = data.split(b"\n")
        if whole:
            whole[0] = bytes(self._rest) + whole[0]
            self._rest.clear()
            if self._losing:
                del whole[0]
            self._losing = False
        if not self._losing:
            self._rest += rest
            if len(self._rest) > LINE_LIMIT:
                self._rest.clear()
                self.lost, self._losing = self.lost + 1, True
        return whole


def read_logs(raw: bytes, node: str) -> tuple[LogLine, str] | None:
    """Turn one JSON line of journalctl into a line and its cursor; None for what is none."""
    try:
        said = json.loads(raw)
        message, at, cursor = said["MESSAGE"], int(said["__REALTIME_TIMESTAMP"]), str(said["__CURSOR"])
        urgent = int(said.get("PRIORITY", 6)) <= 3
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not 0 <= at < _LAST:
        return None
    if isinstance(message, list):  # bytes that are no text: journald writes them as numbers
        message = bytes(byte for byte in message if isinstance(byte, int) and 0 <= byte < 256).decode(
            "utf-8", "surrogateescape"
        )
    text = safe(str(message)[:_LONGEST]).replace("\n", "\n    ")
    return LogLine(at, node, text, urgent), cursor
