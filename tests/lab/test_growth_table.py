"""A fleet grows, shrinks, is renamed and taken over, with a client of every node that asks every 50 ms: the figures.

DEPLOYER_GROWTH_ALL=1 takes every kind of cluster on both suites, and prints the table of docs/growing.md with ``-s``.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deployer import lab as labs
from deployer.lab import LabHost
from tests.lab.builds import Builds
from tests.lab.conftest import Ssh
from tests.lab.fleet import Fleet, Ran, fleet_of
from tests.lab.keeping import Figures, kept, seen, whole
from tests.lab.test_takeover import LAYOUTS, by_hand
from tests.lab.tls_kit import PASSPHRASE
from tests.lab.watcher import watching

ALL = os.environ.get("DEPLOYER_GROWTH_ALL") == "1"
MESHES: dict[str, dict[str, Any]] = {"boot": {"mesh": "boot"}, "app": {"mesh": "app", "members_env": "DEMO_PEERS"}}
SUITES = {"bookworm": 25, "trixie": 27}
KINDS = list(itertools.product(SUITES, MESHES, (False, True))) if ALL else [("bookworm", "app", False)]
STAGES = ("3 → 4", "4 → 5", "5 → 4", "4 → 5, one replaced", "5 → 3", "rename", "takeover")
TAKEN = STAGES if ALL else STAGES[:3]


@dataclass
class Walk:
    """One kind of cluster on its way through the stages; a stage is a method that returns its figures."""

    fleet: Fleet
    five: Sequence[LabHost]
    ssh: Ssh
    tarball: Path
    tls: bool
    eventually: Callable[[Callable[[], bool]], None]

    def stages(self) -> Iterator[tuple[str, Figures | None]]:
        """Yield each stage with its figures; None where there is nothing to measure."""
        for name in TAKEN:
            yield name, self.stage(name)

    def stage(self, name: str) -> Figures | None:
        """Go through one stage."""
        five = self.five
        match name:
            case "3 → 4":
                return self.to(five[:4])
            case "4 → 5":
                return self.to(five)
            case "5 → 4":
                return self.without(five[4:])
            case "4 → 5, one replaced":
                # The machine is another one at the same address.
                labs.reset(five[4].name, self.fleet.lab.name)
                return self.to(five)
            case "5 → 3":
                return self.without(five[3:])
            case "rename":
                return self.renamed()
        return None if self.tls else self.taken_over()

    def to(self, hosts: Sequence[LabHost]) -> Figures:
        """Deploy to more hosts."""
        stay, self.fleet.hosts = tuple(self.fleet.hosts), hosts
        with kept(self.ssh, stay) as figures:
            ran = self.fleet.run("deploy")
        whole(ran, hosts)
        return figures

    def without(self, gone: Sequence[LabHost]) -> Figures:
        """Retire hosts."""
        stay = tuple(host for host in self.fleet.hosts if host not in gone)
        with kept(self.ssh, stay, leaving=tuple(gone)) as figures:
            ran = self.fleet.run(f"retire on {','.join(host.name for host in gone)}")
        self.fleet.hosts = stay
        whole(ran, stay)
        return figures

    def renamed(self) -> Figures:
        """Give all nodes another name."""
        self.fleet.words["nodes"] = [{"name": "web"}]
        return self.rolled("web")

    def taken_over(self) -> Figures:
        """Begin anew with what runs by hand, and take it over."""
        labs.reset(None, self.fleet.lab.name)
        place, unit = next(iter(LAYOUTS.values()))
        hosts = tuple(self.fleet.hosts)
        for host in hosts:
            by_hand(host, self.ssh, self.tarball, place, unit, ",".join(f"demo@{host.address}" for host in hosts))
        self.eventually(lambda: all(len(seen(host)) == len(hosts) - 1 for host in hosts))
        self.fleet.words.pop("nodes", None)
        self.fleet.words["release"] |= {"takeover": {"service": unit}}
        return self.rolled("demo")

    def rolled(self, name: str) -> Figures:
        """Deploy what every node is restarted by, in turns."""
        figures = Figures()
        with watching(self.fleet.hosts) as watched:
            ran = self.fleet.run("deploy")
        figures.see(watched)
        figures.seconds = ran.of("RunEnded")[0]["seconds"]
        whole(ran, self.fleet.hosts, name)
        self.restarted_once(ran)
        return figures

    def restarted_once(self, ran: Ran) -> None:
        """Every node had one turn, and nobody went back."""
        turns = [step["host"] for step in ran.of("StepDone") if "restart " in step["what"]]
        assert sorted(turns) == sorted(host.name for host in self.fleet.hosts)


@pytest.fixture(scope="module")
def rows() -> Iterator[list[str]]:
    """Lines of the table, printed when all is measured."""
    made: list[str] = []
    yield made
    head = "| OTP | mesh | TLS | | seconds | restarts | lost links | failed requests | of | away at once |"
    print("\n".join(["", head, "|---" * 10 + "|", *made]))  # noqa: T201 - figures are asked for


@pytest.mark.parametrize(("suite", "mesh", "tls"), KINDS)
def test_whoever_is_not_meant_to_restart_loses_nothing(
    lab_of,
    demo_app,
    tmp_path: Path,
    tmp_path_factory,
    ssh: Ssh,
    eventually,
    rows: list[str],
    suite: str,
    mesh: str,
    tls: bool,
) -> None:
    five = lab_of(*["default"] * 5, suites=[suite]).hosts
    dist = Builds(demo_app, tmp_path_factory.getbasetemp() / f"dist-{suite}", suite)
    fleet = fleet_of(tmp_path, five[:3], dist.tarball("0.1.0"), rollout={"serial": 1})
    fleet.words["cluster"] |= MESHES[mesh]
    if tls:
        fleet.words["cluster"] |= {"tls": True, "pki": {"passphrase": {"env": "PKI"}}}
        fleet.environ["PKI"] = PASSPHRASE
        assert fleet.show("tls init").code == 0
    whole(fleet.run("deploy"), five[:3])
    wrong, walk = [], Walk(fleet, five, ssh, dist.tarball("0.1.0"), tls, eventually)
    for name, of in walk.stages():
        if of is None:
            continue
        all_restart = name in ("rename", "takeover")
        told = ["–", "–", "–"] if all_restart else [of.restarts, of.links, of.requests]
        cells = [SUITES[suite], mesh, "TLS" if tls else "", name, f"{of.seconds:.1f}", *told, of.samples, of.away]
        rows.append(f"| {' | '.join(map(str, cells))} |")
        print(rows[-1], flush=True)  # noqa: T201 - figures are asked for
        good = of.away == 1 if all_restart else (of.restarts, of.links, of.requests) == (0, 0, 0)
        wrong += [] if good else [rows[-1]]
    assert not wrong
