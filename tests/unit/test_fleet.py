"""The fleet's words: what is filled in, and what is refused before any host is touched."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from deployer.errors import ConfigError
from deployer.fleet import Declaration, check_members, declare
from deployer.model import Mark, Secret

sys.path.insert(0, str(Path(__file__).parent / "beam"))
from beam_tarballs import release as recipe

COOKIE = Secret("q8ZbR2vTn5LxK7mWc4Yd9Ps3Hj6Gf1QaUeXoIiVtBrN")
HERE = Mark("inventory.yml", 3, 5)


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    recipe().write(folder)
    return folder


@pytest.fixture
def words(dist: Path) -> dict[str, Any]:
    return {
        "release": {"name": "demo", "tarball": str(dist / "demo-0.1.0.tar.gz")},
        "cluster": {"cookie": COOKIE},
        "ansible_host": "10.77.0.2",
    }


def declared(words: dict[str, Any], host: str = "web1", address: str = "10.77.0.2") -> Declaration:
    found = declare(words, host=host, address=address, where=HERE)
    assert found is not None
    return found


def refusal(words: dict[str, Any], **more: str) -> str:
    with pytest.raises(ConfigError) as caught:
        declared(words, **more)
    return str(caught.value)


def at(words: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """Return the words with one of them replaced; ``nodes.0.port`` goes into lists."""
    head, _, rest = path.partition(".")
    if not rest:
        return {**words, head: value}
    inner = words.get(head, {})
    return {**words, head: at(inner, rest, value)}


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


WRONG: list[tuple[str, object, str]] = [
    # node names (B14, B15)
    ("nodes", [{"name": "app@h -detached"}], "nodes[0].name"),
    ("nodes", [{"name": "App"}], "nodes[0].name"),
    ("nodes", [{"name": ""}], "nodes[0].name"),
    ("nodes", [{"name": "a'; id #"}], "nodes[0].name"),
    ("nodes", [{"name": "a\nb"}], "nodes[0].name"),
    ("nodes", [{"name": "ä"}], "nodes[0].name"),
    ("nodes", [{"name": "a" * 64}], "nodes[0].name"),
    ("nodes", [{"name": "a", "host": "two@signs"}], "nodes[0]"),
    ("nodes", [{"name": "a@b", "host": "c.example"}], "nodes[0].name"),
    ("nodes", [{"name": "a", "host": "a.example'; id #"}], "nodes[0]"),
    ("nodes", [{"name": "a", "host": "a.example\nb"}], "nodes[0]"),
    ("nodes", [{"name": "a", "host": "fd00::2%eth0"}], "nodes[0]"),
    ("nodes", [{"name": "a", "host": "fd00::2"}], "cluster.bind 10.77.0.2 is IPv4"),
    ("nodes", [{"name": "a", "host": "x" * 300}], "nodes[0]"),
    ("nodes", [{"name": "a", "host": "nodots"}], "long"),
    ("nodes", [{"name": "a"}, {"name": "a"}], "both called a"),
    ("nodes", [{"name": "a", "port": 9100}, {"name": "b", "port": 9100}], "both listen on port 9100"),
    # Row B16 is about cookies.
    ("cluster.cookie", Secret(""), "cluster.cookie"),
    ("cluster.cookie", Secret("short"), "cluster.cookie"),
    ("cluster.cookie", Secret("-" + COOKIE.reveal()), "cluster.cookie"),
    ("cluster.cookie", Secret(COOKIE.reveal() + "\n"), "cluster.cookie"),
    ("cluster.cookie", Secret(COOKIE.reveal() + '"'), "cluster.cookie"),
    ("cluster.cookie", Secret(COOKIE.reveal() * 7), "cluster.cookie"),
    # Row B17 is about ports.
    ("cluster.ports", "0-10", "cluster.ports"),
    ("cluster.ports", "70000", "cluster.ports"),
    ("cluster.ports", "9109-9100", "cluster.ports"),
    ("cluster.ports", "22:22", "cluster.ports"),
    ("cluster.ports", "4360-4370", "the port of EPMD"),
    ("cluster.epmd_port", 22, "cluster.epmd_port"),
    ("nodes", [{"name": "a", "port": 9200}], "outside of cluster.ports"),
    ("nodes", [{"name": "a", "port": "9100-"}], "nodes[0].port"),
    ("nodes", [{"name": f"n{i}"} for i in range(11)], "less ports"),
    # where it listens
    ("cluster.bind", "0.0.0.0", "cluster.bind"),
    ("cluster.bind", "::", "cluster.bind"),
    ("cluster.bind", "fe80::1%eth0", "cluster.bind"),
    ("cluster.bind", "web1.example.com", "cluster.bind"),
    # Row B18 is about firewall.
    ("firewall", {"admin": []}, "firewall.admin"),
    ("firewall", {}, "firewall.admin is missing"),
    ("firewall", {"admin": ["10.0.0.1/8"]}, "host bits"),
    ("firewall", {"admin": ["10.0.0.0/33"]}, "firewall.admin"),
    ("firewall", {"admin": ["10.0.0.0/8"], "public": ["4000"]}, "firewall.public"),
    ("firewall", {"admin": ["10.0.0.0/8"], "public": ["4369/tcp"]}, "open a port of the cluster to everyone"),
    ("firewall", {"admin": ["10.0.0.0/8"], "public": ["9000-9100/tcp"]}, "open a port of the cluster to everyone"),
    ("firewall", {"admin": ["10.0.0.0/8"], "cluster": []}, "firewall.cluster"),
    # Row B19 is about roots.
    *[
        ("release.root", root, "release.root")
        for root in (
            "",
            "/",
            "/usr",
            "/opt",
            "opt/x",
            "/opt/../etc",
            "/opt/x\n",
            "/opt/x/",
            "/opt//x",
            "/etc/x",
            "/opt/-x",
        )
    ],
    ("release.root", "/var/lib/deployer/x", "another program"),
    # Row B20 is about names and versions.
    *[("release.name", name, "release.name") for name in ("../x", ".", "-x", "a b", "")],
    *[("release.version", version, "release.version") for version in ("../x", ".", "-1", "1 2")],
    ("release.version", "9.9.9", "9.9.9"),
    ("release.keep", 0, "release.keep"),
    # Row B23 is about environment.
    ("env", {"LD_PRELOAD": "x"}, "LD_PRELOAD"),
    ("env", {"BASH_ENV": "x"}, "BASH_ENV"),
    ("env", {"A-B": "x"}, "A-B"),
    ("env", {"": "x"}, "env"),
    ("env", {"A": "x\0y"}, "NUL"),
    ("env", {"A": "x" * (1 << 20)}, "larger than"),
    ("env", {"A": "\udc80"}, "UTF-8"),
    ("env", {"RELEASE_COOKIE": "x"}, "RELEASE_COOKIE"),
    ("env", {"A": True}, "env.A"),
    ("nodes", [{"name": "a", "env": {"HOME": "/"}}], "HOME"),
    ("nodes", [{"name": "a", "vm_args": ["-setcookie x"]}], "-setcookie"),
    ("nodes", [{"name": "a", "vm_args": ["-extra x"]}], "after -extra"),
    ("nodes", [{"name": "a", "vm_args": ["+S 2\n-name x"]}], "control characters"),
    ("nodes", [{"name": "a", "vm_args": ["-kernel inet_dist_listen_min 1"]}], "cluster.ports"),
    # Row B24 is about units.
    ("release.user", "root", "release.user"),
    ("release.user", "x\nExecStart=/bin/sh", "release.user"),
    ("release.user", "%n", "release.user"),
    ("nodes", [{"name": "a", "service": "x.service\nUser=root"}], "nodes[0].service"),
    ("unit", "shop.service", "named by nodes[].service"),
    ("nodes", [{"name": "a", "unit": "rabbitmq-server.service"}], "named by nodes[].service"),
    ("nodes", [{"name": "a", "unit": {"MemoryMax": "1G"}, "service": "x.service"}], "nodes[0].unit has no effect"),
    ("unit", {"MemoryMx": "1G"}, "did you mean 'MemoryMax'?"),
    ("unit", {"Zzz": "1G"}, "see systemd.directives(7)"),
    ("unit", {"MemoryMax=1G\nUser": "root"}, "is no setting"),
    ("unit", {"User": "root"}, "write release.user"),
    ("unit", {"ExecStartPre": "/bin/sh"}, "systemd_unit"),
    ("unit", {"Environment": "A=1"}, "nodes[].env"),
    ("unit", {"KillMode": "process"}, "TimeoutStopSec"),
    ("unit", {"RuntimeDirectory": "x"}, "ReadWritePaths"),
    ("unit", {"LogExtraFields": "x\nUser=root"}, "one line"),
    ("unit", {"ReadWritePaths": ["/a", "/b\\"]}, "backslash"),
    ("unit", {"ReadWritePaths": []}, "at least one value"),
    ("unit", {"ReadWritePaths": {"a": "b"}}, "unit.ReadWritePaths"),
    ("unit", {"LimitNOFILE": "many"}, "SOFT:HARD"),
    ("unit", {"LimitNOFILE": "1023:4096"}, "between 1024 and 134217727"),
    ("nodes", [{"name": "a", "vm_args": ["+Q 1024", "+Q 65537"]}], "+Q 65537 is above LimitNOFILE 65536"),
    # the rest
    ("cluster.tls", True, "needs to know who vouches for the nodes"),
    ("cluster.epmd", False, "nodes[0].port is missing"),
    ("cluster.port", "9100", "did you mean 'ports'?"),
    ("rollout.serial", [], "rollout.serial"),
    ("rollout.serial", "0", "rollout.serial"),
    ("rollout.serial", "120%", "rollout.serial"),
    ("rollout.serial", ["1", "a few"], "rollout.serial"),
    ("rollout.min_healthy", "-1", "rollout.min_healthy"),
    ("rollout.max_failed", -1, "rollout.max_failed"),
    ("rollout.pause", "soon", "rollout.pause"),
    ("rollout.on_failure", "rollback", "did you mean"),
    ("health", {}, "exactly one"),
    ("health", {"http": "http://h/", "tcp": "127.0.0.1:1"}, "exactly one"),
    ("health", {"http": "ftp://h/"}, "health.http"),
    ("health", {"tcp": "127.0.0.1"}, "health.tcp"),
    ("health", {"expr": "a\nb"}, "health.expr"),
    ("release.tarball", "/nowhere/x.tar.gz", "No such file"),
]


@pytest.mark.parametrize(("path", "value", "said"), WRONG, ids=[f"{p}={str(v)[:40]!r}" for p, v, _ in WRONG])
def test_what_is_wrong_is_refused_by_its_name_and_place(
    words: dict[str, Any], path: str, value: object, said: str
) -> None:
    message = refusal(at(words, path, value))
    assert said in message
    assert COOKIE.reveal() not in message
    assert message.startswith("inventory.yml:3:5: ") or path == "release.version"


def test_privileged_ports_may_be_public_and_checked(words: dict[str, Any]) -> None:
    firewall = {"admin": ["10.0.0.0/8", "fd00::/8"], "public": ["80/tcp", "443/tcp", "53/udp", "1-1023/udp"]}
    found = declared({**words, "firewall": firewall, "health": {"tcp": "[::1]:443"}})
    assert found.firewall
    assert found.firewall.public == ("80/tcp", "443/tcp", "53/udp", "1-1023/udp")


def test_an_address_that_is_a_name_needs_a_bind(words: dict[str, Any]) -> None:
    assert "cluster.bind is missing" in refusal(words, address="web1.example.com")
    found = declared(at(words, "cluster.bind", "10.0.0.9"), address="web1.example.com")
    assert str(found.nodes[0].node) == "demo@web1.example.com"


def test_two_nodes_on_one_address_need_epmd(words: dict[str, Any]) -> None:
    nodes = [{"name": "a", "port": 9100}, {"name": "b", "port": 9101}]
    assert "need EPMD" in refusal({**at(words, "cluster.epmd", False), "nodes": nodes})


MEMBERS: list[tuple[str, object, str]] = [
    ("nodes", [{"name": "demo", "host": "10.77.0.2"}], "both have the node demo@10.77.0.2"),
    ("cluster.cookie", Secret(COOKIE.reveal()[::-1]), "different cookies"),
    ("cluster.cookie", None, "different cookies"),
    ("cluster.epmd_port", 4370, "cluster.epmd_port is 4369 on one and 4370 on the other"),
    ("cluster.names", "short", "cluster.names is long on one and short on the other"),
    ("rollout", {"max_failed": 1}, "their words of rollout differ"),
    ("nodes", [{"name": "demo", "vm_args": ["-kernel net_ticktime 30"]}], "differ in net_ticktime"),
    ("nodes", [{"name": "x", "vm_args": ["-kernel prevent_overlapping_partitions false"]}], "prevent_overlapping"),
]


@pytest.mark.parametrize(("path", "value", "said"), MEMBERS, ids=[case[2] for case in MEMBERS])
def test_hosts_that_cannot_form_their_cluster_are_refused_by_name(
    words: dict[str, Any], path: str, value: object, said: str
) -> None:
    one, two = declared(words), declared(at(words, path, value), host="web2", address="10.77.0.3")
    with pytest.raises(ConfigError, match=r"web1 and web2: .*") as caught:
        check_members([one, two])
    assert said in str(caught.value)
    assert COOKIE.reveal() not in str(caught.value)


def test_a_canary_has_to_be_a_member(words: dict[str, Any]) -> None:
    canary = at(words, "rollout", {"canary": "web9"})
    with pytest.raises(ConfigError, match=r"rollout\.canary 'web9' is no host") as caught:
        check_members([declared(canary), declared(canary, host="web2", address="10.77.0.3")])
    assert "web" in caught.value.hint


def test_members_that_fit_together_are_accepted(words: dict[str, Any]) -> None:
    check_members([declared(words, host=f"web{i}", address=f"10.77.0.{i}") for i in range(2, 8)])


def test_two_clusters_on_one_host_need_ranges_of_their_own(words: dict[str, Any]) -> None:
    mine = declared(words)
    other = declared({**words, "cluster": {"name": "other"}, "nodes": [{"name": "other"}]})
    with pytest.raises(ConfigError, match=r"overlapping cluster\.ports"):
        check_members([mine, other])
    cluster = {"name": "other", "ports": "9200-9209"}
    check_members([mine, declared({**words, "cluster": cluster, "nodes": [{"name": "other"}]})])
    with pytest.raises(ConfigError, match=r"both have demo\.service"):
        check_members([mine, declared({**words, "cluster": cluster})])


def test_without_epmd_all_nodes_listen_on_one_port(words: dict[str, Any]) -> None:
    def alone(host: str, address: str, port: int) -> Declaration:
        return declared(
            {**at(words, "cluster.epmd", False), "nodes": [{"name": "demo", "port": port}]}, host=host, address=address
        )

    check_members([alone("a", "10.0.0.1", 9100), alone("b", "10.0.0.2", 9100)])
    with pytest.raises(ConfigError, match="same port"):
        check_members([alone("a", "10.0.0.1", 9100), alone("b", "10.0.0.2", 9101)])


def test_lines_of_a_release_that_undo_the_words_are_all_refused_at_once(words: dict[str, Any], tmp_path: Path) -> None:
    made = recipe().add("releases/0.1.0/env.sh", b"#!/bin/sh\nexport HOME=/x\n", mode=0o755)
    made.add("releases/0.1.0/vm.args", b"+K true\n-heart\n-sname demo")
    path = made.write(tmp_path)
    wrong = at(words, "release.tarball", str(path))
    told = refusal(wrong)
    assert f"{path}:releases/0.1.0/env.sh:2: HOME clashes" in told
    assert f"{path}:releases/0.1.0/vm.args:3: -sname clashes" in told
    assert "-heart" not in told
    assert "vm.args" not in refusal(at(wrong, "cluster.names", "short") | {"nodes": [{"name": "demo", "host": "web1"}]})
