"""Since when something differs and by whom, as far as the host knows, and how sure that is: one reader, a pure judge.

Times are of the kernel: nobody can set when an inode was changed (ctime), anybody when its content was (mtime).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from deployer.audit.process import Records
from deployer.sh import Sh, lines, script, sh

Sure = Literal["sure", "likely", "possible", "unknown"]
_BEFORE, _AFTER = 900, 5
_RUN = 60
"""How long before a change an entry of the host's own record tells of it: a run writes one when a step is done."""
_UNIT = re.compile(r"[\w@.:\\-]+\.(?:service|socket|timer)", re.ASCII)
_MOST = 64


@dataclass(frozen=True, slots=True)
class Trace:
    """What the host knows of a difference.

    Attributes:
        since: seconds since 1970 by the host's clock, not later than which it is so; None where nothing tells.
        by: who or what did it; empty where nothing tells.
        how: what it is concluded from, in a sentence.
        sure: of ``by``: sure, likely, possible or unknown.
    """

    since: int | None = None
    by: str = ""
    how: str = "the host knows nothing of it"
    sure: Sure = "unknown"


@dataclass(frozen=True, slots=True)
class _Clue:
    time: int
    kind: str
    who: str
    program: str
    paths: tuple[str, ...] = ()


def places(touched: Collection[str]) -> tuple[str, ...]:
    """Return the paths to look at for what a task touches: paths, and of units their files."""
    found: list[str] = []
    for name in touched:
        if name.startswith("/") and name.isprintable():
            found.append(name)
        elif _UNIT.fullmatch(name):
            found += [f"/etc/systemd/system/{name}", f"/etc/systemd/system/{name}.d"]
    return tuple(dict.fromkeys(found))


def reader(touched: Collection[str], root: str = "") -> Sh:
    """Return the fragment that reads what is known of them: read-only, bounded.

    Args:
        touched: paths and units.
        root: of the host's release, whose own record tells of runs; empty for none.
    """
    units = [name for name in dict.fromkeys(touched) if _UNIT.fullmatch(name)]
    record = f"{root}/ledger/history" if root else ""
    head = sh("set -- {}\nunits={}\nrecord={}", places(touched)[:_MOST], " ".join(units[:_MOST]), record)
    return lines(head, script("trace.sh", "deployer.audit"))


def judge_trace(touched: Collection[str], found: Records) -> Trace:
    """Return what is known of what one task touches.

    Args:
        touched: paths and units.
        found: what `reader` printed.
    """
    paths = places(touched)
    since, owner, words = _moment(paths, frozenset(touched), found)
    if since is None:
        return Trace()
    clues = [clue for clue in _clues(found) if since - _BEFORE <= clue.time <= since + _AFTER]
    by, how, sure = _who(paths, since, clues, found) or _whose(owner, found)
    return Trace(since, by, f"{words}; {how}", sure)


def _pairs(text: str) -> Iterator[tuple[str, list[str]]]:
    told = text.split("\n")
    for path, words in zip(told[::2], told[1::2], strict=False):
        parts = words.split(" ", 2)
        if len(parts) == 3 and parts[0].isdecimal() and parts[1].isdecimal():
            yield path, parts


def _moment(paths: Sequence[str], names: Collection[str], found: Records) -> tuple[int | None, str, str]:
    """Return the time of the latest change, the owner of the file, and the words that report it."""
    seen = [(int(words[1]), int(words[0]), words[2], path) for path, words in _pairs(found.get("marks", ""))]
    seen = [one for one in seen if one[3] in paths]
    gone = [(int(words[0]), path) for path, words in _pairs(found.get("above", "")) if path in paths]
    state = _state_change(names, found)
    if seen:
        changed, written, owner, path = max(seen)
        words = f"{path} was changed then"
        if abs(changed - written) > 2:
            words += f" (by its mtime, its content changed at {_day(written)})"
        if state and state > changed:
            return state, "", "the unit changed its state then"
        return changed, owner, words
    if state:
        return state, "", "the unit changed its state then"
    if gone:
        when, path = max(gone)
        return when, "", f"{path} does not exist; its directory was last changed then"
    return None, "", ""


def _state_change(names: Collection[str], found: Records) -> int | None:
    clock, uptime = found.get("clock", "").partition(" ")[0], found.get("uptime", "")
    if not (clock.isdecimal() and uptime.isdecimal()):
        return None
    moments = []
    for block in found.get("units", "").split("\n\n"):
        told = dict(line.partition("=")[::2] for line in block.splitlines())
        micro = told.get("StateChangeTimestampMonotonic", "")
        if told.get("Id") in names and micro.isdecimal() and int(micro):
            moments.append(int(clock) - int(uptime) + int(micro) // 1_000_000)
    return max(moments, default=None)


def _clues(found: Records) -> Iterator[_Clue]:
    for line in found.get("heard", "").splitlines():
        time, *words = line.split(" ")
        if time.isdecimal() and len(words) >= 3:
            yield _Clue(int(time), words[0], words[1], words[2], tuple(words[3:]))
    for line in found.get("record", "").splitlines():
        entry = line.split("\t")
        if len(entry) >= 5 and entry[1].isdecimal():
            yield _Clue(int(entry[1]), "run", entry[4].partition(" ")[2] or entry[4], f"{entry[2]} {entry[3]}")


def _who(paths: Sequence[str], since: int, clues: Sequence[_Clue], found: Records) -> tuple[str, str, Sure] | None:
    if package := _packaged(paths, since, found):
        apt = next((clue.who for clue in reversed(clues) if clue.program.rpartition("/")[2] in _APT), "")
        how = f"the file is of a package, and dpkg's log has {package}"
        return f"{apt + ' with ' if apt else ''}dpkg", how, "sure"
    if named := [clue for clue in clues if set(clue.paths) & set(paths)]:
        last = max(named, key=lambda clue: clue.time)
        return last.who, f"it is an argument of {last.program}, run with sudo at {_day(last.time)}", "likely"
    if runs := [clue for clue in clues if clue.kind == "run" and since - clue.time <= _RUN]:
        return runs[-1].who, f"the host's own record has {runs[-1].program} at that time", "likely"
    people = sorted({clue.who for clue in clues if clue.kind in ("sudo", "su", "deployer", "login")})
    if people:
        few = "the only user" if len(people) == 1 else "users"
        return " or ".join(people[:4]), f"{few} that the journal names in the 15 minutes before", "possible"
    return None


_APT = ("apt", "apt-get", "dpkg", "aptitude", "unattended-upgrade")


def _packaged(paths: Sequence[str], since: int, found: Records) -> str:
    """Return the line of dpkg's log, at that time, about a package that one of the paths belongs to."""
    owners = set()
    for line in found.get("packages", "").splitlines():
        place, _, path = line.partition(".list:")
        if path in paths:
            owners.add(place.rpartition("/")[2].partition(":")[0])
    zone = found.get("clock", "").partition(" ")[2]
    for line in reversed(found.get("dpkg", "").splitlines()):
        words = line.split()
        if len(words) >= 4 and words[3].partition(":")[0] in owners:
            moment = _moment_of(f"{words[0]} {words[1]}", zone)
            if moment is not None and -_BEFORE <= since - moment <= _BEFORE:
                return " ".join(words[2:6])
    return ""


def _moment_of(text: str, zone: str) -> int | None:
    try:
        return int(datetime.strptime(f"{text} {zone or '+0000'}", "%Y-%m-%d %H:%M:%S %z").timestamp())
    except ValueError:
        return None


def _whose(owner: str, found: Records) -> tuple[str, str, Sure]:
    if owner not in ("", "root"):
        return f"a process of {owner}", f"{owner} owns the file and can write to it", "possible"
    if "root" not in found:
        return "", "this login may not read the journal", "unknown"
    return "", "the journal, dpkg's log and the host's own record have nothing about that time", "unknown"


def _day(moment: int) -> str:
    try:
        return f"{datetime.fromtimestamp(0, UTC) + timedelta(seconds=moment):%Y-%m-%d %H:%M:%S} UTC"
    except OverflowError:
        return "a time that cannot be right"


def day(moment: int | None) -> str:
    """Return a time for a person, in UTC; ``at an unknown time`` for None."""
    return "at an unknown time" if moment is None else _day(moment)
