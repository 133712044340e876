"""The same walk on Debian 13: systemd 257, another nft, OTP 27, PostgreSQL 17."""

from __future__ import annotations

from deployer import lab as labs
from deployer.engine.ladder.rung import Rung
from tests.lab.fleet import health, shop_of


def test_debian_13_hosts_take_a_release_that_was_built_for_them(lab_of, shop_app, tmp_path, ssh):
    pair = lab_of("default", "default", "database", suites=["trixie"]).hosts[:2]
    fleet = shop_of(tmp_path, pair, labs.build_app(shop_app, suite="trixie", out=tmp_path))
    before = [labs.upper_state(host) for host in pair]
    plan = fleet.run("plan")
    assert (plan.code, plan.of("TaskPlanned", verdict="unknown")) == (0, [])
    assert [labs.upper_state(host) for host in pair] == before
    ran = fleet.run("deploy")
    assert ran.code == 0, ran.out
    assert [ran.rungs(host) for host in pair] == [dict.fromkeys(Rung, True)] * 2
    assert "OTP 27" in ran.of("RungRead", host=pair[0].name, rung=Rung.VERSIONS)[0]["detail"]
    assert [each["problem"] for each in ran.of("MigrationEnded")] == [""]
    assert {(status, body["pending_migrations"]) for status, body in map(health, pair)} == {(200, 0)}
    again = fleet.run("deploy")
    assert (again.code, again.of("StepDone")) == (0, [])
    assert ssh(pair[0], "nft flush ruleset") == (0, "")
    audit = fleet.run("audit")
    assert (audit.code, audit.planned(pair[0]), audit.planned(pair[1])) == (2, ["firewall"], [])
    log = ssh(pair[0], "journalctl -u ssh --no-pager")[1]
    assert "Accepted publickey" in log
    assert "penalty" not in log, "sshd's penalties are on, and nothing here deserves one"
    assert "authenticating user" not in log
    told = [each["answer"] for each in fleet.run("audit", "--only", "SS-09").of("RuleJudged")]
    assert told == ["FAIL", "FAIL"]
    exempt = f"PerSourcePenaltyExemptList {fleet.lab.subnet}"
    assert ssh(pair[0], f"echo {exempt} >/etc/ssh/sshd_config.d/60-us.conf") == (0, "")
    told = {each["host"]: each["answer"] for each in fleet.run("audit", "--only", "SS-09").of("RuleJudged")}
    assert told == {pair[0].name: "PASS", pair[1].name: "FAIL"}
