"""What a new firewall would shut that answers today: nothing is, before somebody says so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from deployer.errors import ConfigError
from deployer.firewall.openings import Allow
from deployer.model import Present
from tests.unit.modules.firewall_kit import HELD, NGINX, WALL, differing, first, refusal, told


def test_a_port_that_answers_is_not_shut_before_somebody_says_so() -> None:
    said = refusal(NGINX, "udp 00000000:0202 22", holders=f"{HELD}\n22 9 0::/system.slice/syslog.service rsyslogd")
    assert (
        "the firewall would close ports that are reachable today: 514/udp (rsyslogd, syslog.service), 8443/tcp (nginx"
        in said
    )
    assert "closed: [514/udp, 8443/tcp] (to close it on purpose)" in said


FINE = {
    "public": {"public": ("8443/tcp",)},
    "in a range": {"public": ("8000-9000/tcp",)},
    "allowed": {"allow": (Allow(port="8443/tcp", sources=("admin",)),)},
    "closed": {"closed": ("8443/tcp",)},
}


@pytest.mark.parametrize("words", FINE.values(), ids=FINE)
def test_a_port_that_is_written_down_in_any_way_is_fine(words: dict[str, Any]) -> None:
    assert isinstance(first(NGINX, wall=replace(WALL, **words)), Present)


NOBODY_ASKS = {
    "loopback": "tcp 0100007F:20FB 21",
    "another loopback": "tcp 0200007F:20FB 21",
    "loopback of IPv6": "tcp 00000000000000000000000001000000:20FB 21",
    "loopback of IPv4 in IPv6": "tcp 0000000000000000FFFF00000100007F:20FB 21",
    "SSH": "tcp 00000000:0016 21",
    "our EPMD": "tcp 00000000:1111 31",
    "our node": "tcp 00000000:238C 32",
    "DHCP": "udp 00000000:0044 33",
    "a client's port": "udp 00000000:9C40 21",
    "a port of a container": "tcp 00000000:1F90 34",
}


@pytest.mark.parametrize("socket", NOBODY_ASKS.values(), ids=NOBODY_ASKS)
def test_what_is_ours_or_not_reached_from_outside_needs_no_word(socket: str) -> None:
    own = "31 7 0::/system.slice/beam-epmd@4369.service epmd\n32 8 0::/system.slice/shop.service beam.smp"
    own = f"{own}\n34 9 0::/system.slice/docker.service docker-proxy"
    assert isinstance(first(socket, holders=f"{HELD}\n{own}"), Present)


def test_a_socket_that_the_kernel_holds_is_none_of_a_client() -> None:
    assert "51820/udp (the kernel, or nobody that is seen)" in refusal("udp 00000000:CA6C 0")


def test_what_systemd_holds_for_others_is_called_by_its_socket() -> None:
    held = {"holders": "21 1 0::/init.scope systemd", "activated": "0.0.0.0:8443 cockpit.socket cockpit.service"}
    assert "8443/tcp (systemd, cockpit.socket)" in refusal(NGINX, **held)


def test_another_program_in_the_clusters_range_is_told_with_a_range_that_is_free() -> None:
    exporter = "21 412 0::/system.slice/prometheus-node-exporter.service prometheus-node"
    said = refusal("tcp 00000000:238C 21", "tcp 00000000:23F0 22", holders=exporter)
    assert "9100/tcp (prometheus-node, prometheus-node-exporter.service) listens in cluster.ports 9100-9109" in said
    assert "write cluster: {ports: 9300-9309}" in said


def test_only_what_is_open_today_can_be_shut() -> None:
    before = replace(WALL, public=("4000/tcp", "8443/tcp")).part.text()
    assert "8443/tcp" in refusal(NGINX, rules=before)
    assert isinstance(first(NGINX, rules=replace(WALL, public=()).part.text()), Present)
    assert isinstance(first(NGINX, rules=before, others="\t\ttcp dport { 80, 8440-8450 } accept"), Present)


def test_where_another_cluster_has_its_firewall_already_nothing_else_can_be_shut() -> None:
    theirs = replace(WALL, cluster="jobs", ports="9200-9209", public=()).part.text()
    node = "21 8 0::/system.slice/jobs.service beam.smp"
    assert isinstance(first("tcp 00000000:23F0 21", NGINX, holders=node, others=theirs), Present)


def test_a_port_that_becomes_narrower_counts_as_shut() -> None:
    before = replace(WALL, ports="9200-9209", public=("9100/tcp",)).part.text()
    assert "listens in cluster.ports" in refusal("tcp 00000000:238C 21", rules=before)
    members_only = replace(WALL, public=()).part.text()
    assert isinstance(first("tcp 00000000:238C 21", rules=members_only), Present)


def test_what_only_a_takeover_opened_is_shut_after_it_without_a_word() -> None:
    passing = replace(WALL, takeover="chat.service").part.text()
    late = "tcp 00000000:B043 21"
    assert "32768-65535" in passing
    assert isinstance(first(late, rules=passing), Present)
    assert "45123/tcp" in refusal(late, rules=passing.replace("32768-65535", "40000-65535"))


def test_a_table_of_others_that_drops_what_is_declared_is_refused_and_named() -> None:
    foreign = "table ip filter {\n\tchain INPUT {\n\t\ttype filter hook input priority filter; policy drop;\n\t}\n}"
    with pytest.raises(ConfigError, match=r"table ip filter \(iptables\), chain INPUT, policy drop, drops ") as caught:
        WALL.parse(told(foreign=foreign))
    for lost in ("4000/tcp", "22/tcp from this machine", "9187/tcp from 10.0.9.0/24", "4369/tcp from 10.0.0.3"):
        assert lost in str(caught.value)


def test_another_cluster_on_the_host_has_ports_of_its_own() -> None:
    assert differing(told(others="# ports 9200-9209 jobs\n# ssh 22 10.0.0.0/8")) == []
    with pytest.raises(ConfigError, match="overlaps 9105-9120 of jobs on this host"):
        WALL.parse(told(others="# ports 9105-9120 jobs"))
