"""Run a module's text in a real shell, with directories of the test's own and without rights."""

from __future__ import annotations

from pathlib import Path

from deployer.model import Blob, Observed
from deployer.modules import Module, Step
from deployer.sh import Program, Sh, lines, sh
from tests.unit.sh_runner import frames

UNPRIVILEGED = Sh("""chown() { :; }
transient=$TMPDIR/units
systemctl() { [ "$1" != start ] || (cd / && /bin/sh -eu /proc/self/fd/0/box.sh <"$blobs/box" >"$blobs/said" 2>&1); }
setpriv() {
  until [ "$1" = -- ]; do shift; done
  shift
  "$@"
}""")
"""Files already belong to whoever runs the test, who has no rights to give up."""


def see(module: Module, tmp: Path) -> Observed:
    """Return what a module makes of its probe."""
    (frame,) = frames(Program((module.probe(),)), ["dash"], tmp)
    assert frame.rc == 0, frame.out
    return module.parse(frame.out)


def do(steps: tuple[Step, ...], tmp: Path) -> str:
    """Run steps, each with its blobs; return what the one that failed said, or nothing."""
    fragments: list[Sh] = []
    blobs: list[Blob] = []
    for step in steps:
        places = " ".join(f'"$blobs/{len(blobs) + i}"' for i in range(len(step.blobs)))
        blobs += step.blobs
        fragments.append(lines(UNPRIVILEGED, sh("set -- {}", Sh(places)), step.text))
    answers = frames(Program(tuple(fragments), writes=True, blobs=tuple(blobs)), ["dash"], tmp)
    return next((frame.out or f"status {frame.rc}" for frame in answers if frame.rc), "")


def converge(module: Module, tmp: Path) -> list[str]:
    """Probe, fix, and look again; return the keys that differed, having asserted that none does any more."""
    changes = module.differences(see(module, tmp))
    assert do(module.fix(changes), tmp) == ""
    assert module.differences(see(module, tmp)) == {}
    return list(changes)
