"""Lock this machine out of lab hosts, again and again, and count: does a login come through in time, each time?

    python -m benchmarks.lockouts --trials 100      of each kind; as root; DEPLOYER_TEST_LAB names the lab

On Debian 13 with sshd's default penalties; several hosts side by side, each of which takes the next trial that is
missing. What was tried is kept (build/trials/lockouts.jsonl), and counts when it is run again. Exits 1 when a host
went back late, by its own journal, or nobody got in again.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path
from queue import Empty, SimpleQueue

from benchmarks.kept import Trials
from deployer import lab as labs
from deployer.lab import Lab, LabHost
from tests.lab.fleet import Fleet
from tests.lab.lockouts import KINDS, Lockout, get_ready, lock_out, lockout_lines

NAME = os.environ.get("DEPLOYER_TEST_LAB", "lock")
SUDO = "sudoers"
"""The kind that has a login of its own, and a host with it."""


Queue = SimpleQueue[tuple[str, bool]]
"""Of kinds, and whether the controller is dead."""


def missing(kept: Trials, kinds: list[str], count: int) -> tuple[Queue, Queue]:
    """What is to be tried, the kinds in turns: on any host, and on the one where the login is not root's."""
    had = Counter((one["kind"], one["dead"]) for one in kept.found)
    any_host, sudo = Queue(), Queue()
    for number in range(count):
        for kind in kinds:
            dead = number % 2 == 0
            if number // 2 >= had[kind, dead]:
                (sudo if kind == SUDO else any_host).put((kind, dead))
    return any_host, sudo


def work(lab: Lab, host: LabHost, queue: Queue, kept: Trials, end: float) -> None:
    """Take trials until there are no more, or no time."""
    get_ready(host)
    with tempfile.TemporaryDirectory() as place:
        fleet = Fleet(Path(place), lab, [host], {})
        while time.monotonic() < end and not queue.empty():
            with suppress(Empty):
                kind, dead = queue.get_nowait()
                try:
                    found = lock_out(fleet, kind, dead=dead)
                except (OSError, ValueError, IndexError, subprocess.SubprocessError) as error:
                    found = Lockout(kind, dead, False, None, void=repr(error))
                kept.add(host=host.name, **asdict(found))


def main() -> int:
    """Print the table, and return the exit code."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--trials", type=int, default=100, help="of each kind; half of them with the controller dead")
    words.add_argument("--hosts", type=int, default=5, help="side by side; one of them for sudoers")
    words.add_argument("--minutes", type=float, default=60.0, help="after which no trial begins; 0: tell what is kept")
    words.add_argument("--suite", default="trixie", help="Debian release of the hosts")
    words.add_argument("--kind", action="append", choices=tuple(KINDS), help="these alone; may be repeated")
    given = words.parse_args()
    kinds, kept, end = given.kind or list(KINDS), Trials("lockouts"), time.monotonic() + 60 * given.minutes
    any_host, sudo = missing(kept, kinds, given.trials)
    if given.minutes and not (any_host.empty() and sudo.empty()):
        profiles = ["default"] * given.hosts
        profiles[0] = "default" if sudo.empty() else "sudo"
        lab = labs.up(len(profiles), name=NAME, profiles=profiles, suites=[given.suite])
        try:
            with ThreadPoolExecutor(len(profiles)) as pool:
                queues = [sudo if profile == "sudo" else any_host for profile in profiles]
                runs = [pool.submit(work, lab, *pair, kept, end) for pair in zip(lab.hosts, queues, strict=True)]
                for run in runs:
                    run.result()
        finally:
            labs.down(NAME)
    names = {one.name for one in fields(Lockout)}
    found = [Lockout(**{key: value for key, value in one.items() if key in names}) for one in kept.found]
    for line in lockout_lines(found):
        print(line)
    void = [one for one in found if one.void]
    for one in void:
        print(f"void: {one.kind}, {one.void}")
    late = sum(one.is_late for one in found if not one.void)
    print(f"{len(found) - len(void)} trials in all, {late} of them late, {len(void)} void; {kept.span()}")
    return int(bool(late))


if __name__ == "__main__":
    sys.exit(main())
