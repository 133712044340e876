"""Speed on real hosts, beside a floor that is measured in the same run: ``make bench``. Needs root.

Everything runs as whole processes, in turns, several times. The machine's load moves all seconds together, so that only
ratios of one run are worth quoting, each of medians; processes started on a host are counted: the same everywhere.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
from benchmarks.bench import HERE, ROOT, Bench
from benchmarks.growth import recorded
from benchmarks.raw import OPTIONS
from benchmarks.results import MIB, table
from deployer import lab as labs

FIRST = (HERE / "first.sh").read_text()
"""Unpack, restart, wait for EPMD: the least that a first deploy has to do."""
RPC = "demo1-ctl rpc 'IO.puts(Node.self())'"


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
