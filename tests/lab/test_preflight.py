"""What a release needs is known before a host is touched; and a host looks for itself at what it is sent."""

from __future__ import annotations

import shlex
from pathlib import Path

from deployer import lab as labs
from deployer.model import Absent, Blob
from deployer.modules.base import lines, sh
from deployer.modules.release import Release
from deployer.sh import Program, Sh, decode, payload
from deployer.sh.frame import BOOTSTRAP
from tests.lab.fleet import disk, fleet_of, health, untouched
from tests.unit.beam.hostile_tarballs import HOSTILE

ROGUE = Path(__file__).with_name("rogue.pl")
SQUAT = """cat >/root/rogue.pl && systemd-run -q --unit=rogue-epmd /srv/erts-13.1.5/bin/epmd &&
ready='-p Type=notify -p NotifyAccess=all'
until systemd-run -q $ready --unit=rogue-name perl /root/rogue.pl squat demo 41000
do systemctl reset-failed rogue-name; done
systemd-run -q $ready --unit=rogue-port perl /root/rogue.pl deaf 9100"""


def test_hostile_tarballs_that_slipped_through_are_refused_by_the_host(lab, ssh):
    (host,) = untouched(lab, 1)
    assert ssh(host, "mkdir -m 0777 /srv/outside && touch /srv/before") == (0, "")
    blobs = tuple(Blob.of(made("/srv/outside")) for made, _ in HOSTILE.values())
    texts = []
    for number, blob in enumerate(blobs):
        release = Release(name="demo", tarball=blob, version="0.1.0", root="/opt/demo")
        step = release.fix(release.differences(Absent()))[0]
        texts.append(lines(sh("set -- {}", Sh(f'"$blobs/{number}"')), step.text))
    program = Program(tuple(texts), blobs=blobs)
    code, out = ssh(host, f"/bin/sh -c {shlex.quote(BOOTSTRAP)} deployer", stdin=b"".join(payload(program)))
    assert code == 0, out
    answers = list(decode(program, iter([out.encode()])))
    wrong = [(name, frame.out) for (name, (_, said)), frame in zip(HOSTILE.items(), answers, strict=True)
             if frame.rc != 1 or said not in frame.out]  # fmt: skip
    assert wrong == []
    assert ssh(host, "ls -A /srv/outside /opt/demo/versions") == (0, "/opt/demo/versions:\n\n/srv/outside:\n")
    assert ssh(host, "find / -xdev -newer /srv/before -name '*canary*'") == (0, "")
    assert ssh(
        host, "find / -xdev -newer /srv/before -perm /7000 ! -path '/var/log/*' ! -path /tmp ! -path /var/tmp"
    ) == (0, "")


def said(ran, host) -> str:
    return ran.end(host)["problem"]


def test_all_that_is_wrong_on_all_hosts_is_said_at_once_and_no_host_is_touched(
    lab, demo_app, demo_release, tmp_path, ssh
):
    old, new = demo_release("0.1.0"), labs.build_app(demo_app, suite="trixie", version="0.2.0", out=tmp_path)
    fleet = fleet_of(tmp_path, untouched(lab, 4), old)
    built_for_another, full, taken, fine = fleet.hosts
    release = fleet.words["release"]
    fleet.words["nodes"] = [{"name": "demo", "port": 9100}]
    fleet.of[built_for_another.name] = {"release": release | {"tarball": str(new)}}
    assert ssh(full, "mkdir -p /opt/demo && mount -t tmpfs -o size=8M,nr_inodes=200 tmpfs /opt/demo") == (0, "")
    assert ssh(taken, "tar -xz -C /srv ./erts-13.1.5 erts-13.1.5 2>/dev/null; [ -x /srv/erts-13.1.5/bin/epmd ]",
               stdin=old.read_bytes())[0] == 0  # fmt: skip
    assert ssh(taken, SQUAT, stdin=ROGUE.read_bytes())[0] == 0
    assert ssh(taken, "echo [Service] >/etc/systemd/system/demo.service") == (0, "")
    before = [disk(host) for host in fleet.hosts]
    audit = fleet.run("audit")
    assert (audit.code, audit.planned(fine, "refused")) == (2, []), "drift, and no audit is refused"
    assert audit.planned(taken, "refused") == ["firewall", "the host can take the release"]
    assert [disk(host) for host in fleet.hosts] == before
    for command in ("plan", "deploy"):
        ran = fleet.run(command)
        assert ran.code == 3, ran.out
        assert [disk(host) for host in fleet.hosts] == before
        assert ran.of("StepDone") == []
        wrong = said(ran, built_for_another)
        assert "is built for a newer system than this host: " in wrong
        for lacking in ("libc.so.6 lacks GLIBC_2.38", "libcrypto.so.3 lacks OPENSSL_3.4.0"):
            assert lacking in wrong
        assert "not enough space on /opt/demo: 8 MiB are free" in said(ran, full)
        assert "inodes are free" in said(ran, full)
        for problem in (
            "port 9100 of demo is used by perl",
            "of rogue-port.service)",
            "the name demo is already registered in EPMD, by a node at port 41000",
            "demo.service already exists",
        ):
            assert problem in said(ran, taken)
        assert ("not begun here, because the play is refused on" in said(ran, fine)) == (command == "deploy")
    shown = fleet.show("plan").out
    assert shown.count("libcrypto.so.3 lacks") == 1
    del fleet.of[built_for_another.name]
    assert ssh(full, "umount /opt/demo") == (0, "")
    assert ssh(taken, "systemctl stop rogue-port rogue-name rogue-epmd && rm /etc/systemd/system/demo.service")[0] == 0
    ran = fleet.run("deploy")
    assert ran.code == 0, ran.out
    assert {health(host)[0] for host in fleet.hosts} == {200}
    again = fleet.run("deploy")
    assert (again.code, again.of("StepDone")) == (0, [])
