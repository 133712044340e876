"""Certificates that are given, and a cluster that becomes another kind: only at a word, and whole."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from deployer.beam.authority import Authority
from deployer.engine.ladder.rung import Rung
from deployer.lab import Lab
from tests.lab.conftest import Ssh
from tests.lab.fleet import Fleet, disk
from tests.lab.tls_kit import FOREIGN, NOW, PEM, declared, pids


def give(fleet: Fleet, by: Authority, days: int = 90, now: datetime = NOW) -> None:
    """Lay certificates beside the inventory, as another authority's people would."""
    (fleet.directory / "ca.pem").write_text(by.pem)
    for host in fleet.hosts:
        made = by.issue(host.address, days, now)
        (fleet.directory / f"{host.name}.pem").write_text(made.chain)
        (fleet.directory / f"{host.name}.key").write_text(made.key.reveal())


def test_plain_nodes_become_tls_nodes_with_given_certificates_only_at_a_word(
    lab: Lab, demo_release: Callable[[str], Path], tmp_path: Path, ssh: Ssh
) -> None:
    fleet = declared(lab, demo_release("0.1.0"), tmp_path)
    del fleet.words["cluster"]["tls"], fleet.words["cluster"]["pki"]
    assert fleet.run("deploy").code == 0
    before, disks = pids(ssh, fleet), [disk(host) for host in fleet.hosts]
    name = "{{ inventory_hostname }}"
    given = {"ca": "ca.pem", "certificate": f"{name}.pem", "key": {"file": f"{name}.key"}}
    fleet.words["cluster"] |= {"tls": True, "pki": given}
    give(fleet, FOREIGN, days=9, now=NOW - timedelta(days=10))
    expired = fleet.run("deploy")
    assert (expired.code, "expired on" in expired.err) == (3, True), expired.err
    give(fleet, FOREIGN)
    audit, kinds = fleet.run("audit"), "runs with inet_tcp, EPMD, long names; declared is inet_tls, EPMD, long names"
    assert audit.code == 2, "what is found on a host never refuses an audit"
    for host in fleet.hosts:
        (refused,) = audit.of("TaskPlanned", host=host.name, verdict="refused")
        assert (kinds in refused["reason"], audit.end(host)["ending"]) == (True, "drift")
        assert "certificate => demo" in audit.planned(host)
    for command in ("plan", "deploy"):
        ran = fleet.run(command)
        assert ran.code == 3, ran.out
        problem = ran.end(fleet.hosts[0])["problem"]
        assert f"demo.service {kinds}" in problem
        assert "-e restart_cluster=true" in problem
    assert (pids(ssh, fleet), [disk(host) for host in fleet.hosts]) == (before, disks)

    for command in ("plan", "deploy"):
        part = fleet.run(command, "-e", "restart_cluster=true", "--limit", fleet.hosts[0].name)
        assert part.code == 3, part.out
        others = ", ".join(host.name for host in fleet.hosts[1:])
        assert f"{others} are of cluster demo and take no part here" in part.end(fleet.hosts[0])["problem"]
    assert (pids(ssh, fleet), [disk(host) for host in fleet.hosts]) == (before, disks)
    fleet.words["release"] = {"name": "demo", "tarball": str(demo_release("0.2.0"))}
    ran = fleet.run("deploy", "-e", "restart_cluster=true")
    assert ran.code == 0, ran.out
    for host in fleet.hosts:
        assert ran.rungs(host) == dict.fromkeys(Rung, True)
        assert ssh(host, f"cat {PEM}")[1].endswith((fleet.directory / f"{host.name}.pem").read_text())
    again = fleet.run("deploy", "-e", "restart_cluster=true")
    assert (again.code, again.of("StepDone")) == (0, [])

    before, back = pids(ssh, fleet), fleet.run("rollback")
    assert (back.code, back.of("StepDone"), pids(ssh, fleet)) == (3, [], before)
    said = back.end(fleet.hosts[0])["problem"]
    assert "are for inet_tcp, EPMD, long names; declared is inet_tls, EPMD, long names" in said
    give(fleet, FOREIGN, days=20)
    renewed = fleet.run("deploy")
    assert renewed.code == 0, renewed.out
    assert {tuple(renewed.planned(host)) for host in fleet.hosts} == {("certificate => demo",)}
    assert pids(ssh, fleet) == before
    audit, warned = fleet.run("audit"), [f"{host.name}.pem expires in 19 days" for host in fleet.hosts]
    assert (audit.code, audit.of("TaskPlanned", verdict="change")) == (2, []), "a person has to renew it"
    for ran in (renewed, audit):
        assert all(words in ran.of("Note")[0]["text"] for words in warned)
