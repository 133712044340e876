"""An application that this project did not write: Debian's rabbitmq-server, as its package leaves it, is verified."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Ssh
from fleet import PROGRAM, Fleet

from deployer import lab as labs
from deployer.engine.ladder.rung import Rung
from deployer.lab import Lab, LabHost, state

SUITE = "bookworm"
# Some want others configured before they are unpacked: dpkg leaves those out, and the next turn takes them.
INSTALL = """cd /root/debs; export DEBIAN_FRONTEND=noninteractive
for turn in 1 2 3 4; do dpkg --force-unsafe-io -E -i ./*.deb && exec dpkg --configure -a; done"""
LOOK = "systemctl show -p MainPID,NRestarts rabbitmq-server epmd; find /etc /lib/systemd -type f -newer /root/debs"
FAILS = {"ED-01", "ED-02", "ED-04", "ED-12", "FW-01", "FW-02", "UN-02", "UN-03", "UN-04", "UN-08"}
"""Rules that the package, as it comes, does not hold."""
PLAY = {"name": "what others run", "hosts": "all", "become": True, "tasks": []}


def packages() -> list[Path]:
    """rabbitmq-server and what a lab host lacks for it, from this machine's own package sources; fetched once."""
    cache = state.lab_top() / "debs" / SUITE / "rabbitmq-server"
    if not (cache / "complete").exists():
        shutil.rmtree(cache, ignore_errors=True)
        for name in ("lists/partial", "archives/partial"):
            (cache / name).mkdir(parents=True)
        status = state.images() / SUITE / "base" / "var/lib/dpkg/status"
        places = {"State::lists": cache / "lists", "Cache::archives": cache / "archives", "State::status": status}
        options = [word for name, place in places.items() for word in ("-o", f"Dir::{name}={place}")]
        quiet = ["apt-get", "-qq", "-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=root", *options]
        subprocess.run([*quiet, "update"], check=True)
        wanted = ["--download-only", "--yes", "--no-install-recommends", "install", "rabbitmq-server"]
        subprocess.run([*quiet, *wanted], check=True, stdout=subprocess.DEVNULL)
        (cache / "complete").touch()
    return sorted((cache / "archives").glob("*.deb"))


@pytest.fixture(scope="module")
def host(lab: Lab, ssh: Ssh) -> LabHost:
    """A host with the package installed and nothing configured."""
    debs = packages()
    labs.reset(lab.hosts[-1].name, lab.name)
    fresh = labs.status(lab.name)
    assert fresh
    found = fresh.hosts[-1]
    place = found.root / "root/debs"
    place.mkdir()
    for deb in debs:
        os.link(deb, place / deb.name) if deb.stat().st_dev == place.stat().st_dev else shutil.copy(deb, place)
    code, said = ssh(found, INSTALL, patience=300)
    assert code == 0, said[-2000:]
    return found


@pytest.fixture
def fleet(host: LabHost, lab: Lab, ssh: Ssh, tmp_path: Path) -> Fleet:
    """What a person declares: node name, unit, and the cookie's file."""
    code, cookie = ssh(host, "cat /var/lib/rabbitmq/.erlang.cookie")
    assert code == 0
    (tmp_path / "rabbit.cookie").touch(0o600)
    (tmp_path / "rabbit.cookie").write_text(cookie)
    words: dict[str, Any] = {
        "cluster": {"name": "rabbit", "names": "short", "ports": "25672", "cookie": {"file": "rabbit.cookie"}},
        "nodes": [{"name": "rabbit", "host": host.name, "service": "rabbitmq-server.service"}],
        "health": {"tcp": "127.0.0.1:5672", "timeout": 5, "stable": 1},
    }
    made = Fleet(tmp_path, lab, (host,), words)
    made.play(PLAY)
    return made


def test_rabbitmq_as_debian_leaves_it_climbs_every_rung(fleet: Fleet, host: LabHost, ssh: Ssh) -> None:
    before = ssh(host, LOOK)
    ran = fleet.run("verify", playbook=fleet.directory / "play.yml")
    assert ran.code == 0, ran.out + ran.err
    assert ran.rungs(host) == dict.fromkeys(Rung, True)
    told = {each["rung"]: each["detail"] for each in ran.of("RungRead")}
    assert "runs /usr/lib/erlang" in told[3]
    assert told[9].startswith("OTP 25")
    assert ssh(host, LOOK) == before


def test_a_cookie_that_is_not_rabbitmqs_is_told(fleet: Fleet, host: LabHost) -> None:
    (fleet.directory / "rabbit.cookie").write_text("ABCDEFGHIJKLMNOPQRST")
    ran = fleet.run("verify", playbook=fleet.directory / "play.yml")
    assert ran.code == 1
    bad = ran.bad_rungs()[f"rabbit@{host.name}"]
    assert (bad["rung"], "rejects the declared cookie" in bad["detail"]) == (7, True)


def test_an_audit_without_a_playbook_finds_rabbitmq_and_judges_it(fleet: Fleet, host: LabHost, ssh: Ssh) -> None:
    before, argv = ssh(host, LOOK), [str(PROGRAM), "audit", "-i", str(fleet.write()), "--profile", "strict", "--json"]
    done = subprocess.run(argv, env=fleet.environment(), capture_output=True, text=True, cwd=fleet.directory)
    assert done.returncode == 2, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    told = {each["rule"]: each for each in events if each["event"] == "RuleJudged"}
    failing = {rule for rule, each in told.items() if each["answer"] == "FAIL"}
    assert failing >= FAILS, {rule: told[rule] for rule in FAILS - failing}
    passing = {"AT-01", "AT-02", "AT-03", "CK-01", "CK-02", "ED-03", "ED-10", "UN-15"}
    assert {rule for rule in passing if told[rule]["answer"] != "PASS"} == set(), told
    assert told["ED-02"]["reason"] == "rabbit: listens on every address, port 25672"
    assert (fleet.directory / "rabbit.cookie").read_text() not in done.stdout
    assert ssh(host, LOOK) == before


def test_a_stopped_rabbitmq_is_told_and_started_again_is_well(
    fleet: Fleet, host: LabHost, ssh: Ssh, eventually: Callable[..., None]
) -> None:
    assert ssh(host, "systemctl stop rabbitmq-server")[0] == 0
    bad = fleet.run("verify", playbook=fleet.directory / "play.yml").bad_rungs()[f"rabbit@{host.name}"]
    assert (bad["rung"], bad["advice"].startswith("systemctl start rabbitmq-server.service")) == (2, True)
    assert ssh(host, "systemctl start rabbitmq-server", patience=120)[0] == 0
    assert fleet.run("verify", playbook=fleet.directory / "play.yml").code == 0
