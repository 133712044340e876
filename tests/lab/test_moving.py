"""Nodes, ports, EPMD, a cluster or a release that are called otherwise: in turns, or refused with the steps."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deployer import lab as labs
from tests.lab.conftest import Ssh
from tests.lab.fleet import Fleet, Ran, disk, fleet_of, health, untouched
from tests.lab.keeping import seen, whole
from tests.lab.watcher import watching


@pytest.fixture
def fleet(lab, demo_release, tmp_path: Path) -> Fleet:
    """Two hosts in turns, of which one is always to be healthy."""
    made = fleet_of(tmp_path, untouched(lab, 2), demo_release("0.1.0"), rollout={"serial": 1, "min_healthy": 1})
    whole(made.run("deploy"), made.hosts)
    return made


@contextmanager
def one_cluster(fleet: Fleet, old: str = "", new: str = "") -> Iterator[None]:
    """One node is healthy all the time; the first of a new name and the last of the old one are of one cluster.

    A name without a host part has the host's address there.
    """
    first, last = fleet.hosts
    mixed, over = threading.Event(), threading.Event()
    new_first, old_last = (
        name if "@" in name else f"{name}@{host.address}" for name, host in ((new, first), (old, last))
    )

    def look() -> None:
        while not over.wait(0.1):
            if health(first)[1].get("node") == new_first and old_last in seen(first):
                mixed.set()

    looking = threading.Thread(target=look)
    looking.start()
    try:
        with watching(fleet.hosts) as watched:
            yield
    finally:
        over.set()
        looking.join()
    assert watched.lowest()[0] == 1
    assert mixed.is_set() or not new, "the renamed node is a cluster of its own"


def refused(fleet: Fleet, *words: str) -> None:
    """Nothing was touched, and the message has the steps."""
    before = [disk(host) for host in fleet.hosts]
    for command in ("plan", "deploy"):
        ran = fleet.show(command)
        assert ran.code == 3, ran.out + ran.err
        said = " ".join((ran.out + ran.err).split())
        assert [word for word in words if word not in said] == [], said
    assert [disk(host) for host in fleet.hosts] == before


def settled(ran: Ran, fleet: Fleet, name: str) -> None:
    whole(ran, fleet.hosts, name)
    again = fleet.run("deploy")
    assert (again.code, again.of("StepDone")) == (0, [])


def test_a_renamed_node_takes_the_place_of_the_old_one_in_turns_and_comes_back_under_the_old_name(
    fleet: Fleet, ssh: Ssh
) -> None:
    fleet.words["nodes"] = [{"name": "web", "port": 9100}]  # where the node of the old name listens
    fleet.words["env"] = {"PORT": "4000", "DEMO_CRASH": "1"}
    with one_cluster(fleet):
        broken = fleet.run("deploy")
    assert broken.code in (1, 6), broken.out
    assert [ssh(host, "systemctl is-active demo; systemctl is-enabled demo")[1].split() for host in fleet.hosts] == [
        ["active", "enabled"]
    ] * 2, "what does not start goes back to the old name"
    fleet.words["env"] = {"PORT": "4000"}
    with one_cluster(fleet, "demo", "web"):
        ran = fleet.run("deploy", "-e", "deploy_again=true")
    settled(ran, fleet, "web")
    for host in fleet.hosts:
        assert ssh(host, "systemctl is-active demo.service web.service")[1].split() == ["inactive", "active"]
        assert ssh(host, "ls /etc/systemd/system/demo.service /usr/local/bin/demo-ctl 2>/dev/null")[1] == ""
    known = "".join(f"{host.address} {host.name}.lan\n" for host in fleet.hosts)
    for host in fleet.hosts:
        assert ssh(host, "cat >>/etc/hosts", stdin=known.encode())[0] == 0
    fleet.words["nodes"] = [{"name": "web", "host": "{{ inventory_hostname }}.lan"}]
    with one_cluster(fleet, "web", f"web@{fleet.hosts[0].name}.lan"):
        ran = fleet.run("deploy")
    assert ran.code == 0, ran.out + ran.err
    names = {f"web@{host.name}.lan" for host in fleet.hosts}
    assert [{health(host)[1]["node"], *seen(host)} for host in fleet.hosts] == [names] * 2


def test_ports_and_the_clusters_name_move_in_turns_and_what_stays_behind_is_told_and_removed(
    fleet: Fleet, ssh: Ssh
) -> None:
    cluster = fleet.words["cluster"]
    cluster["name"] = "prod"
    refused(
        fleet, "cluster.ports 9100-9109 overlaps 9100-9109 of demo", "move there batch by batch", "remove_left_behind"
    )
    cluster["ports"] = "9200-9209"
    names = " ".join(host.name for host in fleet.hosts)
    assert f"first, on all hosts: open the firewall: {names}" in fleet.show("plan").out, (
        "beside the part of the old name"
    )
    with one_cluster(fleet):
        ran = fleet.run("deploy")
    settled(ran, fleet, "demo")
    cluster["ports"] = "9300-9309"
    with one_cluster(fleet):
        ran = fleet.run("deploy")
    settled(ran, fleet, "demo")
    audit = fleet.run("audit")
    assert audit.code == 2
    told = "".join(note["text"] for note in audit.of("Note"))
    assert "left behind: files /etc/beam/demo, firewall part of demo, epmd 4369/demo" in told
    whole(fleet.run("deploy", "-e", "remove_left_behind=true"), fleet.hosts)
    assert fleet.run("audit").code == 0
    for host in fleet.hosts:
        places = "/etc/beam /etc/beam/epmd.d/4369 /etc/nftables.d/deployer.d"
        said = ssh(host, f"ls {places}; nft list table inet deployer")[1]
        assert "demo" not in said
        assert "9300-9309" in said


def test_another_epmd_port_or_kind_of_names_is_refused_until_the_cluster_may_be_restarted(
    fleet: Fleet, ssh: Ssh
) -> None:
    cluster, last = fleet.words["cluster"], fleet.hosts[1]
    cluster["epmd_port"] = 4370
    assert ssh(last, "systemctl stop demo")[0] == 0  # it has no old port, and is refused with the others
    refused(fleet, "runs with inet_tcp, EPMD, long names; declared is inet_tcp, EPMD at port 4370", "restart_cluster")
    whole(fleet.run("deploy", "-e", "restart_cluster=true"), fleet.hosts)
    audit = fleet.run("audit")
    assert (audit.code, "left behind: epmd 4369/demo" in audit.of("Note")[0]["text"]) == (2, True)
    settled(fleet.run("deploy", "-e", "remove_left_behind=true"), fleet, "demo")
    assert ssh(last, "systemctl is-active beam-epmd@4369 beam-epmd@4370")[1].split() == ["inactive", "active"]
    cluster["names"] = "short"
    refused(fleet, "long names; declared is", "short names", "restart_cluster")


def test_a_renamed_release_and_another_root_are_refused_until_the_old_service_is_to_be_taken_over(
    fleet: Fleet, demo_app: Path, tmp_path: Path, ssh: Ssh
) -> None:
    tarball = labs.build_app(demo_app, version="0.1.0", release="chat", out=tmp_path / "chat")
    fleet.words["release"] = {"name": "chat", "tarball": str(tarball)}
    refused(
        fleet, "demo.service runs in this cluster, from another release than chat", "takeover: {service: demo.service}"
    )
    fleet.words["release"]["takeover"] = {"service": "demo.service"}
    with one_cluster(fleet, "demo", "chat"):
        ran = fleet.run("deploy")
    settled(ran, fleet, "chat")
    another_root(fleet, ssh)
    audit = fleet.run("audit")
    told = "".join(note["text"] for note in audit.of("Note"))
    assert "left behind: release /opt/chat, release /opt/demo" in told
    whole(fleet.run("deploy", "-e", "remove_left_behind=true"), fleet.hosts, "chat")
    for host in fleet.hosts:
        assert ssh(host, "find /opt /etc/beam/generations.d/opt -mindepth 1 -maxdepth 1") == (0, "")


def another_root(fleet: Fleet, ssh: Ssh) -> None:
    """The node keeps its name and its unit: what does not start gives both back with the files that they read."""
    release = fleet.words["release"]
    release.pop("takeover")
    release["root"] = "/srv/chat"
    refused(
        fleet, "chat.service runs in this cluster, from another release than chat", "takeover: {service: chat.service}"
    )
    release["takeover"] = {"service": "chat.service"}
    fleet.words["env"] = {"PORT": "4000", "DEMO_CRASH": "1"}
    with one_cluster(fleet):
        broken = fleet.run("deploy")
    assert broken.code == 1, broken.out
    assert "chat.service runs again as before" in broken.end(fleet.hosts[0])["problem"]
    link = ssh(fleet.hosts[0], "readlink /etc/beam/demo/private/chat.env /etc/systemd/system/chat.service.d/*")[1]
    assert [line.partition("/current/")[0] for line in link.split()] == ["/etc/beam/generations.d/opt/chat"] * 2
    fleet.words["env"] = {"PORT": "4000"}
    with one_cluster(fleet):
        ran = fleet.run("deploy", "-e", "deploy_again=true")
    whole(ran, fleet.hosts, "chat")
    release.pop("takeover")
    settled(fleet.run("deploy"), fleet, "chat")
