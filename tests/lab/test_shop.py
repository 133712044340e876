"""The shop on real hosts with a real PostgreSQL, started by hand: what deploy tests build on holds without deployer."""

from __future__ import annotations

import json
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from deployer import lab as labs
from tests.lab.fleet import health

RELEASE = "/opt/shop"
MIGRATIONS = ["20261101090000", "20261108100000"]
BOTH_COME = """
  File.touch!("/run/awaited")
  under_way = fn -> length(Task.Supervisor.children(ShopWeb.Connections)) end
  Stream.repeatedly(fn -> Process.sleep(10); under_way.() end) |> Enum.find(& &1 == 2)
  File.touch!("/run/come")"""
"""Waits in the node until two requests are under way."""


@pytest.fixture(scope="module")
def shop(lab_of, ssh, shop_release):
    """Two hosts with the release, and one with the database: ``shop("server", host, PORT="4001")``."""
    made = lab_of("default", "default", "database")
    assert made.database is not None
    known = {"DATABASE_URL": labs.database_url(made.database), "SECRET_KEY_BASE": "s", "RELEASE_COOKIE": "c"}

    def unpack(host, tarball):
        put = f"rm -rf {RELEASE}; mkdir -p {RELEASE} && tar -xzf - -C {RELEASE}"
        assert ssh(host, put, stdin=tarball.read_bytes()) == (0, "")

    class Shop:
        hosts, database = made.hosts[:2], made.database
        put = staticmethod(unpack)

        @staticmethod
        def run(host, program, **env):
            words = shlex.join(
                f"{name}={value}" for name, value in ({"LANG": "C.UTF-8"} | known | env).items() if value
            )
            return ssh(host, f"env {words} {RELEASE}/{program}")

        @staticmethod
        def start(host, **env):
            told = {"RELEASE_DISTRIBUTION": "name", "RELEASE_NODE": f"shop@{host.address}"} | known | env
            words = shlex.join(f"--setenv={name}={value}" for name, value in told.items())
            assert ssh(host, f"systemd-run --quiet --collect --unit=shop {words} {RELEASE}/bin/server")[0] == 0

        @staticmethod
        def sql(statement):
            code, out = ssh(made.database, f"psql -At {known['DATABASE_URL']} -c {shlex.quote(statement)}")
            assert code == 0, out
            return out.split()

    for host in Shop.hosts:
        unpack(host, shop_release("0.1.0"))
    return Shop


def stop(ssh, *hosts):
    for host in hosts:
        assert ssh(host, "systemctl stop shop")[0] == 0


@pytest.mark.parametrize("name", ["DATABASE_URL", "SECRET_KEY_BASE"])
def test_it_starts_nowhere_without_what_a_phoenix_application_needs(shop, name):
    code, out = shop.run(shop.hosts[0], "bin/migrate", **{name: ""})
    assert code == 1
    assert f"environment variable {name} is missing" in out


def test_it_is_unhealthy_until_somebody_has_migrated_and_two_who_do_it_at_once_do_it_once(shop, ssh, eventually):
    one, two = shop.hosts
    shop.start(one)
    eventually(lambda: health(one)[0])
    status, body = health(one)
    assert (status, body["pending_migrations"]) == (503, 2)
    with ThreadPoolExecutor() as pool:
        ran = list(pool.map(lambda host: shop.run(host, "bin/migrate"), shop.hosts))
    assert [code for code, _ in ran] == [0, 0], ran
    assert sorted(out.count("migrated") for _, out in ran) == [0, 2]
    assert shop.sql("SELECT version FROM schema_migrations ORDER BY 1") == MIGRATIONS
    status, body = health(one)
    assert (status, body) == (
        200,
        {"status": "ok", "node": f"shop@{one.address}", "version": "0.1.0", "greeting": "", "pending_migrations": 0,
         "nodes": []},
    )  # fmt: skip
    stop(ssh, one)
    # A secret must not be in what the driver says of a database that it cannot reach.
    code, out = shop.run(two, "bin/migrate", DATABASE_URL="ecto://u:canary@127.0.0.1:9/d")
    assert (code, "no connection to the database at 127.0.0.1" in out, "canary" in out) == (1, True, False)


def test_a_migration_that_fails_says_which_and_leaves_nothing_of_itself(shop, shop_release):
    host = shop.hosts[0]
    broken = "20261201000000_more.sql"
    sql = "CREATE TABLE half (x int); SELECT 1/0;"
    shop.put(host, shop_release("0.1.0", {f"priv/repo/migrations/{broken}": sql}))
    code, out = shop.run(host, "bin/migrate")
    assert (code, f"{broken}: division by zero" in out) == (1, True), out
    assert shop.sql("SELECT version FROM schema_migrations ORDER BY 1") == MIGRATIONS
    assert shop.sql("SELECT count(*) FROM pg_tables WHERE tablename = 'half'") == ["0"]
    shop.put(host, shop_release("0.1.0"))


def test_a_stop_waits_for_requests_ends_streams_and_writes_down_what_was_counted(shop, ssh, eventually):
    one, two = shop.hosts
    names = ",".join(f"shop@{host.address}" for host in shop.hosts)
    for host in shop.hosts:
        shop.start(host, SHOP_CLUSTER_HOSTS=names, SHOP_GREETING='it\'s "here"')
    eventually(lambda: [health(host)[1].get("nodes") for host in shop.hosts] == [
        [f"shop@{two.address}"], [f"shop@{one.address}"]
    ])  # fmt: skip
    assert health(one)[1]["greeting"] == 'it\'s "here"'
    page = f"http://{one.address}:4000"
    for _ in range(3):
        subprocess.run(["curl", "-sf", page], check=True, stdout=subprocess.DEVNULL)
    with ThreadPoolExecutor() as pool:  # it is in the node before they come: to get there may take longer than they do
        named = {"RELEASE_NODE": f"shop@{one.address}", "RELEASE_DISTRIBUTION": "name"}
        seen = pool.submit(shop.run, one, f"bin/shop rpc '{BOTH_COME}'", **named)
        eventually(lambda: ssh(one, "test -e /run/awaited")[0] == 0)
        slow, stream = (
            subprocess.Popen(["curl", "-sSf", "-N", f"{page}/{path}"], stdout=subprocess.PIPE, text=True)
            for path in ("slow?ms=3000", "stream")
        )
        assert stream.stdout.readline() == "tick 1\n"
        eventually(lambda: ssh(one, "test -e /run/come")[0] == 0)
        stop(ssh, one)
        seen.result()
    assert json.loads(slow.communicate(timeout=60)[0])["node"] == f"shop@{one.address}"
    assert slow.returncode == 0
    assert stream.communicate(timeout=60)[0].splitlines()[-1] == "bye"
    assert stream.returncode == 0
    assert shop.sql("SELECT node, count FROM visits") == [f"shop@{one.address}|3"]
    assert "error" not in ssh(one, "journalctl -u shop --no-pager")[1]
    assert health(two)[0] == 200
    stop(ssh, two)


@pytest.mark.parametrize("fault", ["hang", "crash"])
def test_a_version_can_be_made_to_hang_or_crash_at_its_start(shop, ssh, eventually, shop_release, fault):
    host = shop.hosts[1]
    shop.put(host, shop_release(f"0.1.0+{fault}"))
    shop.start(host)
    if fault == "crash":
        eventually(lambda: "this build crashes at boot" in ssh(host, "journalctl -u shop --no-pager")[1])
        eventually(lambda: ssh(host, "systemctl is-active shop")[0] != 0)
    else:
        epmd = f"{RELEASE}/erts-*/bin/epmd -names"
        eventually(lambda: "name shop at port" in ssh(host, epmd)[1])
        assert health(host) == (0, {})
        stop(ssh, host)
