"""The same walk on Debian 13: systemd 257, another nft, OTP 27, PostgreSQL 17."""

from __future__ import annotations

import json
import subprocess

import pytest

from deployer import lab as labs
from deployer.engine.ladder.rung import Rung
from tests.lab.fleet import COOKIE, Fleet, health, shop_of


@pytest.fixture(scope="module")
def fleet(lab_of, shop_app, tmp_path_factory) -> Fleet:
    """Two untouched hosts, a database, and the shop as it was built for them."""
    pair = lab_of("default", "default", "database", suites=["trixie"]).hosts[:2]
    directory = tmp_path_factory.mktemp("trixie")
    return shop_of(directory, pair, labs.build_app(shop_app, suite="trixie", out=directory))


def test_debian_13_hosts_take_a_release_that_was_built_for_them(fleet, ssh):
    pair = fleet.hosts
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


def test_a_window_opens_at_the_nodes_of_an_umbrella_and_shows_no_secret(fleet):
    names = [f"shop@{host.address}" for host in fleet.hosts]
    seen = []

    def opens(*words: str) -> str:
        argv = [*fleet.argv(words[0])[:2], *words[1:], "-i", str(fleet.inventory)]
        ran = subprocess.run(argv, env=fleet.environment(), cwd=fleet.directory, capture_output=True, text=True)
        seen.append(ran.stdout + ran.stderr)
        assert ran.returncode == 0, seen[-1]
        return ran.stdout

    ask = "{ShopWeb.Pages.version(), Application.get_application(Shop.Repo), is_pid(Process.whereis(ShopJobs.Visits))}"
    assert sorted(opens("rpc", "shop", ask).splitlines()) == sorted(
        f'{name} | {{"0.1.0", :shop, true}}' for name in names
    )
    load = "Application.load(:shop_web); IO.puts(Application.spec(:shop_web, :vsn))"
    assert opens("eval", names[0], load) == "0.1.0\n"
    shown = [json.loads(line) for line in opens("top", "--once", "--json").splitlines()]
    assert [(one["node"], one["release"], one["connected"]) for one in shown] == [(name, "0.1.0", 1) for name in names]
    lines = opens("logs", "-n", "5")
    assert all(f" {name} " in lines for name in names)
    argv = [*fleet.argv("trace")[:2], names[0], "Shop.Repo.query", "--max", "1", "-i", str(fleet.inventory)]
    with subprocess.Popen(argv, env=fleet.environment(), stdout=subprocess.PIPE, text=True) as trace:
        while trace.poll() is None:
            assert health(fleet.hosts[0])[0] == 200
        assert "Shop.Repo.query(" in trace.stdout.read()
    secrets = fleet.words["env"]["DATABASE_URL"], "a" * 64, COOKIE
    assert [secret for secret in secrets if secret in "".join(seen)] == []
