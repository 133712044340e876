"""Lock this machine out of lab hosts, again and again, and count: does a login come through in time, each time?

lockouts.py [--trials 100] [--suite trixie] [--kind sshd …]

A host for each kind, all at once, on Debian 13 with sshd's default penalties; exits 1 when one was late or for good.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from deployer import lab as labs
from tests.lab.fleet import Fleet
from tests.lab.lockouts import GRACE, KINDS, WITHIN, lockout_table, trials

LAB = "lock"


def main() -> int:
    """Print the table, and return the exit code."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--trials", type=int, default=100, help="of each kind; half of them with the controller dead")
    words.add_argument("--suite", default="trixie", help="Debian release of the hosts")
    words.add_argument("--kind", action="append", choices=tuple(KINDS), help="these alone; may be repeated")
    words.add_argument("--lab", default=LAB, help="name of the lab")
    given = words.parse_args()
    kinds = given.kind or list(KINDS)
    profiles = ["sudo" if kind == "sudoers" else "default" for kind in kinds]
    lab = labs.up(len(kinds), name=given.lab, profiles=profiles, suites=[given.suite])
    try:
        with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(len(kinds)) as pool:
            fleets = {}
            for kind, host in zip(kinds, lab.hosts, strict=True):
                directory = Path(place, kind)
                directory.mkdir()
                fleets[kind] = Fleet(directory, lab, [host], {})
            runs = [pool.submit(trials, fleets[kind], kind, given.trials) for kind in kinds]
            found = [one for run in runs for one in run.result()]
    finally:
        labs.down(given.lab)
    print(lockout_table(found))
    for one in (one for one in found if one.void):
        print(f"void: {one.kind}, {one.void}")
    late, shut = sum(one.is_late for one in found), sum(one.seconds is None for one in found)
    print(f"{len(found)} trials, {late} later than {WITHIN} + {GRACE} s, {shut} locked out")
    return int(bool(late))


if __name__ == "__main__":
    sys.exit(main())
