"""The roles that ship: every variable they use is declared, and every shape of fleet resolves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deployer.beam.names import parse_node
from deployer.fields import describe
from deployer.fleet import FleetSettings
from deployer.fleet.migration import MigrateWords
from deployer.fleet.words import ClusterWords, FirewallWords, Health, NodeWords, PkiWords, ReleaseWords
from deployer.load.inventory import load_inventory
from deployer.modules.beam_nodes import BeamNodes
from deployer.modules.epmd import Epmd
from tests.unit.roles_kit import COOKIE, HOME, resolved, shapes, written


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


def test_no_task_shows_the_cookie(tmp_path: Path) -> None:
    play = resolved(tmp_path)
    assert COOKIE not in repr(play)
    assert COOKIE not in "".join(written(play).values())
    assert COOKIE not in "".join(a.module.probe().text for a in play.actions if not a.skip)


def test_the_example_inventory_holds_every_word_of_the_fleet() -> None:
    text = (HOME / "inventory.example.yml").read_text()
    nodes = ("service",)  # of a release that this project did not deploy
    for words in (FleetSettings, ReleaseWords, MigrateWords, ClusterWords, PkiWords, NodeWords, FirewallWords, Health):
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
