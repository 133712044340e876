"""What the shipped roles make of a fleet: its shapes, the resolved plays and the files they write."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployer.load.inventory import load_inventory
from deployer.load.playbook import load_playbook
from deployer.modules.template import Template
from deployer.resolve import HostPlay, Resolver
from tests.unit.beam.beam_tarballs import release as recipe

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
