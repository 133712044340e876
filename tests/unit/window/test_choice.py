"""Which nodes a word means, and what is said of one that means none."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import pytest

from deployer import operations, project
from deployer.errors import ConfigError
from deployer.options import Options
from deployer.window.choice import Fleet

INVENTORY = """\
all:
  children:
    web:
      hosts:
        web1: {ansible_host: 10.0.0.2}
        web2: {ansible_host: 10.0.0.3}
      vars:
        release: {name: shop, tarball: none.tar.gz, version: 1.4.2}
        cluster: {name: shop, cookie: {env: NOBODY_HAS_SET_THIS}, ports: 9100-9109}
        nodes: [{name: shop}, {name: jobs}]
        env: {KEY: {env: NOR_THIS}}
    db:
      hosts: {db1: {ansible_host: 10.0.0.9}}
"""


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    (tmp_path / "inventory.yml").write_text(INVENTORY)
    return Fleet.of(Options(playbook="", inventory=(str(tmp_path / "inventory.yml"),)))


def test_no_tarball_is_read_to_know_which_nodes_there_are(tmp_path: Path) -> None:
    (tmp_path / "none.tar.gz").write_text("this is no tarball")
    (tmp_path / "inventory.yml").write_text(INVENTORY.replace("none.tar.gz", str(tmp_path / "none.tar.gz")))
    found = Fleet.of(Options(playbook="", inventory=(str(tmp_path / "inventory.yml"),)))
    assert [spot.name for spot in found.choose(["web2"])] == ["shop@10.0.0.3", "jobs@10.0.0.3"]


@pytest.mark.parametrize(
    ("env", "dump"),
    [
        ("{KEY: {env: NOR_THIS}, ERL_CRASH_DUMP: '/srv/dumps/{{ x }}'}", "/var/lib/beam/shop/erl_crash.dump"),
        ("{KEY: {env: NOR_THIS}, ERL_CRASH_DUMP: {env: NOR_THAT}}", "/var/lib/beam/shop/erl_crash.dump"),
        ("{KEY: {env: NOR_THIS}, ERL_CRASH_DUMP: /srv/dumps/shop}", "/srv/dumps/shop"),
        ("'{{ elsewhere }}'", "/var/lib/beam/shop/erl_crash.dump"),
    ],
)
def test_a_crash_dump_is_looked_for_where_env_says_though_no_secret_is_read(
    tmp_path: Path, env: str, dump: str
) -> None:
    (tmp_path / "inventory.yml").write_text(INVENTORY.replace("{KEY: {env: NOR_THIS}}", env))
    found = Fleet.of(Options(playbook="", inventory=(str(tmp_path / "inventory.yml"),)))
    assert found.choose(["shop"])[0].node.crash_dump == dump


@pytest.mark.parametrize(
    ("words", "nodes"),
    [
        ([], "shop@10.0.0.2 jobs@10.0.0.2 shop@10.0.0.3 jobs@10.0.0.3"),
        (["web2"], "shop@10.0.0.3 jobs@10.0.0.3"),
        (["shop@10.0.0.3"], "shop@10.0.0.3"),
        (["jobs@web1"], "jobs@10.0.0.2"),
        (["jobs"], "jobs@10.0.0.2 jobs@10.0.0.3"),
        (["web", "web1"], "shop@10.0.0.2 jobs@10.0.0.2 shop@10.0.0.3 jobs@10.0.0.3"),
        (["jobs@web2,shop@web1"], "jobs@10.0.0.3 shop@10.0.0.2"),
        (["web*"], "shop@10.0.0.2 jobs@10.0.0.2 shop@10.0.0.3 jobs@10.0.0.3"),
        (["all:!web1"], "shop@10.0.0.3 jobs@10.0.0.3"),
    ],
)
def test_a_word_means_a_node_a_host_or_a_group_and_no_secret_is_read(
    fleet: Fleet, words: list[str], nodes: str
) -> None:
    assert [spot.name for spot in fleet.choose(words)] == nodes.split()


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("web3", "'web3' is no node, host or group\n  did you mean 'web2'?"),
        ("shpo@10.0.0.2", "did you mean 'shop@10.0.0.2'?"),
        ("jobs@wbe1", "did you mean 'jobs@web1'?"),
        ("db1", "db1 declares no node"),
        ("db", "db declares no node"),
        ("zzz", "known: all, db, db1, jobs"),
        ("web1:!web1", "no host matches"),
    ],
)
def test_a_near_miss_is_refused_with_the_nearest_name(fleet: Fleet, word: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        fleet.choose([word])
    assert said in str(caught.value)


def test_one_node_is_one(fleet: Fleet) -> None:
    assert fleet.choose(["shop@web1"], one=True)[0].host.name == "web1"
    with pytest.raises(ConfigError, match=r"web1 means 2 nodes: shop@10\.0\.0\.2, jobs@10\.0\.0\.2"):
        fleet.choose(["web1"], one=True)


def test_a_host_is_named_by_itself_or_by_a_node_that_is_on_no_other(fleet: Fleet) -> None:
    assert [fleet.host(word).name for word in ("db1", "shop@10.0.0.3", "jobs@web1")] == ["db1", "web2", "web1"]
    with pytest.raises(ConfigError, match="it is on web1, web2"):
        fleet.host("shop")
    with pytest.raises(ConfigError, match="did you mean 'db1'"):
        fleet.host("db2")


@pytest.mark.parametrize("act", ["restarted", "stop"])
def test_a_word_that_means_none_is_told_before_a_password_is_asked_for_and_all_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    (tmp_path / "inventory.yml").write_text(INVENTORY)
    asked, read, whole = list[str](), list[object](), project.load_inventory

    def leave(prompt: str) -> str:
        asked.append(prompt)
        raise KeyboardInterrupt

    def load_inventory(*words: Any, **more: Any) -> Any:
        read.append(words)
        return whole(*words, **more)

    def run(whom: str) -> int:
        if act == "stop":
            return operations.stop(options, whom, check=True)
        return operations.again(options, "restarted", whom, check=True)

    monkeypatch.setattr(getpass, "getpass", leave)
    monkeypatch.setattr(project, "load_inventory", load_inventory)
    options = Options(playbook="release.yml", inventory=(str(tmp_path / "inventory.yml"),), ask_become_pass=True)
    with pytest.raises(ConfigError, match="did you mean 'web1'"):
        run("wbe1")
    assert (asked, len(read)) == ([], 1)
    with pytest.raises(KeyboardInterrupt):
        run("web1")
    assert (asked, len(read)) == (["sudo password: "], 2)
