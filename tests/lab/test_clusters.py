"""Several nodes on one host, and two clusters on one host, each deployed by its own play."""

from __future__ import annotations

from typing import Any

import pytest

from deployer import lab as labs
from deployer.engine.ladder.rung import Rung
from tests.lab.fleet import Fleet, fleet_of, health, untouched

KNOCK = "timeout 3 bash -c 'exec 3<>/dev/tcp/{}/{}'"
ROLES = ["host", "firewall", "release", "cookie", "epmd", "node"]


def pids(ssh, host, *units: str) -> list[str]:
    return ssh(host, f"systemctl show -p MainPID --value {' '.join(units)}")[1].split()


def test_two_nodes_on_one_host_are_two_units_two_names_and_one_mesh(lab, demo_release, tmp_path, ssh):
    pair = untouched(lab, 2)
    fleet = fleet_of(tmp_path, pair, demo_release("0.1.0"))
    both, one = pair
    fleet.of[both.name] = {
        "nodes": [
            {"name": "demo", "port": 9100},
            {"name": "jobs", "port": 9101, "env": {"PORT": "4100"}, "vm_args": ["+S 1:1"]},
        ]
    }
    fleet.words["firewall"]["public"] = ["4000/tcp", "4100/tcp"]
    ran = fleet.run("deploy")
    assert ran.code == 0, ran.out
    names = {f"demo@{both.address}", f"jobs@{both.address}", f"demo@{one.address}"}
    assert {each["node"] for each in ran.of("RungRead", rung=Rung.HEALTH, ok=True)} == names
    for host, port in ((both, 4000), (both, 4100), (one, 4000)):
        status, body = health(host, port)
        assert status == 200
        assert {body["node"], *body["nodes"]} == names
    assert "9100" in ssh(both, "ss -Hltn")[1]
    listed = ssh(both, "/usr/local/lib/beam/epmd -names")[1].splitlines()[1:]
    assert sorted(listed) == ["name demo at port 9100", "name jobs at port 9101"]
    assert ssh(both, "jobs-ctl rpc 'IO.puts(System.schedulers_online())'") == (0, "1\n")
    demo, jobs = pids(ssh, both, "demo", "jobs")
    fleet.of[both.name]["nodes"][1]["env"]["DEMO_GREETING"] = "only for one"
    ran = fleet.run("deploy")
    assert (ran.code, ran.planned(both)) == (0, ["environment => jobs", "nodes"])
    assert health(both, 4100)[1]["greeting"] == "only for one"
    assert pids(ssh, both, "demo") == [demo]
    assert pids(ssh, both, "jobs") != [jobs]
    assert fleet.run("audit").code == 0


@pytest.fixture
def fleet(lab, demo_app, demo_release, tmp_path) -> Fleet:
    """An inventory without a word: these are the plays' own. Each play deploys a release of its own name."""
    made = fleet_of(tmp_path, untouched(lab, 3), demo_release("0.1.0"))
    first = made.words["release"]
    second = {"name": "second", "tarball": str(labs.build_app(demo_app, release="second", out=tmp_path))}
    made.plays = {
        "first": play(made, first, list(made.hosts), "9100-9109", 4000),
        "second": play(made, second, list(made.hosts[:2]), "9200-9209", 4100),
    }
    made.words = {}
    return made


def play(fleet: Fleet, release: dict[str, str], hosts: list[Any], ports: str, page: int) -> dict[str, Any]:
    name = release["name"]
    cookie = fleet.directory / f"{name}.cookie"
    cookie.write_text(f"{name[:3]}9{'Zr4Lk8Qw2Xv6Bn0Mj5Hg7Td3'}PqWeRtYu")
    words = fleet.words | {
        "release": release,
        "cluster": {"name": name, "cookie": {"file": str(cookie)}, "ports": ports, "mesh": "boot"},
        "env": {"PORT": str(page)},
        "firewall": {"admin": [fleet.lab.subnet], "public": [f"{page}/tcp"]},
        "health": {"http": f"http://127.0.0.1:{page}/health", "timeout": 60, "stable": 1},
    }
    return {"name": name, "hosts": ":".join(host.name for host in hosts), "become": True, "vars": words, "roles": ROLES}


def run(fleet: Fleet, command: str, *plays: str):
    return fleet.run(command, playbook=fleet.play(*(fleet.plays[name] for name in plays)))


def test_two_clusters_share_hosts_and_neither_cuts_off_the_other(fleet, ssh):
    one, _, last = fleet.hosts
    first = run(fleet, "deploy", "first")
    assert first.code == 0, first.out
    before = pids(ssh, one, "demo")
    second = run(fleet, "deploy", "second")
    assert second.code == 0, second.out
    assert pids(ssh, one, "demo") == before, "the first cluster is not disturbed"
    for port, count in ((4000, 3), (4100, 2)):
        for host in fleet.hosts[:count]:
            status, body = health(host, port)
            assert (status, len(body["nodes"])) == (200, count - 1)
    assert ssh(last, KNOCK.format(one.address, 9100)) == (0, "")
    assert ssh(last, KNOCK.format(one.address, 9200))[0] == 124, "no member of the second cluster"
    table = ssh(one, "nft list table inet deployer")[1]
    assert "chain cluster_demo" in table
    assert "chain cluster_second" in table
    for plays in (["first"], ["second"], ["first", "second"]):
        audit = run(fleet, "audit", *plays)
        assert (audit.code, audit.of("TaskPlanned", verdict="change")) == (0, [])
    again = run(fleet, "deploy", "first", "second")
    assert (again.code, again.of("StepDone")) == (0, [])


def test_clusters_that_want_the_same_ports_on_one_host_are_refused(fleet, ssh):
    assert run(fleet, "deploy", "first").code == 0
    fleet.plays["second"]["vars"]["cluster"]["ports"] = "9105-9110"
    ran = run(fleet, "deploy", "second")
    assert ran.code == 3
    assert "9105-9110 overlaps 9100-9109 of demo" in ran.end(fleet.hosts[0])["problem"]
    assert run(fleet, "audit", "first").code == 0
