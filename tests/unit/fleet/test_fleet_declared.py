"""What the fleet's words say once everything else is filled in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deployer.fleet import declare
from deployer.model import Secret
from tests.unit.fleet.fleet_kit import COOKIE, at, declared, refusal


def test_a_host_without_release_and_nodes_declares_nothing() -> None:
    assert declare({"ansible_host": "10.0.0.1"}, host="a", address="10.0.0.1", where=None) is None


def test_a_release_alone_fills_in_everything_else(words: dict[str, Any]) -> None:
    found = declared(words)
    (node,) = found.nodes
    assert found.release
    assert (found.release.version, found.release.root, found.release.user) == ("0.1.0", "/opt/demo", "demo")
    assert found.release.path == f"/opt/demo/versions/0.1.0-{found.release.archive.sha256[:8]}"
    assert (found.cluster.name, found.cluster.ports, found.cluster.bind) == ("demo", (9100, 9109), "10.77.0.2")
    assert (str(node.node), node.unit, node.ports, node.user) == (
        "demo@10.77.0.2",
        "demo.service",
        (9100, 9109),
        "demo",
    )
    assert (node.runtime, node.state) == ("/run/beam/demo", "/var/lib/beam/demo")


def test_a_foreign_unit_needs_no_release() -> None:
    nodes = [{"name": "rabbit", "host": "lab1", "service": "rabbitmq-server.service"}]
    found = declared({"cluster": {"name": "mq", "ports": "25672", "names": "short"}, "nodes": nodes}, host="lab1")
    assert found.release is None
    assert (str(found.nodes[0].node), found.nodes[0].foreign) == ("rabbit@lab1", True)
    assert found.variables()["release"] is None


def test_the_cookie_of_a_foreign_cluster_may_be_as_erlang_made_it(words: dict[str, Any]) -> None:
    made_up = Secret("SWQOKODSQALRPCLNMEQG")
    nodes = [{"name": "rabbit", "host": "lab1", "service": "rabbitmq-server.service"}]
    foreign = {"cluster": {"name": "mq", "ports": "25672", "names": "short", "cookie": made_up}, "nodes": nodes}
    assert declared(foreign, host="lab1").cluster.cookie == made_up
    assert "shorter than 32" in refusal(at(words, "cluster.cookie", made_up))
    assert "begins with '-'" in refusal(at(foreign, "cluster.cookie", Secret("-SWQOKODSQALRPCLNMEQ")))


def test_short_names_are_made_of_the_inventory_name(words: dict[str, Any]) -> None:
    assert str(declared(at(words, "cluster.names", "short")).nodes[0].node) == "demo@web1"


def test_the_environment_of_a_node_wins_over_that_of_all(words: dict[str, Any]) -> None:
    found = declared({**words, "env": {"A": "1", "B": "1"}, "nodes": [{"name": "demo", "env": {"B": "2"}}]})
    assert dict(found.nodes[0].env) == {"A": "1", "B": "2"}


def test_the_settings_of_a_nodes_unit_win_over_those_of_all_and_are_taken_literally(words: dict[str, Any]) -> None:
    every = {"LimitNOFILE": 4096, "PrivateDevices": True, "MemoryMax": "50%", "LogExtraFields": ["A=%n", "B=${X}"]}
    one = {"PrivateDevices": False, "CPUQuota": "150%"}
    (node,) = declared({**words, "unit": every, "nodes": [{"name": "demo", "unit": one}]}).nodes
    assert node.settings == {
        "LimitNOFILE": ["4096"],
        "PrivateDevices": ["no"],
        "MemoryMax": ["50%"],
        "LogExtraFields": ["A=%%n", "B=${X}"],
        "CPUQuota": ["150%"],
    }


@pytest.mark.parametrize(
    ("span", "seconds"),
    {
        300: 300,
        "300": 300,
        "5min": 300,
        "1h 2min 30s": 3750,
        "1m30": 90,
        "1500ms": 2,
        "2.5 seconds": 3,
        "1d": 86400,
    }.items(),
)
def test_a_deploy_knows_how_long_a_start_may_take(words: dict[str, Any], span: object, seconds: int) -> None:
    (node,) = declared({**words, "unit": {"TimeoutStartSec": span}}).nodes
    assert (node.start_seconds, node.stop_seconds) == (seconds, 60)
    assert node.as_unit()["start_seconds"] == seconds


@pytest.mark.parametrize("limit", ["131072", "131072:200000", "infinity", 131072])
def test_as_many_ports_as_files_may_be_open(words: dict[str, Any], limit: object) -> None:
    nodes = [{"name": "demo", "vm_args": ["+Q 131072"], "unit": {"LimitNOFILE": limit}}]
    assert declared({**words, "nodes": nodes}).nodes[0].settings["LimitNOFILE"] == [str(limit)]


def test_variables_carry_the_cookie_as_a_secret_and_never_its_text(words: dict[str, Any]) -> None:
    variables = declared(words).variables()
    assert variables["cluster"]["cookie"] is COOKIE
    assert COOKIE.reveal() not in repr(variables)


def test_variables_name_every_member_of_the_cluster_and_no_other(words: dict[str, Any]) -> None:
    one, two = declared(words), declared(words, host="web2", address="10.77.0.3")
    other = declared({**words, "cluster": {"name": "other"}}, host="web3", address="10.77.0.4")
    members = one.variables([one, two, other])["cluster"]["members"]
    assert [(m["node"], m["host"], m["address"], m["ports"]) for m in members] == [
        ("demo@10.77.0.2", "web1", "10.77.0.2", [9100, 9109]),
        ("demo@10.77.0.3", "web2", "10.77.0.3", [9100, 9109]),
    ]


def test_ipv6_hosts_get_an_erlang_tuple_and_the_flag(words: dict[str, Any]) -> None:
    cluster = declared(words, address="fd00::2").variables()["cluster"]
    assert (cluster["interface"], cluster["ipv6"]) == ("{64768,0,0,0,0,0,0,2}", True)


def test_a_relative_tarball_starts_where_it_is_said(words: dict[str, Any], dist: Path) -> None:
    relative = at(words, "release.tarball", "demo-0.1.0.tar.gz")
    found = declare(relative, host="a", address="10.0.0.1", where=None, directory=dist)
    assert found
    assert found.variables()["release"]["tarball"] == str(dist / "demo-0.1.0.tar.gz")


def test_privileged_ports_may_be_public_and_checked(words: dict[str, Any]) -> None:
    firewall = {"admin": ["10.0.0.0/8", "fd00::/8"], "public": ["80/tcp", "443/tcp", "53/udp", "1-1023/udp"]}
    found = declared({**words, "firewall": firewall, "health": {"tcp": "[::1]:443"}})
    assert found.firewall
    assert found.firewall.public == ("80/tcp", "443/tcp", "53/udp", "1-1023/udp")


def test_an_address_that_is_a_name_needs_a_bind(words: dict[str, Any]) -> None:
    assert "cluster.bind is missing" in refusal(words, address="web1.example.com")
    found = declared(at(words, "cluster.bind", "10.0.0.9"), address="web1.example.com")
    assert str(found.nodes[0].node) == "demo@web1.example.com"


def test_a_migration_is_an_expression_or_a_script_of_the_release_and_runs_as_one_of_the_nodes(
    words: dict[str, Any],
) -> None:
    def migration(value: object, **more: Any) -> tuple[Any, ...]:
        release = declared({**at(words, "release.migrate", value), **more}).release
        assert release
        assert release.migrate
        return release.migrate.command, release.migrate.timeout, release.migrate.node

    two = [{"name": "web", "port": 9100}, {"name": "jobs", "port": 9101}]
    assert migration("Demo.migrate()") == (("eval", "Demo.migrate()"), 600, "demo")
    assert migration({"eval": "Demo.migrate()", "timeout": 5}) == (("eval", "Demo.migrate()"), 5, "demo")
    script = {"command": "bin/migrate 'a b'", "node": "jobs"}
    assert migration(script, nodes=two) == (("run", "bin/migrate", "a b"), 600, "jobs")
    assert migration("M.up()", nodes=two)[2] == "web"
    release = declared(words).release
    assert release
    assert release.migrate is None


def test_flags_in_the_environment_that_undo_nothing_are_given_to_the_node(words: dict[str, Any]) -> None:
    env = {
        "ERL_FLAGS": "+S 4:4",
        "ELIXIR_ERL_OPTIONS": "+fnu",
        "PATH": "/opt/tools/bin:/usr/bin:/bin",
        "RELEASE_SHA": "x",
    }
    assert dict(declared({**words, "env": env}).nodes[0].env) == env


@pytest.mark.parametrize(
    ("env", "dump"),
    [
        ({}, "/var/lib/beam/demo/erl_crash.dump"),
        ({"ERL_CRASH_DUMP": "/srv/dumps/demo"}, "/srv/dumps/demo"),
        ({"ERL_CRASH_DUMP": "here"}, "/var/lib/beam/demo/here"),
        ({"ERL_CRASH_DUMP": ""}, "/var/lib/beam/demo/erl_crash.dump"),
    ],
)
def test_a_crash_dump_is_looked_for_where_the_node_writes_it(
    words: dict[str, Any], env: dict[str, str], dump: str
) -> None:
    assert declared({**words, "env": env}).nodes[0].crash_dump == dump
