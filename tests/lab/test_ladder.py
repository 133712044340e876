"""Wrong states of `wrong_states`, made on real hosts, are named by their rung, their cause and the next step.

DEPLOYER_LADDER_ALL=1 makes all of them, instead of a third of the rounds that begin with each rung.
"""

from __future__ import annotations

import hashlib
import re
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from deployer.engine.ladder.rung import Rung
from deployer.lab import Lab
from tests.lab.conftest import Ssh
from tests.lab.fleet import fleet_of, untouched
from tests.lab.sick import HEALTH, KEEP, PATIENT, ROGUE, VM_ARGS, Sick, expect, rounds
from tests.lab.wrong_states import WRONG
from tests.samples import some


def some_of_each_rung() -> list[str]:
    """A third of the rounds whose first state is of a rung, and of those that reach beyond their host."""
    kinds: dict[tuple[Rung, bool], list[list[str]]] = {}
    for names in rounds(WRONG):
        kinds.setdefault((WRONG[names[0]].rung, WRONG[names[0]].alone), []).append(names)
    taken = (some(found, -(-len(found) // 3), "DEPLOYER_LADDER_ALL") for found in kinds.values())
    return [name for found in taken for names in found for name in names]


MADE = some_of_each_rung()


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
    return Sick(fleet, ssh, WRONG)


@pytest.mark.parametrize("name", MADE)
def test_a_wrong_state_is_named_by_its_rung_its_cause_and_the_next_step(sick: Sick, name: str) -> None:
    wrong, bad = WRONG[name], sick.judge(name)
    assert bad is not None, "nothing failed"
    at = next(names for names in rounds(WRONG) if name in names).index(name)
    place = sick.place(name, at)
    assert bad["rung"] == wrong.rung, bad
    assert expect(wrong.says, sick.fleet, place).search(bad["detail"]), bad
    assert expect(wrong.advice, sick.fleet, place).search(bad["advice"]), bad
    assert sick.afterwards[name] == {}, "the fleet did not become well again"


def test_every_rung_has_a_wrong_state() -> None:
    assert len(WRONG) >= 25
    assert {wrong.rung for wrong in WRONG.values()} == {WRONG[name].rung for name in MADE} == set(Rung)


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
    assert bad["rung"] == Rung.VERSIONS, bad
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
    assert {node: bad["rung"] for node, bad in meshed.items()} == dict.fromkeys(
        (f"demo@{b.address}", f"demo@{c.address}"), Rung.MESH
    )
    assert none.code == 0, none.out
    assert [each["detail"] for each in none.of("RungRead", rung=Rung.MESH, ok=None)] == ["cluster.mesh is none"] * 3
    assert limited.code == 0, limited.out
    (told,) = limited.of("RungRead", rung=Rung.MESH, host=b.name)
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
