"""What a run costs a lab host: processor time of its control group, and processes started in it.

Neither depends on what else this machine does, unlike seconds on a clock.
"""

from __future__ import annotations

import subprocess

from deployer.lab import Lab
from deployer.lab.cgroup import trees
from deployer.lab.host import _leader, group, running


def taken(lab: Lab) -> tuple[float, int]:
    """Return the seconds of processor time and the processes of all hosts of a lab, since they were booted."""
    return (
        sum(_seconds(group(lab.name, host.index)) for host in lab.hosts),
        sum(_processes(running(host.home) or 0) for host in lab.hosts),  # a reset gives a host another process,
    )


def _seconds(name: str) -> float:
    text = (trees()[-1] / name / "cpu.stat").read_text()
    return int(dict(line.split() for line in text.splitlines())["usage_usec"]) / 1e6


def _processes(pid: int) -> int:
    """Return the last process id of a host's own namespace, which are given in order."""
    argv = ["nsenter", "-t", str(_leader(pid) or pid), "-p", "-m", "cat", "/proc/loadavg"]
    return int(subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()[-1])


LOOKING = 2
"""Processes that `taken` itself starts in a host."""
