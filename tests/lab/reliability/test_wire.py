"""What becomes of an upload whose connection is reset, or whose bits flip, anywhere on the way."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path
from typing import Any

import pytest

from deployer.lab import LabHost
from tests.lab.conftest import Ssh
from tests.lab.fleet import LEFTOVERS, Fleet, fleet_of, health, untouched
from tests.lab.walled import console

TRIALS = int(os.environ.get("DEPLOYER_RELIABILITY_TRIALS", "4"))
"""How often an upload is cut, at places that chance has chosen."""
RESET = """nft 'table inet cut {{
  set seen {{ type inet_service; flags dynamic; size 4096; quota over {0} bytes; }}
  chain in {{ type filter hook input priority -5;
    tcp dport 22 update @seen {{ tcp sport quota over {0} bytes }} reject with tcp reset; }}
}}'"""
"""From its byte N on each packet of each connection is answered by a reset."""
COUNT = "nft list set inet cut seen | grep -o 'used {0} bytes' | wc -l >/run/cuts"
FLIP = """\
import os, socket, sys, threading
host, at = sys.argv[1], int(sys.argv[2])
to = socket.create_connection((host, 22))
def back():
    while data := to.recv(65536):
        os.write(1, data)
    os._exit(0)
threading.Thread(target=back, daemon=True).start()
sent = 0
while data := os.read(0, 65536):
    if sent <= at < sent + len(data):
        data = bytearray(data)
        data[at - sent] ^= 4
    sent += len(data)
    to.sendall(data)
"""
"""A way to a host that flips the bit of one byte."""


@pytest.fixture
def fleet(lab: Any, demo_release: Any, tmp_path: Path) -> Fleet:
    return fleet_of(tmp_path, untouched(lab, 1), demo_release("0.1.0"))


def is_not_taken_for_whole(host: LabHost, ssh: Ssh) -> None:
    """Nothing stands where a release would, neither whole nor half."""
    assert ssh(host, "ls /opt/demo/versions 2>/dev/null; ls -A /opt/demo 2>/dev/null | grep current")[1] == ""
    assert health(host)[0] == 0


def ends_well(fleet: Fleet, ssh: Ssh) -> None:
    ran = fleet.run("deploy")
    assert ran.code == 0, ran.out + ran.err
    for host in fleet.hosts:
        assert health(host)[0] == 200
        assert ssh(host, "cd /opt/demo/versions/* && sha256sum --quiet -c ../../ledger/sums/*") == (0, "")
        assert ssh(host, LEFTOVERS) == (0, "")


@pytest.mark.long
def test_an_upload_that_is_reset_at_any_byte_leaves_nothing_that_is_taken_for_whole(
    lab: Any, demo_release: Any, tmp_path: Path, ssh: Ssh, record_property: Any
) -> None:
    """Each of a run's tries goes on where the last was cut, and so does the next run; on several hosts side by side."""
    hosts = untouched(lab, min(len(lab.hosts), max(1, TRIALS // 4)))
    fleet = fleet_of(tmp_path, hosts, demo_release("0.1.0"))
    size = Path(fleet.words["release"]["tarball"]).stat().st_size
    step, chance = size * len(hosts) // TRIALS, random.Random(TRIALS)
    cuts, runs, places = 0, 0, list[int]()
    while cuts < TRIALS:
        place = chance.randrange(20_000, step) if runs else 20_000
        for host in hosts:
            assert ssh(host, RESET.format(place)) == (0, "")
        ran = fleet.run("deploy")
        runs += 1
        for host in hosts:
            console(host, f"{COUNT.format(place)}; nft delete table inet cut")
            assert ran.end(host)["ending"] in ("failed", "unreachable"), f"{place}: {ran.out}"
            is_not_taken_for_whole(host, ssh)
            cuts += int(ssh(host, "cat /run/cuts; rm /run/cuts")[1])
            places.append(place)
    told = f"{min(places)} to {max(places)} bytes of their connections, on {len(hosts)} hosts, of a file of {size}"
    record_property("figure", f"{cuts} cuts in uploads of {runs} runs, after {told}")
    ends_well(fleet, ssh)


def test_a_bit_that_flips_on_the_wire_gets_nowhere(fleet: Fleet, ssh: Ssh, record_property: Any) -> None:
    """SSH notices, each time; the tries of one run are three, and what came whole before each flip is kept."""
    (host,) = fleet.hosts
    way = fleet.directory / "flip.py"
    way.write_text(FLIP)
    size = Path(fleet.words["release"]["tarball"]).stat().st_size
    known = f"-o UserKnownHostsFile={fleet.lab.known_hosts}"
    places = [size // 5]
    for place in places:
        proxy = f"-o 'ProxyCommand={sys.executable} {way} {host.address} {place}'"
        fleet.of[host.name] = {"ansible_ssh_common_args": f"{known} {proxy}"}
        ran = fleet.run("deploy")
        assert ran.code in (1, 4), f"{place}: {ran.out}"
        is_not_taken_for_whole(host, ssh)
    record_property("figure", f"a bit flipped after {places[0]} of {size} bytes of each connection")
    del fleet.of[host.name]
    ends_well(fleet, ssh)
