"""TLS distribution from an untouched host on: made, climbed, renewed, broken and mended; and who is not let in."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime

import pytest
from fleet import Fleet, fleet_of, untouched

from deployer.beam.authority import Authority
from deployer.beam.certificates import Identity
from deployer.fleet.pki import Kept
from deployer.lab import LabHost
from deployer.model import Secret

PASSPHRASE = "CANARY-q8ZbR2vTn5LxK7mWc4Yd9Ps3"
PEM, COPY = "/etc/beam/demo/private/demo.pem", "/run/beam/demo/node.pem"
NOW = datetime.now(UTC)


@pytest.fixture
def fleet(lab, demo_release, tmp_path) -> Fleet:
    made = fleet_of(tmp_path, untouched(lab, 3), demo_release("0.1.0"))
    made.words["cluster"] |= {"tls": True, "pki": {"passphrase": {"env": "PKI"}}}
    made.environ["PKI"] = PASSPHRASE
    return made


def authority(fleet: Fleet) -> Authority:
    return Kept("demo", fleet.directory / "pki/demo", Secret(PASSPHRASE), 90, 30).authority(NOW)


def put(ssh, host: LabHost, identity: Identity, *places: str) -> None:
    """Replace a certificate as a person with a shell would."""
    for place in places or (PEM,):
        text = (identity.key.reveal() + identity.chain).encode()
        assert ssh(host, f"cat >{place}.x && chmod 0400 {place}.x && chown --reference={place} {place}.x &&"
                   f" mv {place}.x {place}", stdin=text) == (0, "")  # fmt: skip


def shown(fleet: Fleet, host: LabHost) -> bytes:
    """The certificate that a node shows to whoever connects."""
    pem = ssl.get_server_certificate((host.address, 9100), timeout=10)
    return pem.encode()


def pid(ssh, host: LabHost) -> str:
    return ssh(host, "systemctl show -p MainPID --value demo")[1].strip()


def test_a_fleet_over_tls_from_nothing_to_renewal(fleet, ssh, eventually):
    one = fleet.hosts[0]
    refused = fleet.run("deploy")
    assert refused.code == 3
    assert "deployer tls init" in refused.err
    assert not (fleet.directory / "pki").exists()
    made = fleet.show("tls init")
    assert made.code == 0, made.err
    assert "made: " in made.out
    kept = fleet.directory / "pki/demo/authority.pem"
    assert (oct(kept.stat().st_mode), "ENCRYPTED" in kept.read_text()) == ("0o100600", True)
    before = kept.read_bytes()
    assert "is there already" in fleet.show("tls init").out
    plan = fleet.run("plan")
    assert (plan.code, kept.read_bytes()) == (0, before)

    ran = fleet.run("deploy")
    assert ran.code == 0, ran.out
    for host in fleet.hosts:
        assert ran.rungs(host) == dict.fromkeys(range(1, 11), True)
        assert ssh(host, f"stat -c '%a %U' {PEM} {COPY}")[1] == "400 root\n400 demo\n"
    assert ssh(one, "demo-ctl rpc 'IO.inspect(length(Node.list()))'") == (0, "2\n")
    again = fleet.run("deploy")
    assert (again.code, again.of("StepDone")) == (0, [])
    assert fleet.run("audit").code == 0
