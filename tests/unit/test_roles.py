"""The roles that ship: every variable they use is declared, and what they write is what hosts understand."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployer.beam.names import parse_node
from deployer.fields import describe
from deployer.fleet import Words
from deployer.fleet.words import ClusterWords, Firewall, Health, NodeWords, PkiWords, ReleaseWords
from deployer.load.inventory import load_inventory
from deployer.load.playbook import load_playbook
from deployer.modules.beam_nodes import BeamNodes
from deployer.modules.epmd import Epmd
from deployer.modules.template import Template
from deployer.resolve import HostPlay, Resolver

sys.path.append(str(Path(__file__).parent / "beam"))
from beam_tarballs import release as recipe

HOME = Path(__file__).parents[2]
COOKIE = "q8ZbR2vTn5LxK7mWc4Yd9Ps3Hj6Gf1QaUeXoIiVtBrN"
WORDS: dict[str, Any] = {
    "release": {"name": "demo", "tarball": "demo-0.1.0.tar.gz"},
    "cluster": {"name": "shop", "cookie": {"file": "cookie"}},
    "firewall": {"admin": ["10.0.0.0/8"], "public": ["4000/tcp"]},
    "env": {"PORT": "4000"},
}
HOSTS: dict[str, Any] = {"web1": {"ansible_host": "10.0.0.2"}, "web2": {"ansible_host": "10.0.0.3"}}


def resolved(
    tmp: Path, words: Mapping[str, Any] = WORDS, hosts: Mapping[str, Any] = HOSTS, play: str = "site"
) -> HostPlay:
    """Return what the first host has to become."""
    recipe().write(tmp)
    (tmp / "cookie").write_text(COOKIE)
    (tmp / "cookie").chmod(0o600)
    (tmp / "inventory.yml").write_text(yaml.safe_dump({"all": {"hosts": dict(hosts), "vars": dict(words)}}))
    inventory = load_inventory([tmp / "inventory.yml"])
    (loaded,) = load_playbook(HOME / f"playbooks/{play}.yml")
    return Resolver(inventory, loaded).resolve(inventory.hosts["web1"], None)


def written(play: HostPlay) -> dict[str, str]:
    """Return the templates' texts by the path they are written to."""
    found = {}
    for action in play.actions:
        if not action.skip and isinstance(action.module, Template):
            text = action.module.src.text
            assert isinstance(text, bytes)
            found[action.module.dest] = text.decode()
    return found


def changed(words: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    head, _, rest = path.partition(".")
    return {**words, head: changed(words.get(head, {}), rest, value) if rest else value}


TWO_NODES = {
    **HOSTS["web1"],
    "nodes": [{"name": "shop", "port": 9100}, {"name": "jobs", "port": 9101, "vm_args": ["+S 2:2"]}],
}
SHAPES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "as it comes": (WORDS, HOSTS),
    "two nodes on one host": (WORDS, {**HOSTS, "web1": TWO_NODES}),
    "short names": (changed(WORDS, "cluster.names", "short"), HOSTS),
    "a mesh at boot": (changed(WORDS, "cluster.mesh", "boot"), HOSTS),
    "a mesh of one": (changed(WORDS, "cluster.mesh", "boot"), {"web1": HOSTS["web1"]}),
    "no firewall": (changed(WORDS, "firewall", None), HOSTS),
    "IPv6": (WORDS, {"web1": {"ansible_host": "fd00::2"}, "web2": {"ansible_host": "fd00::3"}}),
    "no EPMD": ({**changed(WORDS, "cluster.epmd", False), "nodes": [{"name": "shop", "port": 9100}]}, HOSTS),
    "settings of the unit": (
        {
            **WORDS,
            "unit": {"LimitNOFILE": 131072, "LogExtraFields": "A=%n", "MemoryMax": "50%"},
            "nodes": [
                {
                    "name": "demo",
                    "unit": {
                        "AmbientCapabilities": "CAP_NET_BIND_SERVICE",
                        "CapabilityBoundingSet": "CAP_NET_BIND_SERVICE",
                        "PrivateDevices": False,
                        "ReadWritePaths": ["/srv/a", "/srv/b"],
                    },
                }
            ],
        },
        HOSTS,
    ),
    "another EPMD port": (changed(WORDS, "cluster.epmd_port", 4400), HOSTS),
}
shapes = pytest.mark.parametrize(("words", "hosts"), SHAPES.values(), ids=SHAPES)


@shapes
@pytest.mark.parametrize("play", ["site", "release", "audit"])
def test_every_playbook_resolves_for_every_shape_of_fleet(
    tmp_path: Path, words: dict[str, Any], hosts: dict[str, Any], play: str
) -> None:
    actions = resolved(tmp_path, words, hosts, play).actions
    assert [action for action in actions if isinstance(action.module, BeamNodes) and not action.skip]


def test_audit_compares_exactly_what_site_states(tmp_path: Path) -> None:
    site, audit = (resolved(tmp_path, play=play).actions for play in ("site", "audit"))
    assert [action.label for action in site] == [action.label for action in audit]


@pytest.mark.parametrize("shape", ["as it comes", "no EPMD", "settings of the unit"])
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_units_are_understood_by_systemd_and_leave_little_exposed(tmp_path: Path, shape: str) -> None:
    files = written(resolved(tmp_path, *SHAPES[shape]))
    units = {Path(path).name: text for path, text in files.items() if path.endswith(".service")}
    assert units
    for name, text in units.items():
        unit = tmp_path / name.replace("@.", "@4369.")
        unit.write_text(text.replace("/opt/demo/current/bin/demo", "/bin/true"))
        for command in (["verify"], ["security", "--offline=yes", "--threshold=20"]):
            done = subprocess.run(["systemd-analyze", *command, unit], capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr
        assert COOKIE not in text


def test_a_setting_takes_the_place_of_ours_and_a_list_gives_several_lines(tmp_path: Path) -> None:
    ours = written(resolved(tmp_path))["/etc/systemd/system/demo.service"].splitlines()
    with_them = written(resolved(tmp_path, *SHAPES["settings of the unit"]))["/etc/systemd/system/demo.service"]
    assert set(ours) - set(with_them.splitlines()) == {
        "LimitNOFILE=65536", "AmbientCapabilities=", "CapabilityBoundingSet=", "PrivateDevices=yes",
    }  # fmt: skip
    assert [line for line in with_them.splitlines() if line not in ours] == [
        "LimitNOFILE=131072",
        "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
        "AmbientCapabilities=CAP_NET_BIND_SERVICE",
        "PrivateDevices=no",
        "LogExtraFields=A=%%n",
        "MemoryMax=50%",
        "ReadWritePaths=/srv/a",
        "ReadWritePaths=/srv/b",
    ]


def test_the_order_protects_what_comes_after(tmp_path: Path) -> None:
    labels = [type(action.module).__name__ for action in resolved(tmp_path).actions]
    order = ["User", "Firewall", "Release", "Cookie", "Epmd", "EnvFile", "BeamNodes"]
    assert [name for name in dict.fromkeys(labels) if name in order] == order


def test_epmd_comes_from_the_release_that_is_unpacked_just_before(tmp_path: Path) -> None:
    play = resolved(tmp_path)
    (epmd,) = (action.module for action in play.actions if isinstance(action.module, Epmd))
    (node,) = (action.module for action in play.actions if isinstance(action.module, BeamNodes))
    assert epmd.source == f"{node.release}/erts-13.1.5/bin/epmd"
    assert epmd.addresses == ("10.0.0.2",)


def flags(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_the_flags_of_a_node_stand_before_the_releases_own(tmp_path: Path) -> None:
    play = resolved(tmp_path)
    assert flags(written(play)["/etc/beam/shop/demo.vm.args"]) == [
        "-start_epmd false",
        "-kernel inet_dist_use_interface {10,0,0,2}",
        "-kernel inet_dist_listen_min 9100 inet_dist_listen_max 9109",
        """-eval 'file:write_file("/run/beam/demo/ready",[os:getpid(),10]).'""",
        "+Q 65536",
        "-args_file /run/beam/demo/release/vm.args",
    ]


def test_remote_commands_start_no_epmd_and_want_no_port(tmp_path: Path) -> None:
    found = flags(written(resolved(tmp_path))["/etc/beam/shop/demo.remote.vm.args"])
    assert found[:2] == ["-start_epmd false", "-dist_listen false"]


def test_a_node_with_a_port_listens_there_and_keeps_its_own_flags(tmp_path: Path) -> None:
    found = flags(written(resolved(tmp_path, *SHAPES["two nodes on one host"]))["/etc/beam/shop/jobs.vm.args"])
    assert "-kernel inet_dist_listen_min 9101 inet_dist_listen_max 9101" in found
    assert found[-2] == "+S 2:2"


def test_nodes_that_mesh_at_boot_name_all_others_and_not_themselves(tmp_path: Path) -> None:
    play = resolved(tmp_path, *SHAPES["a mesh at boot"])
    (line,) = (line for line in flags(written(play)["/etc/beam/shop/demo.vm.args"]) if "sync_nodes" in line)
    assert line == "-kernel sync_nodes_optional \"['demo@10.0.0.3']\" sync_nodes_timeout 3000"
    alone = written(resolved(tmp_path, *SHAPES["a mesh of one"]))["/etc/beam/shop/demo.vm.args"]
    assert "sync_nodes" not in alone


def test_without_epmd_both_args_files_name_the_port_and_no_unit_waits_for_it(tmp_path: Path) -> None:
    files = written(resolved(tmp_path, *SHAPES["no EPMD"]))
    for name in ("shop.vm.args", "shop.remote.vm.args"):
        assert "-erl_epmd_port 9100" in flags(files[f"/etc/beam/shop/{name}"])
    assert "beam-epmd" not in "".join(files.values())


def test_ipv6_needs_its_own_distribution(tmp_path: Path) -> None:
    files = written(resolved(tmp_path, *SHAPES["IPv6"]))
    assert "-proto_dist inet6_tcp" in flags(files["/etc/beam/shop/demo.vm.args"])
    assert "-kernel inet_dist_use_interface {64768,0,0,0,0,0,0,2}" in flags(files["/etc/beam/shop/demo.vm.args"])


@shapes
@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
def test_the_command_for_people_is_clean_sh(tmp_path: Path, words: dict[str, Any], hosts: dict[str, Any]) -> None:
    commands = [text for path, text in written(resolved(tmp_path, words, hosts)).items() if path.endswith("-ctl")]
    assert commands
    for text in commands:
        done = subprocess.run(["shellcheck", "-"], input=text, text=True, capture_output=True)
        assert done.stdout == ""


def test_the_command_for_people_knows_only_commands_that_start_nothing(tmp_path: Path) -> None:
    command = tmp_path / "ctl"
    command.write_text(written(resolved(tmp_path))["/usr/local/bin/demo-ctl"])
    for word in ("start", "daemon", "restart", "--help"):
        done = subprocess.run(["sh", command, word], capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (64, "")
        assert "systemctl restart demo.service" in done.stderr


def test_no_task_shows_the_cookie(tmp_path: Path) -> None:
    play = resolved(tmp_path)
    assert COOKIE not in repr(play)
    assert COOKIE not in "".join(written(play).values())
    assert COOKIE not in "".join(a.module.probe().text for a in play.actions if not a.skip)


def test_the_example_inventory_holds_every_word_of_the_fleet() -> None:
    text = (HOME / "inventory.example.yml").read_text()
    nodes = ("service",)  # of a release that this project did not deploy
    for words in (Words, ReleaseWords, ClusterWords, PkiWords, NodeWords, Firewall, Health):
        missing = [f.name for f in describe(words) if f"{f.name}:" not in text and f.name not in nodes]
        assert missing == [], words.__name__


def test_the_example_inventory_is_one(tmp_path: Path) -> None:
    inventory = load_inventory([HOME / "inventory.example.yml"])
    assert sorted(inventory.hosts) == ["web1", "web2", "web3"]
    for node in inventory.hosts["web3"].vars["nodes"]:
        assert parse_node(f"{node['name']}@10.0.0.4")


@pytest.mark.parametrize("role", sorted(path.name for path in (HOME / "roles").iterdir() if path.is_dir()))
def test_a_role_is_a_folder_as_ansibles(role: str) -> None:
    for part in ("tasks", "defaults", "meta"):
        assert (HOME / "roles" / role / part / "main.yml").is_file()
