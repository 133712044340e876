"""The programs that switch a release's nodes on a host, and that send them back; neither may be interrupted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deployer.errors import Reverted
from deployer.releases import generations
from deployer.releases.generations import GENERATIONS, above, declared
from deployer.sh import Sh, library, lines, script, sh
from deployer.sh.units import LAST_WORDS

RECORD = library("record.sh", "deployer.releases")
"""Functions over a host's record of its releases; GENERATIONS stands before them."""

_NODES = script("switch.sh", "deployer.releases")

TAKEOVER = script("takeover.sh", "deployer.releases")
"""Functions over a service of before that runs the application; GENERATIONS stands before them."""

_FORWARD = """
id={} due={} gone={} reverted={}
at_boot() {{ {}; }}
forward {}
# Nodes that were not restarted have already read the present files.
for stamp in {}; do touch -ch -- "$stamp"; done
"""

_ARRANGE = """
next=$(readlink -- "$held/next")
[ "$next" = "$(readlink -- "$held/current")" ] || {{ aim "$next" && swing; }}
read_anew
for stamp in {}; do touch -ch -- "$stamp"; done
"""


@dataclass(frozen=True, slots=True)
class Switch:
    """What a switch on a host has to know.

    Attributes:
        root: the release's directory on the host.
        generations: the directory of its generations.
        epmd_port: port of the EPMD that has to drop stopped names first; None without EPMD.
        files: all files of the nodes that belong to the release, each node's drop-in before the others.
        units: all units of the release, which go back together.
        names: the nodes' names, as EPMD knows them.
        stamps: what the nodes touch at their start.
        takeover: unit of a service of before that runs the application; empty without one.
        patience: seconds that the units let a start and a stop take.
    """

    root: str
    generations: str
    epmd_port: int | None
    files: Sequence[str]
    units: Sequence[str]
    names: Sequence[str]
    stamps: Sequence[str]
    takeover: str = ""
    patience: int = 150

    def forward(self, release: str, due: Sequence[int], enable: Sh, gone: Sequence[str] = ()) -> Sh:
        """Return the step that stops nodes, makes the staged files current, and starts them; if not, all go back.

        It exits with `Reverted`'s code when every node runs again as before, with 1 when nothing could be gone back to.

        Args:
            release: its id; its generation was staged in the same run.
            due: the places of the nodes that are stopped and started.
            gone: units of earlier names, which stop with them and start no more.
            enable: a command that has units started at boot; there is nothing to enable before their files are current.
        """
        units = [self.units[i] for i in due]
        others = [stamp for i, stamp in enumerate(self.stamps) if i not in due]
        text = sh(_FORWARD, release, " ".join(units), " ".join(gone), Reverted.exit_code, enable, self.files, others)
        return self._with([*(self.names[i] for i in due), *(unit.removesuffix(".service") for unit in gone)], text)

    def back(self, release: str, to: str, why: str) -> Sh:
        """Return the step that leaves a release for one that was good, with the files it was good with.

        It fails, before anything is stopped, when ``to`` was never good or is not whole.

        Args:
            release: id of what is left.
            to: id of what comes back.
            why: marks what is left bad; empty leaves it unjudged.
        """
        return self._with(self.names, sh("leave {} {} {} {}", release, to, why, self.files))

    def give_back(self) -> Sh:
        """Return the step that stops the nodes and has the service of before run again; it fails where none was."""
        return self._with(self.names, sh("give_back"))

    def arrange(self) -> Sh:
        """Return the step that makes the staged files current when all nodes run and have read the same files."""
        return self._with(self.names, sh(_ARRANGE, self.stamps))

    def _with(self, names: Sequence[str], text: Sh) -> Sh:
        known = sh(
            "epmd={} names={} units={} unit_files={} old={} patience={}",
            self.epmd_port or "",
            "|".join(names),
            " ".join(self.units),
            generations.UNITS,
            self.takeover,
            self.patience,
        )
        safe = sh("trusted {}", above(self.root))
        return lines(
            declared(self.root, self.generations), known, LAST_WORDS, GENERATIONS, RECORD, TAKEOVER, _NODES, safe, text
        )
