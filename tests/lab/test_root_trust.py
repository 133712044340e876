"""Root trusts no directory that the node's user can exchange: attacked as that user would, nothing of it is run."""

from __future__ import annotations

import pytest

from tests.lab.fleet import Fleet, fleet_of, health, untouched

PLANT = """set -e
cd /srv/app && mv demo was && mkdir -p demo/versions
cp -r was/versions/. demo/versions/
id=$(ls demo/versions | grep '^0.1.0-')
kept=demo/ledger/config/$id/etc
mkdir -p demo/ledger/good demo/ledger/bad "$kept/cron.d" "$kept/systemd/system"
chmod 0700 demo/ledger
echo 1 >"demo/ledger/good/$id"
echo '* * * * * root touch /root/pwned-cron' >"$kept/cron.d/x"
printf '[Service]\\nExecStart=/bin/touch /root/pwned-unit\\n' >"$kept/systemd/system/demo.service"
ln -s "versions/$id" demo/current
"""
PWNED = "ls /etc/cron.d/x /root/pwned-* 2>/dev/null; find /etc/systemd /etc/beam -user demo"


@pytest.fixture(scope="module")
def fleet(lab, demo_release, tmp_path_factory) -> Fleet:
    made = fleet_of(tmp_path_factory.mktemp("trust"), untouched(lab, 1), demo_release("0.1.0"))
    made.words["release"]["root"] = "/srv/app/demo"
    return made


def test_a_root_below_a_directory_of_the_nodes_user_is_refused_before_anything_is_written(fleet, ssh):
    (host,) = fleet.hosts
    assert ssh(host, "useradd -r demo && install -d -o demo /srv/app") == (0, "")
    ran = fleet.run("deploy")
    assert ran.code == 3, ran.out
    assert (
        "users other than root can change release.root /srv/app/demo: /srv/app (drwxr-xr-x, demo:root)"
        in ran.end(host)["problem"]
    )
    assert ran.of("StepDone") == []
    assert ssh(host, "ls /srv/app; ls /opt") == (0, "")


def test_what_is_none_of_a_release_is_left_alone(fleet, ssh):
    (host,) = fleet.hosts
    assert ssh(host, "chown root: /srv/app && install -d -m 0710 /srv/app/demo/image && chmod 0710 /srv/app/demo") == (
        0,
        "",
    )
    ran = fleet.run("deploy")
    assert ran.code == 3, ran.out
    assert "chmod o+x /srv/app/demo" in ran.end(host)["problem"]
    assert ssh(host, "chmod 0711 /srv/app/demo") == (0, "")
    ran = fleet.run("deploy")
    assert ran.code == 3, ran.out
    assert "contains files that are not part of a release: /srv/app/demo/image" in ran.end(host)["problem"]
    assert ssh(host, "stat -c %a /srv/app/demo; rm -r /srv/app/demo") == (0, "711\n")


@pytest.mark.parametrize("command", ["deploy", "rollback"])
def test_a_root_that_the_nodes_user_has_exchanged_leads_nowhere(fleet, ssh, demo_release, command):
    (host,) = fleet.hosts
    for version in ("0.1.0", "0.2.0") if command == "deploy" else ():
        fleet.words["release"]["tarball"] = str(demo_release(version))
        ran = fleet.run("deploy")
        assert ran.code == 0, ran.out
    if command == "deploy":
        assert ssh(host, "chown demo /srv/app") == (0, "")
        assert ssh(host, "runuser -u demo -- sh -s", stdin=PLANT.encode())[0] == 0
    fleet.words["release"]["tarball"] = str(demo_release("0.3.0"))
    fleet.words["env"] = {"PORT": "4000", "DEMO_CRASH": "1"}
    ran = fleet.run(command)
    assert ran.code == 3, ran.out
    problem = ran.end(host)["problem"]
    assert "users other than root can change" in problem or "is not root's own" in problem
    assert ran.of("StepDone") == []
    assert ssh(host, PWNED) == (0, "")
    assert health(host)[1]["version"] == "0.2.0"


def test_a_directory_in_the_place_of_the_link_is_seen_before_anything_stops(fleet, ssh, demo_release):
    (host,) = fleet.hosts
    fleet.words |= {"env": {"PORT": "4000"}, "release": {"name": "demo", "tarball": str(demo_release("0.1.0"))}}
    assert ssh(host, "systemctl stop demo; rm -rf /srv/app") == (0, "")
    assert fleet.run("deploy").code == 0
    pid = ssh(host, "systemctl show -p MainPID --value demo")
    assert ssh(host, "rm /opt/demo/current && mkdir /opt/demo/current") == (0, "")
    fleet.words["release"]["tarball"] = str(demo_release("0.2.0"))
    ran = fleet.run("deploy")
    assert ran.code == 3, ran.out
    assert "/opt/demo/current is a directory" in ran.end(host)["problem"]
    assert ssh(host, "systemctl show -p MainPID --value demo") == pid
    assert ssh(host, "rmdir /opt/demo/current") == (0, "")
    assert fleet.run("deploy").code == 0
    assert health(host)[1]["version"] == "0.2.0"
