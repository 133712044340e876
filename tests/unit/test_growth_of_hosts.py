"""What is worked out for a fleet grows with its hosts, not with their square: calls are counted, seconds are not."""

from __future__ import annotations

import cProfile
import pstats
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployer.engine.walk import probe
from deployer.load.inventory import load_inventory
from deployer.load.playbook import load_playbook
from deployer.resolve import Resolver
from deployer.sh.frame import encode
from tests.unit.roles_kit import COOKIE, HOME, WORDS, changed, recipe

FLEET = changed(WORDS, "cluster.mesh", "boot")


def calls(tmp: Path, count: int) -> dict[Any, int]:
    """Return how often each function is called until the programs of so many hosts, one cluster, are written.

    Each count has addresses of its own: what is remembered of a cluster that was met before is not made again.
    """
    hosts = {f"web{i}": {"ansible_host": f"10.{64 + count}.0.{i + 2}"} for i in range(count)}
    (tmp / "inventory.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts, "vars": FLEET}}))
    profile = cProfile.Profile()
    inventory = load_inventory([tmp / "inventory.yml"])
    (play,) = load_playbook(HOME / "playbooks/site.yml")
    with profile:
        resolver = Resolver(inventory, play)
        resolver.prepare(inventory.hosts.values())
        for host in inventory.hosts.values():
            found = resolver.resolve(host, None)
            actions = [action for action in found.actions if action.module and not action.skip]
            encode(probe.probe_program(actions, become=found.become))
    return {function: told[1] for function, told in pstats.Stats(profile).stats.items()}  # type: ignore[attr-defined]


@pytest.mark.slow
def test_twice_the_hosts_are_twice_the_work(tmp_path: Path) -> None:
    recipe().write(tmp_path)
    (tmp_path / "cookie").write_text(COOKIE)
    (tmp_path / "cookie").chmod(0o600)
    calls(tmp_path, 2)  # compiles the templates
    few, more, most = (calls(tmp_path, count) for count in (10, 20, 40))
    first, second = (sum(b.values()) - sum(a.values()) for a, b in ((few, more), (more, most)))
    grown = sorted(most, key=lambda f: most[f] - 2 * more.get(f, 0), reverse=True)
    assert second <= 2.1 * first, f"work grows faster than the hosts, most of all in {grown[:5]}"


def test_what_all_hosts_of_a_cluster_have_is_made_once(tmp_path: Path) -> None:
    recipe().write(tmp_path)
    (tmp_path / "cookie").write_text(COOKIE)
    (tmp_path / "cookie").chmod(0o600)
    once = (("nft.py", "text"), ("regular.py", "read_regular"))
    few, more = (
        [sum(n for (file, _, name), n in told.items() if (Path(file).name, name) == one) for one in once]
        for told in (calls(tmp_path, 3), calls(tmp_path, 5))
    )
    assert few == more, f"{once} were called {few} times for three hosts, and {more} for five"
