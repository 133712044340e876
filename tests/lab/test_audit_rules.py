"""The rules of an audit on real hosts: a deploy leaves nothing critical, what is broken fails, nothing is written."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from deployer.audit.catalog import RULES
from deployer.lab import Lab
from tests.lab.broken_rules import (
    BREAK,
    BROKEN,
    DECLARED_WRONG,
    ESTRANGED,
    LIMITS,
    NARROWED,
    NOT_DECLARED,
    NOT_OURS,
    OF_MACHINE,
    STRANGERS,
    UNFILTERED,
)
from tests.lab.conftest import Ssh
from tests.lab.fleet import Fleet, Ran, disk, fleet_of, untouched
from tests.lab.sick import init_of


def answers(ran: Ran, *of: str) -> set[str]:
    """The rules with one of these answers."""
    return {each["rule"] for each in ran.of("RuleJudged") if each["answer"] in of}


@pytest.fixture(scope="module")
def fleet(lab: Lab, demo_release: Callable[..., object], tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    directory = tmp_path_factory.mktemp("fleet")
    tarball = Path(shutil.copy(str(demo_release("0.1.0")), directory))
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / "signer"], check=True)
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", "file", "-f", directory / "signer", tarball], check=True)
    (directory / "allowed").write_text(f"ana@example.net {(directory / 'signer.pub').read_text()}")
    made = fleet_of(directory, untouched(lab, 1), tarball)
    made.words["audit"] = {"signers": "allowed"}
    ran = made.run("deploy")
    assert ran.code == 0, ran.out
    return made


def test_what_a_deploy_leaves_has_no_critical_finding_and_an_audit_writes_nothing(fleet: Fleet) -> None:
    (host,) = fleet.hosts
    before = disk(host)
    ran = fleet.run("audit", "--profile", "strict")
    assert disk(host) == before
    assert ran.code == 0, ran.out
    assert {each["rule"] for each in ran.of("RuleJudged")} == RULES.keys()
    failing = {each["rule"]: each["reason"] for each in ran.of("RuleJudged", answer="FAIL")}
    assert failing.keys() - NOT_OURS - NOT_DECLARED == set(), failing
    # OP-06 asks the public ports with the host's own openssl, which a host need not have.
    assert "SB-03" in answers(ran, "PASS")
    assert answers(ran, "UNKNOWN") - {"OP-06"} == set(), ran.of("RuleJudged", answer="UNKNOWN")


def ending(days: int) -> str:
    """A certificate that ends in some days."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "rogue")])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=days))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode().strip()


def test_strangers_and_limits_fail_by_rule(
    fleet: Fleet, ssh: Ssh, eventually: Callable[..., None], tmp_path: Path
) -> None:
    (host,) = fleet.hosts
    cookie = (fleet.directory / "cookie").read_text()
    assert ssh(host, LIMITS)[0] == 0
    again = "test $(systemctl show -p NRestarts --value demo) -ge 1 && bash -c '</dev/tcp/127.0.0.1/4000'"
    eventually(lambda: ssh(host, again)[0] == 0)
    told = STRANGERS.replace("@ADDRESS@", host.address).replace("@COOKIE@", cookie).replace("@CERTIFICATE@", ending(20))
    code, said = ssh(host, told)
    assert code == 0, said
    inside = "net/ipv4/ip_forward=1 net/core/somaxconn=128"  # a host of the lab may not write them itself
    for pair in inside.split():
        place, _, value = pair.partition("=")
        subprocess.run(["ip", "netns", "exec", host.netns, "sh", "-c", f"echo {value} >/proc/sys/{place}"], check=True)
    listed = "bash -c 'exec 3<>/dev/tcp/127.0.0.1/4369; printf \"\\0\\1n\" >&3; timeout 1 cat <&3' | grep -a ghost"
    eventually(lambda: "ghost" in ssh(host, listed)[1])
    assert answers(fleet.run("audit", "--only", ",".join(NARROWED)), "PASS") == NARROWED
    subprocess.run(["nsenter", "-t", str(init_of(host)), "-a", "--", "sh", "-ec", UNFILTERED], check=True)
    assert ssh(host, OF_MACHINE)[0] == 0
    _, seen = ssh(host, "cat /proc/sys/net/netfilter/nf_conntrack_max; tail -n 1 /proc/swaps")
    assert seen == "1\n/dev/sdz partition 1048572 1024 -2\n"
    bare = "for one in $(pgrep -x beam.smp); do grep -qx 'Seccomp:.0' /proc/$one/status && exit 0; done; exit 1"
    eventually(lambda: ssh(host, bare)[0] == 0)
    known = {"id": "EX-2026-2", "affected": [{"package": {"ecosystem": "Hex", "name": "demo"}, "versions": ["0.1.0"]}]}
    (tmp_path / "osv.json").write_text(json.dumps(known))
    before = disk(host)
    ran = fleet.run("audit", "--profile", "strict", "--advisories", str(tmp_path / "osv.json"))
    assert disk(host) == before
    assert ran.code == 2
    judged = {each["rule"]: (each["answer"], each["reason"]) for each in ran.of("RuleJudged")}
    assert {rule: judged[rule] for rule in ESTRANGED | NARROWED if judged[rule][0] != "FAIL"} == {}
    assert cookie not in ran.out
    of_machine = {"KR-02": "fs/protected_symlinks", "KR-03": "kernel/core_pattern", "KR-04": "kernel/kptr_restrict"}
    for rule, place in of_machine.items():
        value = ssh(host, f"cat /proc/sys/{place}")[1].strip()
        assert (value in judged[rule][1]) == (value in ("0", "core")), (rule, value, judged[rule])
    fleet.of[host.name] = {"nodes": [{"name": "demo", "host": "web.example"}]}
    wrong = fleet.run("audit", "--only", "ED-11")
    assert "web.example does not resolve here" in wrong.of("RuleJudged")[0]["reason"]
    fleet.of[host.name] = {"nodes": [{"name": "demo"}, {"name": "rogue"}]}
    wrong = fleet.run("audit", "--only", "ED-17")
    assert "net_ticktime is 61 on rogue@" in wrong.of("RuleJudged")[0]["reason"]
    del fleet.of[host.name]
    assert {"ED-11", "ED-17"} == DECLARED_WRONG


def test_what_is_broken_by_hand_fails_and_an_ordinary_login_passes_none_of_it(
    fleet: Fleet, ssh: Ssh, eventually: Callable[..., None]
) -> None:
    (host,) = fleet.hosts
    cookie = (fleet.directory / "cookie").read_text()
    told = BREAK.replace("ADDRESS", host.address).replace("COOKIE", cookie)
    code, said = ssh(host, told)
    assert code == 0, said
    eventually(lambda: "rem-77" in str(fleet.run("audit", "--only", "ED-16").of("RuleJudged")))
    before = disk(host)
    ran = fleet.run("audit", "--profile", "strict")
    assert disk(host) == before
    assert ran.code == 2
    failing = answers(ran, "FAIL")
    assert BROKEN - failing == set(), ran.of("RuleJudged")
    assert cookie not in ran.out
    assert "canary-77" not in ran.out
    shown = fleet.show("audit", "--only", "CK")
    assert shown.code == 2
    assert "CK-01" in shown.out
    home = "install -d -o plain /home/plain/.ssh && install -o plain /root/.ssh/authorized_keys /home/plain/.ssh/"
    assert ssh(host, f"useradd -m -s /bin/bash plain && {home}")[0] == 0
    fleet.of[host.name] = {"ansible_user": "plain", "ansible_become": False}
    plain = fleet.run("audit", "--profile", "strict", playbook=fleet.play({"hosts": "all", "tasks": []}))
    del fleet.of[host.name]
    assert answers(plain, "PASS") & failing == set()
    assert answers(plain, "UNKNOWN") >= {"SS-01", "FW-01", "CK-01"}
