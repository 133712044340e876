"""An application that this project did not write: Debian's ejabberd, as its package leaves it, is audited right."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deployer.lab import Lab, LabHost
from tests.lab.conftest import Ssh
from tests.lab.debs import installed
from tests.lab.fleet import PROGRAM, Fleet

LOOK = "systemctl show -p MainPID,NRestarts ejabberd epmd; find /etc /lib/systemd -type f -newer /root/debs"
FAILS = {
    "CK-01": "the cookie of /var/lib/ejabberd/.erlang.cookie has 20 characters",
    "ED-01": "listens on every address, port 4369",
    "ED-02": "ejabberd@localhost: listens on every address, port ",
    "ED-03": "its distribution listens on whichever port the kernel gives it",
    "ED-04": "leaves the host without TLS",
    "ED-12": "ERTS 13.1.5 is of a series that gets no more fixes",
    "FW-01": "the firewall lets anybody reach any port over IPv4",
    "FW-02": "ejabberd@localhost: the firewall lets anybody reach port ",
    "SB-01": "ejabberd 23.01 has EX-2026-1",
    "UN-01": "its user ejabberd has the shell /bin/sh",
    "UN-07": "ejabberd.service restarts it without limit: 5 starts, 5s apart, never happen within 10s",
    "UN-06": "it may open 20000 files (ejabberd.service allows 65536: its start script lowers that, or",
}
"""Rules that the package does not hold as it comes, and why: each is what systemctl, ss, ls or /proc show as well."""
HOLDS = {"CK-02", "CK-04", "ED-08", "ED-09", "ED-10", "HO-01", "RL-01", "RL-02", "UN-02", "UN-08", "UN-15"}
ADVISORY = {
    "id": "EX-2026-1",
    "modified": "2026-11-01T00:00:00Z",
    "affected": [{"package": {"ecosystem": "Hex", "name": "ejabberd"}, "versions": ["23.01"]}],
}


@pytest.fixture(scope="module")
def host(lab: Lab, ssh: Ssh, eventually: Callable[..., None]) -> LabHost:
    """A host with the package installed and nothing configured."""
    found = installed(lab, ssh, "ejabberd")
    eventually(lambda: ssh(found, "systemctl is-active -q ejabberd")[0] == 0)
    return found


def audit(host: LabHost, lab: Lab, directory: Path, *words: str, **of: Any) -> tuple[int, dict[str, dict[str, Any]]]:
    made = Fleet(directory, lab, (host,), {})
    made.of[host.name] = of
    argv = [str(PROGRAM), "audit", "-i", str(made.write()), "--profile", "strict", "--json", *words]
    done = subprocess.run(argv, env=made.environment(), capture_output=True, text=True, cwd=directory)
    assert done.returncode in (0, 2), done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, {each["rule"]: each for each in events if each["event"] == "RuleJudged"}


def test_ejabberd_as_debian_leaves_it_is_found_and_judged(host: LabHost, lab: Lab, ssh: Ssh, tmp_path: Path) -> None:
    before = ssh(host, LOOK)
    (tmp_path / "osv.json").write_text(json.dumps(ADVISORY))
    code, told = audit(host, lab, tmp_path, "--advisories", str(tmp_path / "osv.json"))
    assert code == 2
    wrong = {rule: told[rule] for rule, why in FAILS.items() if why not in told[rule]["reason"]}
    assert wrong == {}
    assert {rule for rule in FAILS if told[rule]["answer"] != "FAIL"} == set()
    assert {rule: told[rule] for rule in HOLDS if told[rule]["answer"] != "PASS"} == {}
    cookie = ssh(host, "cat /var/lib/ejabberd/.erlang.cookie")[1].strip()
    assert len(cookie) == 20
    assert cookie not in json.dumps(told)
    assert ssh(host, LOOK) == before


SHOWN = """cd /root
openssl req -x509 -newkey rsa:2048 -nodes -days {} -subj /CN=shown -keyout k -out c 2>/dev/null
systemctl stop -q shown
systemd-run -q --unit shown openssl s_server -accept 4433 -cert /root/c -key /root/k -quiet
for n in $(seq 300); do bash -c '</dev/tcp/127.0.0.1/4433' && exit 0; sleep 0.1; done
exit 1"""


def test_a_certificate_that_the_public_sees_is_judged_by_the_day_it_ends(
    host: LabHost, lab: Lab, ssh: Ssh, tmp_path: Path
) -> None:
    firewall = {"admin": [lab.subnet], "public": ["4433/tcp"]}
    words = {
        "cluster": {"name": "chat", "cookie": "Xq3vT9mW2kLr8ZpYb5Nd"},
        "firewall": firewall,
        "nodes": [{"name": "ejabberd", "service": "ejabberd.service"}],
    }
    for days, answer in ((20, "FAIL"), (40, "PASS")):
        assert ssh(host, SHOWN.format(days))[0] == 0
        _, told = audit(host, lab, tmp_path, "--only", "OP-06", **words)
        assert told["OP-06"]["answer"] == answer, told
        assert ("port 4433 expires on" in told["OP-06"]["reason"]) == (answer == "FAIL")


def test_an_ordinary_login_passes_nothing_of_it_that_root_does_not(
    host: LabHost, lab: Lab, ssh: Ssh, tmp_path: Path
) -> None:
    _, told = audit(host, lab, tmp_path)
    home = "install -d -o plain /home/plain/.ssh && install -o plain /root/.ssh/authorized_keys /home/plain/.ssh/"
    assert ssh(host, f"useradd -m -s /bin/bash plain && {home}")[0] == 0
    _, plain = audit(host, lab, tmp_path, ansible_user="plain", ansible_become=False)
    passing = {rule for rule, each in plain.items() if each["answer"] == "PASS"}
    assert {rule for rule in passing if told[rule]["answer"] == "FAIL"} == set()
    assert {"CK-01", "ED-02", "HO-03"} <= {rule for rule, each in plain.items() if each["answer"] == "UNKNOWN"}
