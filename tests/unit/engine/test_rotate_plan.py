"""What a rotation finds out and decides before it begins."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.engine.rotate import plan as rotate_plan
from deployer.engine.rotate.host import HostCookies
from deployer.engine.rotate.node import Accepted
from deployer.engine.rotate.plan import Found, RotationPart, part_of
from deployer.errors import ConfigError, NotConverged
from deployer.fleet import Declaration, declare
from deployer.model import Secret
from deployer.modules.beam_nodes import BeamNodes
from deployer.resolve import HostPlay
from tests.unit.engine.engine_kit import action, host_play
from tests.unit.engine.rotate_kit import NEW, OLD, RUNS

TASK = BeamNodes(root="/opt/shop", id="1", nodes=(RUNS,))


def declared(host: str, address: str, cookie: Secret | None = NEW) -> Declaration:
    words = {"cluster": {"name": "shop", "cookie": cookie}, "nodes": [{"name": "shop", "service": "shop.service"}]}
    found = declare(words, host=host, address=address, where=None)
    assert found is not None
    return found


ONE, TWO = declared("web1", "10.0.0.1"), declared("web2", "10.0.0.2")


def play(own: Declaration | None, *tasks: BeamNodes) -> HostPlay:
    base = host_play(*(action(task) for task in tasks))
    return HostPlay(base.host, base.connection, base.actions, fleet=(own, (ONE, TWO)))


def part() -> RotationPart:
    found = part_of(play(ONE, TASK), {"web1", "web2"})
    assert found is not None
    return found


def found(
    cookie: Secret = OLD,
    *,
    current: Secret | None = OLD,
    kept: Secret | None = None,
    copy: Secret | None = OLD,
    sees: tuple[str, ...] = ("shop@10.0.0.2",),
) -> Found:
    copies = {"shop.service": copy} if copy else {}
    return Found(HostCookies(current, kept, copies), (Accepted(cookie, frozenset(sees)),))


def test_a_host_takes_part_with_its_nodes_and_knows_all_members() -> None:
    own = part()
    assert (own.path, own.new) == ("/etc/beam/shop/private/cookie", NEW)
    assert [(str(target.node), node.unit) for target, node in own.nodes] == [("shop@10.0.0.1", "shop.service")]
    assert own.members == {"shop@10.0.0.1", "shop@10.0.0.2"}
    assert part_of(play(None), {"web1"}) is None


@pytest.mark.parametrize(
    ("hosts", "own", "tasks", "says"),
    [
        ({"web1"}, ONE, (TASK,), "web2 is in cluster shop"),
        ({"web1", "web2"}, ONE, (), "no task of the play runs shop@10.0.0.1"),
        ({"web1", "web2"}, declared("web1", "10.0.0.1", None), (TASK,), "no cluster.cookie"),
    ],
)
def test_a_cluster_takes_part_whole_or_not_at_all(hosts: set[str], own: Declaration, tasks: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        part_of(play(own, *tasks), hosts)


@pytest.mark.parametrize(
    ("said", "says"),
    [
        (found(current=None), "cookie is not there"),
        (found(copy=None), "has no cookie in /run/beam/shop"),
        (
            found(sees=("shop@10.0.0.2", "guest@10.9.9.9")),
            "connected to guest@10.9.9.9, which is not part of this rotation",
        ),
    ],
)
def test_whoever_would_be_left_behind_stops_the_rotation_before_it_begins(said: Found, says: str) -> None:
    with pytest.raises(NotConverged, match=says):
        rotate_plan.check_found(part(), said)
    rotate_plan.check_found(part(), found())


@pytest.mark.parametrize(
    ("said", "due", "old"),
    [
        (found(), True, OLD),
        (found(current=NEW, kept=OLD), True, OLD),
        (found(NEW, current=NEW, kept=OLD), True, OLD),
        (found(NEW, current=NEW, kept=OLD, copy=NEW), True, OLD),
        (found(NEW, current=NEW), True, None),
        (found(NEW, current=NEW, copy=NEW), False, None),
    ],
)
def test_what_is_left_to_do_is_read_from_the_hosts(said: Found, due: bool, old: Secret | None) -> None:
    assert rotate_plan.due(part(), said) is due
    assert rotate_plan.old(part(), said, 0) == old


def test_the_plan_names_every_file_and_node_and_shows_no_cookie() -> None:
    told = list(rotate_plan.planned(part(), found(NEW), "web1", "site.yml:1"))
    assert [(event.task, event.verdict, event.reason) for event in told] == [
        ("/etc/beam/shop/private/cookie", "change", ""),
        ("cookie of shop@10.0.0.1", "ok", "already new"),
    ]
    assert not any(secret.reveal() in repr(told) for secret in (NEW, OLD))
