"""A healthy fleet that is made ill and well again: the wrong states of a table, three hosts at once.

States that do not reach beyond their host are made on three hosts at once; every reading is followed by one that has to
be all well again, so that no state can hide behind the one before it.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deployer.lab import LabHost, network
from tests.lab.conftest import Ssh
from tests.lab.fleet import Event, Fleet, Ran
from tests.lab.wrong_kit import PREAMBLE, RESTORE, START, Wrong, pattern

ROGUE = Path(__file__).with_name("rogue.pl")
# Without it, global on one node answers a lost link by dropping others, and no pair can be missing alone.
VM_ARGS = ["-kernel prevent_overlapping_partitions false"]
HEALTH = {"http": "http://127.0.0.1:4000/health", "timeout": 1, "stable": 0}
PATIENT = HEALTH | {"timeout": 30}
KEEP = """mkdir -p /root/kept; cat >/root/rogue.pl
cp -p /etc/beam/demo/private/demo.env /etc/beam/demo/private/cookie /etc/beam/demo/demo.vm.args \
  /etc/systemd/system/demo.service /root/kept/"""


def rounds(table: Mapping[str, Wrong]) -> list[list[str]]:
    """The names of the states that are made together."""
    local = [name for name, wrong in table.items() if not wrong.alone]
    triples = [local[at : at + 3] for at in range(0, len(local), 3)]
    alone: dict[str, list[str]] = {}
    for name, wrong in table.items():
        if wrong.alone:
            alone.setdefault(wrong.inject, []).append(name)  # one state, looked at from several nodes
    return [*triples, *alone.values()]


@dataclass
class Sick:
    """A healthy fleet that is made ill and well again."""

    fleet: Fleet
    ssh: Ssh
    table: Mapping[str, Wrong]
    told: dict[str, Event | None] = field(default_factory=dict)
    afterwards: dict[str, dict[str, Event]] = field(default_factory=dict)

    def judge(self, name: str) -> Event | None:
        """The rung that failed of the node a state is about."""
        if name not in self.told:
            self._round(next(names for names in rounds(self.table) if name in names))
        return self.told[name]

    def _round(self, names: Sequence[str]) -> None:
        places = {name: self.place(name, at) for at, name in enumerate(names)}
        made = {place: name for name, place in places.items()}
        with ThreadPoolExecutor(3) as pool:
            list(
                pool.map(
                    lambda place: self._run(self.table[made[place]].inject, place, self.table[made[place]].at), made
                )
            )
            try:
                ran = self.verify({place.name: self.table[name].words for place, name in made.items()})
            finally:
                list(pool.map(lambda place: self._heal(self.table[made[place]], place), made))
        well = self.verify(health=PATIENT)
        for name in names:
            about = self.table[name].node or "abc"[self.fleet.hosts.index(places[name])]
            node = f"demo@{self.fleet.hosts['abc'.index(about)].address}"
            self.told[name] = ran.bad_rungs().get(node)
            self.afterwards[name] = well.bad_rungs()

    def place(self, name: str, at: int = 0) -> LabHost:
        """The host a state is made on: b, when it is alone."""
        return self.fleet.hosts[1] if self.table[name].alone else self.fleet.hosts[at]

    def verify(self, of: Mapping[str, Mapping[str, Any]] | None = None, **words: Any) -> Ran:
        """Run verify with other words for all hosts, or ``of`` some of them."""
        before, hosts = self.fleet.words, self.fleet.of
        self.fleet.words = before | words
        self.fleet.of = {name: {**told, **(of or {}).get(name, {})} for name, told in hosts.items()}
        try:
            ran = self.fleet.run("verify")
            assert len(ran.of("HostEnded")) == 3, ran.err
            return ran
        finally:
            self.fleet.words, self.fleet.of = before, hosts

    def _heal(self, wrong: Wrong, host: LabHost) -> None:
        if wrong.at == "controller" or wrong.away:
            self._run(wrong.undo, host, wrong.at, inside=wrong.away)
        start = START if wrong.restart else ""
        undo = "" if wrong.at == "controller" or wrong.away else wrong.undo
        self._run(f"{undo}\n{RESTORE}\n{start}", host, "host")

    def _run(self, text: str, host: LabHost, at: str, *, inside: bool = False) -> None:
        if at == "controller":
            port = network.lab_port(self.fleet.lab.name, host.index)
            subprocess.run(["sh", "-euc", f"port={port} init={init_of(host)}\n{text}"], check=True)
        elif inside:
            subprocess.run(["nsenter", "-t", str(init_of(host)), "-a", "--", "sh", "-euc", text], check=True)
        else:
            self.run_on(host, text)

    def run_on(self, host: LabHost, text: str) -> None:
        """Run sh text with the table's words on a host, as root."""
        a, b, c = (each.address for each in self.fleet.hosts)
        script = f"set -eu\na={a} b={b} c={c} me={host.address}\n{PREAMBLE}\n{text}\n"
        code, said = self.ssh(host, "bash -s", stdin=script.encode())
        assert code == 0, f"{text}\n{said}"


def init_of(host: LabHost) -> int:
    """The host's own systemd, seen from this machine."""
    children = Path(f"/proc/{host.pid}/task/{host.pid}/children").read_text().split()
    return next(int(pid) for pid in children if Path(f"/proc/{pid}/comm").read_text() == "systemd\n")


def expect(says: str, fleet: Fleet, place: LabHost) -> re.Pattern[str]:
    """The words of a table's row as a pattern, with this fleet's addresses and names."""
    words = {letter: host.address for letter, host in zip("abc", fleet.hosts, strict=True)}
    names = {f"host_{letter}": host.name for letter, host in zip("abc", fleet.hosts, strict=True)}
    return pattern(says, {"me": place.address, **words, **names})
