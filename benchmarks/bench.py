"""A lab that is measured: whole processes, what each cost the controller and the hosts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from benchmarks.host_cost import LOOKING, taken
from deployer import lab as labs
from deployer.beam.cookie import generate
from deployer.lab import Lab
from tests.lab.delaying import slow_roads

HERE = Path(__file__).parent
ROOT = HERE.parent


@dataclass(frozen=True)
class Cost:
    """What one run cost: the controller, and each host on average."""

    wall: float
    cpu: float
    peak: int
    host_cpu: float
    forks: float


@dataclass
class Bench:
    """A lab, an inventory for it, and everything measured so far."""

    lab: Lab
    directory: Path
    repeat: int
    costs: dict[str, list[Cost]] = field(default_factory=dict)
    trips: dict[str, int] = field(default_factory=dict)
    kib: dict[str, float] = field(default_factory=dict)

    @property
    def addresses(self) -> list[str]:
        """Where the hosts are."""
        return [host.address for host in self.lab.hosts]

    def inventory(self, nodes: Sequence[str], tarball: Path) -> Path:
        """Write an inventory where every host runs these nodes."""
        told = yaml.safe_load(self.lab.inventory.read_text())
        cookie = self.directory / "cookie"
        if not cookie.exists():
            cookie.touch(0o600)
            cookie.write_text(generate())
        told["all"]["children"]["lab"]["vars"] = {
            "release": {"name": "demo", "tarball": str(tarball)},
            "cluster": {"name": "demo", "cookie": {"file": str(cookie)}, "mesh": "boot", "ports": "9100-9109"},
            "nodes": [{"name": name, "env": {"PORT": str(4000 + i)}} for i, name in enumerate(nodes)],
            "firewall": {"admin": [self.lab.subnet], "public": ["4000/tcp"]},
            "health": {"http": "http://127.0.0.1:4000/health", "timeout": 60, "stable": 0},
        }
        path = self.directory / f"inventory-{len(nodes)}.yml"
        path.write_text(yaml.safe_dump(told, sort_keys=False))
        return path

    def measure(self, title: str, argv: Sequence[str | Path]) -> Cost:
        """Run a program to its end, remember what it cost; a failure ends the benchmark with its output."""
        output = self.directory / "output"
        command = [sys.executable, "-I", "-S", HERE / "measure.py", output, *argv]
        # As for a person: an installed program is compiled once, not at every start.
        env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        before = taken(self.lab)
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=self.directory, env=env)
        told: dict[str, Any] = json.loads(done.stdout)
        if told["code"]:
            sys.exit(f"{title}: exit {told['code']}\n{output.read_text()[-4000:]}")
        busy, forks = (after - was for after, was in zip(taken(self.lab), before, strict=True))
        hosts = len(self.lab.hosts)
        cost = Cost(told["wall"], told["cpu"], told["peak"], busy / hosts, forks / hosts - LOOKING)
        self.costs.setdefault(title, []).append(cost)
        print(f"  {title:<28} {cost.wall:7.2f} s", flush=True)
        return cost

    def deployer(self, title: str, command: str, inventory: Path, *flags: str) -> Cost:
        """Measure one run of the command line."""
        program = Path(sys.executable).with_name("deployer")
        return self.measure(title, [program, command, ROOT / "playbooks" / "site.yml", "-i", inventory, *flags])

    def round_trips(self, title: str, command: str, inventory: Path) -> None:
        """Count how often the longest conversation with a host goes there and back, and what goes to each host."""
        with slow_roads(self.directory, self.lab.hosts) as roads:
            program, playbook = Path(sys.executable).with_name("deployer"), ROOT / "playbooks" / "site.yml"
            argv = [program, command, playbook, "-i", inventory]
            env = {**os.environ, "HOME": str(self.directory)}
            subprocess.run(argv, stdout=subprocess.DEVNULL, check=True, cwd=self.directory, env=env)
        self.trips[title] = max(road.trips for road in roads.values())
        self.kib[title] = max(road.sent for road in roads.values()) / 1024

    def floor(self, title: str = "floor: connect, true") -> Cost:
        """Measure paramiko alone."""
        return self.measure(
            title, [sys.executable, HERE / "floor.py", self.lab.key, self.lab.known_hosts, *self.addresses]
        )

    def raw(self, title: str, command: str, given: Path | str = "-") -> Cost:
        """Measure one line of shell on every host at once."""
        access = [str(self.lab.key), str(self.lab.known_hosts), str(given)]
        return self.measure(title, [sys.executable, HERE / "raw.py", *access, command, *self.addresses])

    def reset(self) -> None:
        """Put every host back to untouched."""
        labs.reset(None, self.lab.name)
