"""The host's record of its releases, as the engine reads it, and the programs that add a judgement to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from deployer.errors import ProbeError
from deployer.events import Entry
from deployer.modules.base import records
from deployer.modules.beam_nodes import BeamNodes
from deployer.releases.generations import GENERATIONS, PLACES, declared
from deployer.releases.switch import RECORD
from deployer.resolve import HostPlay
from deployer.sh import Sh, lines, sh

_LOOK = """
# A line that a full disk or a lost host has cut is none.
whole() {{ head -n "$(wc -l <"$1")" -- "$1"; }}
current_id
emit current "$now"
if [ -d "$root/ledger/good" ]; then emit good "$(cd -- "$root/ledger/good" && grep -H '' -- * 2>/dev/null || :)"; fi
if [ -d "$root/ledger/migrated" ]; then emit migrated "$(ls -- "$root/ledger/migrated")"; fi
if [ -d "$root/ledger/bad" ]; then emit bad "$(cd -- "$root/ledger/bad" && grep -H '' -- * 2>/dev/null || :)"; fi
[ ! -e "$root/ledger/untried" ] || emit untried yes
if [ -f "$root/ledger/history" ]; then emit history "$(whole "$root/ledger/history" | tail -n {})"; fi
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
"""The last second of the year 9999, behind which there is no date."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """What a host remembers of one release's versions.

    Attributes:
        current: id of the current release; empty when there is none.
        good: ids that were seen healthy, the newest judgement first.
        bad: id → why it failed here.
        entries: the end of the history, oldest first.
        untried: what runs was started and has not been judged since.
        migrated: ids whose migration has run, here or on another host of the cluster.
    """

    current: str = ""
    good: tuple[str, ...] = ()
    bad: Mapping[str, str] = field(default_factory=dict)
    entries: tuple[Entry, ...] = ()
    untried: bool = False
    migrated: frozenset[str] = frozenset()

    @property
    def previous(self) -> str:
        """The good release before the current one; empty when there is none.

        It was judged before the current one, so that going back twice leads two releases back.
        """
        older = self.good[self.good.index(self.current) + 1 :] if self.current in self.good else self.good
        return next(iter(older), "")


def switch_of(play: HostPlay) -> BeamNodes | None:
    """Return the task of a play that runs the host's release; None when it has none, or tags leave it out."""
    found = (action.module for action in play.actions if not action.skip)
    return next((module for module in found if isinstance(module, BeamNodes)), None)


def look(root: str, lines_of_history: int = 50) -> Sh:
    """Return the fragment that reads the record of the release at ``root``."""
    return lines(declared(root, ""), PLACES, sh(_LOOK, lines_of_history))


def parse(out: str) -> Ledger:
    """Turn the answer of `look` into a record.

    Raises:
        ProbeError: it is no such answer, or a file of the record is damaged.
    """
    found = records(out)
    try:
        numbers = {name: int(number) for name, number in _pairs(found.get("good", ""))}
        entries = tuple(_entry(line) for line in found.get("history", "").splitlines() if line)
    except ValueError:
        raise ProbeError("the host's record of its releases (ledger) is damaged") from None
    good = tuple(sorted(numbers, key=numbers.__getitem__, reverse=True))
    migrated = frozenset(found.get("migrated", "").split())
    bad = dict(_pairs(found.get("bad", "")))
    return Ledger(found.get("current", ""), good, bad, entries, "untried" in found, migrated)


def judge_good(nodes: BeamNodes, keep: int, expected: str = "") -> Sh:
    """Return the step that notes that the release is healthy with the files it has now, and prunes the others.

    Args:
        nodes: the task that runs the release.
        keep: good releases that stay for a rollback.
        expected: what its nodes were judged by, one line.
    """
    text = sh(_JUDGE_GOOD, nodes.id, expected, nodes.files, keep)
    return lines(declared(nodes.root, nodes.held), GENERATIONS, RECORD, text)


def go_back(nodes: BeamNodes, to: str, *, why: str = "") -> Sh:
    """Return the step that brings back a good release with the files it was last good with, and starts its nodes.

    It fails, before anything is stopped, when ``to`` was never good or is not whole.

    Args:
        nodes: the task that runs the release that is left.
        to: id of a good release; the present one where only files changed.
        why: marks the release that is left bad for this reason; empty leaves it unjudged.
    """
    marked = "" if to == nodes.id else why
    return nodes.switch.back(nodes.id, to, marked)


def note_hooks(root: str, release: str, words: str) -> Sh:
    """Return the step that notes which hooks ran around a switch to a release."""
    return lines(declared(root, ""), RECORD, sh("remember hook {} {}", release, words))


def note_migrated(root: str, release: str, words: str) -> Sh:
    """Return the step that notes on one host that a release's migration has run on another."""
    return lines(declared(root, ""), RECORD, sh(_MIGRATED, release, words))


def _pairs(text: str) -> list[tuple[str, str]]:
    return [(name, value) for name, colon, value in (line.partition(":") for line in text.splitlines()) if colon]


def _entry(line: str) -> Entry:
    number, time, event, release, run, detail = line.split("\t")
    if not 0 <= int(time) <= _LAST:
        raise ValueError(time)
    return Entry(int(number), int(time), event, release, run, detail)
