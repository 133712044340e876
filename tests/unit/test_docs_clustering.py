"""docs/clustering.md: its words of the inventory are rendered to what the page says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from deployer.modules.env_file import EnvFile
from deployer.options import Options
from deployer.project import load
from tests.unit.beam.beam_tarballs import release as recipe
from tests.unit.docs_kit import blocks

WORDS = {
    heading: [yaml.safe_load(text) for text in texts] for heading, texts in blocks("clustering.md", "yaml").items()
}
NODES = ["demo@10.0.0.2", "demo@10.0.0.3", "demo@10.0.0.4"]
RENDERED = {
    "CLUSTER_HOSTS": ",".join(NODES),
    "CLUSTER_ADDRESSES": "10.0.0.2 10.0.0.3 10.0.0.4",
    "HOSTS": "10.0.0.2 10.0.0.3 10.0.0.4",
    "CLUSTER_NAME": "shop.internal",
    "DNS_CLUSTER_QUERY": "shop.internal",
    "GOSSIP_SECRET": "canary-gossip",
}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    recipe().write(tmp_path)
    monkeypatch.setenv("SHOP_COOKIE", "q8ZbR2vTn5LxK7mWc4Yd9Ps3Hj6Gf1QaUeXoIiVtBrN")
    monkeypatch.setenv("SHOP_GOSSIP_SECRET", "canary-gossip")
    return tmp_path


def modules(shop: Path, words: dict[str, Any], playbook: str = "site.yml") -> list[Any]:
    """What the play becomes on the first of three hosts that have these words."""
    hosts = {f"web{number}": {"ansible_host": f"10.0.0.{number + 1}"} for number in (1, 2, 3)}
    release = {"name": "demo", "tarball": str(shop / "demo-0.1.0.tar.gz")}
    cluster = {"name": "shop", "cookie": {"env": "SHOP_COOKIE"}}
    group = {"hosts": hosts, "vars": {"release": release, "cluster": cluster, **words}}
    (shop / "inventory.yml").write_text(yaml.safe_dump({"all": {"children": {"shop": group}}}))
    project = load(Options(playbook=playbook, inventory=(str(shop / "inventory.yml"),)))
    (play,) = project.plays
    resolved = project.resolver(play).resolve(project.hosts(play)[0], None)
    return [action.module for action in resolved.actions if action.module]


@pytest.mark.parametrize("heading", WORDS)
def test_each_way_is_resolved_and_its_environment_is_rendered_as_the_page_says(shop: Path, heading: str) -> None:
    for words in WORDS[heading]:
        made = modules(shop, words)
        (env,) = (module for module in made if isinstance(module, EnvFile))
        text = env.text().reveal().splitlines()
        named = words.get("cluster", {}).get("members_env")
        for name in words.get("env", {}):
            assert f'{name}="{RENDERED[name]}"' in text
        if named:
            (members,) = (one.content for one in made if getattr(one, "dest", "").endswith("/members.env"))
            assert f'\n{named}="{RENDERED[named]}"\n' in members
    assert [name for some in WORDS.values() for words in some for name in words.get("env", {})]


def test_with_mesh_boot_each_node_is_told_the_others(shop: Path) -> None:
    (words,) = WORDS["mesh: boot"]
    made = modules(shop, words)
    (flags,) = (one.src.text for one in made if getattr(one, "dest", "").endswith("/demo.members.args"))
    assert b"sync_nodes_optional \"['demo@10.0.0.3','demo@10.0.0.4']\"" in flags


def test_each_block_of_elixir_belongs_to_a_way_and_reads_what_its_inventory_gives() -> None:
    for heading, texts in blocks("clustering.md", "elixir").items():
        given = {name for words in WORDS[heading] for name in words.get("env", {})}
        given |= {words.get("cluster", {}).get("members_env") for words in WORDS[heading]}
        read = {name for name in RENDERED if any(f'"{name}"' in text for text in texts)}
        assert read and read <= given, heading
