"""How the pure part grows with the hosts of one cluster: resolve, encode, decode, plan, targets of the ladder.

No host is needed.

growth.py INVENTORY COUNT ANSWER

INVENTORY has the fleet's words at its group `lab`. COUNT hosts take its hosts' place, each of which answers what ANSWER
has, a file of what a host said (`recorded`).

Seconds are for comparing two versions in turns on one machine. Two thirds of them are resolving, of which a quarter is
rendering; docs/adr/0026 says what else was tried, and what it gave.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import yaml

from deployer.engine.ladder.target import targets_of
from deployer.engine.walk import plan, probe
from deployer.lean import stay
from deployer.options import Options
from deployer.project import Project, load
from deployer.resolve import HostPlay
from deployer.sh import Program, decode, payload
from deployer.sh.frame import BOOTSTRAP, encode

RAN = "@0123456789abcdef"
"""The marker of a program that was recorded."""


def asked(found: HostPlay) -> Program:
    """Return the program that asks about a host's tasks."""
    actions = [action for action in found.actions if not action.skip]
    return replace(probe.probe_program(actions, become=found.become), marker=RAN)


def resolved(project: Project, most: int | None = None) -> list[HostPlay]:
    """Resolve the tasks of the first hosts of each play."""
    plays = []
    for play, chosen in project.work():
        resolver = project.resolver(play)
        resolver.prepare(chosen)
        plays += [resolver.resolve(host, None) for host in chosen[:most]]
    return plays


def recorded(inventory: Path, ssh: list[str]) -> bytes:
    """Return what the first host of an inventory says when it is asked about its tasks over ``ssh``."""
    (found,) = resolved(load(Options(playbook="site.yml", inventory=(str(inventory),))), 1)
    command = [*ssh, f"/bin/sh -c '{BOOTSTRAP}' deployer \"$SSH_CONNECTION\""]
    return subprocess.run(command, input=b"".join(payload(asked(found))), stdout=subprocess.PIPE, check=True).stdout


def main() -> None:
    """Print ``{"cpu", "peak"}``: seconds, bytes."""
    inventory, count, answer = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]).read_bytes()
    told = yaml.safe_load(inventory.read_text())
    hosts = {f"web{i}": {"ansible_host": f"10.{100 + i // 60000}.{i // 250 % 250}.{i % 250 + 1}"} for i in range(count)}
    told["all"]["children"]["lab"]["hosts"] = hosts
    grown = inventory.with_name(f"grown-{count}.yml")
    grown.write_text(yaml.safe_dump(told))
    stay()  # as the command line has it
    begin = time.process_time()
    targets = []  # a run holds them to its end
    for found in resolved(load(Options(playbook="site.yml", inventory=(str(grown),)))):
        program = asked(found)
        encode(program)
        actions = [action for action in found.actions if not action.skip]
        reading = probe.read_probes(actions, list(decode(program, iter([answer]))))
        plan.make(found.actions, reading, found.handlers, frozenset())
        targets.append(targets_of(*found.fleet))
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"cpu": time.process_time() - begin, "peak": used.ru_maxrss * 1024}))


if __name__ == "__main__":
    main()
