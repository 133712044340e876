"""What a user of a host tries while a release is being unpacked, and a host that cannot keep it from that."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path

from tests.lab.fleet import fleet_of, untouched


def test_nobody_gets_hold_of_what_is_being_unpacked_and_root_runs_nothing_of_it(lab, demo_release, tmp_path, ssh):
    (host,) = untouched(lab, 2)[1:]
    fleet = fleet_of(tmp_path, (host,), demo_release("0.1.0"))
    script = Path(__file__).with_name("seize.pl").read_bytes()
    assert ssh(host, "cat >/srv/seize.pl; chmod 755 /srv/seize.pl", stdin=script)[0] == 0
    for user in ("nobody", "daemon"):
        unit = f"--unit=seize-{user} -p User={user} -p StandardOutput=append:/srv/seized"
        assert ssh(host, f"systemd-run -q {unit} perl /srv/seize.pl") == (0, "")
    watch = "while :; do ps -eo uid=,comm=,args= >>/srv/ps; done"
    assert ssh(host, f'systemd-run -q --unit=watch sh -c "{watch}"') == (0, "")
    ran = fleet.run("deploy")
    assert ssh(host, "systemctl stop 'seize-*' watch") == (0, "")
    assert ran.code == 0, ran.out
    assert ssh(host, "cat /srv/seized") == (0, "")
    assert ssh(host, "ls /root/pwned /run/systemd/system/deployer-unpack*")[0] == 2
    seen = [line.split(None, 2) for line in ssh(host, "sort -u /srv/ps")[1].splitlines()]
    unpacked = {int(uid) for uid, program, *_ in seen if program in ("tar", "gzip")}
    assert unpacked
    assert all(61184 <= uid <= 65519 for uid in unpacked), unpacked
    ran_as_root = [line for line in seen if line[0] == "0" and line[1] in ("epmd", "beam.smp", "erlexec", "demo")]
    assert ran_as_root == []
    with tarfile.open(demo_release("0.1.0")) as held:
        (epmd,) = (held.extractfile(member) for member in held if member.name.endswith("/bin/epmd"))
        digest = hashlib.sha256(epmd.read()).hexdigest()
    assert ssh(host, "sha256sum </usr/local/lib/beam/epmd")[1].split()[0] == digest


def test_a_host_that_cannot_give_a_user_of_its_own_says_so_and_keeps_nothing(lab, demo_release, tmp_path, ssh):
    (host,) = untouched(lab, 2)[1:]
    fleet = fleet_of(tmp_path, (host,), demo_release("0.1.0"))
    # What stands in the way of DynamicUser elsewhere stands in for it here: no namespaces of mounts.
    drop = "/etc/systemd/system/deployer-unpack-.service.d"
    assert ssh(
        host,
        f"mkdir -p {drop}; printf '[Service]\\nRootDirectory=/nowhere\\n' >{drop}/no.conf; systemctl daemon-reload",
    ) == (0, "")
    ran = fleet.run("deploy")
    assert ran.code == 1
    assert "systemd cannot run a service with its own user (DynamicUser) on this host" in ran.end(host)["problem"]
    assert ssh(host, "ls -A /opt/demo/versions; ls /run/systemd/system") == (0, "")
