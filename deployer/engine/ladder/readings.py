"""The sh part of the ladder: reads a host's units, processes and sockets, and its connections to other members."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from deployer.errors import ProbeError
from deployer.modules.base import records
from deployer.sh import Sh, lines, script, sh
from deployer.sh.sockets import hex_address, hex_port
from deployer.sh.units import UNIT_SAID

_REACH = Sh(
    r"""
command -v bash >/dev/null || { emit bash missing; exit 0; }
# One after the other costs the host a quarter; only where somebody drops packets, or is far away, a slice is tried
# again, at once: each of its connections has three seconds then, and a slice has no more processes than places.
tried=''
try() {
  slice=$(timeout 1 bash -c '
    for place; do exec 3<>"/dev/tcp/$place" && echo "$place open"; done
    :' bash "$@" 2>&1) ||
  slice=$slice$lf$(timeout 3 bash -c '
    for place; do (exec 3<>"/dev/tcp/$place" && echo "$place open") & done
    wait' bash "$@" 2>&1) || :
  tried=$tried$slice$lf
}
"""
)
SLICE = 50
"""Number of places that are tried together, with one process each: far fewer than any host's limit."""
REACH_PATIENCE = 4.0
"""Seconds that one slice takes at most."""
_NO_ANSWER = "no answer in 3 s"


@dataclass(frozen=True, slots=True)
class UnitReading:
    """One node's state from systemd and /proc.

    Attributes:
        loaded: systemd knows the unit.
        active, sub, result: its states as ``systemctl show`` prints them.
        restarts: how often systemd has restarted it since it was last started by hand.
        pid: the BEAM's process id, 0 when none runs.
        exe: its executable, empty when it cannot be read.
        ports: TCP ports it listens on; None when its sockets cannot be seen.
        age: seconds since the unit became active; None when it is not.
        load: whether and how systemd knows the unit: ``loaded``, ``not-found``, ``masked``.
        since: seconds since it was no longer inactive; None when it is inactive or this is not known.
        state: the process state as in proc(5): ``S`` for a healthy one, ``T`` for a stopped one; may be empty.
        main: the program of the unit's main process if that is not a BEAM.
        deleted: the executable is no longer on the disk.
        listening: all listening sockets of the host, ``inode/ADDRESS:PORT`` as in /proc/net/tcp; empty when not known.
    """

    loaded: bool
    active: str
    sub: str
    result: str
    restarts: int
    pid: int
    exe: str
    ports: frozenset[int] | None
    age: float | None
    load: str = "loaded"
    since: float | None = None
    state: str = ""
    main: str = ""
    deleted: bool = False
    listening: str = ""

    def listeners(self, port: int) -> tuple[str, ...] | None:
        """Return the addresses of the host on which some process listens at a port; None when that is not known."""
        places = (word.partition("/")[2].rpartition(":")[::2] for word in self.listening.split())
        wanted = hex_port(port)
        return tuple(sorted({hex_address(place) for place, at in places if at == wanted})) if self.listening else None

    @property
    def release_dir(self) -> str:
        """The directory of the running release: the one that holds ``erts-*/bin/beam.smp``."""
        parents = PurePosixPath(self.exe).parents
        return str(parents[2]) if len(parents) > 2 else ""

    @property
    def version(self) -> str | None:
        """The version in the name of the release directory, ``versions/VERSION-DIGEST``; None in other layouts."""
        name = PurePosixPath(self.release_dir)
        return name.name.rpartition("-")[0] or None if name.parent.name == "versions" else None


def look_at_unit(unit: str) -> Sh:
    """Return the fragment that reads one node's unit."""
    return lines(sh("unit={}", unit), script("unit_look.sh", "deployer.engine.ladder"))


def parse_look(out: str) -> UnitReading:
    """Turn the answer of `look_at_unit` into a reading; raises ProbeError."""
    raw = records(out)
    try:
        show = dict(line.partition("=")[::2] for line in raw["show"].splitlines())
        up, active = float(raw["uptime"]), show["ActiveState"]
        for word in raw["listening"].split():
            address, _, port = word.partition("/")[2].rpartition(":")
            hex_address(address), int(port, 16)
        entered = int(show["ActiveEnterTimestampMonotonic"] or 0) / 1e6
        left = int(show.get("InactiveExitTimestampMonotonic") or 0) / 1e6
        return UnitReading(
            loaded=show["LoadState"] not in ("not-found", "masked"),
            active=active,
            sub=show["SubState"],
            result=show["Result"],
            restarts=int(show["NRestarts"] or 0),
            pid=int(raw["pid"]),
            exe=raw.get("exe", "").removesuffix(" (deleted)"),
            ports=_ports(raw.get("sockets", ""), raw["listening"]),
            age=up - entered if active == "active" and entered else None,
            load=show["LoadState"],
            since=up - left if left and active != "inactive" else None,
            state=raw.get("state", ""),
            main=raw.get("main", ""),
            deleted=raw.get("exe", "").endswith(" (deleted)"),
            listening=raw["listening"],
        )
    except (KeyError, ValueError, OverflowError) as error:
        raise ProbeError(f"the unit's state cannot be understood: {error}") from None


def _ports(sockets: str, listening: str) -> frozenset[int] | None:
    owned = set(sockets.split())
    if not owned:
        return None
    pairs = (word.partition("/")[::2] for word in listening.split())
    return frozenset(int(address.rpartition(":")[2], 16) for inode, address in pairs if inode in owned)


REFUSED = "connection refused"
"""The answer for a port at which nothing listens, on a host that can be reached."""


def reach(places: Sequence[tuple[str, int]]) -> Sh:
    """Return the fragment that tries to connect from the host to each (address, port), in slices (`REACH_PATIENCE`).

    A mesh of N members has N × (N - 1) × 2 such connections in all, and 2 × (N - 1) from each host.
    """
    words = [f"{address}/{port}" for address, port in places]
    slices = [sh("try {}", words[at : at + SLICE]) for at in range(0, len(words), SLICE)]
    return lines(_REACH, *slices, Sh('emit tried "$tried"'))


def reach_time(places: Sequence[tuple[str, int]]) -> float:
    """Return the seconds that `reach` takes at most, when every packet is dropped."""
    return REACH_PATIENCE * math.ceil(len(places) / SLICE)


def parse_reach(out: str, places: Sequence[tuple[str, int]]) -> dict[tuple[str, int], str] | None:
    """Turn the answer of `reach` into place → "" or why not; None when the host has no bash to try with.

    Raises:
        ProbeError: the answer is malformed.
    """
    raw = records(out)
    if "bash" in raw:
        return None
    if "tried" not in raw:
        raise ProbeError("the host does not say whom it reaches")
    said: dict[str, str] = {}
    for line in raw["tried"].splitlines():
        place, colon, why = line.partition("/dev/tcp/")[2].partition(": ")
        said |= {place: why.strip().lower() or "cannot connect"} if colon else {line.removesuffix(" open"): ""}
    return {(address, port): said.get(f"{address}/{port}", _NO_ANSWER) for address, port in places}


_DUMP = """
start=$(systemctl show --timestamp=unix -p ExecMainStartTimestamp --value -- "$unit" 2>/dev/null || :)
if [ -n "$(find {0} -maxdepth 0 -type f -newermt "${{start:-@0}}" 2>/dev/null)" ]; then theirs {0} 4096 | head -n 5; fi
"""


def unit_last_words(unit: str, dump: str) -> Sh:
    """Return the fragment that shows a unit's last log lines and the first lines of its crash dump.

    Older output explains nothing: only log lines since the last start are shown, and only a dump that is newer than it.
    """
    return lines(UNIT_SAID, sh("unit={}\nunit_said 100", unit), sh(_DUMP, dump) if dump else Sh(":"))
