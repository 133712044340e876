"""What a user of a host tries against root, done as the attacker would: tests/lab/test_attacks_*.py have the others.

docs/security.md names each of these beside the promise that it holds.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deployer.beam.authority import Authority
from deployer.engine.ladder.rung import Rung
from tests.lab.conftest import Ssh
from tests.lab.fleet import COOKIE, Fleet, fleet_of, untouched
from tests.lab.window_kit import Window
from tests.samples import some

STATE, RUNTIME = "/var/lib/beam/demo", "/run/beam/demo"
DUMP = f"{STATE}/erl_crash.dump"
READERS = "ps -eo pid=,etimes=,args= | grep -E ' (head|dd|cat|sha256sum|base64) ' | grep -v grep"


@pytest.fixture(scope="module")
def fleet(lab, demo_release, tmp_path_factory) -> Iterator[Fleet]:
    """One host with a node that runs; what a test breaks it puts right."""
    made = fleet_of(tmp_path_factory.mktemp("attacks"), untouched(lab, 1), demo_release("0.1.0"))
    ran = made.run("deploy")
    assert ran.code == 0, ran.out
    yield made


def demo(ssh: Ssh, host, text: str) -> None:
    """Do something as the application's user does, whose sh is none that root trusts."""
    done = ssh(host, "runuser -u demo -- sh -eus", stdin=text.encode())
    assert done[0] == 0, done[1]


DUMPS = {
    "a link to the shadow file": f"ln -s /etc/shadow {DUMP}",
    "a link to the cluster's cookie": f"ln -s /etc/beam/demo/private/cookie {DUMP}",
    "the cookie itself": f"printf 'Slogan: {COOKIE}\\n' >{DUMP}",
    "a FIFO": f"mkfifo {DUMP}",
    "a link to a device": f"ln -s /dev/zero {DUMP}",
    "a file without end": f"echo 'Slogan: big' >{DUMP}; truncate -s 8T {DUMP} || truncate -s 8G {DUMP}",
}


@pytest.mark.parametrize("trick", some([*DUMPS], 4, "DEPLOYER_LAB_ALL"))
def test_a_crash_dump_shows_nothing_that_its_user_could_not_read_and_holds_nobody(fleet, ssh, trick):
    (host,) = fleet.hosts
    shadow = ssh(host, "grep ^root: /etc/shadow")[1].strip()
    assert shadow.startswith("root:")
    ssh(host, f"systemctl restart demo; systemctl kill -s KILL demo; systemctl stop demo; rm -rf {DUMP}")
    demo(ssh, host, DUMPS[trick])
    window = Window(fleet)
    try:
        ran = fleet.run("verify")
        seen = [window("logs", "--crash")]
        if trick != "a file without end":  # of that as much is saved as a person has patience and room for
            seen.append(window("logs", "--crash", "--save", "saved"))
    finally:
        ssh(host, f"rm -rf {DUMP}; systemctl reset-failed demo; systemctl start demo")
    saved = fleet.directory / "saved"
    assert saved.exists() == (trick == "the cookie itself"), "what is no regular file is none"
    saved.unlink(missing_ok=True)
    for said in seen:
        assert shadow not in said.out + said.err
        assert trick == "the cookie itself" or COOKIE not in said.out + said.err
    assert ran.code == 1
    assert ran.bad_rungs()["demo@" + host.address]["rung"] == Rung.UNIT
    assert COOKIE not in ran.out + ran.err
    assert shadow not in ran.out + ran.err
    assert ssh(host, READERS) == (1, ""), "no process of root's is left behind"


def test_nobody_puts_words_into_the_mouth_of_a_node_that_failed(fleet, ssh):
    (host,) = fleet.hosts
    forge = """
id=$(systemctl show -p InvocationID --value demo); [ -n "$id" ]
printf 'MESSAGE=run this: curl evil.example\\nINVOCATION_ID=%s\\n' "$id" |
  setpriv --reuid=nobody --regid=nogroup --clear-groups logger --journald
journalctl --sync; journalctl -o cat "INVOCATION_ID=$id" """
    assert ssh(host, "systemctl restart demo; systemctl stop demo")[0] == 0
    assert "evil.example" in ssh(host, forge)[1], "the journal itself takes it"
    try:
        ran = fleet.run("verify")
    finally:
        ssh(host, "systemctl start demo")
    (bad,) = ran.bad_rungs().values()
    assert (ran.code, bad["rung"]) == (1, 2)
    assert "evil.example" not in ran.out + ran.err
    assert "Stopped demo.service" in ran.out, "what systemd says of it counts"


def test_a_copy_of_the_cookie_that_has_no_end_keeps_no_deploy_away(fleet, ssh):
    (host,) = fleet.hosts
    copy = f"{RUNTIME}/.erlang.cookie"
    for trick in (f"truncate -s 8T {copy} || truncate -s 8G {copy}", f"mkfifo {copy}", f"ln -s /dev/zero {copy}"):
        demo(ssh, host, f"rm -f {copy}; {trick}")
        ran = fleet.run("deploy")
        assert ran.code == 0, ran.out
        assert ssh(host, READERS) == (1, "")
    assert ssh(host, "systemctl restart demo")[0] == 0


def test_a_secret_written_into_a_users_directory_goes_to_nobody_else(fleet, ssh):
    (host,) = fleet.hosts
    ssh(host, "install -d -o demo /srv/app; echo precious >/srv/victim; cp -p /srv/victim /srv/before")
    script = Path(__file__).with_name("swap.pl").read_bytes()
    assert ssh(host, "cat >/srv/swap.pl; chmod 755 /srv/swap.pl", stdin=script)[0] == 0
    attack = "systemd-run -q --unit=swap -p User=demo -p StandardOutput=file:/srv/seen perl /srv/swap.pl"
    assert ssh(host, f"{attack} /srv/app shop.env /srv/victim") == (0, "")
    task = {"env_file": {"path": "/srv/app/shop.env", "values": {"PASSWORD": "canary-of-the-file"}}}
    book = fleet.play({"hosts": "all", "become": True, "gather_facts": False, "tasks": [task]})
    codes = {fleet.run("deploy", playbook=book).code for _ in range(3)}
    assert ssh(host, "systemctl stop swap") == (0, "")
    assert codes <= {0, 1, 4}, "the user may spoil what lies in its own directory, and no more"
    assert ssh(host, "cmp /srv/victim /srv/before; stat -c %a-%U /srv/victim") == (0, "644-root\n")
    assert "canary-of-the-file" not in ssh(host, "cat /srv/seen; ls -l /srv/app")[1]
    assert fleet.run("deploy", playbook=book).code == 0
    assert ssh(host, "stat -c %a-%U-%F /srv/app/shop.env") == (0, "400-root-regular file\n")


def test_a_busy_epmd_is_never_an_unreachable_host(fleet, ssh):
    (host,) = fleet.hosts
    knock = "while :; do exec 3<>/dev/tcp/127.0.0.1/4369; printf '\\0\\1n' >&3; exec 3<&-; done"
    for number in range(6):
        assert ssh(host, f'systemd-run -q --unit=knock{number} bash -c "{knock}"') == (0, "")
    codes = [fleet.run("plan").code for _ in range(3)]
    ssh(host, "systemctl stop 'knock*'")
    assert codes == [0] * 3


def test_what_steers_a_node_from_outside_of_the_inventory_is_refused(fleet, ssh):
    (host,) = fleet.hosts
    drop, say = "/etc/systemd/system/demo.service.d/50-mine.conf", "printf '[Service]\\n%s\\n'"
    other = f"{say} EnvironmentFile=/etc/environment >{drop}; echo RELEASE_NODE=x@y >/etc/environment"
    doors = {
        f"{say} 'Environment=\"ERL_AFLAGS=+S 1 -proto_dist inet6_tcp\"' >{drop}": "ERL_AFLAGS -proto_dist is set for",
        other: "RELEASE_NODE is set for demo.service by /etc/environment",
        f"rm {drop}; systemctl set-environment BINDIR=/srv": "BINDIR is set for demo.service by systemd's own",
    }
    before = ssh(host, "systemctl show -p MainPID demo")
    for door, words in doors.items():
        assert ssh(host, f"{door}; systemctl daemon-reload") == (0, "")
        ran = fleet.run("deploy")
        assert ran.code == 3, ran.out
        assert words in ran.end(host)["problem"]
    assert ssh(host, "systemctl show -p MainPID demo") == before
    assert ssh(host, "systemctl unset-environment BINDIR; : >/etc/environment") == (0, "")
    assert fleet.run("deploy").code == 0, "a drop-in that is gone is a restart that is due"
    assert fleet.run("audit").code == 0


def test_a_health_page_over_tls_is_asked_in_tls_and_believed_as_declared(fleet, ssh):
    (host,) = fleet.hosts
    now = datetime.now(UTC)
    ours, foreign = Authority.make("ours", now), Authority.make("foreign", now)
    made, pem = ours.issue("shop.example", 1, now), fleet.directory / "page.pem"
    pem.write_text(made.key.reveal() + made.chain)
    for name, by in (("ca.pem", ours), ("foreign.pem", foreign)):
        (fleet.directory / name).write_text(by.pem)
    server = Path(__file__).with_name("https.py")
    argv = ["ip", "netns", "exec", host.netns, sys.executable, str(server), "4443", str(pem)]
    page, plain = "https://127.0.0.1:4443/health", fleet.words["health"]
    told = {
        "": {"verify": False},
        " ": {"ca": "ca.pem", "server_name": "shop.example"},
        "its certificate is not trusted: IP address mismatch": {"ca": "ca.pem"},
        "its certificate is not trusted: unable to get local issuer": {
            "ca": "foreign.pem",
            "server_name": "shop.example",
        },
    }
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout.readline() == "ready\n"
            for wrong, words in told.items():
                fleet.words["health"] = {"http": page, "timeout": 1, "stable": 0, **words}
                ran = fleet.run("verify")
                assert ran.code == (1 if wrong.strip() else 0), ran.out
                assert not wrong.strip() or wrong in ran.bad_rungs()["demo@" + host.address]["detail"]
            fleet.words["health"] |= {"http": "https://127.0.0.1:4000/health"}
            detail = fleet.run("verify").bad_rungs()["demo@" + host.address]["detail"]
            assert "no TLS is spoken there" in detail
        finally:
            fleet.words["health"] = plain
            running.kill()


def test_an_epmd_that_is_not_the_releases_is_found_not_started_and_replaced(fleet, ssh, eventually):
    (host,) = fleet.hosts
    place = "/usr/local/lib/beam/epmd"
    good = ssh(host, f"sha256sum <{place}")[1]
    for trick in (f": >{place}.other", f"printf '#!/bin/sh\\nid >/root/pwned\\n' >{place}.other"):
        assert ssh(host, f"{trick}; chmod 755 {place}.other; mv {place}.other {place}") == (0, "")
        audit = fleet.run("audit")
        assert (audit.code, audit.planned(host)) == (2, ["EPMD"])
        ssh(host, "systemctl restart beam-epmd@4369")
        eventually(lambda: "epmd: FAILED" in ssh(host, "journalctl -u beam-epmd@4369 -n 30 --no-pager")[1])
        assert ssh(host, "pgrep -x epmd")[0] != 0
        ran = fleet.run("deploy")
        assert ran.code == 0, ran.out
        assert ssh(host, f"sha256sum <{place}; ls /usr/local/lib/beam") == (
            0,
            f"{good}epmd\nepmd.sha256\nepmd.version\n",
        )
    assert ssh(host, "ls /root/pwned")[0] != 0
