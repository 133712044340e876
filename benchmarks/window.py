"""How long a person waits at a window to nodes: ``make bench``. Needs root.

The console's prompt beside that of ``NODE-ctl remote`` on the host itself, in turns, by the difference; a refresh of
``top`` with all nodes, and with one of them frozen. The machine's load moves all of them together.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from rich.console import Console

sys.path.append(str(Path(__file__).parents[1]))
from deployer import lab as labs
from deployer.beam.cookie import generate
from deployer.lab import Lab
from deployer.options import Options
from deployer.window.choice import Fleet
from deployer.window.screen import View, screen
from deployer.window.top import Top
from tests.lab.person import CTRL_C, Person

ROOT = Path(__file__).parents[1]
PROGRAM = Path(sys.executable).with_name("deployer")
CONSOLE, REFRESH, FROZEN = 1.0, 1.0, 5.0
"""Seconds that are aimed at: a prompt later than on the host; a refresh; what a frozen node adds to --once."""


def inventory(lab: Lab, directory: Path, each: int) -> Path:
    """Write an inventory whose hosts run ``each`` nodes that know nothing of each other."""
    told = yaml.safe_load(lab.inventory.read_text())
    (directory / "cookie").touch(0o600)
    (directory / "cookie").write_text(generate())
    told["all"]["children"]["lab"]["vars"] = {
        "release": {"name": "demo", "tarball": str(labs.build_app(ROOT / "tests" / "apps" / "demo"))},
        "cluster": {"name": "demo", "cookie": {"file": "cookie"}, "mesh": "none", "ports": f"9100-{9199 + each}"},
        "nodes": [{"name": f"demo{at}", "env": {"PORT": str(4000 + at)}} for at in range(each)],
        "firewall": {"admin": [lab.subnet]},
        "rollout": {"serial": "100%"},
    }
    place = directory / "inventory.yml"
    place.write_text(yaml.safe_dump(told, sort_keys=False))
    return place


def prompt_of(argv: list[str], directory: Path, begin: str = "") -> float:
    """Return the seconds to the prompt of a console, from the start of a program or from a word that it shows."""
    started = time.monotonic()
    person = Person(argv, environ={**os.environ, "TERM": "xterm"}, directory=directory)
    if begin:
        person.waits_for(begin)
        started = time.monotonic()
    person.waits_for("iex(")
    waited = time.monotonic() - started
    person.types(CTRL_C)
    person.waits_for("(a)bort")
    person.types("a\r")
    person.is_done()
    return waited


def consoles(lab: Lab, directory: Path, inventory: Path, repeat: int) -> float:
    """Return how much later the prompt comes than on the host itself: the median of the differences, in seconds."""
    host = lab.hosts[0]
    there = [*labs.ssh_arguments(lab, host), "echo begin; exec demo0-ctl remote"]
    here = [str(PROGRAM), "console", f"demo0@{host.name}", "-i", str(inventory)]
    later = []
    for _ in range(repeat):
        on_host, ours = prompt_of([there[0], "-tt", *there[1:]], directory, "begin"), prompt_of(here, directory)
        print(f"  prompt on the host {on_host:5.2f} s, of deployer console {ours:5.2f} s", flush=True)
        later.append(ours - on_host)
    return statistics.median(later)


def refreshes(top: Top, repeat: int) -> float:
    """Return the seconds from a question to all nodes to the screen that shows the answers: the median."""
    shown, took = Console(file=io.StringIO(), width=140, height=60, force_terminal=True), []
    for _ in range(repeat):
        begun = time.monotonic()
        top.ask()
        top.answered(30)
        shown.print(screen(top, View(), width=140, height=60))
        took.append(time.monotonic() - begun)
        time.sleep(1)
    return statistics.median(took)


def once(inventory: Path) -> float:
    """Return the seconds that ``top --once`` takes."""
    begun = time.monotonic()
    subprocess.run([PROGRAM, "top", "-i", inventory, "--once"], stdout=subprocess.DEVNULL, check=False)
    return time.monotonic() - begun


@contextmanager
def frozen(lab: Lab) -> Iterator[None]:
    """Have a node stand still for a while."""
    kill = [*labs.ssh_arguments(lab, lab.hosts[0]), "systemctl kill -s {} demo0"]
    subprocess.run([*kill[:-1], kill[-1].format("STOP")], check=True)
    try:
        yield
    finally:
        subprocess.run([*kill[:-1], kill[-1].format("CONT")], check=True)


def tops(lab: Lab, inventory: Path, repeat: int) -> Iterator[tuple[str, float, float]]:
    """Yield what was measured of ``top``: what, seconds, and the aim."""
    fleet = Fleet.of(Options(playbook="", inventory=(str(inventory),)))
    top = Top(fleet, fleet.choose([]))
    try:
        top.ask()
        top.answered(60)
        yield f"refresh of {len(top.watched)} nodes", refreshes(top, repeat), REFRESH
        with frozen(lab):
            top.ask()
            top.answered(30, rest=1)
            yield "refresh of the others while one is frozen", refreshes(top, repeat), REFRESH
    finally:
        top.close()
    added = []
    for _ in range(repeat):
        whole = once(inventory)
        with frozen(lab):
            added.append(once(inventory) - whole)
    yield "what a frozen node adds to top --once", statistics.median(added), FROZEN


def measure(lab: Lab, directory: Path, each: int, repeat: int, only: str) -> None:
    """Deploy, measure, and print what came out beside what is aimed at."""
    place = inventory(lab, directory, each)
    deploy = [str(PROGRAM), "deploy", str(ROOT / "playbooks" / "site.yml"), "-i", str(place)]
    if subprocess.run(deploy, stdout=subprocess.DEVNULL, check=False).returncode:
        sys.exit("the nodes could not be deployed")
    found: list[tuple[str, float, float]] = []
    if only != "top":
        found.append(("prompt of console, later than on the host", consoles(lab, directory, place, repeat), CONSOLE))
    if only != "console":
        found += tops(lab, place, repeat)
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    print(f"\n{len(lab.hosts)} hosts with {each} nodes each, {repeat} times; medians; load {load:.1f} a processor\n")
    for what, seconds, aim in found:
        print(f"{what:<45} {seconds:6.2f} s   ≤ {aim:g}  {'✓' if seconds <= aim else '✗'}")


def main() -> None:
    """Boot, measure, print, take down."""
    parser = argparse.ArgumentParser(description="how long a person waits at console and top, on lab hosts")
    parser.add_argument("--hosts", type=int, default=2, help="how many hosts (2)")
    parser.add_argument("--nodes", type=int, default=20, help="how many nodes each (20)")
    parser.add_argument("--repeat", type=int, default=5, help="how often each is measured (5)")
    parser.add_argument("--only", choices=("console", "top"), default="", help="one part")
    parser.add_argument("--name", default="benchw", help="of the lab: one for each who measures at a time (benchw)")
    chosen = parser.parse_args()
    lab = labs.up(chosen.hosts, name=chosen.name)
    try:
        with tempfile.TemporaryDirectory(prefix="deployer-bench.") as directory:
            measure(lab, Path(directory), chosen.nodes, chosen.repeat, chosen.only)
    finally:
        labs.down(chosen.name)


if __name__ == "__main__":
    main()
