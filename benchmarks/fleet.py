"""Speed on real hosts, beside a floor that is measured in the same run: ``make bench``. Needs root.

Everything runs as whole processes, in turns, several times. The machine's load moves all seconds together, so that only
ratios of one run are worth quoting, each of medians; processes started on a host are counted: the same everywhere.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

sys.path.append(str(Path(__file__).parents[1]))
from benchmarks.growth import recorded
from benchmarks.host_cost import LOOKING, taken
from benchmarks.raw import OPTIONS
from deployer import lab as labs
from deployer.beam.cookie import generate
from deployer.lab import Lab
from tests.lab.delaying import slow_roads

HERE = Path(__file__).parent
ROOT = HERE.parent
MIB = 1024 * 1024
FIRST = (HERE / "first.sh").read_text()
"""Unpack, restart, wait for EPMD: the least that a first deploy has to do."""
RPC = "demo1-ctl rpc 'IO.puts(Node.self())'"


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


def first_deploy(bench: Bench, tarball: Path) -> None:
    """Compare a first deploy on untouched hosts with the least that it has to do."""
    inventory = bench.inventory(["demo"], tarball)
    for _ in range(bench.repeat):
        bench.reset()
        bench.raw("floor: tar, restart, epmd", FIRST, tarball)
        bench.reset()
        bench.deployer("first deploy", "deploy", inventory)


def converged(bench: Bench, tarball: Path) -> None:
    """Compare runs with nothing to do with connecting alone."""
    inventory = bench.inventory(["demo"], tarball)
    _settle(bench, inventory)
    for _ in range(bench.repeat):
        bench.floor()
        bench.deployer("deploy, nothing to do", "deploy", inventory)
        for command in ("plan", "verify", "audit"):
            bench.deployer(f"{command}, nothing to do", command, inventory)
    for command in ("deploy", "plan", "verify"):
        bench.round_trips(f"{command}, nothing to do", command, inventory)


def audited(bench: Bench, tarball: Path) -> None:
    """Compare an audit by its rules with one that reads nothing for them, by what a host spends on either."""
    inventory = bench.inventory(["demo"], tarball)
    _settle(bench, inventory)
    for _ in range(bench.repeat):
        bench.deployer("audit of drift alone", "audit", inventory, "--only", "RL-04")
        bench.deployer("audit by the rules too", "audit", inventory)


def ladder(bench: Bench, tarball: Path) -> None:
    """Compare every rung of two nodes a host with one ``bin/demo rpc`` a host."""
    inventory = bench.inventory(["demo1", "demo2"], tarball)
    _settle(bench, inventory)
    for _ in range(bench.repeat):
        bench.raw("floor: demo rpc, one a host", RPC)
        bench.deployer("verify, two nodes a host", "verify", inventory)


def _settle(bench: Bench, inventory: Path) -> None:
    """Deploy on untouched hosts, so that nothing is left to do; not measured."""
    bench.reset()
    bench.deployer("(prepare)", "deploy", inventory)
    del bench.costs["(prepare)"]


def growth(bench: Bench, tarball: Path) -> None:
    """Work out what to ask and what would change, for fleets that no machine could boot; each host says the same."""
    inventory = bench.inventory(["demo"], tarball)
    _settle(bench, inventory)
    answer = bench.directory / "answer"
    ssh = ["ssh", *OPTIONS, "-i", str(bench.lab.key), "-o", f"UserKnownHostsFile={bench.lab.known_hosts}"]
    answer.write_bytes(recorded(inventory, [*ssh, f"root@{bench.addresses[0]}"]))
    for count in (200, 1000):
        argv = [sys.executable, HERE / "growth.py", inventory, str(count), answer]
        told = json.loads(subprocess.run(argv, stdout=subprocess.PIPE, check=True).stdout)
        print(f"  {count} hosts, the pure part: {told['cpu']:.1f} s, {told['peak'] / MIB:.0f} MiB", flush=True)


PARTS: dict[str, Callable[[Bench, Path], None]] = {
    "first": first_deploy,
    "converged": converged,
    "audit": audited,
    "ladder": ladder,
    "growth": growth,
}
AIMS = (
    ("deploy, nothing to do", "floor: connect, true", 2.0),
    ("plan, nothing to do", "floor: connect, true", 2.0),
    ("first deploy", "floor: tar, restart, epmd", 1.3),
    ("verify, two nodes a host", "floor: demo rpc, one a host", 1.0),
)
MEMORY = 80 * MIB
READING = 0.060
"""Seconds of a host's processor that the rules of an audit may take, over those of one of drift alone."""


def table(bench: Bench) -> Iterator[str]:
    """Yield what was measured, and how it compares with the aims."""
    yield f"\n{len(bench.addresses)} hosts, {bench.repeat} times; medians, (best)\n"
    yield (
        f"{'':<28} {'wall s':>8} {'(best)':>8} {'cpu s':>8} {'peak MiB':>9} {'host ms':>8} {'forks':>6} {'trips':>6}"
        f" {'KiB':>6}"
    )
    median: dict[str, float] = {}
    for title, costs in bench.costs.items():
        wall, cpu, peak = ([getattr(cost, name) for cost in costs] for name in ("wall", "cpu", "peak"))
        median[title] = statistics.median(wall)
        best = f"({min(wall):.2f})"
        busy, forks = (min(getattr(cost, name) for cost in costs) for name in ("host_cpu", "forks"))
        yield (
            f"{title:<28} {median[title]:8.2f} {best:>8} {statistics.median(cpu):8.2f} {max(peak) / MIB:9.0f}"
            f" {busy * 1000:8.0f} {forks:6.0f} {bench.trips.get(title, ''):>6}"
            f" {round(bench.kib.get(title, 0)) or '':>6}"
        )
    yield f"\n{'ratio':<60} {'':>6}   aim"
    for title, floor, aim in AIMS:
        if title in median and floor in median:
            ratio = median[title] / median[floor]
            yield f"{title + ' / ' + floor:<60} {ratio:6.2f}   ≤ {aim:g}  {'✓' if ratio <= aim else '✗'}"
    if not bench.costs:
        return
    if "audit by the rules too" in bench.costs:
        pairs = zip(bench.costs["audit by the rules too"], bench.costs["audit of drift alone"], strict=True)
        more = statistics.median(rules.host_cpu - drift.host_cpu for rules, drift in pairs)
        good = "✓" if more <= READING else "✗"
        yield f"{'host CPU for the rules of an audit, ms':<60} {more * 1000:6.0f}   ≤ {READING * 1000:g}  {good}"
    ours = [cost.peak for title, costs in bench.costs.items() if not title.startswith("floor") for cost in costs]
    yield f"{'peak memory of deployer, MiB':<60} {max(ours) / MIB:6.0f}   < 80  {'✓' if max(ours) < MEMORY else '✗'}"


def main() -> None:
    """Boot, measure, print, take down."""
    parser = argparse.ArgumentParser(description="deployer's speed as ratios to a floor, on lab hosts")
    parser.add_argument("--hosts", type=int, default=20, help="how many hosts (20)")
    parser.add_argument("--repeat", type=int, default=3, help="how often each is measured (3)")
    parser.add_argument("--only", action="append", choices=PARTS, help="one part; may be repeated")
    parser.add_argument("--name", default="bench", help="of the lab: one for each who measures at a time (bench)")
    parser.add_argument("--keep", action="store_true", help="leave the hosts up")
    chosen = parser.parse_args()
    tarball = labs.build_app(ROOT / "tests" / "apps" / "demo")
    lab = labs.up(chosen.hosts, name=chosen.name)
    try:
        with tempfile.TemporaryDirectory(prefix="deployer-bench.") as directory:
            # Whoever builds the app meanwhile leaves another tarball where this one lay.
            tarball = Path(shutil.copy(tarball, directory))
            bench = Bench(lab, Path(directory), chosen.repeat)
            for name in chosen.only or PARTS:
                print(f"\n{name}")
                PARTS[name](bench, tarball)
            print("\n".join(table(bench)))
    finally:
        if not chosen.keep:
            labs.down(chosen.name)


if __name__ == "__main__":
    main()
