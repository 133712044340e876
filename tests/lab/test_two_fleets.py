"""The page of two fleets on the same hosts, followed: both inventories as they stand there, with this lab's hosts."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import yaml

from deployer import lab as labs
from deployer.lab import LabHost
from tests.lab.fleet import Fleet, Ran, fleet_of, health, untouched
from tests.lab.keeping import processes

PAGE = Path(__file__).parents[2] / "docs" / "two-fleets.md"
COOKIES = {"SHOP_COOKIE": "Zr4Lk8Qw2Xv6Bn0Mj5Hg7Td3PqWeRtYu", "SHOP_STAGING_COOKIE": "Kx9Fd2Lp7Wq4Zn6Vb1Mc8Ht5Jy3Gs0Ra"}


def written(made: Fleet, tarball: Path) -> list[Fleet]:
    """The page's inventories, each as a fleet of its own in a directory of its own."""
    fleets = []
    for text in re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL):
        words = yaml.safe_load(text.replace("10.0.0.0/8", made.lab.subnet))["all"]["vars"]
        words["release"]["tarball"] = str(tarball)
        words["health"]["stable"] = 1
        directory = made.directory / words["cluster"]["name"]
        directory.mkdir()
        fleets.append(replace(made, directory=directory, words=words, environ=COOKIES, of={}, plays={}))
    return fleets


def alone(ran: Ran, hosts: tuple[LabHost, ...], name: str, port: int) -> None:
    """Every node sees those of its own cluster, and no others."""
    assert ran.code == 0, ran.out + ran.err
    for host in hosts:
        body = health(host, port)[1]
        assert {body["node"], *body["nodes"]} == {f"{name}@{one.address}" for one in hosts}


def test_staging_and_production_share_hosts_and_neither_notices_the_other(lab, demo_app, tmp_path: Path, ssh) -> None:
    hosts = untouched(lab, 2)
    tarball = labs.build_app(demo_app, version="0.1.0", release="shop", out=tmp_path / "dist")
    production, staging = written(fleet_of(tmp_path, hosts, tarball), tarball)
    alone(production.run("deploy"), hosts, "shop", 4000)
    before = processes(ssh, hosts, "shop")
    alone(staging.run("deploy"), hosts, "shop-staging", 4100)
    assert (production.run("audit").code, staging.run("audit").code) == (0, 0)
    staging.words["env"]["DEMO_GREETING"] = "on trial"
    alone(staging.run("deploy"), hosts, "shop-staging", 4100)
    alone(production.run("verify"), hosts, "shop", 4000)
    gone = staging.run(f"retire on {','.join(host.name for host in hosts)}", "--purge")
    assert gone.code == 0, gone.out + gone.err
    alone(production.run("deploy"), hosts, "shop", 4000)
    assert processes(ssh, hosts, "shop") == before
    assert production.run("audit").code == 0
    for host in hosts:
        places = "/opt /etc/beam /etc/systemd/system /etc/nftables.d/deployer.d"
        assert "staging" not in ssh(host, f"ls {places}; nft list table inet deployer")[1]
    again = staging.run(f"retire on {','.join(host.name for host in hosts)}", "--purge")
    assert again.code == 0, again.out + again.err
