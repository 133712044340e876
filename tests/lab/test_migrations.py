"""What a release runs once before it serves, on a real database: when it runs, as whom, and what becomes of it."""

from __future__ import annotations

import re
import signal
import subprocess
from typing import Any

import pytest

from deployer import lab as labs
from tests.lab.fleet import PATIENCE, Fleet, health, shop_of
from tests.lab.migrating import HELD, LOOK, ROOT, ROOT_DOCS, UNIT, begun, current, ended, held, remembered, said
from tests.lab.sampler import watching
from tests.unit.doc_examples import PAGES, blocks, commands


@pytest.fixture(scope="module")
def fleet(lab_of, shop_release, tmp_path_factory) -> Fleet:
    """Two untouched hosts, a database, and a release that would migrate it by its own script."""
    lab = lab_of("default", "default", "database")
    made = shop_of(tmp_path_factory.mktemp("migrations"), lab.hosts[:2], shop_release("0.1.0"))
    made.words["rollout"] = {"serial": 1}
    return made


@pytest.fixture
def sql(fleet: Fleet, ssh):
    def ask(statement: str) -> list[str]:
        database = fleet.lab.database
        code, out = ssh(database, f'psql -At {labs.database_url(database)} -c "{statement}"')
        assert code == 0, out
        return out.split()

    return ask


@pytest.fixture
def forsaken(sql):
    """After a test that ends a client in mid-statement: PostgreSQL looks after it only when the statement has ended."""
    yield
    sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN; %pg_sleep%'")


@pytest.fixture
def release(fleet: Fleet, shop_release):
    """Declare a build with one more migration, each a release of its own; returns the version of its table."""

    def declare(number: int, text: str, **migrate: Any) -> str:
        version = f"202612010000{number:02}"
        build = shop_release("0.1.0", {f"priv/repo/migrations/{version}_more.sql": text})
        fleet.words["release"] |= {"tarball": str(build), "migrate": {"command": "bin/migrate", **migrate}}
        return version

    return declare


def test_one_that_fails_on_a_first_deploy_is_the_cause_that_is_told_and_nobody_waits(fleet, ssh, release, sql):
    one, two = fleet.hosts
    release(1, "CREATE TABLE half (x int); SELECT 1/0;")
    ran = fleet.run("deploy")
    assert (ran.code, [ran.end(host)["ending"] for host in fleet.hosts]) == (1, ["failed", "not reached"])
    problem = ran.end(one)["problem"]
    assert problem.startswith(f"{one.name}: migrate: bin/migrate: failed with status 1\n")
    assert "20261201000001_more.sql: division by zero" in problem
    assert "the next deploy runs it again" in problem
    assert said(ran).count("migrated ") == 2, "those of the release before it"
    assert f"the migration on {one.name} has failed" in ran.end(two)["problem"]
    assert "node role" not in problem + ran.end(two)["problem"]
    assert ran.of("RungRead") == [], "no node was ever started"
    assert [current(ssh, host) for host in fleet.hosts] == ["0\n", "0\n"]
    assert [line.partition(":")[0] for line in remembered(ssh, one)] == ["began", "failed"]
    assert "failed: bin/migrate: failed with status 1" in fleet.show("history").out
    kept = ssh(one, f"cat {ROOT}/ledger/migrations/*.log; stat -c %a {ROOT}/ledger/migrations/*.log")[1]
    assert "division by zero" in kept
    assert kept.endswith("\n600\n")
    assert sql("SELECT count(*) FROM pg_tables WHERE tablename = 'half'") == ["0"]


def test_the_node_s_command_works_before_its_first_start(fleet, ssh):
    host = fleet.hosts[0]
    assert ssh(host, "shop-ctl version") == (0, "shop 0.1.0\n")
    look = "shop-ctl --release 0.1.0 eval 'IO.puts(String.length(System.fetch_env!(\"SECRET_KEY_BASE\")))'"
    assert ssh(host, look) == (0, "64\n")
    assert ssh(host, "shop-ctl rpc 1")[0] == 69
    code, out = ssh(host, "shop-ctl --release 0.9 version")
    assert (code, out.startswith(f"{ROOT} has no one release 0.9; there are: 0.1.0-")) == (66, True), out


def test_a_first_deploy_migrates_once_as_the_node_and_from_the_new_release(fleet, ssh, shop_release, sql):
    fleet.words["release"]["tarball"] = str(shop_release("0.1.0"))
    fleet.words["release"]["migrate"] = "; ".join([*LOOK.strip().splitlines(), "Shop.Release.migrate()"])
    url = fleet.words["env"]["DATABASE_URL"]
    with watching({"url": url, "key": "a" * 64}, "cmdline", 65534) as seen:
        ran = fleet.run("deploy")
    assert ran.code == 0, ran.out
    (end,) = ran.of("MigrationEnded")
    assert (end["host"], end["problem"]) == (fleet.hosts[0].name, "")
    uid = ssh(fleet.hosts[0], "id -u shop")[1].strip()
    told = said(ran)
    assert '{:nonode@nohost, "shop", true}' in told, told
    assert re.search(rf"Uid:\t{uid}\t{uid}\t{uid}\t{uid}", told)
    assert "NoNewPrivs:\t1" in told
    assert "CapBnd:\t0000000000000000" in told
    assert "Seccomp:\t2" in told
    assert "{{:error, :erofs}, :ok}" in told, "it may write where the node may, and nowhere else"
    assert len(sql("SELECT version FROM schema_migrations")) == 2
    assert seen.hits == []
    assert {health(host)[0] for host in fleet.hosts} == {200}
    assert len(remembered(ssh, fleet.hosts[1], f"done on {fleet.hosts[0].name}")) == 1


def test_a_second_deploy_and_a_new_environment_migrate_nothing(fleet, ssh):
    again = fleet.run("deploy")
    assert (again.code, again.of("StepDone"), again.of("MigrationEnded")) == (0, [], [])
    before = remembered(ssh, fleet.hosts[0])
    fleet.words["env"]["SHOP_GREETING"] = "hello"
    plan = fleet.run("plan")
    (roll,) = plan.of("RollPlanned")
    assert "migrate: not due: 0.1.0-" in roll["migrations"][0]
    ran = fleet.run("deploy")
    assert (ran.code, ran.of("MigrationEnded")) == (0, []), ran.out
    assert {health(host)[1]["greeting"] for host in fleet.hosts} == {"hello"}
    assert remembered(ssh, fleet.hosts[0]) == before


def test_a_new_release_migrates_before_the_first_switch_and_hooks_run_as_the_node(fleet, ssh, release, sql, tmp_path):
    one = fleet.hosts[0]
    version = release(2, "CREATE TABLE more (x int);")
    line = f"migrate: bin/migrate, once, on {one.name} as shop, before the first switch"
    assert line in fleet.show("plan").out
    look = '{{ release.path }}/bin/shop eval "IO.puts(System.get_env(~s(SHOP_GREETING)))"; id -un; pwd; echo $ODD'
    hook = {"name": "look", "shell": look, "as_node": True, "environment": {"ODD": "it's"}}
    play = {
        "name": "roll", "hosts": "all", "become": True, "serial": 1, "hooks": {"before_switch": [hook]},
        "roles": ["host", "firewall", "release", "cookie", "epmd", "node"],
    }  # fmt: skip
    ran = fleet.run("deploy", playbook=fleet.play(play))
    assert ran.code == 0, ran.out
    assert ended(ran) == [""]
    assert {each["output"] for each in ran.of("HookDone")} == {"hello\nshop\n/var/lib/beam/shop\nit's"}
    first = next(each for each in ran.events if each["event"] in ("HookDone", "MigrationEnded"))
    assert first["event"] == "MigrationEnded", "no host is drained while it runs"
    assert version in sql("SELECT version FROM schema_migrations")
    back = fleet.show("rollback", "--check")
    assert "which a rollback does not undo" in back.out
    assert back.out.count("done in") + back.out.count("done on") == 1, "once, although both hosts remember it"


def test_a_hook_that_runs_as_the_node_ends_with_the_run_that_began_it(fleet, ssh, eventually):
    one, asked = fleet.hosts[0], "pgrep -u shop -fx 'sleep 612'"
    hook = {"name": "wait", "command": "sleep 612", "as_node": True}
    play = {"hosts": "all", "become": True, "hooks": {"before_switch": [hook]}, "roles": ["release", "node"]}
    fleet.words["env"]["SHOP_GREETING"] = "once more"
    argv = fleet.argv("deploy", "--limit", one.name, playbook=fleet.play(play))
    with subprocess.Popen(
        argv, env=fleet.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as process:
        eventually(lambda: ssh(one, asked)[0] == 0, deadline=120)
        process.kill()
    eventually(lambda: ssh(one, f"{asked} || systemctl list-units --plain --no-legend 'deployer-run-*'") == (0, ""))


def test_one_that_hangs_is_ended_at_its_deadline_and_nothing_is_switched(fleet, ssh, release, forsaken):
    one, before = fleet.hosts[0], [current(ssh, host) for host in fleet.hosts]
    release(3, "CREATE TABLE slow (x int); SELECT pg_sleep(600);", timeout=4)
    ran = fleet.run("deploy")
    assert ran.code == 1, ran.out
    assert "migrate: bin/migrate: it did not end in 4 s, its deadline" in ran.end(one)["problem"]
    assert [current(ssh, host) for host in fleet.hosts] == before
    assert ssh(one, f"systemctl is-active {UNIT}")[1] == "inactive\n"
    assert "it did not end in 4 s" in remembered(ssh, one)[-1]


def test_ctrl_c_ends_it_on_the_host_too(fleet, ssh, release, forsaken):
    one = fleet.hosts[0]
    release(4, "SELECT pg_sleep(600);")
    process = begun(fleet)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode == 130
    assert ssh(one, f"systemctl is-active {UNIT}")[1] == "inactive\n"
    assert "it was stopped" in remembered(ssh, one)[-1]
    assert {health(host)[0] for host in fleet.hosts} == {200}


def test_one_whose_connection_is_lost_goes_on_is_noted_and_not_run_again(fleet, ssh, release, sql):
    one = fleet.hosts[0]
    version = release(5, HELD)
    with held(fleet):
        process = begun(fleet)
        server = "ps -o pid=,args= -C sshd | awk '/root@notty/ {print $1}'"
        assert ssh(one, f"for pid in $({server}); do [ $pid = $PPID ] || kill -9 $pid; done")[0] == 0
        out, _ = process.communicate(timeout=120)
    assert process.returncode == 4
    assert "it goes on there for at most 600 s" in out
    ran = fleet.run("deploy")
    assert ran.code == 0, ran.out
    assert ended(ran) == []
    assert version in sql("SELECT version FROM schema_migrations")
    assert [line.split()[0] for line in remembered(ssh, one)[-2:]] == ["began:", "done"]


def test_a_killed_controller_and_two_at_once_do_not_run_it_twice(fleet, ssh, release):
    one, ran_once = fleet.hosts[0], ["began:", "done"]
    release(6, "SELECT pg_sleep(3);")
    killed = begun(fleet)
    killed.kill()
    killed.communicate()
    second, third = fleet.start("deploy"), fleet.start("deploy")
    for process in (second, third):
        process.communicate(timeout=PATIENCE)
    assert [line.split()[0] for line in remembered(ssh, one)[-2:]] == ran_once
    release(7, "SELECT 1;")
    killed = begun(fleet, "MigrationEnded")
    killed.kill()
    killed.communicate()
    ran = fleet.run("deploy", "-e", "deploy_again=true")
    assert (ran.code, ran.of("MigrationEnded")) == (0, []), ran.out
    assert [line.split()[0] for line in remembered(ssh, one)[-2:]] == ran_once
    assert len(remembered(ssh, one, "began")) == 8, "of everything before"


def test_what_pages_show_of_hooks_and_of_the_node_s_command_works(fleet, ssh, release, tmp_path):
    one = fleet.hosts[0]
    play = next(example.text for example in blocks(ROOT_DOCS / "rollouts.md", "yaml") if "as_node" in example.text)
    balancer = tmp_path / "bin" / "lbctl"
    balancer.parent.mkdir()
    balancer.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/log\n')
    balancer.chmod(0o755)
    (fleet.directory / "play.yml").write_text(play.replace("lbctl", str(balancer)))
    release(8, "SELECT 1;")
    ran = fleet.run("deploy", playbook=fleet.directory / "play.yml")
    assert ran.code == 0, ran.out
    turns = [f"{word} {host.name}" for host in fleet.hosts for word in ("drain", "undrain")]
    assert (tmp_path / "log").read_text().splitlines() == turns
    shown = [example for page in PAGES for example in commands(page) if "-ctl " in example.text]
    assert len(shown) > 5
    for line in sorted({example.text.replace("demo-ctl", "shop-ctl").replace("1.4.2", "0.1.0") for example in shown}):
        code, out = ssh(one, line)
        assert code == 0, f"{line}: {out}"
