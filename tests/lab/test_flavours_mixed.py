"""Debian 12 with OTP 25 and Debian 13 with OTP 27 in one cluster, on hosts without IPv6: with EPMD, and without."""

from __future__ import annotations

import pytest

from deployer import lab as labs
from deployer.engine.ladder.rung import Rung
from tests.lab.fleet import Fleet, fleet_of, open_ports, walk
from tests.lab.person import logged_in

SUITES = ("bookworm", "trixie")
RUNS = ("demo 0.1.0, OTP 25", "demo 0.1.0, OTP 27")
PEERS = "demo-ctl rpc 'IO.inspect(Node.list())'"


@pytest.fixture(scope="module")
def tarballs(demo_app, tmp_path_factory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("dist")
    return {suite: str(labs.build_app(demo_app, suite=suite, out=out / suite)) for suite in SUITES}


@pytest.fixture
def fleet(lab_of, tarballs, tmp_path) -> Fleet:
    """One host of each suite, each with the release that was built for it."""
    hosts = lab_of("no-ipv6", "no-ipv6", suites=SUITES).hosts
    made = fleet_of(tmp_path, hosts, tmp_path)
    made.of = {host.name: {"release": {"name": "demo", "tarball": tarballs[host.suite]}} for host in hosts}
    return made


def runs(ran, fleet: Fleet) -> tuple[str, ...]:
    return tuple(ran.of("RungRead", host=host.name, rung=Rung.VERSIONS)[0]["detail"] for host in fleet.hosts)


# What epmd of ERTS 15.2.7.11 does on a host without IPv6.
BROKEN = b"#!/bin/sh\necho 'epmd: failed to bind on ipaddr ::1: Cannot assign requested address'; exit 1\n"


def test_two_generations_of_otp_meet_and_listen_where_they_are_told_to(fleet, ssh, eventually):
    epmd = "sed -i 's/$/,127.0.0.9/' /etc/beam/epmd.d/4369/demo && systemctl restart beam-epmd@4369"
    assert runs(walk(fleet, ssh, epmd, ["EPMD"]), fleet) == RUNS
    old, new = fleet.hosts
    for host, other in ((old, new), (new, old)):
        assert ssh(host, PEERS) == (0, f'[:"demo@{other.address}"]\n')
        # A second address, and no firewall: whatever is still closed is closed because nobody listens.
        second = f"{host.address.rpartition('.')[0]}.{200 + host.index}"
        assert ssh(host, f"nft flush ruleset; ip addr add {second}/24 dev host0") == (0, "")
        assert (open_ports(host.address), open_ports(second)) == ({4369, 9100}, set())

    assert ssh(old, "cat >/root/epmd && chmod 0755 /root/epmd", stdin=BROKEN) == (0, "")
    epmd = {"cluster": "demo", "addresses": [old.address], "source": "/root/epmd", "version": "15.2.7.11"}
    ran = fleet.run("deploy", playbook=fleet.play({"hosts": old.name, "tasks": [{"name": "EPMD", "epmd": epmd}]}))
    assert ran.code == 1
    for said in ("failed to bind on ipaddr ::1", "runs again", "build the release with OTP 27.3.4.16"):
        assert said in ran.end(old)["problem"], ran.out
    eventually(lambda: "name demo at port 9100" in ssh(old, "/usr/local/lib/beam/epmd -names")[1])
    assert fleet.run("audit", "-t", "epmd").code == 0


def test_two_generations_of_otp_without_epmd(fleet, ssh):
    fleet.words["cluster"] |= {"epmd": False}
    fleet.words["nodes"] = [{"name": "demo", "port": 9100}]
    flags = "sed -i s/9100/9109/ /etc/beam/demo/demo.vm.args"
    first = walk(fleet, ssh, flags, ["flags of the node => demo", "nodes"])
    assert runs(first, fleet) == RUNS
    old, new = fleet.hosts
    for host, other in ((old, new), (new, old)):
        assert first.rungs(host) == dict.fromkeys(Rung, True) | {4: None}
        assert ssh(host, PEERS) == (0, f'[:"demo@{other.address}"]\n')
        remote = logged_in(fleet, host, "demo-ctl remote")
        remote.waits_for(f"iex(demo@{host.address})")
        remote.leaves()
        assert ssh(host, "demo-ctl eval 'IO.puts(1)'; demo-ctl pid >/dev/null")[0] == 0
        assert ssh(host, "ps -C epmd -o pid=; ls /etc/systemd/system | grep epmd; ls /etc/beam") == (
            0,
            "demo\ngenerations.d\n",
        )
        assert open_ports(host.address) == set(), "for members only"
        assert ssh(host, "nft flush ruleset") == (0, "")
        assert open_ports(host.address) == {9100}
