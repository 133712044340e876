"""Exactly one writer a host: N trials of two and four controllers that begin at the same moment, on lab hosts.

    python -m benchmarks.one_writer --trials 200 --minutes 20        as root; DEPLOYER_TEST_LAB names the lab

In each trial the controllers have plays of their own and overlapping sets of three hosts; what one writes is the moment
of its beginning and of its end. Plain ssh reads that afterwards: nobody's two moments may have somebody else's between
them, who says exit 0 has written on all of its hosts, and who says 5 on none. Prints a line for each trial, and ends
with 1 at the first that does not hold.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

from deployer import lab as labs
from deployer.lab import Lab, LabHost
from tests.lab.fleet import PATIENCE, Fleet

NAME = os.environ.get("DEPLOYER_TEST_LAB", "writers")
WRITE = "echo begin {0} >>/srv/log; sleep 0.3; echo end {0} >>/srv/log; touch /srv/{0}"


@dataclass
class Tally:
    """What the trials came to: how many had which number of winners, and what losing took."""

    trials: dict[int, int] = field(default_factory=dict)
    winners: dict[int, int] = field(default_factory=dict)
    lost: list[float] = field(default_factory=list)


def read_log(lab: Lab, host: LabHost) -> list[str]:
    """What has been written on a host, by plain ssh; it is gone then."""
    argv = labs.ssh_arguments(lab, host, ["cat /srv/log 2>/dev/null; rm -f /srv/*"])
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()


def wrong(logs: dict[str, list[str]], codes: dict[str, int], hosts: dict[str, list[str]]) -> str:
    """What does not hold; empty when all does."""
    for host, lines in logs.items():
        begins, ends = lines[::2], lines[1::2]
        if [line.split()[1:] for line in begins] != [line.split()[1:] for line in ends]:
            return f"two wrote at once on {host}: {lines}"
        if any(not line.startswith("begin") for line in begins) or any(not line.startswith("end") for line in ends):
            return f"two wrote at once on {host}: {lines}"
        wrote = [line.split()[1] for line in begins]
        meant = [name for name, code in codes.items() if code == 0 and host in hosts[name]]
        if sorted(wrote) != sorted(meant):
            return f"on {host} {wrote} have written, and {meant} say so"
    if set(codes.values()) - {0, 5} or 0 not in codes.values():
        return f"exit codes {codes}"
    return ""


def trial(fleet: Fleet, count: int, tally: Tally) -> str:
    """One trial: who won, and what does not hold."""
    names = [host.name for host in fleet.hosts]
    hosts = {f"run{at}": names[1:] if at == 2 else names for at in range(count)}
    started, running = {}, {}
    for name, its in hosts.items():
        task = {"name": "write", "shell": {"cmd": WRITE.format(name), "creates": f"/srv/{name}"}}
        book = fleet.directory / f"{name}.yml"
        fleet.play({"hosts": "all", "become": True, "gather_facts": False, "tasks": [task]}).rename(book)
        argv = fleet.argv("deploy", "--json", "--limit", ",".join(its), playbook=book)
        started[name] = time.monotonic()
        running[name] = subprocess.Popen(
            argv, env=fleet.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, cwd=fleet.directory,
        )  # fmt: skip
    said, codes = {}, {}
    for name, process in running.items():
        said[name], _ = process.communicate(timeout=PATIENCE)
        codes[name] = process.returncode
    tally.lost += [refused_after(said[name]) for name, code in codes.items() if code == 5]
    tally.trials[count] = tally.trials.get(count, 0) + 1
    won = list(codes.values()).count(0)
    tally.winners[won] = tally.winners.get(won, 0) + 1
    logs = {host.name: read_log(fleet.lab, host) for host in fleet.hosts}
    problem = wrong(logs, codes, hosts)
    unnamed = [name for name, code in codes.items() if code == 5 and "held by" not in said[name]]
    late = [name for name in unnamed if "was at work on the host while this run read it" not in said[name]]
    return problem or (f"{late} do not say who holds it: {said[late[0]]}" if late else "")


def refused_after(said: str) -> float:
    """The seconds that a refused run took in all."""
    return max(json.loads(line).get("seconds", 0.0) for line in said.splitlines())


def main() -> int:
    """Run the trials."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    asked.add_argument("--trials", type=int, default=200)
    asked.add_argument("--minutes", type=float, default=20.0)
    args = asked.parse_args()
    lab = labs.up(3, name=NAME)
    tally, end = Tally(), time.monotonic() + 60 * args.minutes
    with tempfile.TemporaryDirectory() as place:
        fleet = Fleet(Path(place), lab, lab.hosts[:3], {})
        for number, count in zip(range(args.trials), cycle((2, 4)), strict=False):
            if time.monotonic() > end:
                break
            if problem := trial(fleet, count, tally):
                print(f"trial {number} of {count} controllers: {problem}")
                return 1
    told = " and ".join(f"{done} of {count} controllers" for count, done in sorted(tally.trials.items()))
    lost = sorted(tally.lost) or [0.0]
    print(f"{told}: one writer a host in all of them")
    print(f"winners, one after the other -> trials: {dict(sorted(tally.winners.items()))}")
    print(f"a refused run took {lost[len(lost) // 2]:.1f} s (median), {lost[-1]:.1f} s at most, {len(tally.lost)} were")
    labs.down(NAME)
    return 0


if __name__ == "__main__":
    sys.exit(main())
