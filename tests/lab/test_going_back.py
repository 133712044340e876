"""A switch that fails goes back by itself, on the host, in one step; and hosts say at any time what runs where."""

from __future__ import annotations

import pytest

from tests.lab.fleet import LEFTOVERS, Fleet, fleet_of, health, untouched

HANG_TWICE = """\
mkdir -p /run/systemd/system/demo.service.d
cat >/run/systemd/system/demo.service.d/hang.conf <<'END'
[Service]
TimeoutStartSec=2
ExecStartPre=/bin/sleep 600
ExecStopPost=+/bin/sh -c 'if [ -e /run/hung ]; \\
  then rm /run/systemd/system/demo.service.d/hang.conf; systemctl daemon-reload; fi; touch /run/hung'
END
"""
"""Starts of the node hang, and are given up after two seconds, until the second of them has ended."""


@pytest.fixture(scope="module")
def fleet(lab, demo_release, tmp_path_factory) -> Fleet:
    made = fleet_of(tmp_path_factory.mktemp("fleet"), untouched(lab, 2), demo_release("0.1.0"))
    ran = made.run("deploy")
    assert ran.code == 0, ran.out
    return made


def links(ssh, host) -> str:
    return ssh(host, "readlink -f /opt/demo/current")[1].strip().rpartition("/")[2]


def test_a_release_that_does_not_start_leaves_the_old_one_running_with_its_own_files(fleet, ssh, demo_release):
    """Version and environment are new together, and the new environment would kill the old version too."""
    one, _ = fleet.hosts
    old = links(ssh, one)
    fleet.words["release"]["tarball"] = str(demo_release("0.2.0"))
    fleet.words["env"] = {"PORT": "4000", "DEMO_CRASH": "1"}
    ran = fleet.run("deploy", "--limit", one.name)
    assert ran.code == 6, ran.out
    problem = ran.end(one)["problem"]
    assert "DEMO_CRASH is set: refusing to start" in problem
    assert "the application demo did not start; it raised" in problem, "what to do next begins with the cause"
    assert f"went back to {old}" in problem
    assert links(ssh, one) == old
    assert health(one)[1]["version"] == "0.1.0"
    assert "DEMO_CRASH" not in ssh(one, "cat /etc/beam/demo/private/demo.env")[1]
    assert ssh(one, LEFTOVERS) == (0, "")
    assert ssh(one, "systemctl is-active demo") == (0, "active\n")


def test_status_and_history_tell_it_from_the_hosts_and_need_no_tarball(fleet, ssh, tmp_path):
    one, two = fleet.hosts
    fleet.words["release"]["tarball"] = str(tmp_path / "on-another-machine.tar.gz")
    shown = fleet.show("status")
    assert shown.code == 0, shown.err
    assert "demo: 2 on 0.1.0" in shown.out
    assert "bad here: 0.2.0-" in shown.out
    assert "did not start" in shown.out
    seen = {each["host"]: each for each in fleet.run("status").of("HostSeen")}
    assert [node["state"] for node in seen[two.name]["nodes"]] == ["active"]
    assert [entry["event"] for entry in seen[one.name]["history"]] == ["switch", "good", "switch", "bad", "back"]
    assert seen[two.name]["away"] is None, "before its first start nothing was there"
    away = seen[one.name]["away"]
    assert f"was down for {away:.2f} s in its last switch" in shown.out
    moments = "systemctl show -p ActiveEnterTimestampMonotonic -p ActiveExitTimestampMonotonic --value demo"
    left, came = sorted(int(moment) / 1e6 for moment in ssh(one, moments)[1].split())
    assert 0 < came - left <= away + 0.01, "all of the failed start is in it"
    told = fleet.show("history").out
    assert told.count("  run ") == 2, "two runs did something"
    assert "  back " in told
    assert fleet.show("deploy").code == 3, "a deploy needs the tarball"


def test_a_release_that_failed_is_not_tried_again_by_mistake(fleet, ssh, demo_release):
    one, _ = fleet.hosts
    fleet.words["release"]["tarball"] = str(demo_release("0.2.0"))
    fleet.words["env"] = {"PORT": "4000"}
    before = [links(ssh, host) for host in fleet.hosts]
    ran = fleet.run("deploy")
    assert ran.code == 3, ran.out
    assert "is marked bad on this host: it did not start" in ran.end(one)["problem"]
    assert [links(ssh, host) for host in fleet.hosts] == before, "nothing was begun on the other host either"
    again = fleet.run("deploy", "-e", "deploy_again=true")
    assert again.code == 0, again.out
    assert {health(host)[1]["version"] for host in fleet.hosts} == {"0.2.0"}
    (seen,) = fleet.run("status", "--limit", one.name).of("HostSeen")
    assert (seen["bad"], [name.partition("-")[0] for name in seen["good"]]) == ([], ["0.2.0", "0.1.0"])


def test_a_person_goes_back_and_forth_between_releases_that_were_good(fleet, ssh, demo_release, tmp_path):
    """One migrates on the way to 0.3.0; the tarball of 0.1.0 and 0.2.0 is nowhere any more."""
    one, two = fleet.hosts
    hook = {"name": "migrate", "command": "touch /run/migrated", "run_once": True}
    play = {"name": "a new release", "hosts": "all", "become": True, "roles": ["release", "node"], "serial": 1}
    fleet.words["release"]["tarball"] = str(demo_release("0.3.0"))
    ran = fleet.run("deploy", playbook=fleet.play(play | {"hooks": {"before_switch": [hook]}}))
    assert ran.code == 0, ran.out
    fleet.words["release"]["tarball"] = str(tmp_path / "gone.tar.gz")
    assert ssh(one, "rm /run/migrated") == (0, "")
    plan = fleet.show("rollback", "--check", playbook=fleet.directory / "play.yml")
    assert plan.code == 0, plan.err
    assert "hooks that have run since 0.2.0-" in plan.out
    assert "before_switch: migrate, for 0.3.0-" in plan.out
    assert {health(host)[1]["version"] for host in fleet.hosts} == {"0.3.0"}
    back = fleet.run("rollback", playbook=fleet.directory / "play.yml")
    assert back.code == 0, back.out
    assert [batch["hosts"] for batch in back.of("BatchStarted")] == [[one.name], [two.name]], "the play's batches"
    assert {health(host)[1]["version"] for host in fleet.hosts} == {"0.2.0"}
    assert ssh(one, "ls /run/migrated")[0] != 0, "a migration is not run backwards, nor again"
    assert [node["release"][:5] for each in fleet.run("status").of("HostSeen") for node in each["nodes"]] == [
        "0.2.0"
    ] * 2
    assert fleet.run("rollback", "--to", "0.3.0").code == 0
    assert {health(host)[1]["version"] for host in fleet.hosts} == {"0.3.0"}
    assert fleet.run("rollback", "--to", "0.3.0").of("StepDone") == [], "nothing to do"


def test_what_cannot_be_gone_back_to_is_refused_before_anything_stops(fleet, ssh):
    one, two = fleet.hosts
    pids = [ssh(host, "systemctl show -p MainPID --value demo") for host in fleet.hosts]
    assert ssh(two, "echo >>/opt/demo/versions/0.2.0-*/bin/demo") == (0, "")
    for flags, said in (([], "was changed on this host"), (["--to", "9.9.9"], "9.9.9 was never good on this host")):
        ran = fleet.run("rollback", *flags)
        assert ran.code == 3, ran.out
        assert said in ran.end(two)["problem"]
        assert [ssh(host, "systemctl show -p MainPID --value demo") for host in fleet.hosts] == pids
    assert fleet.run("rollback", "--to", "0.1.0", "--limit", one.name).code == 0
    assert [health(host)[1]["version"] for host in fleet.hosts] == ["0.1.0", "0.3.0"]
    assert "demo: 1 on 0." in fleet.show("status").out
    assert fleet.run("rollback", "--limit", one.name).code == 3, "nothing good lies before it"


def test_files_alone_that_kill_a_node_come_back_too_and_the_release_stays_good(fleet, ssh, demo_release):
    one, _ = fleet.hosts
    fleet.words["release"]["tarball"] = str(demo_release("0.1.0"))
    before = links(ssh, one)
    fleet.words["nodes"] = [{"name": "demo", "vm_args": ["+S nonsense"]}]
    ran = fleet.run("deploy", "--limit", one.name)
    assert ran.code == 6, ran.out
    assert "+S nonsense" not in ssh(one, "cat /etc/beam/demo/demo.vm.args")[1]
    assert (links(ssh, one), health(one)[0]) == (before, 200)
    (seen,) = fleet.run("status", "--limit", one.name).of("HostSeen")
    assert seen["bad"] == []


def test_who_went_back_is_judged_by_what_it_was_good_with(fleet):
    """The declared health check is one that the old release never had: the new one fails it, the old one is well."""
    one, _ = fleet.hosts
    fleet.words |= {"nodes": [{"name": "demo"}], "env": {"PORT": "4000", "DEMO_GREETING": "later"}}
    was = fleet.words["health"]
    fleet.words["health"] = {"http": "http://127.0.0.1:4000/no-such-page", "timeout": 3, "stable": 0}
    ran = fleet.run("deploy", "--limit", one.name)
    assert (ran.code, ran.end(one)["ending"]) == (6, "reverted"), ran.out
    assert "no-such-page" in ran.end(one)["problem"]
    assert all(ran.rungs(one).values()), "the last climb is that of the old files"
    assert health(one)[1]["greeting"] != "later"
    fleet.words["health"] = was


def test_a_start_that_takes_longer_than_its_unit_allows_is_called_that_and_the_way_back_waits(fleet, ssh, demo_release):
    """Two starts hang, that of the new release and that of the way back; systemd's own next try does not."""
    one, _ = fleet.hosts
    before = links(ssh, one)
    assert ssh(one, HANG_TWICE) == (0, "")
    was = fleet.words["release"]["tarball"]
    fleet.words["release"]["tarball"] = str(demo_release("0.4.0"))
    ran = fleet.run("deploy", "--limit", one.name)
    fleet.words["release"]["tarball"] = was
    assert (ran.code, ran.end(one)["ending"]) == (6, "reverted"), ran.out
    assert f"went back to {before}" in ran.end(one)["problem"]
    assert (links(ssh, one), health(one)[0]) == (before, 200)
    (seen,) = fleet.run("status", "--limit", one.name).of("HostSeen")
    assert [why for _, why in seen["bad"]] == ["it did not start in time (unit.TimeoutStartSec)"]


def test_a_flipped_byte_in_what_may_be_gone_back_to_is_found(fleet, ssh):
    _, two = fleet.hosts
    flip = """\
f=$(find /opt/demo/versions/0.1.0-*/lib -name 'Elixir.*.beam' | head -n 1); t=$(stat -c %y "$f")
printf '\\377' | dd of="$f" bs=1 seek=100 conv=notrunc status=none; touch -d "$t" "$f" """
    (seen,) = fleet.run("status", "--limit", two.name).of("HostSeen")
    assert any(each.startswith("0.1.0-") for each in seen["good"])
    assert ssh(two, flip) == (0, "")
    ran = fleet.run("rollback", "--to", "0.1.0", "--limit", two.name)
    assert (ran.code, ran.end(two)["ending"]) == (3, "failed"), ran.out
    assert ".beam: FAILED" in ran.end(two)["problem"]
    audit = fleet.run("audit")
    assert (audit.code, audit.end(two)["ending"]) == (2, "drift"), audit.out
    notes = [each["text"] for each in audit.of("Note")]
    assert any(note.startswith(f"{two.name}: 0.1.0-") and ".beam: FAILED" in note for note in notes)
