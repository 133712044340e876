"""The host's record of its releases: how the engine reads it, and the programs that add entries to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from deployer.errors import ConfigError
from deployer.events import ReleaseEntry
from deployer.modules.base import records
from deployer.modules.beam_nodes import BeamNodes
from deployer.releases.generations import GENERATIONS, PLACES, declared, secured
from deployer.releases.switch import RECORD
from deployer.resolve import HostPlay
from deployer.sh import Sh, lines, script, sh

_LOOK = script("look.sh", "deployer.releases")

_CONTENTS = """
for one in "$root"/ledger/sums/*; do
  [ ! -f "$root/ledger/good/${{one##*/}}" ] || unaltered "${{one##*/}}" || :
done
"""

_JUDGE_GOOD = """
mark_good {} {} {} || {{ full "$root"; exit 1; }}
prune {}
"""


_MIGRATED = """
id={}
[ ! -e "$root/ledger/migrated/$id" ] || exit 0
remember migrate "$id" {} || {{ full "$root"; exit 1; }}
mkdir -p -- "$root/ledger/migrated"
inscribe "$root/ledger/migrated/$id" "$number"
"""


_LAST = 253402300799
"""The last second of the year 9999, after which Python has no date."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """A host's record of one release's versions.

    Attributes:
        current: id of the current release; empty when there is none.
        good: ids of releases that were healthy, the one marked good last comes first.
        bad: id → why it failed here.
        entries: the end of the history, oldest first.
        untried: the running release was started, and neither marked good nor bad since.
        migrated: ids whose migration has run, here or on another host of the cluster.
        away: seconds from the stop of its nodes in the last switch or rollback until they had started again. None if
            nothing was stopped, they have not started, or the last deploy was older than this measurement.
        damaged: number of malformed lines of the history, which are left out.
        expected: id → what its nodes were checked against when it was last good, for `deployer.engine.ladder.expected`.
    """

    current: str = ""
    good: tuple[str, ...] = ()
    bad: Mapping[str, str] = field(default_factory=dict)
    entries: tuple[ReleaseEntry, ...] = ()
    untried: bool = False
    migrated: frozenset[str] = frozenset()
    expected: Mapping[str, str] = field(default_factory=dict)
    damaged: int = 0
    away: float | None = None

    @property
    def previous(self) -> str:
        """The good release before the current one; empty when there is none.

        It was marked good before the current one, so that two rollbacks in a row go back two releases.
        """
        older = self.good[self.good.index(self.current) + 1 :] if self.current in self.good else self.good
        return next(iter(older), "")


def switch_of(play: HostPlay) -> BeamNodes | None:
    """Return the task of a play that runs the host's release; None when it has none, or tags leave it out."""
    found = (action.module for action in play.actions if not action.skip)
    return next((module for module in found if isinstance(module, BeamNodes)), None)


def look_at_ledger(root: str, lines_of_history: int = 50) -> Sh:
    """Return the fragment that reads the record of the release at ``root``."""
    return lines(declared(root, ""), PLACES, RECORD, sh("count={}", lines_of_history), _LOOK)


def parse_ledger(out: str) -> Ledger:
    """Turn the answer of `look_at_ledger` into a record.

    Raises:
        ProbeError: the answer is malformed.
        ConfigError: the record is not root's own, or damaged in a way that a person has to look at.
    """
    found = records(out)
    if distrust := found.get("distrust"):
        hint = "find out who changed it; when it is right again: chown -R 0:0 … and chmod 0700 …; or move it away"
        raise ConfigError(distrust, hint=hint)
    if odd := found.get("damaged"):
        hint = f"look at it, and move it away: mv {odd} {odd}.damaged; deployer then works without it"
        raise ConfigError(f"the host's record of its releases is damaged: {odd} has another file type", hint=hint)
    whole = found.get("history", "").rpartition("\n")[0].splitlines()  # an unfinished last line is ignored
    most = int(found["count"]) if found.get("count", "").isdecimal() else len(whole)
    told = [_entry(line) for line in whole[-most:] if line]
    entries = tuple(entry for entry in told if entry)
    order = {entry.release: entry.number for entry in entries if entry.event == "good"}
    numbers = {name: _number(text, order.get(name, 0)) for name, text in _pairs(found.get("good", ""))}
    return Ledger(
        current=found.get("current", ""),
        good=tuple(sorted(numbers, key=numbers.__getitem__, reverse=True)),
        bad=dict(_pairs(found.get("bad", ""))),
        entries=entries,
        untried="untried" in found,
        migrated=frozenset(line.partition(":")[0] for line in found.get("migrated", "").splitlines()),
        expected=dict(_pairs(found.get("expected", ""))),
        damaged=len(told) - len(entries),
        away=_seconds(found.get("away", "")),
    )


def audited(play: HostPlay) -> Sh | None:
    """Return the fragment that prints further findings of an audit; None when the host runs no release.

    It prints nothing when all good releases are unchanged and nothing is left behind.
    """
    switch, own = switch_of(play), play.fleet[0]
    if switch is None or own is None:
        return None
    from deployer.modules.left_behind import LeftBehind

    port = own.cluster.epmd_port if own.cluster.epmd else None
    left = LeftBehind(cluster=own.cluster.name, epmd_port=port, root=switch.root)
    return lines(contents(switch.root), left.look())


def contents(root: str) -> Sh:
    """Return the fragment that names good releases whose files were altered since they were marked good.

    It prints nothing when all are unchanged.
    """
    return lines(declared(root, ""), PLACES, RECORD, sh(_CONTENTS))


def record_good(nodes: BeamNodes, keep: int, expected: str = "") -> Sh:
    """Return the step that marks the release as good, with its present files, and removes old releases.

    Args:
        nodes: the task that runs the release.
        keep: number of good releases to keep for a rollback.
        expected: what its nodes were checked against, as one line.
    """
    text = sh(_JUDGE_GOOD, nodes.id, expected, nodes.files, keep)
    return lines(secured(nodes.root, nodes.held), GENERATIONS, RECORD, text)


def go_back(nodes: BeamNodes, to: str, *, why: str = "") -> Sh:
    """Return the step that goes back to a good release, with the files it had when it was good, and starts its nodes.

    It fails, before anything is stopped, when ``to`` was never good or is incomplete.

    Args:
        nodes: the task that runs the present release.
        to: id of a good release; the present one if only files changed.
        why: the reason for marking the present release as bad; empty: do not mark it.
    """
    marked = "" if to == nodes.id else why
    return nodes.switch.back(nodes.id, to, marked)


def note_hooks(root: str, release: str, words: str) -> Sh:
    """Return the step that records which hooks ran around a switch to a release."""
    return lines(secured(root), RECORD, sh("remember hook {} {}", release, words))


def note_migrated(root: str, release: str, words: str) -> Sh:
    """Return the step that records on one host that a release's migration has run on another."""
    return lines(secured(root), RECORD, sh(_MIGRATED, release, words))


def _pairs(text: str) -> list[tuple[str, str]]:
    return [(name, value) for name, colon, value in (line.partition(":") for line in text.splitlines()) if colon]


def _number(text: str, known: int) -> int:
    """Return the number of a good mark; if its file is damaged, the number in the history, or 0, the oldest."""
    return int(text) if text.isdecimal() else known


def _seconds(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[0-9]{1,9}\.[0-9]{2}", text) else None


def _entry(line: str) -> ReleaseEntry | None:
    """Return a line of the history; None when it is damaged."""
    try:
        number, time, event, release, run, detail = line.split("\t")
        return ReleaseEntry(int(number), int(time), event, release, run, detail) if 0 <= int(time) <= _LAST else None
    except ValueError:
        return None
