"""Exactly one writer a host: N trials of two and four controllers that begin at the same moment, on lab hosts.

    python -m benchmarks.one_writer --trials 200 --minutes 20        as root; DEPLOYER_TEST_LAB names the lab

In each trial the controllers have plays of their own and overlapping sets of three hosts; what one writes is the moment
of its beginning and of its end. Plain ssh reads that afterwards: nobody's two moments may have somebody else's between
them, who says exit 0 has written on all of its hosts, and who says 5 on none. What was tried is kept
(build/trials/one_writer.jsonl), and counts when it is run again. Prints what the trials came to, and ends with 1 when
one of them does not hold.
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
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.kept import Trials
from deployer import lab as labs
from deployer.lab import Lab, LabHost
from tests.lab.fleet import PATIENCE, Fleet

NAME = os.environ.get("DEPLOYER_TEST_LAB", "writers")
SOON = 5
"""Seconds after which who loses has to know who holds it."""
WRITE = "echo begin {0} >>/srv/log; sleep 0.3; echo end {0} >>/srv/log; touch /srv/{0}"


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


def trial(fleet: Fleet, count: int) -> dict[str, Any]:
    """One trial: how many did it, the seconds after which the others were refused, and what does not hold."""
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
    with ThreadPoolExecutor(count + 1) as waiting:
        login = waiting.submit(login_takes, fleet.lab, fleet.hosts[-1])
        waits = {name: waiting.submit(ended, process) for name, process in running.items()}
        said = {name: wait.result()[0] for name, wait in waits.items()}
        took = {name: wait.result()[1] - started[name] for name, wait in waits.items()}
    codes = {name: process.returncode for name, process in running.items()}
    logs = {host.name: read_log(fleet.lab, host) for host in fleet.hosts}
    problem = wrong(logs, codes, hosts)
    unnamed = [name for name, code in codes.items() if code == 5 and "held by" not in said[name]]
    late = [name for name in unnamed if "was at work on the host while this run read it" not in said[name]]
    problem = problem or (f"{late} do not say who holds it: {said[late[0]]}" if late else "")
    lost = [took[name] for name, code in codes.items() if code == 5]
    told = {"winners": list(codes.values()).count(0), "lost": lost, "login": login.result(), "load": os.getloadavg()[0]}
    return {"controllers": count, **told, "problem": problem}


def ended(process: subprocess.Popen[str]) -> tuple[str, float]:
    """What a run said, and the moment of its end."""
    said, _ = process.communicate(timeout=PATIENCE)
    return said, time.monotonic()


def login_takes(lab: Lab, host: LabHost) -> float:
    """The seconds of one plain ssh login in the same moments: what nobody can be faster than."""
    begin = time.monotonic()
    subprocess.run(labs.ssh_arguments(lab, host, ["true"]), check=True, timeout=60, capture_output=True)
    return time.monotonic() - begin


def main() -> int:
    """Run the trials."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    asked.add_argument("--trials", type=int, default=200)
    asked.add_argument("--minutes", type=float, default=20.0, help="0: only tell what is kept")
    args = asked.parse_args()
    kept, end = Trials("one_writer"), time.monotonic() + 60 * args.minutes
    lab: Lab | None = None
    if args.minutes and len(kept.found) < args.trials:
        labs.down(NAME)  # what a run that was killed has left would be taken for this one's
        lab = labs.up(3, name=NAME)
    with tempfile.TemporaryDirectory() as place:
        while lab and len(kept.found) < args.trials and time.monotonic() < end:
            kept.add(**trial(Fleet(Path(place), lab, lab.hosts[:3], {}), 2 + 2 * (len(kept.found) % 2)))
    if lab:
        labs.down(NAME)
    counts = Counter(one["controllers"] for one in kept.found)
    winners = Counter(one["winners"] for one in kept.found)
    lost = sorted(seconds for one in kept.found for seconds in one["lost"]) or [0.0]
    loads = sorted(one["load"] for one in kept.found) or [0.0]
    logins = sorted(one["login"] for one in kept.found) or [0.0]
    ratios = sorted(seconds / one["login"] for one in kept.found for seconds in one["lost"]) or [0.0]
    told = " and ".join(f"{done} of {count} controllers" for count, done in sorted(counts.items()))
    wrongs = [one for one in kept.found if one["problem"]]
    for one in wrongs:
        print(f"{one['controllers']} controllers, {one['when']}: {one['problem']}")
    print(
        f"{told}: {'one writer a host in all of them' if not wrongs else f'{len(wrongs)} do not hold'}; {kept.span()}"
    )
    print(f"winners, one after the other -> trials: {dict(sorted(winners.items()))}")
    late = sum(seconds > SOON for seconds in lost)
    took = f"{median(lost):.1f} s after they were typed (median), {lost[-1]:.1f} s at most"
    print(f"{len(lost)} were refused, {took}, {late} of them later than {SOON} s")
    took = f"{median(logins):.1f} s (median), {logins[-1]:.1f} s at most"
    print(
        f"a plain ssh login of the same moment took {took}; a refused run {median(ratios):.1f} times as long (median)"
    )
    print(f"the machine's load was {median(loads):.0f} (median), {loads[-1]:.0f} at most")
    return int(bool(wrongs))


if __name__ == "__main__":
    sys.exit(main())
