"""Every wrong state of `wrong_states`, made on real hosts, is named by its rung, its cause and the next step.

States that do not reach beyond their host are made on three hosts at once; every reading is followed by one that has to
be all well again, so that no state can hide behind the one before it.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import tarfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from conftest import Ssh
from fleet import Event, Fleet, Ran, fleet_of, untouched
from wrong_states import PREAMBLE, RESTORE, START, WRONG, Wrong

from deployer.lab import Lab, LabHost, network

ROGUE = Path(__file__).with_name("rogue.pl")
# Without it, global on one node answers a lost link by dropping others, and no pair can be missing alone.
VM_ARGS = ["-kernel prevent_overlapping_partitions false"]
HEALTH = {"http": "http://127.0.0.1:4000/health", "timeout": 1, "stable": 0}
PATIENT = HEALTH | {"timeout": 30}
KEEP = """mkdir -p /root/kept; cat >/root/rogue.pl
cp -p /etc/beam/demo/private/demo.env /etc/beam/demo/private/cookie /etc/beam/demo/demo.vm.args \
  /etc/systemd/system/demo.service /root/kept/"""


def rounds() -> list[list[str]]:
    """The names of the states that are made together."""
    local = [name for name, wrong in WRONG.items() if not wrong.alone]
    triples = [local[at : at + 3] for at in range(0, len(local), 3)]
    alone: dict[str, list[str]] = {}
    for name, wrong in WRONG.items():
        if wrong.alone:
            alone.setdefault(wrong.inject, []).append(name)  # one state, looked at from several nodes
    return [*triples, *alone.values()]


@dataclass
class Sick:
    """A healthy fleet that is made ill and well again."""

    fleet: Fleet
    ssh: Ssh
    told: dict[str, Event | None] = field(default_factory=dict)
    afterwards: dict[str, dict[str, Event]] = field(default_factory=dict)

    def judge(self, name: str) -> Event | None:
        """The rung that failed of the node a state is about."""
        if name not in self.told:
            self._round(next(names for names in rounds() if name in names))
        return self.told[name]

    def _round(self, names: Sequence[str]) -> None:
        places = {name: self.place(name, at) for at, name in enumerate(names)}
        made = {place: name for name, place in places.items()}
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda place: self._run(WRONG[made[place]].inject, place, WRONG[made[place]].at), made))
            try:
                ran = self.verify({place.name: WRONG[name].words for place, name in made.items()})
            finally:
                list(pool.map(lambda place: self._heal(WRONG[made[place]], place), made))
        well = self.verify(health=PATIENT)
        for name in names:
            about = WRONG[name].node or "abc"[self.fleet.hosts.index(places[name])]
            node = f"demo@{self.fleet.hosts['abc'.index(about)].address}"
            self.told[name] = ran.bad_rungs().get(node)
            self.afterwards[name] = well.bad_rungs()

    def place(self, name: str, at: int = 0) -> LabHost:
        """The host a state is made on: b, when it is alone."""
        return self.fleet.hosts[1] if WRONG[name].alone else self.fleet.hosts[at]

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
            port = network.port(self.fleet.lab.name, host.index)
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


@pytest.fixture(scope="module")
def sick(lab: Lab, demo_release: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory, ssh: Ssh) -> Sick:
    hosts = untouched(lab, 3)
    directory = tmp_path_factory.mktemp("ladder")
    fleet = fleet_of(directory, hosts, demo_release("0.1.0"), nodes=[{"name": "demo", "vm_args": VM_ARGS}])
    assert fleet.run("deploy").code == 0
    fleet.words["health"] = HEALTH
    for host in hosts:
        known = f"-o UserKnownHostsFile={fleet.lab.known_hosts} -o ConnectTimeout=2"
        fleet.of[host.name] = {"ansible_ssh_common_args": known}
        assert ssh(host, KEEP, stdin=ROGUE.read_bytes())[0] == 0
    return Sick(fleet, ssh)


def expect(pattern: str, fleet: Fleet, place: LabHost) -> re.Pattern[str]:
    """The words of a table's row as a pattern: ``…`` is anything, ``{a}`` a node's address, ``{host_a}`` its name."""
    words = {letter: host.address for letter, host in zip("abc", fleet.hosts, strict=True)}
    names = {f"host_{letter}": host.name for letter, host in zip("abc", fleet.hosts, strict=True)}
    filled = pattern.format(me=place.address, **words, **names)
    return re.compile(".*".join(re.escape(part) for part in filled.split(" … ")), re.DOTALL)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_state_is_named_by_its_rung_its_cause_and_the_next_step(sick: Sick, name: str) -> None:
    wrong, bad = WRONG[name], sick.judge(name)
    assert bad is not None, "nothing failed"
    at = next(names for names in rounds() if name in names).index(name)
    place = sick.place(name, at)
    assert bad["rung"] == wrong.rung, bad
    assert expect(wrong.says, sick.fleet, place).search(bad["detail"]), bad
    assert expect(wrong.advice, sick.fleet, place).search(bad["advice"]), bad
    assert sick.afterwards[name] == {}, "the fleet did not become well again"


def test_every_rung_has_a_wrong_state() -> None:
    assert len(WRONG) >= 25
    assert {wrong.rung for wrong in WRONG.values()} == set(range(1, 11))


def test_a_release_of_another_otp_in_the_declared_directory_is_told(
    sick: Sick, demo_release: Callable[[str], Path], tmp_path: Path
) -> None:
    """Old files under a new name: only the node itself can tell."""
    crafted = of_another_otp(demo_release("0.1.0"), tmp_path)
    directory = f"/opt/demo/versions/0.1.0-{hashlib.sha256(crafted.read_bytes()).hexdigest()[:8]}"
    host = sick.fleet.hosts[1]
    sick.run_on(host, f"cp -a $live {directory}; ln -sfn {directory} /opt/demo/current; systemctl restart demo")
    try:
        bad = sick.verify(release={"name": "demo", "tarball": str(crafted)}).bad_rungs()[f"demo@{host.address}"]
    finally:
        live = "$(ls -d /opt/demo/versions/* | grep -vF $live)"
        sick.run_on(host, f"ln -sfn {live} /opt/demo/current; systemctl restart demo; rm -rf {directory}")
    assert bad["rung"] == 9, bad
    assert "runs OTP 25, the release was built for OTP 27" in bad["detail"]
    assert "deploy again" in bad["advice"]


def of_another_otp(tarball: Path, directory: Path) -> Path:
    """The same release as far as a controller can see, but with a runtime of OTP 27."""
    unpacked = directory / "unpacked"
    with tarfile.open(tarball) as archive:
        archive.extractall(unpacked, filter="data")
    start = unpacked / "releases/start_erl.data"
    erts = start.read_text().split()[0]
    (unpacked / f"erts-{erts}").rename(unpacked / "erts-15.2.7")
    start.write_text(start.read_text().replace(erts, "15.2.7"))
    crafted = directory / tarball.name
    with tarfile.open(crafted, "w:gz") as archive:
        for path in sorted(path for path in unpacked.rglob("*") if path.is_file()):
            archive.add(path, str(path.relative_to(unpacked)))
    return crafted


def test_what_mesh_is_declared_and_who_is_in_the_run_decide_what_is_expected(sick: Sick) -> None:
    a, b, c = sick.fleet.hosts
    sick.run_on(b, "lose $c")
    try:
        meshed = sick.verify().bad_rungs()
        none = sick.verify(cluster=sick.fleet.words["cluster"] | {"mesh": "none"})
        limited = sick.fleet.run("verify", "--limit", f"{a.name},{b.name}")
    finally:
        sick.run_on(b, "systemctl restart demo")
    assert {node: bad["rung"] for node, bad in meshed.items()} == {f"demo@{b.address}": 8, f"demo@{c.address}": 8}
    assert none.code == 0, none.out
    assert [each["detail"] for each in none.of("RungRead", rung=8, ok=None)] == ["cluster.mesh is none"] * 3
    assert limited.code == 0, limited.out
    (told,) = limited.of("RungRead", rung=8, host=b.name)
    assert told["detail"] == f"1 other nodes; not seen, and not in this run: demo@{c.address}"
    assert sick.verify(health=PATIENT).code == 0


def test_the_last_of_several_readings_is_told_with_the_time_it_took(sick: Sick) -> None:
    host = sick.fleet.hosts[1]
    sick.run_on(host, "systemctl stop demo")
    try:
        told = sick.fleet.show("verify").out
        bad = sick.verify().bad_rungs()[f"demo@{host.address}"]
    finally:
        sick.run_on(host, "systemctl start demo")
    assert bad["seconds"] >= HEALTH["timeout"]
    assert re.search(rf"✗ {host.name} .* 1 2✗  \d+\.\d s", told), told
    assert "→ systemctl start demo.service" in told
